//! Numbers of files that no file has: whom the partner asks for the missing one finds it here.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OpenBatch, OutputResult};

/// Most of them that a target's push row keeps: it is written often, and pays by its size.
const MOST_KEPT: usize = 50;

/// A number of which no file is on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoidNumber {
    /// The number.
    pub number: u64,
    /// Why.
    pub reason: VoidReason,
    /// The run whose report has it, if it has one, or that gave the number.
    pub run: String,
    /// When it became void.
    pub at: Timestamp,
}

/// Why a number has no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// A person decided that its file is not sent.
    Discarded,
    /// None of its records fit the target's format.
    Nothing,
    /// The folder had a file of its name, and the target's policy is `ignore`.
    Exists,
    /// Nothing was left in the buffer when its file was to be made.
    Empty,
}

impl VoidReason {
    /// Why a file that ended so leaves its number void, if it does.
    pub fn of(result: OutputResult) -> Option<Self> {
        match result {
            OutputResult::Written => None,
            OutputResult::Discarded => Some(Self::Discarded),
            OutputResult::Nothing => Some(Self::Nothing),
            OutputResult::Exists => Some(Self::Exists),
        }
    }
}

/// The void numbers, newest first, once this batch's is one of them.
pub fn void_numbers_with(
    before: &[VoidNumber],
    batch: &OpenBatch,
    reason: VoidReason,
    run: &str,
    at: Timestamp,
) -> Vec<VoidNumber> {
    let void = VoidNumber { number: batch.number, reason, run: run.into(), at };
    std::iter::once(void).chain(before.iter().cloned()).take(MOST_KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let mut void = Vec::new();
        for number in 1..=60 {
            let batch = serde_json::json!({ "id": "exp_1", "run": "run_0", "number": number, "opened_at": 0,
                "phase": "frozen" });
            let batch: OpenBatch = serde_json::from_value(batch).unwrap();
            void = void_numbers_with(&void, &batch, VoidReason::Nothing, "run_1", Timestamp::UNIX_EPOCH);
        }
        let numbers: Vec<u64> = void.iter().map(|void| void.number).collect();
        assert_eq!(numbers, (11..=60).rev().collect::<Vec<_>>());
    }
}
