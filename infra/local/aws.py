"""The local cloud as the AWS tools see it: one address, made-up credentials.

The access key `test` is the emulator's root. Nothing of the machine's own AWS
configuration is read, and what `sam` says over HTTPS goes nowhere, so a deploy
can never reach an account by mistake.
"""

import os
from typing import Any

import boto3
from botocore.config import Config

import paths

REGION = "us-east-1"


def environment(port: int) -> dict[str, str]:
    """The variables that lead any AWS tool or SDK to the local cloud."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def tool_environment(port: int) -> dict[str, str]:
    """The whole environment of a tool that is run, `sam` for one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    return kept | environment(port) | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "SAM_CLI_POLL_DELAY": "0.5",
        "SAM_CLI_TELEMETRY": "0",
        "TMPDIR": str(paths.TEMP),
    }


def client(service: str, port: int) -> Any:
    """A boto3 client of the local cloud."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    os.environ["NO_PROXY"] = "127.0.0.1"
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(read_timeout=60, retries={"total_max_attempts": 2}),
    )
