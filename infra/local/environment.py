""".local/env: everything a test, a demo or a person needs to use the local cloud.

Lines of KEY='value', for `set -a; . .local/env; set +a`. Holds API keys, so
only its owner may read it.
"""

import os
import shlex
from pathlib import Path

import paths


def read(stack: str) -> dict[str, str]:
    """What was last written for this stack; empty if nothing was."""
    file = _of(stack)
    if not file.exists():
        return {}
    pairs = (line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {name: "".join(shlex.split(value)) for name, value in pairs}


def write(values: dict[str, str]) -> None:
    """Makes .local/env the stack's, and keeps a copy for when it is again."""
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
    for file in (_of(values["CROSSDOCK_STACK"]), paths.ENV):
        _replace(file, text)


def _of(stack: str) -> Path:
    return paths.ENV.with_name(f"env.{stack}")


def _replace(file: Path, text: str) -> None:
    """The whole file or none of it, and readable by nobody else at any time."""
    fresh = file.with_name("env.fresh")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    os.replace(fresh, file)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
