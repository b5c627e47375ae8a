"""Checks that imports point one way, and that wiring stays thin.

- A function depends on shared, never on another function; shared on neither.
- In shared/src, what talks to the outside is in aws, sftp and http (a folder or
  a file each). Everything else is pure: it names neither those modules nor the
  crates behind them.
- A function's main.rs only wires: 40 lines at most.

Prints what it looked at, and every breach as file:line.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADAPTERS = ("aws", "sftp", "http")
MAIN_MAX_LINES = 40

ADAPTER_PATH = re.compile(rf"\bcrate\s*::\s*({'|'.join(ADAPTERS)})\b")
ADAPTER_GROUP = re.compile(rf"\bcrate\s*::\s*\{{[^;]*?(?<!::)\b({'|'.join(ADAPTERS)})\b[^;]*;")
ADAPTER_SIBLING = re.compile(rf"\bsuper\s*::\s*({'|'.join(ADAPTERS)})\b")
ADAPTER_CRATE = re.compile(r"\b(ssh2|reqwest|aws_(?:config|sdk|smithy|types)\w*)\s*(?:::|;|\bas\b)")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def main() -> int:
    manifests = sorted(ROOT.glob("functions/*/Cargo.toml"))
    pure = [file for file in sorted((ROOT / "shared/src").rglob("*.rs")) if not _is_adapter(file)]
    mains = sorted(ROOT.glob("functions/*/src/main.rs"))

    breaches = [
        *dependencies(manifests),
        *(breach for file in pure for breach in outside_names(file)),
        *(breach for file in mains for breach in length(file)),
    ]
    for breach in breaches:
        print(breach, file=sys.stderr)
    print(
        f"boundaries: {len(manifests)} functions' dependencies, {len(pure)} pure modules, "
        f"{len(mains)} main.rs, {len(breaches)} breaches"
    )
    return 1 if breaches or not (manifests and pure and mains) else 0


def dependencies(manifests: list[Path]) -> Iterator[str]:
    """No function is anyone's dependency, save the tests'."""
    functions = {manifest.parent.name for manifest in manifests}
    for manifest in [*manifests, ROOT / "shared/Cargo.toml"]:
        lines = manifest.read_text().splitlines()
        for name in _dependencies(tomllib.loads("\n".join(lines))):
            if name in functions | {"tests"}:
                number = next((n for n, line in enumerate(lines, 1) if line.startswith(name)), 1)
                yield f"{_at(manifest, number)}: {manifest.parent.name} depends on {name}"


def outside_names(file: Path) -> Iterator[str]:
    """What a pure module names of the outside."""
    text = COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), file.read_text())
    patterns = [ADAPTER_PATH, ADAPTER_GROUP, ADAPTER_CRATE]
    if file.parent == ROOT / "shared/src":
        patterns.append(ADAPTER_SIBLING)
    for pattern in patterns:
        for match in pattern.finditer(text):
            number = text.count("\n", 0, match.start(1)) + 1
            yield f"{_at(file, number)}: a pure module names {match[1]}"


def length(file: Path) -> Iterator[str]:
    """A main.rs that does more than wire."""
    lines = len(file.read_text().splitlines())
    if lines > MAIN_MAX_LINES:
        yield f"{_at(file, lines)}: {lines} lines, {MAIN_MAX_LINES} are enough to wire a function"


def _is_adapter(file: Path) -> bool:
    return file.relative_to(ROOT / "shared/src").parts[0].removesuffix(".rs") in ADAPTERS


def _dependencies(manifest: dict) -> Iterator[str]:
    """All names in all dependency tables, those of single targets included."""
    for table in [manifest, *manifest.get("target", {}).values()]:
        for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, wanted in table.get(kind, {}).items():
                yield wanted.get("package", name) if isinstance(wanted, dict) else name


def _at(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


if __name__ == "__main__":
    sys.exit(main())
