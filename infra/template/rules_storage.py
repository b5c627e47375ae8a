"""What holds data is kept when the stack goes, and shown to nobody."""

from collections.abc import Iterator

from stack import Stack

BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
HOLDS_DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key")


def data_outlives_the_stack(stack: Stack) -> Iterator[str]:
    """Table, bucket and key are retained."""
    for kind in HOLDS_DATA:
        if not stack.of_type(kind):
            yield f"there is no {kind}"
        for logical_id in stack.of_type(kind):
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                if stack.resources[logical_id].get(policy) != "Retain":
                    yield f"{logical_id} has no {policy}: Retain"


def the_table_can_be_restored(stack: Stack) -> Iterator[str]:
    """To any second of the last 35 days."""
    for table, properties in stack.of_type("AWS::DynamoDB::Table").items():
        recovery = properties.get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") is not True:
            yield f"{table} has no point-in-time recovery"


def the_bucket_is_versioned_and_closed(stack: Stack) -> Iterator[str]:
    """Old versions are there to go back to, and nothing is public."""
    for bucket, properties in stack.of_type("AWS::S3::Bucket").items():
        if properties.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{bucket} is not versioned"
        access = properties.get("PublicAccessBlockConfiguration", {})
        for block in BLOCKED:
            if access.get(block) is not True:
                yield f"{bucket} has no {block}"
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield f"{bucket} keeps the parts of abandoned uploads"


def what_is_uploaded_goes(stack: Stack) -> Iterator[str]:
    """What others put into the bucket and nobody takes is kept for days, old versions too."""
    for bucket, properties in stack.of_type("AWS::S3::Bucket").items():
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        for folder in ("uploads", "files"):
            tags = {"Key": "folder", "Value": folder}
            ends = [rule for rule in rules if rule.get("TagFilters") == [tags] and rule.get("Status") == "Enabled"]
            if not any(
                rule.get("ExpirationInDays", 8) <= 7
                and rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") == 1
                for rule in ends
            ):
                yield f"{bucket} keeps what is in {folder} for more than a week"


def browsers_only_put_and_only_from_one_origin(stack: Stack) -> Iterator[str]:
    """The origin is a parameter's, and without it there is none."""
    if stack.template["Parameters"].get("ConsoleOrigin", {}).get("Default") != "":
        yield "ConsoleOrigin is not empty by default"
    for bucket, properties in stack.of_type("AWS::S3::Bucket").items():
        cors = properties.get("CorsConfiguration")
        if cors is None:
            continue
        condition, rules, otherwise = cors.get("Fn::If", [None, cors, None])
        if condition != "BrowsersUpload" or otherwise != {"Ref": "AWS::NoValue"}:
            yield f"{bucket} is open to browsers without ConsoleOrigin"
        for rule in rules.get("CorsRules", []):
            if rule.get("AllowedMethods") != ["PUT"] or rule.get("AllowedOrigins") != [{"Ref": "ConsoleOrigin"}]:
                yield f"{bucket} lets browsers do more than PUT from ConsoleOrigin"


def keys_rotate(stack: Stack) -> Iterator[str]:
    """Once a year, by KMS itself."""
    for key, properties in stack.of_type("AWS::KMS::Key").items():
        if properties.get("EnableKeyRotation") is not True:
            yield f"{key} does not rotate"
