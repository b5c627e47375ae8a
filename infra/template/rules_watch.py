"""What goes wrong is seen: alarms, the dashboard, and the metrics behind them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from stack import Stack, named

OWN_NAMESPACE = "Crossdock"
SCHEDULES_ALARMS = ("RunsMissed", "OldestDueAge", "TickDuration")
# With the function that prints each.
BUFFERS_ALARMS = (
    ("PushesFailed", "SftpPush"),
    ("OldestOwedAge", "SftpPush"),
    ("OldestOwedAge", "Dispatch"),
)
NOTIFICATIONS_ALARMS = (
    ("RefusedUnavailable", "Intake"),
    ("NotificationsDead", "Deliver"),
    ("BreakersOpened", "Deliver"),
    ("OldestOwedAge", "Deliver"),
    ("DeliveriesOwed", "Dispatch"),
)


def functions_have_alarms(stack: Stack) -> Iterator[str]:
    """Errors, throttles, and a p99 over four fifths of the timeout."""
    watched = {
        (alarm["MetricName"], named(_dimension(alarm, "FunctionName"))): alarm
        for alarm in stack.alarms()
        if alarm["Namespace"] == "AWS/Lambda"
    }
    for function, properties in stack.functions().items():
        for metric in ("Errors", "Throttles", "Duration"):
            if (metric, function) not in watched:
                yield f"{function} has no alarm for {metric}"
        duration = watched.get(("Duration", function), {})
        if duration and float(duration["Threshold"]) != 800 * properties["Timeout"]:
            yield f"{function}: the alarm's {duration['Threshold']} ms are not four fifths of its timeout"
        if duration and duration.get("ExtendedStatistic") != "p99":
            yield f"{function}: the alarm does not look at p99"
        for metric in ("Errors", "Throttles"):
            alarm = watched.get((metric, function), {"Threshold": 0})
            if float(alarm["Threshold"]) != 0:
                yield f"{function}: one of its {metric} goes unseen"


def queues_have_alarms(stack: Stack) -> Iterator[str]:
    """The age of the oldest message of what is read, and any dead letter."""
    watched = {
        (alarm["MetricName"], named(_dimension(alarm, "QueueName"))): alarm
        for alarm in stack.alarms()
        if alarm["Namespace"] == "AWS/SQS"
    }
    read = {queue for _, queue, _, _ in stack.sources_of_events()}
    dead_letters = {stack.dead_letters_of(queue) for queue in stack.of_type("AWS::SQS::Queue")} - {None}
    for queue in sorted(read - dead_letters):
        if ("ApproximateAgeOfOldestMessage", queue) not in watched:
            yield f"{queue} has no alarm for the age of its oldest message"
    if not dead_letters:
        yield "no queue has a dead-letter queue"
    for queue in sorted(dead_letters):
        for metric in ("NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible"):
            alarm = watched.get((metric, queue))
            if alarm is None or float(alarm["Threshold"]) != 0:
                yield f"{queue} has no alarm for its first dead letter ({metric})"


def schedules_have_alarms(stack: Stack) -> Iterator[str]:
    """Missed runs, rows that nobody wakes, and ticks that do not come."""
    watched = {alarm["MetricName"] for alarm in stack.alarms() if alarm["Namespace"] == OWN_NAMESPACE}
    for metric in SCHEDULES_ALARMS:
        if metric not in watched:
            yield f"there is no alarm for {metric}"


def notifications_have_alarms(stack: Stack) -> Iterator[str]:
    """What clients are told to post again, what is given up, and what only waits."""
    watched = {
        (alarm["MetricName"], named(_dimension(alarm, "FunctionName")))
        for alarm in stack.alarms()
        if alarm["Namespace"] == OWN_NAMESPACE
    }
    for metric, function in NOTIFICATIONS_ALARMS:
        if (metric, function) not in watched:
            yield f"there is no alarm for {metric} of {function}"


def buffers_have_alarms(stack: Stack) -> Iterator[str]:
    """Files that do not get through, and what waits too long for one."""
    watched = {
        (alarm["MetricName"], named(_dimension(alarm, "FunctionName")))
        for alarm in stack.alarms()
        if alarm["Namespace"] == OWN_NAMESPACE
    }
    for metric, function in BUFFERS_ALARMS:
        if (metric, function) not in watched:
            yield f"there is no alarm for {metric} of {function}"


def alarms_can_be_heard(stack: Stack) -> Iterator[str]:
    """Each alarm goes to the topic that the deployer names."""
    for alarm in stack.alarms():
        if '"AlarmTopicArn"' not in json.dumps(alarm.get("AlarmActions")):
            yield f"the alarm for {alarm['MetricName']} goes nowhere"


def metrics_exist(stack: Stack) -> Iterator[str]:
    """What alarms and dashboard ask for under our own name is what the functions print."""
    printed = set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', stack.sources.metrics))
    asked = {alarm["MetricName"] for alarm in stack.alarms() if alarm["Namespace"] == OWN_NAMESPACE}
    for body in _dashboards(stack):
        for search in re.findall(r"\{Crossdock,[^']*", body):
            asked |= set(re.findall(r'\\"([A-Z][A-Za-z]+)\\"', search.split("FunctionName=(")[0]))
    for metric in sorted(asked - printed):
        yield f"nothing prints the metric {metric}"


def the_dashboard_shows_all(stack: Stack) -> Iterator[str]:
    """It is JSON, and names every function and every queue."""
    bodies = list(_dashboards(stack))
    if not bodies:
        yield "there is no dashboard"
    for body in bodies:
        try:
            json.loads(body)
        except ValueError as error:
            yield f"the dashboard's body is no JSON: {error}"
    shown = "".join(bodies)
    for logical_id in stack.functions():
        if f'\\"${{{logical_id}}}\\"' not in shown:
            yield f"the dashboard does not show {logical_id}"
    for logical_id in stack.of_type("AWS::SQS::Queue"):
        if f'\\"${{{logical_id}.QueueName}}\\"' not in shown:
            yield f"the dashboard does not show {logical_id}"


def nested_stacks_get_what_they_ask(stack: Stack) -> Iterator[str]:
    """A parameter that is not there fails only when it is deployed."""
    for logical_id, given, template in stack.nested():
        asked = template.get("Parameters", {})
        for name in sorted(given.keys() - asked.keys()):
            yield f"{logical_id} is given {name}, which its template does not ask for"
        for name, parameter in asked.items():
            if name not in given and "Default" not in parameter:
                yield f"{logical_id} is not given {name}"
        if "AlarmTopicArn" in asked and given.get("AlarmTopicArn") != {"Ref": "AlarmTopicArn"}:
            yield f"{logical_id} is not told where its alarms go"


def _dimension(alarm: dict[str, Any], name: str) -> Any:
    return next((found["Value"] for found in alarm.get("Dimensions", []) if found["Name"] == name), None)


def _dashboards(stack: Stack) -> Iterator[str]:
    """Bodies, with the texts of their parameters put in as CloudFormation does."""
    for _, given, template in stack.nested():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::CloudWatch::Dashboard":
                body = resource["Properties"]["DashboardBody"]["Fn::Sub"]
                for name, value in given.items():
                    text = value.get("Fn::Sub", "") if isinstance(value, dict) else str(value)
                    body = body.replace(f"${{{name}}}", text)
                yield body
