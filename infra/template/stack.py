"""The stack as CloudFormation gets it: template.yaml through SAM's own translator.

`Sources` is what was written, `Stack` what comes of it, nested templates included.
Needs no AWS account and no network; runs in .venv.
"""

import copy
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks for one

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# It complains of metrics of its own that nobody here publishes.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

ROOT = Path(__file__).resolve().parents[2]
NESTED = "AWS::CloudFormation::Stack"
FUNCTION = "AWS::Lambda::Function"


@dataclass
class Sources:
    """What the checks read; a self-test breaks a copy of it."""

    template: dict[str, Any]
    nested: dict[str, dict[str, Any]]  # by TemplateURL
    config: str  # shared/src/config.rs
    metrics: str  # shared/src/metrics.rs
    mains: dict[str, str]  # main.rs by binary

    @staticmethod
    def read() -> "Sources":
        template = yaml_parse((ROOT / "template.yaml").read_text())
        urls = {
            resource["Properties"]["TemplateURL"]
            for resource in template["Resources"].values()
            if resource["Type"] == NESTED
        }
        return Sources(
            template=template,
            nested={url: yaml_parse((ROOT / url).read_text()) for url in sorted(urls)},
            config=(ROOT / "shared/src/config.rs").read_text(),
            metrics=(ROOT / "shared/src/metrics.rs").read_text(),
            mains={
                file.parents[1].name: file.read_text()
                for file in sorted(ROOT.glob("functions/*/src/main.rs"))
            },
        )

    def copy(self) -> "Sources":
        return copy.deepcopy(self)


class _NoManagedPolicies:
    """Roles are written out, so the translator never has to look one up."""

    def load(self) -> dict[str, str]:
        raise AssertionError("a function has Policies by name; give it a role of its own")


class Stack:
    """The translated template, and ways to find things in it."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        written = copy.deepcopy(sources.template)
        # `sam package` puts the code's address here; the translator insists on one.
        written["Globals"]["Function"]["CodeUri"] = "s3://code/code.zip"
        parameters = {
            name: parameter["Default"]
            for name, parameter in written["Parameters"].items()
            if "Default" in parameter
        }
        self.template: dict[str, Any] = transform(written, parameters, _NoManagedPolicies())
        self.resources: dict[str, Any] = self.template["Resources"]

    def of_type(self, wanted: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == wanted
        }

    def functions(self) -> dict[str, dict[str, Any]]:
        return self.of_type(FUNCTION)

    def binary(self, function: str) -> str:
        """The binary of a function, as `sam build` is told."""
        written = self.sources.template["Resources"][function]
        return written["Metadata"]["BuildProperties"]["Binary"]

    def sources_of_events(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        """Mapping, queue, function and properties of each event source mapping."""
        for logical_id, mapping in self.of_type("AWS::Lambda::EventSourceMapping").items():
            yield logical_id, named(mapping["EventSourceArn"]), named(mapping["FunctionName"]), mapping

    def dead_letters_of(self, queue: str) -> str | None:
        redrive = self.resources[queue]["Properties"].get("RedrivePolicy", {})
        return named(redrive.get("deadLetterTargetArn"))

    def nested(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Logical id, parameters and template of each nested stack."""
        for logical_id, properties in self.of_type(NESTED).items():
            template = self.sources.nested[properties["TemplateURL"]]
            yield logical_id, properties.get("Parameters", {}), template

    def alarms(self) -> Iterator[dict[str, Any]]:
        """The properties of every alarm, with the nested stacks' parameters put in."""
        for _, parameters, template in self.nested():
            for resource in template["Resources"].values():
                if resource["Type"] == "AWS::CloudWatch::Alarm":
                    yield _with(resource["Properties"], parameters)


def named(value: Any) -> str | None:
    """The logical id that a Ref, a GetAtt or the first variable of a Sub names."""
    match value:
        case {"Ref": name}:
            return name
        case {"Fn::GetAtt": [name, *_]}:
            return name
        case {"Fn::GetAtt": str(path)}:
            return path.split(".")[0]
        case {"Fn::Sub": str(text)} if variable := re.match(r"\$\{([A-Za-z0-9]+)", text):
            return variable[1]
    return None


def branches(value: Any) -> Iterator[Any]:
    """Both sides of an If, else the value itself; what is left out is no side."""
    match value:
        case {"Fn::If": [_, yes, no]}:
            yield from branches(yes)
            yield from branches(no)
        case None | {"Ref": "AWS::NoValue"}:
            return
        case _:
            yield value


def each(value: Any) -> list[Any]:
    """One or many, as policies write them."""
    return value if isinstance(value, list) else [value]


def _with(value: Any, parameters: dict[str, Any]) -> Any:
    match value:
        case {"Ref": name} if name in parameters:
            return parameters[name]
        case dict():
            return {key: _with(inner, parameters) for key, inner in value.items()}
        case list():
            return [_with(inner, parameters) for inner in value]
    return value
