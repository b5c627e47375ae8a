"""Builds the functions for this machine: .local/build/<binary>.zip.

A development build, stripped (a seventh of the size) and packed. `sam deploy`
would pack folders by itself, but all of them at every deploy; a file it takes
as it is, and names what it uploads by content, so that a function whose code is
the same is neither packed nor deployed again.
"""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import paths
from progress import Failure, step


def build(binaries: list[str]) -> None:
    """Compiles and stages every binary (each is the package of the same name)."""
    with step("build the functions", streams=True):
        packages = [argument for binary in binaries for argument in ("-p", binary)]
        if subprocess.run(["cargo", "build", *packages], cwd=paths.ROOT).returncode != 0:
            raise Failure("the functions do not compile, see above")
        compiled = _target_folder() / "debug"
        for binary in binaries:
            _pack(compiled / binary, package(binary))


def package(binary: str) -> Path:
    """The file that is deployed."""
    return paths.BUILD / f"{binary}.zip"


def _target_folder() -> Path:
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        cwd=paths.ROOT, capture_output=True, text=True, check=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def _pack(compiled: Path, package: Path) -> None:
    """Packs the binary as `bootstrap`: the same binary gives the same bytes."""
    stat = compiled.stat()
    made_from = f"{stat.st_mtime_ns} {stat.st_size}"
    stamp = package.with_suffix(".made-from")
    if package.exists() and stamp.exists() and stamp.read_text() == made_from:
        return
    package.parent.mkdir(parents=True, exist_ok=True)
    bootstrap, fresh = package.with_suffix(".bootstrap"), package.with_suffix(".fresh")
    shutil.copyfile(compiled, bootstrap)
    if subprocess.run(["strip", bootstrap]).returncode != 0:
        raise Failure(f"cannot strip {compiled}")
    entry = zipfile.ZipInfo("bootstrap")  # dated 1980, whenever it was built
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(fresh, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    bootstrap.unlink()
    os.replace(fresh, package)
    stamp.write_text(made_from)
