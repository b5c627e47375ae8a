//! The cursor of a connection whose files have changes only: what was changed well before what the target took last, and
//! comes again, is not sent again.
//!
//! It never hides what the target does not have: only a record whose key the target has, and is known to have as it was
//! sent, is filtered. One that failed, or never came, is sent however old it is.

use std::{borrow::Cow, collections::HashMap};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::value::RawValue;
use shared::{change::State, connection::Connection, run::Run};

/// Where records begin to be read.
pub(super) struct Boundary {
    column: String,
    /// The cursor less the lookback, which is read still; none where there is no cursor yet, or files are taken again.
    from: Option<Timestamp>,
}

impl Boundary {
    /// What the connection and its state say for this run.
    pub(super) fn of_run(run: &Run, connection: &Connection, state: &State) -> Option<Self> {
        let side = connection.cursor.as_ref()?;
        let cursor = state.cursor().filter(|cursor| cursor.column == side.column && run.rerun_of.is_none());
        let from = cursor.map(|cursor| cursor.at.saturating_sub(side.lookback).unwrap_or(Timestamp::MIN));
        Some(Self { column: side.column.clone(), from })
    }

    /// What a record has in the column; none where that is empty.
    pub(super) fn of(&self, data: &str) -> Option<Timestamp> {
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(data).ok()?;
        let text: Cow<'_, str> = serde_json::from_str(members.get(self.column.as_str())?.get()).ok()?;
        let of_date = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
        text.parse().ok().or_else(of_date)
    }

    /// Says in words why a record is not read, where it is not.
    pub(super) fn is_before(&self, at: Option<Timestamp>) -> Option<String> {
        let (at, from) = (at?, self.from?);
        (at < from)
            .then(|| format!("{} is {at}; the target has it, and records are read from {from}", self.column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_itself_is_read_and_what_has_no_time_too() {
        let from = "2026-10-25T01:00:00Z".parse().unwrap();
        let boundary = Boundary { column: "changed \"at\"".into(), from: Some(from) };
        for (value, is_read) in [
            ("\"2026-10-25T01:00:00Z\"", true),
            ("\"2026-10-25T00:59:59.999999999Z\"", false),
            ("\"2026-10-25T02:59:59+02:00\"", false),
            ("\"2026-10-26\"", true),
            ("\"2026-10-25\"", false),
            ("null", true),
            ("7", true),
        ] {
            let data = format!("{{\"id\":1,\"changed \\\"at\\\"\":{value}}}");
            assert_eq!(boundary.is_before(boundary.of(&data)).is_none(), is_read, "{data}");
        }
        let first = Boundary { column: "c".into(), from: None };
        assert_eq!(first.is_before(Some(Timestamp::MIN)), None, "there is no cursor yet");
    }
}
