"""What keeps messages: visibility, redrive, retention and partial batches."""

from collections.abc import Iterator

from allowed import ENDS
from stack import Stack

FOUR_DAYS_SECS = 345_600  # what a queue has that states nothing
FOURTEEN_DAYS_SECS = 1_209_600  # the longest that there is


def visibility_outlasts_the_function(stack: Stack) -> Iterator[str]:
    """Six times the timeout, as Lambda advises: a message is not seen twice at once."""
    for mapping, queue, function, _ in stack.sources_of_events():
        visibility = stack.resources[queue]["Properties"].get("VisibilityTimeout", 30)
        timeout = stack.functions()[function].get("Timeout", 3)
        if visibility < 6 * timeout:
            yield f"{mapping}: {queue} hides messages for {visibility} s, {function} runs for {timeout} s"


def batches_fail_in_part(stack: Stack) -> Iterator[str]:
    """One bad message does not take its batch along, and none is filtered away."""
    for mapping, _, _, properties in stack.sources_of_events():
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping} does not report single failures"
        if "FilterCriteria" in properties:
            yield f"{mapping} filters: what does not match is deleted for good"


def concurrency_is_bounded(stack: Stack) -> Iterator[str]:
    """A maximum protects targets; below 2 there is none."""
    for mapping, _, _, properties in stack.sources_of_events():
        if properties.get("ScalingConfig", {}).get("MaximumConcurrency", 0) < 2:
            yield f"{mapping} has no MaximumConcurrency of 2 or more"


def dead_letters_are_kept(stack: Stack) -> Iterator[str]:
    """After 5 receives or more a message is kept for 14 days, longer than where it came from."""
    for _, queue, function, _ in stack.sources_of_events():
        if (queue, function) in ENDS:
            continue
        properties = stack.resources[queue]["Properties"]
        dead_letters = stack.dead_letters_of(queue)
        if dead_letters is None:
            yield f"{queue} has no dead-letter queue"
            continue
        if int(properties["RedrivePolicy"].get("maxReceiveCount", 0)) < 5:
            yield f"{queue} gives a message up after fewer than 5 receives"
        kept = stack.resources[dead_letters]["Properties"].get("MessageRetentionPeriod", FOUR_DAYS_SECS)
        if kept != FOURTEEN_DAYS_SECS:
            yield f"{dead_letters} does not keep its messages for 14 days"
        if kept <= properties.get("MessageRetentionPeriod", FOUR_DAYS_SECS):
            yield f"{dead_letters} forgets no later than {queue}"


def queues_are_sealed(stack: Stack) -> Iterator[str]:
    """Messages are encrypted where they lie."""
    for queue, properties in stack.of_type("AWS::SQS::Queue").items():
        if properties.get("SqsManagedSseEnabled") is not True:
            yield f"{queue} is not encrypted"
