"""Where things are. All that the local cloud makes is under .local/ and .venv/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
REQUIREMENTS = ROOT / "infra/local/requirements.txt"

VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin/python"
VENV_STAMP = VENV / "made-from"

LOCAL = ROOT / ".local"
LOCK = LOCAL / "lock"
ENV = LOCAL / "env"
PORT = LOCAL / "port"
BUILD = LOCAL / "build"
LOCAL_TEMPLATE = LOCAL / "template.yaml"
PROCESS = LOCAL / "cloud.json"
LOG = LOCAL / "cloud.log"
DEPLOY_LOG = LOCAL / "deploy.log"
STATE = LOCAL / "state"
OBJECTS = LOCAL / "objects"
TEMP = LOCAL / "tmp"
CORPORA = LOCAL / "corpora"


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
