"""`make down`: ends what `make up` started. What it stored stays in .local/."""

import cloud
import lock
from progress import run, step


def main() -> None:
    with lock.held(), step("stop the local cloud"):
        cloud.stop()


if __name__ == "__main__":
    run(main)
