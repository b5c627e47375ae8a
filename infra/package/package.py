"""`make package`: every function as Lambda gets it. Runs in .venv.

Builds release bootstraps with cargo-lambda, whose linker (zig) holds them to
Amazon Linux 2023's glibc, with OpenSSL and zlib in the binary (CargoLambda.toml), and
packs them into .local/package/<architecture>/<binary>.zip. Then it looks at what
was built: a library that Lambda's image lacks, or a glibc newer than its own,
fails here and not at the first invocation. Prints the sizes.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "local"))

import build  # noqa: E402
import paths  # noqa: E402
import template  # noqa: E402
from progress import Failure, run, step  # noqa: E402

REQUIREMENTS = paths.ROOT / "infra/package/requirements.txt"
STAMP = paths.VENV / "packages-from"

# The parameter Architecture's values, and Rust's names for them.
TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}

# Amazon Linux 2023, the image of provided.al2023.
GLIBC = (2, 34)
LIBRARIES = re.compile(r"^(libc|libm|libgcc_s|libpthread|libdl|librt|ld-linux-\S+)\.so")

MIB = 1024 * 1024


def main() -> None:
    architecture = os.environ.get("ARCH") or "arm64"
    if architecture == "host":
        architecture = build.architecture()
    if architecture not in TARGETS:
        raise Failure(f"ARCH={architecture} is none of {', '.join(TARGETS)}, host")
    # What else is built the same way, for a bench to compare with; not deployed.
    others = os.environ.get("ALSO", "").split()
    binaries = sorted(set(template.functions().values())) + others
    install()
    add_target(TARGETS[architecture])
    folder = build.packaged(architecture)
    with step(f"build {len(binaries)} release binaries for {architecture}", streams=True):
        compile_all(architecture, binaries, folder)
    print(f"\n{'function':<14}{'stripped, MiB':>14}{'zipped, MiB':>13}")
    for binary in binaries:
        bootstrap, package = folder / binary / "bootstrap", folder / f"{binary}.zip"
        check(bootstrap)
        check_clock(bootstrap)
        if binary.startswith("sftp-"):
            check_algorithms(bootstrap)
        build.pack(bootstrap, package, strip=False, level=9)
        print(f"{binary:<14}{_mib(bootstrap):>14}{_mib(package):>13}")
    print(f"\nin {folder.relative_to(paths.ROOT)}/<function>/bootstrap and <function>.zip")


def install() -> None:
    """Puts cargo-lambda into .venv, unless it is there already."""
    wanted = REQUIREMENTS.read_text()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    with step("install cargo-lambda into .venv"):
        installed = subprocess.run(
            [paths.VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
            + ["--no-deps", "--requirement", REQUIREMENTS]
        )
    if installed.returncode != 0:
        raise Failure("pip could not install infra/package/requirements.txt, see above")
    STAMP.write_text(wanted)


def add_target(target: str) -> None:
    """Rust's standard library for the other processor, where rustup can bring it."""
    libraries = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", target],
        cwd=paths.ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if libraries.returncode == 0 and any(Path(libraries.stdout.strip()).glob("libstd-*")):
        return
    if subprocess.run(["rustup", "target", "add", target], cwd=paths.ROOT).returncode != 0:
        raise Failure(f"rustc has no standard library for {target}: rustup target add {target}")


def compile_all(architecture: str, binaries: list[str], folder: Path) -> None:
    flag = {"arm64": "--arm64", "x86_64": "--x86-64"}[architecture]
    wanted = [argument for binary in binaries for argument in ("--bin", binary)]
    built = subprocess.run(
        ["cargo", "lambda", "build", "--release", flag, "--lambda-dir", folder, *wanted],
        cwd=paths.ROOT,
        env=os.environ | {"PATH": f"{paths.VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )
    if built.returncode != 0:
        raise Failure("the functions do not compile for Lambda, see above")


def check(bootstrap: Path) -> None:
    """What it needs of its surroundings is what Amazon Linux 2023 has."""
    dynamic = _readelf("--dynamic", bootstrap)
    needed = re.findall(r"\(NEEDED\).*\[(\S+)\]", dynamic)
    foreign = [library for library in needed if not LIBRARIES.match(library)]
    if foreign:
        raise Failure(f"{bootstrap} needs {', '.join(foreign)}, which Lambda's image need not have")
    versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", _readelf("--version-info", bootstrap))
    newest = max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))
    if newest == (0, 0) or newest > GLIBC:
        raise Failure(f"{bootstrap} needs glibc {newest[0]}.{newest[1]}, Amazon Linux 2023 has 2.34")


def check_clock(bootstrap: Path) -> None:
    """Its clock is the system's: only a development build can be moved (shared/src/clock.rs)."""
    if b"CROSSDOCK_CLOCK_OFFSET_S" in bootstrap.read_bytes():
        raise Failure(f"{bootstrap} reads CROSSDOCK_CLOCK_OFFSET_S: it was built with debug assertions")


def check_algorithms(bootstrap: Path) -> None:
    """The build has handed on what .cargo/config.toml says, so that old servers can be entered."""
    if b"diffie-hellman-group14-sha1\0" not in bootstrap.read_bytes():
        raise Failure(f"{bootstrap} has no SHA-1 for old servers: CFLAGS of .cargo/config.toml were lost")


def _readelf(flag: str, file: Path) -> str:
    return subprocess.run(
        ["readelf", "--wide", flag, file], capture_output=True, text=True, check=True
    ).stdout


def _mib(file: Path) -> str:
    return f"{file.stat().st_size / MIB:.2f}"


if __name__ == "__main__":
    run(main)
