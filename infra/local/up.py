"""`make up`: the whole stack on this machine, ready to use. Runs in .venv.

Builds the functions, starts the local cloud, deploys what changed, makes API
keys and writes .local/env. Doing it again is harmless, and quick when nothing
changed.
"""

from botocore.exceptions import BotoCoreError, ClientError

import aws
import build
import cloud
import deploy
import environment
import keys
import lock
import paths
import template
from progress import Failure, run

# Of what the stack puts out, what .local/env calls it.
OUTPUTS = {
    "CROSSDOCK_TABLE": "TableName",
    "CROSSDOCK_BUCKET": "BucketName",
    "CROSSDOCK_KEY_ARN": "KeyArn",
    "CROSSDOCK_PULLS_QUEUE_URL": "PullsQueueUrl",
    "CROSSDOCK_PULLS_DEAD_LETTERS_QUEUE_URL": "PullsDeadLettersUrl",
    "CROSSDOCK_DELIVERIES_QUEUE_URL": "DeliveriesQueueUrl",
    "CROSSDOCK_DELIVERIES_DEAD_LETTERS_QUEUE_URL": "DeliveriesDeadLettersUrl",
    "CROSSDOCK_PUSHES_QUEUE_URL": "PushesQueueUrl",
    "CROSSDOCK_PUSHES_DEAD_LETTERS_QUEUE_URL": "PushesDeadLettersUrl",
    "CROSSDOCK_BUS": "BusName",
    "CROSSDOCK_DISPATCH_FUNCTION": "DispatchFunction",
    "CROSSDOCK_SFTP_PULL_FUNCTION": "SftpPullFunction",
    "CROSSDOCK_SFTP_PUSH_FUNCTION": "SftpPushFunction",
    "CROSSDOCK_DELIVER_FUNCTION": "DeliverFunction",
    "CROSSDOCK_DEAD_LETTER_FUNCTION": "DeadLetterFunction",
    "CROSSDOCK_API_FUNCTION": "ApiFunction",
    "CROSSDOCK_INTAKE_FUNCTION": "IntakeFunction",
}


def main() -> None:
    with lock.held():
        build.build(list(template.functions().values()))
        port = cloud.start()
        try:
            env = settings(port, deploy.deploy(port))
            keys.ensure(env, port, environment.write)
        except (BotoCoreError, ClientError) as error:
            raise Failure(f"{error}\n  The local cloud's log is {paths.LOG}") from error
        environment.write(env)
    print(f"ready: {env['CROSSDOCK_API_URL']}/v1/health (settings in .local/env)")


def settings(port: int, outputs: dict[str, str]) -> dict[str, str]:
    """What .local/env will hold: new addresses and names, the keys it had."""
    stack = deploy.stack_name()
    before = environment.read(stack)
    base = f"http://127.0.0.1:{port}/_aws/execute-api/{outputs['ApiId']}"
    # Behind a function URL, intake is at an address of its own, whose host begins with the URL's id.
    url_id = outputs["IntakeUrl"].removeprefix("https://").split(".")[0]
    intake_on_http_api = outputs["IntakeUrl"] == outputs["ApiUrl"]
    intake = base if intake_on_http_api else f"http://127.0.0.1:{port}/_aws/lambda-url/{url_id}"
    return (
        aws.environment(port)
        | {
            "CROSSDOCK_STACK": stack,
            "CROSSDOCK_API_URL": base,
            "CROSSDOCK_INTAKE_URL": intake,
        }
        | {name: outputs[output] for name, output in OUTPUTS.items()}
        | {name: before[name] for name in keys.NAMES if name in before}
    )


if __name__ == "__main__":
    run(main)
