//! Turns one cell's text into one JSON token, per column type.
//!
//! A cell either fits its type exactly as the mapping states it or is [`Unfit`]. Empty cells,
//! defaults and `values` are settled before (in `map`); converters never see an empty cell.

mod boolean;
mod decimal;
mod duration;
mod exact;
mod identifier;
mod integer;
mod moved;
mod number;
mod offsets;
mod ordered;
mod pattern;
mod rfc3339;
mod span;
mod time;
mod timestamp;

pub(super) use boolean::BooleanFormat;
pub(super) use decimal::DecimalFormat;
pub(super) use duration::DurationFormat;
pub(super) use exact::Exact;
pub(super) use moved::{Move, MovedDate, MovedTimestamp};
pub(super) use number::{NumberFormat, Operation};
pub(super) use ordered::Ordered;
pub(super) use pattern::Pattern;
pub(super) use span::{SpanCells, SpanFormat};
pub(super) use timestamp::{LocalZone, TimestampFormat};

use super::json::push_string;
use super::outcome::Reason;

/// A column's type with what the mapping states about it, resolved.
#[derive(Clone, Debug)]
pub(super) enum CellFormat {
    Text,
    Integer,
    Decimal(DecimalFormat),
    Date(Pattern),
    Timestamp(TimestampFormat),
    Boolean(BooleanFormat),
    Identifier,
    Time(Pattern),
    /// A decimal of which more is stated than mark and grouping.
    Number(Box<NumberFormat>),
    /// A date to which something is done.
    MovedDate(Box<MovedDate>),
    /// A timestamp to which something is done.
    MovedTimestamp(Box<MovedTimestamp>),
    Duration(DurationFormat),
    /// A duration between two times, which no one cell has.
    Span,
}

/// Why a cell does not fit, and what would.
#[derive(Debug, PartialEq)]
pub(super) struct Unfit {
    pub reason: Reason,
    pub expected: String,
}

impl CellFormat {
    /// Returns the part of a cell that counts: text is kept exactly, all else loses outer spaces.
    pub fn trim<'c>(&self, cell: &'c str) -> &'c str {
        match self {
            Self::Text => cell,
            Self::Identifier => identifier::or_nothing(cell),
            _ => trim_spaces(cell),
        }
    }

    /// Appends the JSON token of a trimmed cell that is not empty. `out` may hold part of a token on error.
    pub fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        match self {
            Self::Text => {
                push_string(out, cell);
                Ok(())
            }
            Self::Integer => integer::convert(cell, out),
            Self::Decimal(format) => format.convert(cell, out),
            Self::Date(pattern) => timestamp::convert_date(pattern, cell, out),
            Self::Timestamp(format) => format.convert(cell, out),
            Self::Boolean(format) => format.convert(cell, out),
            Self::Identifier => identifier::convert(cell, out),
            Self::Time(pattern) => time::convert(pattern, cell, out),
            Self::Number(format) => format.convert(cell, out),
            Self::MovedDate(moved) => moved.convert(cell, out),
            Self::MovedTimestamp(moved) => moved.convert(cell, out),
            Self::Duration(format) => format.convert(cell, out),
            Self::Span => Err(Unfit { reason: Reason::NotADuration, expected: "a start and an end".into() }),
        }
    }
}

/// Takes off outer spaces and no-break spaces, which spreadsheets leave around numbers.
pub(super) fn trim_spaces(cell: &str) -> &str {
    // Most begin and end with a letter or a digit.
    if let [first, .., last] | [first @ last] = cell.as_bytes()
        && (b'!'..=b'~').contains(first)
        && (b'!'..=b'~').contains(last)
    {
        return cell;
    }
    cell.trim_matches([' ', '\u{a0}'])
}

/// Takes a sign off: true for minus, also as the U+2212 that Nordic locales write.
fn take_sign(cell: &str) -> (bool, &str) {
    match cell.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, cell.strip_prefix('+').unwrap_or(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_and_all_else_trimmed() {
        assert_eq!(CellFormat::Text.trim(" \u{a0}x "), " \u{a0}x ");
        assert_eq!(CellFormat::Integer.trim(" \u{a0}5\u{a0} "), "5");
        let mut out = String::new();
        CellFormat::Text.convert(" 0042 ", &mut out).unwrap();
        assert_eq!(out, "\" 0042 \"");
    }
}
