"""Reads template.yaml, and writes the template that the local cloud gets.

It is the same template but for three things:

- the code is what `build` packed, and nested templates are named from where it is;
- the bucket does not refuse plain HTTP, which is all that 127.0.0.1 speaks;
- to AWS the action sqs:SendMessage covers SendMessageBatch; the emulator takes
  them for two.
"""

import os
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

import build
import paths

yaml = YAML()  # keeps tags such as !Ref as they are
yaml.width = 1000


def functions() -> dict[str, str]:
    """The binary of each function, by its logical id."""
    return {
        logical_id: str(resource["Metadata"]["BuildProperties"]["Binary"])
        for logical_id, resource in _functions(_read()).items()
    }


def write_local() -> None:
    """Writes .local/template.yaml. The paths in it are relative to it."""
    template = _read()
    for resource in _functions(template).values():
        binary = resource.pop("Metadata")["BuildProperties"]["Binary"]
        package = build.package(binary).relative_to(paths.LOCAL)
        resource["Properties"]["CodeUri"] = str(package)
    for nested in _of_type(template, "AWS::CloudFormation::Stack").values():
        file = paths.ROOT / nested["Properties"]["TemplateURL"]
        nested["Properties"]["TemplateURL"] = os.path.relpath(file, paths.LOCAL)
    del template["Resources"]["BucketPolicy"]
    for statement in _statements(template):
        if statement["Action"] == "sqs:SendMessage":
            statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
    with paths.LOCAL_TEMPLATE.open("w") as file:
        yaml.dump(template, file)


def _read() -> Any:
    return yaml.load(paths.TEMPLATE)


def _functions(template: Any) -> dict[str, Any]:
    return _of_type(template, "AWS::Serverless::Function")


def _statements(template: Any) -> Iterator[Any]:
    for role in _of_type(template, "AWS::IAM::Role").values():
        for policy in role["Properties"]["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


def _of_type(template: Any, wanted: str) -> dict[str, Any]:
    resources = template["Resources"].items()
    return {logical_id: resource for logical_id, resource in resources if resource["Type"] == wanted}
