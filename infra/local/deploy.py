"""Deploys template.yaml to the local cloud with `sam deploy`, when it changed."""

import hashlib
import os
import subprocess
from datetime import UTC, datetime
from typing import Any

import aws
import build
import paths
import template
from progress import Failure, step

# `sam deploy --resolve-s3` would make one too, and wait half a minute for it.
ARTIFACTS_BUCKET = "crossdock-artifacts"
ARTIFACTS_KEPT = 20


def stack_name() -> str:
    return os.environ.get("CROSSDOCK_STACK") or "crossdock"


def intake_front() -> str:
    return os.environ.get("CROSSDOCK_INTAKE_FRONT") or "HttpApi"


def deploy(port: int) -> dict[str, str]:
    """Brings the stack up to date. Returns its outputs."""
    template.write_local()
    stack, fingerprint = stack_name(), _fingerprint()
    before = _stack(stack, port)
    if before is None or _last_deployed(stack, port) != fingerprint:
        with step(f"deploy the stack {stack}"):
            if before and before["StackStatus"] == "ROLLBACK_COMPLETE":
                _delete(stack, port)
            _ready_artifacts_bucket(port)
            _sam_deploy(stack, port)
            _remember_deployed(stack, port, fingerprint)
    deployed = _stack(stack, port)
    if deployed is None:
        raise Failure(f"the stack {stack} is not there after its deployment")
    return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}


def _sam_deploy(stack: str, port: int) -> None:
    started = datetime.now(UTC)
    command = [
        *(paths.VENV / "bin/sam", "deploy"),
        *("--template-file", paths.LOCAL_TEMPLATE),
        *("--stack-name", stack),
        *("--s3-bucket", ARTIFACTS_BUCKET),
        *("--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", f"Architecture={build.architecture()}", f"IntakeFront={intake_front()}"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
    ]
    with paths.DEPLOY_LOG.open("wb") as log:
        deployed = subprocess.run(
            command,
            cwd=paths.LOCAL,
            env=aws.tool_environment(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    if deployed.returncode != 0:
        reasons = _failures(stack, port, started) or paths.tail(paths.DEPLOY_LOG)
        raise Failure(f"sam deploy failed, all it said is in {paths.DEPLOY_LOG}:\n{reasons}")


def _fingerprint() -> str:
    """Of all that is deployed: the stack's name, its template, its code."""
    digest = hashlib.sha256(f"{stack_name()} {build.architecture()} {intake_front()}".encode())
    digest.update(paths.LOCAL_TEMPLATE.read_bytes())
    for binary in sorted(template.functions().values()):
        digest.update(build.package(binary).read_bytes())
    return digest.hexdigest()


# The fingerprint is kept in the cloud, not in a file: a crash may take the
# cloud back to an older deployment, and then takes the fingerprint along.


def _last_deployed(stack: str, port: int) -> str | None:
    ssm = aws.client("ssm", port)
    try:
        return ssm.get_parameter(Name=_parameter(stack))["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None


def _remember_deployed(stack: str, port: int, fingerprint: str) -> None:
    aws.client("ssm", port).put_parameter(
        Name=_parameter(stack), Value=fingerprint, Type="String", Overwrite=True
    )


def _parameter(stack: str) -> str:
    return f"/local/{stack}/deployed"


def _ready_artifacts_bucket(port: int) -> None:
    """Makes it, or clears out the code of long ago: what is missing, sam uploads."""
    s3 = aws.client("s3", port)
    try:
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    objects = s3.list_objects_v2(Bucket=ARTIFACTS_BUCKET).get("Contents", [])
    objects.sort(key=lambda found: found["LastModified"], reverse=True)
    for old in objects[ARTIFACTS_KEPT:]:
        s3.delete_object(Bucket=ARTIFACTS_BUCKET, Key=old["Key"])


def _stack(stack: str, port: int) -> dict[str, Any] | None:
    cloudformation = aws.client("cloudformation", port)
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _failures(stack: str, port: int, since: datetime) -> str:
    """Which resources failed, and why. Empty if it never came to that."""
    if _stack(stack, port) is None:
        return ""
    events = aws.client("cloudformation", port).describe_stack_events(StackName=stack)
    return "\n".join(
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"] >= since
    )


def _delete(stack: str, port: int) -> None:
    """A stack whose first deployment failed can only be deleted."""
    cloudformation = aws.client("cloudformation", port)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
