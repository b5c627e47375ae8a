//! Whether a target is sent to: its breaker, and what people and the target itself have said.
//!
//! A target's gate is a row beside its settings. While it is shut, what is owed waits as rows, without spending
//! attempts; opening it rewrites none of them. Decisions only: `aws::gates` writes them down.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a target is sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// It is.
    #[default]
    Active,
    /// Its breaker is open: it failed time after time. One delivery at a time probes it.
    Failing,
    /// A person has paused it.
    Paused,
    /// It has answered 410: it wants nothing more until a person resumes it.
    Disabled,
}

/// A target's gate. A target without a row is active.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Whether it is sent to.
    #[serde(default)]
    pub gate_state: GateState,
    /// Counts its changes: a probe is let through only by the state that sent it.
    #[serde(default)]
    pub epoch: u64,
    /// Failures one after another.
    #[serde(default)]
    pub failures: u32,
    /// Probes since its breaker opened.
    #[serde(default)]
    pub probes: u32,
    /// Since when it is in this state, milliseconds since 1970.
    #[serde(default)]
    pub since: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether what has waited goes first: what is new waits behind it.
    #[serde(default)]
    pub draining: bool,
    /// When something was last made to wait for it, milliseconds since 1970.
    #[serde(default)]
    pub held_at: i64,
    /// When its backlog or its breaker is looked at next, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
}

/// The status by which a target says that it wants nothing more.
///
/// Source: the Standard Webhooks specification, "Disabling endpoints".
pub const GONE: u16 = 410;

/// Failures one after another that open a breaker.
pub const OPENS_AT: u32 = 10;

/// Why a delivery is let through, or comes at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// It is new, or its next attempt is due.
    ByItself,
    /// It was let out of a backlog.
    Released,
    /// It finds out whether the target is back, for the gate's state with this epoch.
    Probe(u64),
}

impl Gate {
    /// Says whether a delivery may go to the target now.
    pub fn admits(&self, coming: Coming) -> bool {
        match (self.gate_state, coming) {
            (GateState::Active, Coming::ByItself) => !self.draining,
            (GateState::Active, _) => true,
            (GateState::Failing, Coming::Probe(epoch)) => epoch == self.epoch,
            (GateState::Failing, _) => false,
            (GateState::Paused | GateState::Disabled, _) => false,
        }
    }
}

/// Says whether an answer means that the target itself is in trouble. A refusal of one payload does not; neither does
/// it that the target wants nothing more.
pub fn is_trouble(status: Option<u16>) -> bool {
    match status {
        None => true,
        Some(status) => status >= 500 || status == 429,
    }
}

/// How long to wait before the `n`th probe, from 0: a minute, doubled up to 16.
pub fn probe_wait(n: u32) -> SignedDuration {
    SignedDuration::from_mins(2i64.pow(n.min(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shut_gate_lets_only_its_own_probe_through() {
        use Coming::{ByItself, Probe, Released};
        let gate = |gate_state, draining| Gate { gate_state, draining, epoch: 3, ..Gate::default() };
        for (gate, coming, admitted) in [
            (gate(GateState::Active, false), ByItself, true),
            (gate(GateState::Active, true), ByItself, false),
            (gate(GateState::Active, true), Released, true),
            (gate(GateState::Active, false), Probe(2), true),
            (gate(GateState::Failing, false), ByItself, false),
            (gate(GateState::Failing, false), Released, false),
            (gate(GateState::Failing, false), Probe(3), true),
            (gate(GateState::Failing, false), Probe(2), false),
            (gate(GateState::Paused, false), Probe(3), false),
            (gate(GateState::Disabled, false), Released, false),
        ] {
            assert_eq!(gate.admits(coming), admitted, "{gate:?} {coming:?}");
        }
    }

    #[test]
    fn a_refusal_of_one_payload_is_no_trouble_of_the_target() {
        for status in [None, Some(500), Some(503), Some(429)] {
            assert!(is_trouble(status), "{status:?}");
        }
        for status in [Some(200), Some(302), Some(400), Some(404), Some(410), Some(422)] {
            assert!(!is_trouble(status), "{status:?}");
        }
    }

    #[test]
    fn probes_come_at_longer_and_longer_intervals() {
        let minutes: Vec<_> = (0..7).map(|n| probe_wait(n).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 16, 16]);
    }
}
