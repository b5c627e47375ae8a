"""Checks that every test that docs/semantics.md, docs/pains.md and ARCHITECTURE.md name exists.

They name tests as `file::test`: a function in a Rust file of that name, or in a
folder of it.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("docs/semantics.md", "docs/pains.md", "ARCHITECTURE.md")
FOLDERS = ("shared/src", "functions", "tests", "bench")
NAMED = re.compile(r"`(\w+)::([a-z0-9_]*_[a-z0-9_]+)`")
TEST = re.compile(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:async )?fn (\w+)|^\s+fn (\w+)\(.* in .*\) \{$", re.MULTILINE)


def main() -> int:
    tests = {(name, test) for file in _sources() for test in _tests(file) for name in _names(file)}
    named = [
        (document, line, *match.groups())
        for document in DOCUMENTS
        for line, text in enumerate((ROOT / document).read_text().splitlines(), start=1)
        for match in NAMED.finditer(text)
    ]
    missing = [name for name in named if name[2:] not in tests]
    for document, line, file, test in missing:
        print(f"{document}:{line}: there is no test {file}::{test}", file=sys.stderr)
    print(f"named tests: {len(named)}, {len(missing)} missing")
    return 1 if missing or not named else 0


def _sources() -> list[Path]:
    return [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.rs"))]


def _names(file: Path) -> set[str]:
    """What a test's file may be called: its own name, or that of a folder it is in."""
    return {file.stem, *file.relative_to(ROOT).parts[:-1]}


def _tests(file: Path) -> set[str]:
    return {plain or property_ for plain, property_ in TEST.findall(file.read_text())}


if __name__ == "__main__":
    sys.exit(main())
