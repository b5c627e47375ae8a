"""What everything else needs: the machine's tools, and .venv from requirements.txt.

Runs before there is a .venv, so on the standard library alone.
"""

import hashlib
import shutil
import subprocess
import sys

import paths
from progress import Failure, run, step

APT = "apt-get install"
BREW = "brew install"


def main() -> None:
    check_tools()
    make_venv()


def check_tools() -> None:
    """Names what is missing, with the command that installs it."""
    missing: list[str] = []
    if sys.version_info < (3, 11):
        missing.append("Python 3.11 or newer: run make with PYTHON=python3.11")
    if not shutil.which("cargo"):
        missing.append("cargo: https://rustup.rs")
    if not shutil.which("cc"):
        missing.append("a C compiler: " + _command("gcc", "xcode-select --install"))
    if not shutil.which("pkg-config"):
        missing.append("pkg-config: " + _command("pkg-config", f"{BREW} pkgconf"))
    elif subprocess.run(["pkg-config", "--exists", "openssl"]).returncode != 0:
        missing.append("OpenSSL's headers: " + _command("libssl-dev", f"{BREW} openssl"))
    if missing:
        raise Failure("this machine lacks\n" + "\n".join(f"  {tool}" for tool in missing))


def _command(debian_package: str, on_mac: str) -> str:
    return on_mac if sys.platform == "darwin" else f"{APT} {debian_package}"


def make_venv() -> None:
    """Makes .venv, unless it was made from the same requirements before."""
    made_from = hashlib.sha256(paths.REQUIREMENTS.read_bytes()).hexdigest()
    if _works() and paths.VENV_STAMP.exists() and paths.VENV_STAMP.read_text() == made_from:
        return
    with step("make .venv from infra/local/requirements.txt", streams=True):
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", paths.VENV])
        if made.returncode != 0:
            raise Failure("no venv: " + _command("python3-venv", f"{BREW} python"))
        # The list is complete: nothing to resolve, nothing but what it names.
        installed = subprocess.run(
            [paths.VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]
            + ["--no-deps", "--no-compile", "--requirement", paths.REQUIREMENTS]
        )
        if installed.returncode != 0:
            raise Failure("pip could not install infra/local/requirements.txt, see above")
        paths.VENV_STAMP.write_text(made_from)


def _works() -> bool:
    """A venv outlives neither a move of its folder nor the Python it was made with."""
    try:
        return subprocess.run([paths.VENV_PYTHON, "-c", ""]).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    run(main)
