"""What callers from outside come through: the HTTP API's routes, and function URLs."""

import re
from collections.abc import Iterator
from typing import Any

from allowed import DEFAULT_THROTTLE, OPEN_URLS
from stack import Stack, each, named

LIMITS = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
ANYONE = "*"

# What anyone must be granted to call an open URL, and what keeps each grant to the URL.
GRANTS = {
    "lambda:InvokeFunctionUrl": ("FunctionUrlAuthType", "NONE"),
    "lambda:InvokeFunction": ("InvokedViaFunctionUrl", True),
}


def only_stated_functions_are_open(stack: Stack) -> Iterator[str]:
    """Nobody asks who calls a URL without IAM; the function has to, and only through its URL."""
    for url, properties in stack.of_type("AWS::Lambda::Url").items():
        function = named(properties["TargetFunctionArn"])
        if properties.get("AuthType") != "AWS_IAM" and function not in OPEN_URLS:
            yield f"{url} lets anyone call {function} without a stated reason"
    for permission, properties in stack.of_type("AWS::Lambda::Permission").items():
        if properties["Principal"] != ANYONE:
            continue
        function = named(properties["FunctionName"])
        if function not in OPEN_URLS:
            yield f"{permission} lets anyone call {function} without a stated reason"
        if not _is_kept_to_the_url(properties):
            yield f"{permission} lets anyone call {function}, and not through its URL alone"


def open_urls_can_be_called(stack: Stack) -> Iterator[str]:
    """Since October 2025 AWS asks for both grants; without one of them the URL answers 403."""
    for url, properties in stack.of_type("AWS::Lambda::Url").items():
        if properties.get("AuthType") == "AWS_IAM":
            continue
        function = named(properties["TargetFunctionArn"])
        granted = {
            given["Action"]
            for permission, given in stack.of_type("AWS::Lambda::Permission").items()
            if named(given["FunctionName"]) == function
            and given["Principal"] == ANYONE
            and _is_kept_to_the_url(given)
            and stack.resources[permission].get("Condition") == stack.resources[url].get("Condition")
        }
        for action in sorted(GRANTS.keys() - granted):
            yield f"{url}: nobody is granted {action} on {function}"


def routes_are_throttled(stack: Stack) -> Iterator[str]:
    """The stage's default is for a stated function's routes; all others have limits of their own.

    API Gateway refuses a stage, and the whole deployment, that names a route which is not there.
    """
    routes = {properties["RouteKey"]: route for route, properties in stack.of_type("AWS::ApiGatewayV2::Route").items()}
    for stage, properties in stack.of_type("AWS::ApiGatewayV2::Stage").items():
        own = properties.get("RouteSettings", {})
        for place, settings in (("by default", properties.get("DefaultRouteSettings", {})), *own.items()):
            for limit in LIMITS:
                if limit not in settings:
                    yield f"{stage}, {place}: no {limit}"
        for key in own:
            if key not in routes:
                yield f"{stage} throttles {key}, which is no route"
            elif "Condition" in stack.resources[routes[key]]:
                yield f"{stage} throttles {key}, which is not always there"
            elif routes[key] not in each(stack.resources[stage].get("DependsOn", [])):
                yield f"{stage} throttles {key}, and may come before it"
        for key, route in routes.items():
            function = _behind(stack, route)
            if key not in own and function not in DEFAULT_THROTTLE:
                yield f"{route}, to {function}, has the default throttle without a stated reason"


def _is_kept_to_the_url(permission: dict[str, Any]) -> bool:
    key, value = GRANTS.get(permission["Action"], ("", None))
    return key in permission and permission[key] == value


def _behind(stack: Stack, route: str) -> str | None:
    """The function that a route leads to."""
    target = re.search(r"\$\{(\w+)\}", stack.resources[route]["Properties"]["Target"]["Fn::Sub"])
    return named(stack.resources[target[1]]["Properties"]["IntegrationUri"]) if target else None
