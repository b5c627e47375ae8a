"""The keys of the local stack: the operator's, and an admin's of account `local`.

Keys that still work are kept. Keys are never printed.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import aws
from progress import Failure, step

NAMES = ("CROSSDOCK_OPERATOR_KEY", "CROSSDOCK_ADMIN_KEY")

ACCOUNT = {
    "id": "local",
    "name": "Local",
    "time_zone": "Europe/Oslo",
    "allowed_networks": ["127.0.0.0/8"],
}


def ensure(env: dict[str, str], port: int, save: Callable[[dict[str, str]], None]) -> None:
    """Completes `env` with keys that work.

    A new operator key is saved at once: it is shown once, and the stack makes
    no second first one.
    """
    api = env["CROSSDOCK_API_URL"]
    account = f"{api}/v1/accounts/{ACCOUNT['id']}"
    operator, admin = env.get("CROSSDOCK_OPERATOR_KEY"), env.get("CROSSDOCK_ADMIN_KEY")
    status, body = _call("GET", account, operator) if operator else (401, None)
    if status == 200 and admin:
        return
    with step("make the operator's and the local account's API keys"):
        if status in (401, 403):
            operator = _first_operator_key(env["CROSSDOCK_API_FUNCTION"], port)
            save(env | {"CROSSDOCK_OPERATOR_KEY": operator})
        elif status not in (200, 404):
            raise Failure(f"GET {account} answered {status}: {body}")
        env["CROSSDOCK_OPERATOR_KEY"] = operator
        _call("POST", f"{api}/v1/accounts", operator, ACCOUNT, expected=(201, 409))
        _, made = _call(
            "POST", f"{account}/api-keys", operator,
            {"name": "local admin", "role": "admin"}, expected=(201,),
        )  # fmt: skip
        env["CROSSDOCK_ADMIN_KEY"] = made["key"]
        save(env)


def _first_operator_key(api_function: str, port: int) -> str:
    """Invokes the function itself: whoever may do that owns the deployment."""
    answer = aws.client("lambda", port).invoke(
        FunctionName=api_function,
        InvocationType="RequestResponse",
        Payload=json.dumps({"action": "create_first_operator_key"}),
    )
    result = json.loads(answer["Payload"].read())
    if "api_key" in result:
        return result["api_key"]
    error = result.get("error") or result.get("errorMessage") or "no key in its result"
    raise Failure(
        f"the api function made no operator key: {error}\n"
        "  If its key was lost, start over: make down, delete .local/, make up."
    )


def _call(
    method: str, url: str, key: str | None, body: Any = None, expected: tuple[int, ...] = ()
) -> tuple[int, Any]:
    """One request to the API. Any status is an answer, unless some are expected."""
    request = urllib.request.Request(url, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=60) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if expected and status not in expected:
        raise Failure(f"{method} {url} answered {status}: {text.decode(errors='replace')}")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text
