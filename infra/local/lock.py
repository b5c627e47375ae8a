"""One `make up`, `make down` or `make corpora` at a time in a checkout."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import paths


@contextmanager
def held() -> Iterator[None]:
    """Holds the checkout's lock, and waits for it where another has it."""
    paths.LOCAL.mkdir(exist_ok=True)
    with paths.LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another make in this checkout …", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
