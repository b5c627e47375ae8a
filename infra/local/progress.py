"""One line a step, with its seconds; and the one kind of error that users see."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Failure(Exception):
    """Something the user can act on. The message says what to do."""


@contextmanager
def step(name: str, streams: bool = False) -> Iterator[None]:
    """Prints the step's name, then how long it took.

    `streams`: the step writes output of its own, so it gets lines of its own.
    """
    started = time.monotonic()
    print(f"{name} …", end="\n" if streams else " ", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    took = f"{time.monotonic() - started:.1f} s"
    print(f"{name}: {took}" if streams else took, flush=True)


def run(main: Callable[[], None]) -> None:
    """Runs a program: a Failure becomes a message and exit status 1."""
    try:
        main()
    except Failure as failure:
        print(f"\nerror: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
