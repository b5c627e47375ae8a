"""A background process that is found again later, and never mistaken for another.

A process id is reused sooner or later, so it is recorded together with the
time the process started, and only the two together are believed.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """The leader of a session (and process group) that `make up` started."""

    pid: int
    started: str
    settings: str  # a hash of what it was started with

    @classmethod
    def record(cls, path: Path, pid: int, settings: str) -> "Process":
        """Remembers a process that was just started."""
        process = cls(pid, start_time(pid) or "", settings)
        path.write_text(json.dumps(asdict(process)))
        return process

    @classmethod
    def recorded(cls, path: Path) -> "Process | None":
        """The process remembered at `path`, running or not."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def runs(self) -> bool:
        """Whether this very process still runs."""
        return start_time(self.pid) == self.started

    def stop(self, patience_secs: float) -> None:
        """Asks the leader to end, waits, then ends what is left of its group."""
        if self.runs():
            os.kill(self.pid, signal.SIGTERM)
            _wait(lambda: not self.runs(), patience_secs)
        # While any member lives, the kernel gives the group's id to nobody
        # else; if a stranger leads it now, our group is long gone.
        if start_time(self.pid) in (None, self.started):
            self._signal_group(signal.SIGTERM)
            _wait(lambda: not self._signal_group(0), 2.0)
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
            return True
        except (ProcessLookupError, PermissionError):
            return False


def start_time(pid: int) -> str | None:
    """When the process started, in the system's own words; None if it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            # The second field is the name and may hold anything, ")" included.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip() or None


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
