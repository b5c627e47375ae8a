//! What goes over the queues: versioned hints that name a row. The row is the truth. One kind is more than a hint:
//! a notification that was posted is the message itself until its first claim makes a row of it.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{BatchName, DeliveryName},
    notification::Posted,
};

/// A message of the queue `pulls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PullMessage {
    /// A run has work: start it, go on with it, or see whether it can close.
    Run {
        /// Version of this form.
        v: u8,
        /// Account of the run.
        account: String,
        /// Id of the run.
        run: String,
    },
}

impl PullMessage {
    /// Says that a run has work.
    pub fn run(account: &str, run: &str) -> Self {
        Self::Run { v: 1, account: account.into(), run: run.into() }
    }

    /// The account whose work it is about.
    pub fn account(&self) -> &str {
        match self {
            Self::Run { account, .. } => account,
        }
    }
}

/// A message of the queue `pushes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PushMessage {
    /// A target's buffer is to be flushed, or its open batch to be gone on with.
    Flush {
        /// Version of this form.
        v: u8,
        /// Account of the target.
        account: String,
        /// Id of the target server.
        target_server: String,
    },
    /// An SFTP server is to be tried, for a person who waits for what is found. Losing this loses the answer only.
    Try {
        /// Version of this form.
        v: u8,
        /// Account of the target.
        account: String,
        /// Id of the target server.
        target_server: String,
        /// Id of the try.
        id: String,
    },
}

impl PushMessage {
    /// Says that a target has something to be pushed.
    pub fn flush(account: &str, target_server: &str) -> Self {
        Self::Flush { v: 1, account: account.into(), target_server: target_server.into() }
    }

    /// The account whose work it is about.
    pub fn account(&self) -> &str {
        match self {
            Self::Flush { account, .. } | Self::Try { account, .. } => account,
        }
    }
}

/// A message of the queue `deliveries`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeliveryMessage {
    /// A batch of a run is to be sent.
    Batch {
        /// Version of this form.
        v: u8,
        /// Account of the run.
        account: String,
        /// Id of the run.
        run: String,
        /// Ordinal of the batch's first record.
        first_ordinal: u64,
        /// 0 for a batch as it was read; counts up where a target's answer split it.
        part: u32,
    },
    /// A notification was accepted and is owed to the target of a connection.
    Posted(Box<Posted>),
    /// A notification that is kept as itself is to be handed out to the connections that want it.
    Route {
        /// Version of this form.
        v: u8,
        /// Account of the notification.
        account: String,
        /// Id of the notification.
        notification: String,
    },
    /// What waits for a target is to be looked at: its limits have left no room, or its breaker is open.
    Target {
        /// Version of this form.
        v: u8,
        /// Account of the target.
        account: String,
        /// Id of the target server.
        target_server: String,
    },
    /// A notification's delivery, which has a row, is to be sent.
    Notification {
        /// Version of this form.
        v: u8,
        /// Account of the notification.
        account: String,
        /// Id of the notification.
        notification: String,
        /// The connection that takes it.
        connection: String,
        /// Set where it comes out of what has waited for its target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        let_out: Option<LetOut>,
    },
}

/// How a delivery comes out of what has waited for its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetOut {
    /// In its turn.
    InTurn,
    /// To find out whether the target is back, for its gate's state with this epoch.
    Probe(u64),
}

impl DeliveryMessage {
    /// Says that a delivery is to be sent.
    pub fn of(account: &str, name: &DeliveryName) -> Self {
        match name {
            DeliveryName::Batch(BatchName { run, first_ordinal, part }) => {
                Self::batch(account, run, *first_ordinal, *part)
            }
            DeliveryName::Notification(name) => Self::Notification {
                v: 1,
                account: account.into(),
                notification: name.notification.clone(),
                connection: name.connection.clone(),
                let_out: None,
            },
        }
    }

    /// Says that a batch is to be sent.
    pub fn batch(account: &str, run: &str, first_ordinal: u64, part: u32) -> Self {
        Self::Batch { v: 1, account: account.into(), run: run.into(), first_ordinal, part }
    }

    /// Says that a kept notification is to be handed out.
    pub fn route(account: &str, notification: &str) -> Self {
        Self::Route { v: 1, account: account.into(), notification: notification.into() }
    }

    /// Says that what waits for a target is to be looked at.
    pub fn target(account: &str, target_server: &str) -> Self {
        Self::Target { v: 1, account: account.into(), target_server: target_server.into() }
    }

    /// The account whose work it is about.
    pub fn account(&self) -> &str {
        match self {
            Self::Batch { account, .. }
            | Self::Notification { account, .. }
            | Self::Route { account, .. }
            | Self::Target { account, .. } => account,
            Self::Posted(posted) => &posted.account,
        }
    }
}
