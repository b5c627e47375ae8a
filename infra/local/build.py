"""Builds the functions for this machine: .local/build/<binary>.zip.

With CROSSDOCK_PACKAGED=1 it builds nothing: what `make package` made for this
machine's processor is deployed as it is.

A development build, stripped (a seventh of the size) and packed. `sam deploy`
would pack folders by itself, but all of them at every deploy; a file it takes
as it is, and names what it uploads by content, so that a function whose code is
the same is neither packed nor deployed again.
"""

import json
import os
import platform
import shutil
import subprocess
import zipfile
from pathlib import Path

import paths
from progress import Failure, step


def build(binaries: list[str]) -> None:
    """Compiles and stages every binary (each is the package of the same name)."""
    if _is_packaged():
        missing = [binary for binary in binaries if not package(binary).exists()]
        if missing:
            raise Failure(f"{', '.join(missing)}: not packed; run `make package ARCH={architecture()}`")
        return
    with step("build the functions", streams=True):
        packages = [argument for binary in binaries for argument in ("-p", binary)]
        if subprocess.run(["cargo", "build", *packages], cwd=paths.ROOT).returncode != 0:
            raise Failure("the functions do not compile, see above")
        compiled = _target_folder() / "debug"
        for binary in binaries:
            pack(compiled / binary, package(binary))


def package(binary: str) -> Path:
    """The file that is deployed."""
    folder = packaged(architecture()) if _is_packaged() else paths.BUILD
    return folder / f"{binary}.zip"


def packaged(architecture: str) -> Path:
    """Where `make package` leaves what it makes for a processor."""
    return paths.LOCAL / "package" / architecture


def architecture() -> str:
    """This machine's processor, as the template's parameter names it."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def _is_packaged() -> bool:
    return os.environ.get("CROSSDOCK_PACKAGED", "") not in ("", "0")


def _target_folder() -> Path:
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        cwd=paths.ROOT, capture_output=True, text=True, check=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def pack(compiled: Path, package: Path, strip: bool = True, level: int = 1) -> None:
    """Packs the binary as `bootstrap`: the same binary gives the same bytes."""
    stat = compiled.stat()
    made_from = f"{stat.st_mtime_ns} {stat.st_size}"
    stamp = package.with_suffix(".made-from")
    if package.exists() and stamp.exists() and stamp.read_text() == made_from:
        return
    package.parent.mkdir(parents=True, exist_ok=True)
    bootstrap, fresh = package.with_suffix(".bootstrap"), package.with_suffix(".fresh")
    shutil.copyfile(compiled, bootstrap)
    if strip and subprocess.run(["strip", bootstrap]).returncode != 0:
        raise Failure(f"cannot strip {compiled}")
    entry = zipfile.ZipInfo("bootstrap")  # dated 1980, whenever it was built
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(fresh, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=level)
    bootstrap.unlink()
    os.replace(fresh, package)
    stamp.write_text(made_from)
