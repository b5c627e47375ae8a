"""Holds the translated template against the rules of its own. Runs in .venv.

`sam validate` and cfn-lint know what CloudFormation accepts. The rules know what
Crossdock promises: see rules_*.py, and allowed.py for what may pass and why. Then
the check checks itself: it breaks copies of the template in every way that
mutations.py lists, and each must be noticed by the rule that is there for it.
"""

import inspect
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import rules_fronts
import rules_functions
import rules_queues
import rules_storage
import rules_watch
from mutations import MUTATIONS, Rule
from stack import ROOT, Sources, Stack

MODULES = (rules_functions, rules_fronts, rules_queues, rules_storage, rules_watch)


def main() -> int:
    sources = Sources.read()
    stack = Stack(sources)
    found = rules()
    of_rule = {rule: list(rule(stack)) for rule in found}
    breaches = [f"{rule.__name__}: {breach}" for rule in found for breach in of_rule[rule]]
    breaches += unnoticed(sources, of_rule)
    breaches += lint(stack)
    for breach in breaches:
        print(breach, file=sys.stderr)
    print(
        f"template: {len(stack.resources)} resources, {len(list(stack.alarms()))} alarms, {len(found)} rules, "
        f"{len(MUTATIONS)} broken variants, {len(breaches)} breaches"
    )
    return 1 if breaches else 0


def rules() -> list[Rule]:
    """Every public function that a rules module defines itself."""
    return [
        function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]


def unnoticed(sources: Sources, of_rule: dict[Rule, list[str]]) -> list[str]:
    """Broken variants that bring no breach of their own, and rules that no variant tries."""
    passed = []
    for mutation in MUTATIONS:
        broken = sources.copy()
        mutation.break_(broken)
        if set(mutation.rule(Stack(broken))) <= set(of_rule[mutation.rule]):
            passed.append(f"self-test: {mutation.rule.__name__} does not notice: {mutation.name}")
    tried = {mutation.rule for mutation in MUTATIONS}
    return passed + [f"self-test: nothing tries {rule.__name__}" for rule in of_rule if rule not in tried]


def lint(stack: Stack) -> list[str]:
    """What cfn-lint says of the translated template and of the nested ones."""
    with tempfile.TemporaryDirectory() as folder:
        translated = Path(folder, "translated.json")
        translated.write_text(json.dumps(_without_local_paths(stack.template)))
        linted = subprocess.run(
            [Path(sys.executable).with_name("cfn-lint"), "--format", "parseable", "--"]
            + [translated, *(ROOT / url for url in stack.sources.nested)],
            capture_output=True,
            text=True,
        )
    said = (linted.stdout + linted.stderr).splitlines()
    return [f"cfn-lint: {line}" for line in said] if linted.returncode else []


def _without_local_paths(template: dict) -> dict:
    """`sam package` replaces the paths of nested templates by addresses."""
    packaged = json.loads(json.dumps(template))
    for resource in packaged["Resources"].values():
        if "TemplateURL" in resource.get("Properties", {}):
            resource["Properties"]["TemplateURL"] = "https://s3.amazonaws.com/nested/template.yaml"
    return packaged


if __name__ == "__main__":
    sys.exit(main())
