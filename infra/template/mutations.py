"""Ways to break the template, each with the rule that has to notice.

A check that cannot fail is worth nothing: every rule has at least one of these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rules_fronts as fronts
import rules_functions as functions
import rules_queues as queues
import rules_storage as storage
import rules_watch as watch
from stack import Sources, Stack

Rule = Callable[[Stack], Any]

FUNCTION_ALARMS = "infra/alarms/function.yaml"
QUEUE_ALARMS = "infra/alarms/queue.yaml"
SCHEDULES_ALARMS = "infra/alarms/schedules.yaml"
NOTIFICATIONS_ALARMS = "infra/alarms/notifications.yaml"
BUFFERS_ALARMS = "infra/alarms/buffers.yaml"
DASHBOARD = "infra/dashboard.yaml"


@dataclass
class Mutation:
    """One thing broken."""

    name: str
    rule: Rule
    break_: Callable[[Sources], Any]


def _of(sources: Sources, logical_id: str) -> dict[str, Any]:
    return sources.template["Resources"][logical_id]["Properties"]


def _lifecycle(sources: Sources) -> list[dict[str, Any]]:
    return _of(sources, "Bucket")["LifecycleConfiguration"]["Rules"]


def _cors(sources: Sources) -> dict[str, Any]:
    return _of(sources, "Bucket")["CorsConfiguration"]


def _statement(sources: Sources, role: str, sid: str) -> dict[str, Any]:
    statements = _of(sources, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return next(statement for statement in statements if statement.get("Sid") == sid)


def _set(logical_id: str, key: str, value: Any) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        _of(sources, logical_id)[key] = value

    return break_


def _drop(logical_id: str, *path: str) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        inner = _of(sources, logical_id)
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return break_


def _drop_policy(logical_id: str, policy: str) -> Callable[[Sources], None]:
    return lambda sources: sources.template["Resources"][logical_id].pop(policy)


def _drop_resource(logical_id: str) -> Callable[[Sources], None]:
    return lambda sources: sources.template["Resources"].pop(logical_id)


def _nested(url: str, logical_id: str, key: str, value: Any) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        sources.nested[url]["Resources"][logical_id]["Properties"][key] = value

    return break_


def _nested_drop(url: str, logical_id: str) -> Callable[[Sources], None]:
    return lambda sources: sources.nested[url]["Resources"].pop(logical_id)


def _body(old: str, new: str) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        dashboard = sources.nested[DASHBOARD]["Resources"]["Dashboard"]["Properties"]
        before = dashboard["DashboardBody"]["Fn::Sub"]
        dashboard["DashboardBody"]["Fn::Sub"] = before.replace(old, new, 1)

    return break_


def _shown(parameter: str, old: str) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        given = _of(sources, "Dashboard")["Parameters"]
        given[parameter]["Fn::Sub"] = given[parameter]["Fn::Sub"].replace(old, "", 1)

    return break_


def _config(old: str, new: str) -> Callable[[Sources], None]:
    def break_(sources: Sources) -> None:
        sources.config = sources.config.replace(old, new)

    return break_


MUTATIONS = [
    Mutation("no Timeout", functions.functions_are_bounded, _drop("Deliver", "Timeout")),
    Mutation("no MemorySize", functions.functions_are_bounded, _drop("Api", "MemorySize")),
    Mutation("one processor only", functions.functions_are_bounded, _set("Api", "Architectures", ["arm64"])),
    Mutation("an API of 30 s", functions.http_functions_answer_in_time, _set("Api", "Timeout", 30)),
    Mutation("a log for good", functions.functions_log_for_a_time, _drop("ApiLogs", "RetentionInDays")),
    Mutation("no log group", functions.functions_log_for_a_time, _drop("Api", "LoggingConfig", "LogGroup")),
    Mutation("metrics inside JSON logs", functions.functions_log_for_a_time,
             lambda s: _of(s, "Dispatch")["LoggingConfig"].update(LogFormat="JSON")),
    Mutation("a variable not given", functions.environment_is_what_config_reads,
             _drop("SftpPull", "Environment", "Variables", "CROSSDOCK_BUCKET")),
    Mutation("a variable nobody reads", functions.environment_is_what_config_reads,
             lambda s: _of(s, "Dispatch")["Environment"]["Variables"].update(CROSSDOCK_SPARE="x")),
    Mutation("config reads another name", functions.environment_is_what_config_reads,
             _config('"CROSSDOCK_KEY_ARN"', '"CROSSDOCK_KMS_KEY_ARN"')),
    Mutation("all actions", functions.roles_are_narrow,
             lambda s: _statement(s, "DeliverRole", "Rows").update(Action="*")),
    Mutation("all of a service's actions", functions.roles_are_narrow,
             lambda s: _statement(s, "DeliverRole", "Rows").update(Action=["dynamodb:*"])),
    Mutation("all resources", functions.roles_are_narrow,
             lambda s: _statement(s, "ApiRole", "Secrets").update(Resource="*")),
    Mutation("another stack's bucket", functions.roles_are_narrow,
             lambda s: _statement(s, "ApiRole", "Records").update(Resource=["arn:aws:s3:::some-bucket/*"])),
    Mutation("a role for two", functions.roles_are_narrow,
             lambda s: _set("Deliver", "Role", {"Fn::GetAtt": ["SftpPullRole", "Arn"]})(s)),
    Mutation("a managed policy", functions.roles_are_narrow,
             _set("ApiRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"])),
    Mutation("another function for anyone", fronts.only_stated_functions_are_open,
             _set("IntakeFunctionUrl", "TargetFunctionArn", {"Fn::GetAtt": ["Api", "Arn"]})),
    Mutation("anyone may invoke another function", fronts.only_stated_functions_are_open,
             _set("IntakeUrlInvokePermission", "FunctionName", {"Ref": "Api"})),
    Mutation("anyone may invoke, without a URL too", fronts.only_stated_functions_are_open,
             _drop("IntakeUrlInvokePermission", "InvokedViaFunctionUrl")),
    Mutation("a URL of before October 2025", fronts.open_urls_can_be_called,
             _drop_resource("IntakeUrlInvokePermission")),
    Mutation("a URL without its permission", fronts.open_urls_can_be_called,
             lambda s: s.template["Resources"]["IntakeUrlPermission"].update(Condition="IntakeOnHttpApi")),
    Mutation("no burst limit", fronts.routes_are_throttled,
             _drop("HttpApiStage", "DefaultRouteSettings", "ThrottlingBurstLimit")),
    Mutation("the API as fast as notifications", fronts.routes_are_throttled,
             _drop("HttpApiStage", "RouteSettings")),
    Mutation("a throttle of no route", fronts.routes_are_throttled,
             _set("ApiRoute", "RouteKey", "ANY /v2/{proxy+}")),
    Mutation("a throttle of a route that may be missing", fronts.routes_are_throttled,
             lambda s: s.template["Resources"]["ApiRoute"].update(Condition="IntakeOnHttpApi")),
    Mutation("a stage before its route", fronts.routes_are_throttled, _drop_policy("HttpApiStage", "DependsOn")),
    Mutation("visibility below six timeouts", queues.visibility_outlasts_the_function,
             _set("Deliveries", "VisibilityTimeout", 359)),
    Mutation("the timeout raised alone", queues.visibility_outlasts_the_function, _set("Deliver", "Timeout", 90)),
    Mutation("whole batches fail", queues.batches_fail_in_part,
             _drop("DeliverFromDeliveries", "FunctionResponseTypes")),
    Mutation("a filter", queues.batches_fail_in_part,
             _set("SftpPullFromPulls", "FilterCriteria", {"Filters": [{"Pattern": "{}"}]})),
    Mutation("no maximum concurrency", queues.concurrency_is_bounded, _drop("SftpPullFromPulls", "ScalingConfig")),
    Mutation("a concurrency of one", queues.concurrency_is_bounded,
             _set("SftpPullFromPulls", "ScalingConfig", {"MaximumConcurrency": 1})),
    Mutation("another queue that ends", queues.dead_letters_are_kept,
             _set("DeliverFromDeliveries", "EventSourceArn", {"Fn::GetAtt": ["PullsDeadLetters", "Arn"]})),
    Mutation("no redrive", queues.dead_letters_are_kept, _drop("Pulls", "RedrivePolicy")),
    Mutation("given up after 4 receives", queues.dead_letters_are_kept,
             lambda s: _of(s, "Pulls")["RedrivePolicy"].update(maxReceiveCount=4)),
    Mutation("dead letters for 13 days", queues.dead_letters_are_kept,
             _set("PullsDeadLetters", "MessageRetentionPeriod", 1_123_200)),
    Mutation("a source as long as its dead letters", queues.dead_letters_are_kept,
             _set("Pulls", "MessageRetentionPeriod", 1_209_600)),
    Mutation("a queue in plain text", queues.queues_are_sealed, _drop("PullsDeadLetters", "SqsManagedSseEnabled")),
    Mutation("a table that goes", storage.data_outlives_the_stack, _drop_policy("Table", "DeletionPolicy")),
    Mutation("a bucket that goes", storage.data_outlives_the_stack, _drop_policy("Bucket", "UpdateReplacePolicy")),
    Mutation("a key that goes", storage.data_outlives_the_stack, _drop_policy("Key", "DeletionPolicy")),
    Mutation("no way back", storage.the_table_can_be_restored, _drop("Table", "PointInTimeRecoverySpecification")),
    Mutation("one version", storage.the_bucket_is_versioned_and_closed, _drop("Bucket", "VersioningConfiguration")),
    Mutation("public policies", storage.the_bucket_is_versioned_and_closed,
             _drop("Bucket", "PublicAccessBlockConfiguration", "BlockPublicPolicy")),
    Mutation("abandoned uploads", storage.the_bucket_is_versioned_and_closed, _drop("Bucket", "LifecycleConfiguration")),
    Mutation("uploads for ever", storage.what_is_uploaded_goes,
             lambda s: [rule.update(ExpirationInDays=90) for rule in _lifecycle(s) if rule["Id"] == "files"]),
    Mutation("old versions of uploads", storage.what_is_uploaded_goes,
             lambda s: [rule.pop("NoncurrentVersionExpiration", 0) for rule in _lifecycle(s)]),
    Mutation("any page may upload", storage.browsers_only_put_and_only_from_one_origin,
             lambda s: _cors(s)["Fn::If"][1]["CorsRules"][0].update(AllowedOrigins=["*"])),
    Mutation("a page may read", storage.browsers_only_put_and_only_from_one_origin,
             lambda s: _cors(s)["Fn::If"][1]["CorsRules"][0].update(AllowedMethods=["GET", "PUT"])),
    Mutation("pages may without being asked", storage.browsers_only_put_and_only_from_one_origin,
             lambda s: _of(s, "Bucket").update(CorsConfiguration=_cors(s)["Fn::If"][1])),
    Mutation("an origin by default", storage.browsers_only_put_and_only_from_one_origin,
             lambda s: s.template["Parameters"]["ConsoleOrigin"].update(Default="https://example.com")),
    Mutation("a key for ever", storage.keys_rotate, _drop("Key", "EnableKeyRotation")),
    Mutation("a function without alarms", watch.functions_have_alarms, _drop_resource("ApiAlarms")),
    Mutation("no alarm for errors", watch.functions_have_alarms, _nested_drop(FUNCTION_ALARMS, "Errors")),
    Mutation("no alarm for throttles", watch.functions_have_alarms, _nested_drop(FUNCTION_ALARMS, "Throttles")),
    Mutation("an alarm at the timeout", watch.functions_have_alarms,
             lambda s: _of(s, "ApiAlarms")["Parameters"].update(LongMillis=29000)),
    Mutation("the average, not p99", watch.functions_have_alarms,
             _nested(FUNCTION_ALARMS, "Duration", "ExtendedStatistic", "p50")),
    Mutation("a queue without alarms", watch.queues_have_alarms, _drop_resource("DeliveriesAlarms")),
    Mutation("ten dead letters unseen", watch.queues_have_alarms,
             _nested(QUEUE_ALARMS, "DeadLetters", "Threshold", 10)),
    Mutation("dead letters read before they are seen", watch.queues_have_alarms,
             _nested_drop(QUEUE_ALARMS, "Dropped")),
    Mutation("no alarm for age", watch.queues_have_alarms, _nested_drop(QUEUE_ALARMS, "Age")),
    Mutation("no alarm for missed runs", watch.schedules_have_alarms, _nested_drop(SCHEDULES_ALARMS, "MissedRuns")),
    Mutation("no alarm for old rows", watch.schedules_have_alarms, _nested_drop(SCHEDULES_ALARMS, "OldestDueRow")),
    Mutation("no alarm for what is given up", watch.notifications_have_alarms,
             _nested_drop(NOTIFICATIONS_ALARMS, "Dead")),
    Mutation("an alarm on another function", watch.notifications_have_alarms,
             lambda s: _of(s, "NotificationsAlarms")["Parameters"].update(IntakeFunction={"Ref": "Api"})),
    Mutation("no alarm for files that do not get through", watch.buffers_have_alarms,
             _nested_drop(BUFFERS_ALARMS, "Failed")),
    Mutation("an alarm that nobody hears", watch.alarms_can_be_heard, _nested(QUEUE_ALARMS, "Age", "AlarmActions", [])),
    Mutation("a metric nobody prints", watch.metrics_exist,
             _nested(SCHEDULES_ALARMS, "MissedRuns", "MetricName", "MissedRuns")),
    Mutation("a widget of nothing", watch.metrics_exist, _body("RecordsRead", "RecordsSeen")),
    Mutation("a broken dashboard", watch.the_dashboard_shows_all, _body('"properties": {', '"properties": ')),
    Mutation("a function not shown", watch.the_dashboard_shows_all, _shown("Functions", '\\"${Deliver}\\" OR ')),
    Mutation("a queue not shown", watch.the_dashboard_shows_all, _shown("Queues", '\\"${Pulls.QueueName}\\" OR ')),
    Mutation("a parameter not given", watch.nested_stacks_get_what_they_ask,
             _drop("PullsAlarms", "Parameters", "OldSecs")),
    Mutation("a parameter nobody asks for", watch.nested_stacks_get_what_they_ask,
             lambda s: _of(s, "PullsAlarms")["Parameters"].update(OldMins=5)),
    Mutation("alarms without the topic", watch.nested_stacks_get_what_they_ask,
             _drop("PullsAlarms", "Parameters", "AlarmTopicArn")),
]  # fmt: skip
