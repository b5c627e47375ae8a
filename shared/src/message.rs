//! What goes over the queues: versioned hints that name a row. The row is the truth.

use serde::{Deserialize, Serialize};

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
}

impl DeliveryMessage {
    /// Says that a batch is to be sent.
    pub fn batch(account: &str, run: &str, first_ordinal: u64, part: u32) -> Self {
        Self::Batch { v: 1, account: account.into(), run: run.into(), first_ordinal, part }
    }

    /// The account whose work it is about.
    pub fn account(&self) -> &str {
        match self {
            Self::Batch { account, .. } => account,
        }
    }
}
