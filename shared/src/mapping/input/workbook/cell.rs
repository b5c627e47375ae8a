//! What a cell holds, and its text.
//!
//! Text stays as it is. A number is a plain decimal (`number`), a date ISO 8601 (`moment`), a boolean `true` or `false`,
//! a percentage the number behind it (25 % is `0.25`). A formula is the value that it had when the workbook was saved.
//! An error value, and a formula without a value, have no text: they are their record's error.

use std::borrow::Cow;

use jiff::civil::DateTime;

use super::{
    moment::{Epoch, push_civil, push_elapsed, push_elapsed_days, push_serial},
    number::push_number,
    number_format::Shows,
};
use crate::mapping::{compile::ColumnUse, outcome::Reason};

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'v> {
    Empty,
    Text(Cow<'v, str>),
    Number(f64),
    /// A day number, with the time as its fraction.
    Serial(f64),
    /// Elapsed days.
    ElapsedDays(f64),
    /// Elapsed milliseconds.
    Elapsed(i64),
    Civil(DateTime),
    Boolean(bool),
    /// An error value, such as `#N/A`.
    Error(String),
    /// A formula that was never calculated.
    Uncalculated,
    /// Something else than its kind is: what that would be.
    Unreadable(&'static str),
}

/// Why a cell has no text; what it holds is not in it, since that may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub reason: Reason,
    pub detail: String,
}

impl Flaw {
    pub(super) fn new(reason: Reason, detail: String) -> Self {
        Self { reason, detail }
    }
}

impl<'v> Value<'v> {
    /// A number, as its format shows it.
    pub(super) fn shown(number: f64, shows: Shows) -> Self {
        match shows {
            Shows::Number => Self::Number(number),
            Shows::Moment => Self::Serial(number),
            Shows::Elapsed => Self::ElapsedDays(number),
        }
    }

    /// How much text it holds.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Text; without characters it is no value.
    pub(super) fn text(text: impl Into<Cow<'v, str>>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// Appends its text, as a column is used.
    pub(super) fn push(&self, used: ColumnUse, epoch: Epoch, out: &mut String) -> Result<(), Flaw> {
        match self {
            Self::Empty => {}
            Self::Text(text) => out.push_str(text),
            Self::Number(number) => push_number(*number, used.is_exact, out)?,
            Self::Serial(serial) => push_serial(*serial, epoch, used.has_time, out)?,
            Self::ElapsedDays(days) => push_elapsed_days(*days, out)?,
            Self::Elapsed(ms) => push_elapsed(*ms, out),
            Self::Civil(at) => push_civil(*at, used.has_time, out),
            Self::Boolean(is_true) => out.push_str(if *is_true { "true" } else { "false" }),
            Self::Error(error) => {
                let detail = format!("found the error value {error}, which its formula came to");
                return Err(Flaw::new(Reason::ErrorCell, detail));
            }
            Self::Uncalculated => {
                let detail =
                    "found a formula that was never calculated; open and save the workbook in a spreadsheet";
                return Err(Flaw::new(Reason::FormulaWithoutValue, detail.into()));
            }
            Self::Unreadable(what) => {
                let detail = format!("found a cell that is not {what}, as the workbook says it is");
                return Err(Flaw::new(Reason::UnreadableCell, detail));
            }
        }
        Ok(())
    }
}

/// Reads a date, or a date and time, of ISO 8601.
pub(super) fn civil(text: &str) -> Value<'static> {
    match text.trim_end_matches('Z').parse() {
        Ok(at) => Value::Civil(at),
        Err(_) => Value::Unreadable("a date of ISO 8601"),
    }
}
