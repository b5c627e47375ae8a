//! The counts of a run, in a type that cannot break their sum.
//!
//! `read + missing = filtered + unchanged + written + errors + owed + not_sent`,
//! `written = created + updated + deleted` and `not_sent = would_create + would_update + would_delete`: `read`, `written` and
//! `not_sent` are not stored but follow from the other numbers, so no code path can make them disagree. What is read
//! from storage is checked.
//!
//! `not_sent` is 0 but in a run that sends nothing at all: one that only validates, or one with too many errors. Its
//! records were mapped and are in order; they are neither errors, which people would mend, nor filtered on purpose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a record that was owed to the target ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The target made a new record.
    Created,
    /// The target changed a record that it had.
    Updated,
    /// The target removed a record.
    Deleted,
    /// The target found nothing to change.
    Unchanged,
    /// The target refused the record, or it could not be delivered in time.
    Error,
    /// It was not sent, as the target's policy for files says.
    Filtered,
}

/// What became of a run's records, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "Written", try_from = "Written")]
#[schemars(with = "Written")]
pub struct Counts {
    missing: u64,
    filtered: u64,
    unchanged: u64,
    created: u64,
    updated: u64,
    deleted: u64,
    errors: u64,
    owed: u64,
    would_create: u64,
    would_update: u64,
    would_delete: u64,
}

/// Counts that would break the sum: the stored row is damaged, or something is settled twice.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountsError {
    /// More records were settled than are owed.
    #[error("settling {settled} records while only {owed} are owed")]
    NotOwed {
        /// Records that the caller settles.
        settled: u64,
        /// Records that are owed.
        owed: u64,
    },
    /// Stored counts that do not add up.
    #[error("counts do not add up: {0}")]
    Sum(String),
}

impl Counts {
    /// Counts one record that was read and left out by a filter.
    pub fn add_filtered(&mut self) {
        self.filtered += 1;
    }

    /// Counts one record that was read and is as the target already has it.
    pub fn add_unchanged(&mut self) {
        self.unchanged += 1;
    }

    /// Counts one record that was read and is in error.
    pub fn add_error(&mut self) {
        self.errors += 1;
    }

    /// Counts one record that was read and is owed to the target from now on.
    pub fn add_owed(&mut self) {
        self.owed += 1;
    }

    /// Counts one record that a complete read no longer had, and whose delete is owed to the target from now on.
    pub fn add_missing(&mut self) {
        self.missing += 1;
        self.owed += 1;
    }

    /// Counts one record that a complete read no longer had, and of which the target cannot be told.
    pub fn add_missing_error(&mut self) {
        self.missing += 1;
        self.errors += 1;
    }

    /// Counts one record that was read and would be made at the target, if the run sent anything.
    pub fn add_would_create(&mut self) {
        self.would_create += 1;
    }

    /// Counts one record that was read and would be changed at the target, if the run sent anything.
    pub fn add_would_update(&mut self) {
        self.would_update += 1;
    }

    /// Counts one record that a complete read no longer had, and that would be removed at the target, if the run sent
    /// anything.
    pub fn add_would_delete(&mut self) {
        self.missing += 1;
        self.would_delete += 1;
    }

    /// Moves `records` from owed to how they ended.
    ///
    /// # Errors
    /// When fewer are owed: nothing is changed then.
    pub fn settle(&mut self, how: Settled, records: u64) -> Result<(), CountsError> {
        let owed = self
            .owed
            .checked_sub(records)
            .ok_or(CountsError::NotOwed { settled: records, owed: self.owed })?;
        self.owed = owed;
        *match how {
            Settled::Created => &mut self.created,
            Settled::Updated => &mut self.updated,
            Settled::Deleted => &mut self.deleted,
            Settled::Unchanged => &mut self.unchanged,
            Settled::Error => &mut self.errors,
            Settled::Filtered => &mut self.filtered,
        } += records;
        Ok(())
    }

    /// Records read from the source.
    pub fn read(&self) -> u64 {
        self.filtered + self.unchanged + self.written() + self.errors + self.owed + self.not_sent()
            - self.missing
    }

    /// Records that are in order and that a run that sends nothing kept back.
    pub fn not_sent(&self) -> u64 {
        self.would_create + self.would_update + self.would_delete
    }

    /// Records in the state that a complete read no longer had.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Records that the report has a line for: those that were read, and those that were missing.
    pub fn reported(&self) -> u64 {
        self.read() + self.missing
    }

    /// Records that the target took: created, updated and deleted.
    pub fn written(&self) -> u64 {
        self.created + self.updated + self.deleted
    }

    /// Records left out by a filter.
    pub fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Records that the target already had as they are.
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// Records that the target created.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Records that the target updated.
    pub fn updated(&self) -> u64 {
        self.updated
    }

    /// Records that the target removed.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Records in error.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Records that the target still owes an answer for.
    pub fn owed(&self) -> u64 {
        self.owed
    }
}

/// Counts as they are stored and shown.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
struct Written {
    /// Records read from the source.
    read: u64,
    /// Records in the state that a complete read no longer had.
    missing: u64,
    /// Records left out by a filter, each with its reason.
    filtered: u64,
    /// Records that the target already had as they are.
    unchanged: u64,
    /// Records that the target took: created + updated + deleted.
    written: u64,
    /// Records created.
    created: u64,
    /// Records updated.
    updated: u64,
    /// Records deleted.
    deleted: u64,
    /// Records in error, each with its reason.
    errors: u64,
    /// Records that the target still owes an answer for; 0 once the run is final.
    owed: u64,
    /// Records that were mapped and not sent, since the run only validates or has too many errors: those that it would
    /// have created, updated or deleted. Left out where it is 0, as in every other run: rows of runs stay within 1 KB.
    #[serde(default, skip_serializing_if = "is_zero")]
    not_sent: u64,
    /// Of these, those that the target has not yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    would_create: u64,
    /// Of these, those of which the target has an older version.
    #[serde(default, skip_serializing_if = "is_zero")]
    would_update: u64,
    /// Of these, those in the state that a complete read no longer had.
    #[serde(default, skip_serializing_if = "is_zero")]
    would_delete: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Counts> for Written {
    fn from(c: Counts) -> Self {
        Self {
            read: c.read(),
            missing: c.missing,
            filtered: c.filtered,
            unchanged: c.unchanged,
            written: c.written(),
            created: c.created,
            updated: c.updated,
            deleted: c.deleted,
            errors: c.errors,
            owed: c.owed,
            not_sent: c.not_sent(),
            would_create: c.would_create,
            would_update: c.would_update,
            would_delete: c.would_delete,
        }
    }
}

impl TryFrom<Written> for Counts {
    type Error = CountsError;

    fn try_from(w: Written) -> Result<Self, CountsError> {
        let parts = [w.filtered, w.unchanged, w.created, w.updated, w.deleted, w.errors, w.owed, w.not_sent];
        let sum = parts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
        let written = w.created.checked_add(w.updated).and_then(|n| n.checked_add(w.deleted));
        let not_sent = w.would_create.checked_add(w.would_update).and_then(|n| n.checked_add(w.would_delete));
        let adds_up = written == Some(w.written) && not_sent == Some(w.not_sent);
        if sum.is_none() || sum != w.read.checked_add(w.missing) || !adds_up {
            return Err(CountsError::Sum(format!("{w:?}")));
        }
        Ok(Self {
            missing: w.missing,
            filtered: w.filtered,
            unchanged: w.unchanged,
            created: w.created,
            updated: w.updated,
            deleted: w.deleted,
            errors: w.errors,
            owed: w.owed,
            would_create: w.would_create,
            would_update: w.would_update,
            would_delete: w.would_delete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Filtered,
        Unchanged,
        Error,
        Owed,
        Missing,
        MissingError,
        WouldCreate,
        WouldUpdate,
        WouldDelete,
        Settle(Settled, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let settled = prop_oneof![
            Just(Settled::Created),
            Just(Settled::Updated),
            Just(Settled::Deleted),
            Just(Settled::Unchanged),
            Just(Settled::Error),
            Just(Settled::Filtered)
        ];
        prop_oneof![
            Just(Step::Filtered),
            Just(Step::Unchanged),
            Just(Step::Error),
            Just(Step::Owed),
            Just(Step::Missing),
            Just(Step::MissingError),
            Just(Step::WouldCreate),
            Just(Step::WouldUpdate),
            Just(Step::WouldDelete),
            (settled, 0..3u64).prop_map(|(how, n)| Step::Settle(how, n)),
        ]
    }

    proptest! {
        #[test]
        fn no_sequence_of_steps_breaks_the_sum(steps in prop::collection::vec(step(), 0..200)) {
            let mut counts = Counts::default();
            let (mut read, mut missing) = (0, 0);
            for step in steps {
                match step {
                    Step::Filtered => { counts.add_filtered(); read += 1 }
                    Step::Unchanged => { counts.add_unchanged(); read += 1 }
                    Step::Error => { counts.add_error(); read += 1 }
                    Step::Owed => { counts.add_owed(); read += 1 }
                    Step::Missing => { counts.add_missing(); missing += 1 }
                    Step::MissingError => { counts.add_missing_error(); missing += 1 }
                    Step::WouldCreate => { counts.add_would_create(); read += 1 }
                    Step::WouldUpdate => { counts.add_would_update(); read += 1 }
                    Step::WouldDelete => { counts.add_would_delete(); missing += 1 }
                    Step::Settle(how, n) => {
                        let before = counts;
                        if counts.settle(how, n).is_err() {
                            prop_assert!(before.owed() < n);
                            prop_assert_eq!(before, counts);
                        }
                    }
                }
                prop_assert_eq!((counts.read(), counts.missing()), (read, missing));
                prop_assert_eq!(counts.reported(), read + missing);
            }
            let text = serde_json::to_string(&counts).unwrap();
            prop_assert_eq!(serde_json::from_str::<Counts>(&text).unwrap(), counts);
        }
    }

    #[test]
    fn stored_counts_that_do_not_add_up_are_refused() {
        let good = serde_json::to_value(Counts { filtered: 1, created: 2, ..Counts::default() }).unwrap();
        for field in ["read", "written", "errors", "owed", "missing", "created", "not_sent", "would_create"] {
            let mut bad = good.clone();
            bad[field] = serde_json::json!(u64::MAX);
            assert!(serde_json::from_value::<Counts>(bad).is_err(), "{field}");
        }
    }
}
