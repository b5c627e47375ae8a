//! Which instant a local time is, where the clocks change too.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// One time at which a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The instant.
    pub at: Timestamp,
    /// What a change of the clocks did to it, if anything.
    pub shift: Option<Shift>,
}

/// What a change of the clocks did to a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// The clock skips this time: it runs at the first instant after the gap.
    AfterGap,
    /// The clock shows this time twice: it runs at the first.
    FirstOfTwo,
}

impl Occurrence {
    /// Finds the instant of a local time; `None` where it lies outside what can be represented.
    pub(super) fn of(wall: DateTime, zone: &TimeZone) -> Option<Self> {
        let ambiguous = zone.to_ambiguous_zoned(wall);
        Some(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Self { at: ambiguous.compatible().ok()?.timestamp(), shift: None }
            }
            AmbiguousOffset::Fold { .. } => {
                Self { at: ambiguous.earlier().ok()?.timestamp(), shift: Some(Shift::FirstOfTwo) }
            }
            AmbiguousOffset::Gap { .. } => {
                // Read with the offset after the gap, the time falls before the change; the change
                // itself is the next transition from there.
                let before = ambiguous.earlier().ok()?.timestamp();
                let change = zone.following(before).next()?.timestamp();
                Self { at: change, shift: Some(Shift::AfterGap) }
            }
        })
    }
}
