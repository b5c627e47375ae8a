"""Starts and stops ministack, the emulator that stands in for AWS.

It listens on 127.0.0.1 alone, keeps all its files under .local/, and enforces
the roles of template.yaml as AWS does (AUTH). It saves its state when it is
asked to end, so `make down` and `make up` carry on where they left off; after a
crash it is back where the last `make down` left it.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zlib

import paths
from process import Process
from progress import Failure, step

START_DEADLINE_SECS = 60.0
STOP_PATIENCE_SECS = 30.0

# Below the range from which systems hand out ports by themselves.
FIRST_PORT, LAST_PORT = 20_000, 29_999


def start() -> int:
    """Makes sure that the emulator runs and answers. Returns its port."""
    running = Process.recorded(paths.PROCESS)
    if running and running.runs() and (port := remembered_port()) and _wanted_port() in (None, port):
        if running.settings == _settings(port):
            _wait_until_ready(port, running)
            return port
    stop()
    port = _choose_port()
    with step(f"start the local cloud on 127.0.0.1:{port}"):
        _wait_until_ready(port, _spawn(port))
    return port


def stop() -> None:
    """Ends the emulator and the functions it runs, if there are any."""
    process = Process.recorded(paths.PROCESS)
    if process:
        process.stop(STOP_PATIENCE_SECS)
        paths.PROCESS.unlink()


def remembered_port() -> int | None:
    try:
        return int(paths.PORT.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _wanted_port() -> int | None:
    wanted = os.environ.get("CROSSDOCK_LOCAL_PORT", "")
    if wanted and not wanted.isdecimal():
        raise Failure("CROSSDOCK_LOCAL_PORT is not a port number")
    return int(wanted) if wanted else None


def _choose_port() -> int:
    """The port asked for, else the one used before, else a free one."""
    wanted, before = _wanted_port(), remembered_port()
    if wanted and not _is_free(wanted):
        raise Failure(f"CROSSDOCK_LOCAL_PORT={wanted} is taken by another program")
    if wanted:
        port = wanted
    elif before and _is_free(before):
        port = before
    else:
        # Start from the checkout's own place in the range, so that two
        # checkouts rarely meet.
        count = LAST_PORT - FIRST_PORT + 1
        offset = zlib.crc32(str(paths.ROOT).encode()) % count
        ports = (FIRST_PORT + (offset + i) % count for i in range(count))
        port = next(port for port in ports if _is_free(port))
    if before and before != port:
        _move_state(before, port)
    paths.PORT.write_text(str(port))
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _move_state(before: int, after: int) -> None:
    """Queues are saved under their address, which carries the port."""
    for file in paths.STATE.glob("*.json"):
        text = file.read_text()
        moved = text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{after}")
        if moved != text:
            file.write_text(moved)


def _environment(port: int) -> dict[str, str]:
    """What the emulator is told. The functions that it runs inherit it."""
    return {
        "AUTH": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": "us-east-1",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(paths.OBJECTS),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(paths.STATE),
        "TMPDIR": str(paths.TEMP),
    }


def _settings(port: int) -> str:
    """Changes when a running emulator has to be started anew."""
    requirements = paths.REQUIREMENTS.read_text()
    return hashlib.sha256(json.dumps([_environment(port), requirements]).encode()).hexdigest()


def _spawn(port: int) -> Process:
    # It unpacks code there, every version ever run, and never clears it away.
    shutil.rmtree(paths.TEMP, ignore_errors=True)
    for folder in (paths.STATE, paths.OBJECTS, paths.TEMP):
        folder.mkdir(parents=True, exist_ok=True)
    if paths.LOG.exists():
        paths.LOG.replace(paths.LOG.with_suffix(".log.before"))
    # No proxy, no credentials, nothing else of whoever runs make.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with paths.LOG.open("wb") as log:
        spawned = subprocess.Popen(
            [paths.VENV / "bin/ministack"],
            cwd=paths.LOCAL,
            env=inherited | _environment(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Process.record(paths.PROCESS, spawned.pid, _settings(port))


def _wait_until_ready(port: int, process: Process) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_DEADLINE_SECS
    while time.monotonic() < deadline:
        if not process.runs():
            raise Failure(f"the local cloud ended; {_end_of_log()}")
        try:
            direct.open(f"http://127.0.0.1:{port}/_ministack/ready", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Failure(f"the local cloud does not answer: make down, make up; {_end_of_log()}")


def _end_of_log() -> str:
    return f"the end of {paths.LOG}:\n{paths.tail(paths.LOG)}"
