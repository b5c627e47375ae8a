"""What holds for every function, its log, its role and its environment."""

import re
from collections.abc import Iterator
from typing import Any

from allowed import LIBRARIES, MANAGED_POLICIES, WILDCARDS
from stack import Stack, branches, each, named

HTTP_API_GIVES_UP_SECS = 30


def functions_are_bounded(stack: Stack) -> Iterator[str]:
    """Time and memory are stated, and the processor is the parameter's."""
    for function, properties in stack.functions().items():
        if not 1 <= properties.get("Timeout", 0) <= 900:
            yield f"{function} states no Timeout of up to 900 s"
        if not 128 <= properties.get("MemorySize", 0) <= 10240:
            yield f"{function} states no MemorySize"
        if properties.get("Architectures") != [{"Ref": "Architecture"}]:
            yield f"{function} is not built for the parameter Architecture"
        if properties.get("Runtime") != "provided.al2023":
            yield f"{function} does not run on provided.al2023"


def http_functions_answer_in_time(stack: Stack) -> Iterator[str]:
    """An HTTP API gives up after 30 s; the function must have ended by then."""
    for integration, properties in stack.of_type("AWS::ApiGatewayV2::Integration").items():
        function = named(properties["IntegrationUri"])
        if stack.functions()[function].get("Timeout", 0) >= HTTP_API_GIVES_UP_SECS:
            yield f"{function}, behind {integration}, may run for longer than the HTTP API waits"


def functions_log_for_a_time(stack: Stack) -> Iterator[str]:
    """Each function logs into a group of its own that forgets."""
    groups = stack.of_type("AWS::Logs::LogGroup")
    seen: set[str | None] = set()
    for function, properties in stack.functions().items():
        logging = properties.get("LoggingConfig", {})
        group = named(logging.get("LogGroup"))
        if group not in groups or "RetentionInDays" not in groups[group]:
            yield f"{function} has no log group with a retention"
        if group in seen:
            yield f"{function} shares its log group"
        seen.add(group)
        if logging.get("LogFormat") != "Text":
            yield f"{function} does not log as Text: metrics are lines of JSON of their own"


def environment_is_what_config_reads(stack: Stack) -> Iterator[str]:
    """No variable is missing, and none is set that nobody reads."""
    for function, properties in stack.functions().items():
        binary = stack.binary(function)
        if binary not in stack.sources.mains:
            yield f"{function} is built from {binary}, which is no function"
            continue
        reads = _variables_read(stack, binary)
        given = set(properties.get("Environment", {}).get("Variables", {})) - set(LIBRARIES)
        if not reads:
            yield f"{function}: no config struct found for {binary}"
        for name in sorted(reads - given):
            yield f"{function} is not given {name}, which config.rs reads"
        for name in sorted(given - reads):
            yield f"{function} is given {name}, which config.rs does not read for it"


def _variables_read(stack: Stack, binary: str) -> set[str]:
    structs = re.findall(r"\b(\w+Config)::from_env\b", stack.sources.mains[binary])
    bodies = (_impl(stack.sources.config, struct) for struct in structs)
    return {name for body in bodies for name in re.findall(r'"(CROSSDOCK_[A-Z_]+)"', body)}


def _impl(config: str, struct: str) -> str:
    """The struct's impl block; rustfmt closes it with a brace in the first column."""
    found = re.search(rf"^impl {struct} \{{\n(.*?)^\}}", config, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def roles_are_narrow(stack: Stack) -> Iterator[str]:
    """Named actions on named resources of this stack, a role a function."""
    roles = [named(properties.get("Role")) for properties in stack.functions().values()]
    for function, role in zip(stack.functions(), roles, strict=True):
        if role is None or roles.count(role) > 1:
            yield f"{function} has no role of its own"
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        yield from _managed(role, properties)
        for policy in properties.get("Policies", []):
            for written in branches(policy):
                for statement in each(written["PolicyDocument"]["Statement"]):
                    yield from _statement(role, statement)


def _managed(role: str, properties: dict[str, Any]) -> Iterator[str]:
    for arns in branches(properties.get("ManagedPolicyArns")):
        for arn in arns:
            name = str(arn.get("Fn::Sub", arn) if isinstance(arn, dict) else arn).rsplit("/", 1)[-1]
            if (role, name) not in MANAGED_POLICIES:
                yield f"{role} takes the managed policy {name} without a stated reason"


def _statement(role: str, statement: dict[str, Any]) -> Iterator[str]:
    sid = statement.get("Sid", "without a Sid")
    if statement["Effect"] != "Allow" or (role, sid) in WILDCARDS:
        return
    for action in each(statement.get("Action", "*")):
        if "*" in action:
            yield f"{role}, {sid}: the action {action} has no stated reason"
    for resource in each(statement.get("Resource", "*")):
        if named(resource) is None:
            yield f"{role}, {sid}: {resource} is no resource of this stack, and has no stated reason"
