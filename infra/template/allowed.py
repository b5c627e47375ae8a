"""What the rules let pass, each with its reason. Anything else is a breach."""

# Managed policies: (role, policy's name).
MANAGED_POLICIES = {
    ("SftpPullRole", "AWSLambdaENIManagementAccess"): "Lambda makes the network interfaces of a VPC's functions "
    "under the function's role, and names them only then; attached under Egress=nat alone",
    ("SftpPushRole", "AWSLambdaENIManagementAccess"): "as of SftpPullRole",
    ("DeliverRole", "AWSLambdaENIManagementAccess"): "as of SftpPullRole",
}

# Roles' actions or resources with a bare `*`: (role, Sid). None is needed today.
WILDCARDS: dict[tuple[str, str], str] = {}

# Queues that are read and have no dead-letter queue of their own: (queue, its only reader).
ENDS = {
    ("PullsDeadLetters", "DeadLetter"): "the last queue there is: it keeps for 14 days what its reader cannot "
    "handle, and the reader saves each message in the bucket before it looks into it",
    ("DeliveriesDeadLetters", "DeadLetter"): "as of PullsDeadLetters",
    ("PushesDeadLetters", "DeadLetter"): "as of PullsDeadLetters",
}

# Functions whose URL anyone may call.
OPEN_URLS = {
    "Intake": "clients have no AWS credentials; it verifies each request by its source's scheme before it does "
    "anything with it",
}

# Functions whose routes have the stage's default throttle.
DEFAULT_THROTTLE = {
    "Intake": "the default is made for it: its routes are there under IntakeFront=HttpApi alone, and a stage cannot "
    "name a route that is not there",
}

# Variables that a library reads, not config.rs.
LIBRARIES = {
    "RUST_LOG": "read by lambda_runtime's log subscriber",
}
