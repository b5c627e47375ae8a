//! What values the schema takes: texts up to a length, numbers up to so many digits, dates, and words of a list.
//!
//! Source: Norwegian SAF-T Financial, schema 1.10, its simple types, Skatteetaten.

use jiff::{Timestamp, civil};

use crate::export::number::plain;

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// At most so many characters.
    Text(usize),
    /// Exactly so many characters: a code of a country or a currency.
    Code(usize),
    /// One of these.
    Word(&'static [&'static str]),
    /// At most so many digits, and so many of them behind the point.
    Number(usize, usize),
    /// Digits only.
    Whole,
    Year,
    Date,
    /// A date and a time of day.
    Moment,
    Boolean,
}

/// `SAFcodeType`.
pub(super) const CODE: Kind = Kind::Text(9);
/// `SAFshorttextType`.
pub(super) const SHORT: Kind = Kind::Text(18);
/// `SAFmiddle1textType`.
pub(super) const MIDDLE_1: Kind = Kind::Text(35);
/// `SAFmiddle2textType`.
pub(super) const MIDDLE_2: Kind = Kind::Text(70);
/// `SAFlongtextType`.
pub(super) const LONG: Kind = Kind::Text(256);
/// `xs:string`; a record is shorter than this.
pub(super) const ANY: Kind = Kind::Text(usize::MAX);
/// `SAFmonetaryType`.
pub(super) const MONEY: Kind = Kind::Number(18, 2);
/// `SAFexchangerateType`.
pub(super) const RATE: Kind = Kind::Number(18, 8);
/// `SAFquantityType`.
pub(super) const QUANTITY: Kind = Kind::Number(22, 6);
/// `xs:decimal`.
pub(super) const DECIMAL: Kind = Kind::Number(usize::MAX, usize::MAX);
/// `ISOCountryCode`.
pub(super) const COUNTRY: Kind = Kind::Code(2);
/// `ISOCurrencyCode`.
pub(super) const CURRENCY: Kind = Kind::Code(3);

impl Kind {
    /// Says what is wrong with a value.
    ///
    /// # Errors
    /// In words that go on after the value's name.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        let length = text.chars().count();
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (is_right, wanted) = match self {
            Self::Text(most) if length > most => {
                return Err(format!("has {length} characters, and SAF-T takes {most}: nothing is cut"));
            }
            Self::Text(_) => (true, String::new()),
            Self::Code(exactly) => (length == exactly, format!("a code of {exactly} letters")),
            Self::Word(words) => (words.contains(&text), words.join(" or ")),
            Self::Number(digits, decimals) => {
                let wanted = match digits {
                    usize::MAX => "a number without exponent".into(),
                    _ => format!("a number of at most {digits} digits, {decimals} of them decimals"),
                };
                (is_number(text, digits, decimals), wanted)
            }
            Self::Whole => (is_digits(text), "a whole number".into()),
            Self::Year => {
                let is_year = text.parse::<u16>().is_ok_and(|year| (1970..=2100).contains(&year));
                (is_year && is_digits(text), "a year from 1970 to 2100".into())
            }
            Self::Date => (is_date(text), "a date such as 2026-10-25".into()),
            Self::Moment => {
                let is_time = text.parse::<civil::DateTime>().is_ok() || text.parse::<Timestamp>().is_ok();
                let is_moment = is_time && text.get(10..11) == Some("T") && !text.contains('[');
                (is_moment, "a date and time such as 2026-10-25T06:30:00".into())
            }
            Self::Boolean => (matches!(text, "true" | "false"), "true or false".into()),
        };
        if is_right { Ok(()) } else { Err(format!("is not {wanted}, as SAF-T has it")) }
    }
}

/// Whether a text is a decimal with so few digits, zeros at its ends apart.
fn is_number(text: &str, digits: usize, decimals: usize) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0').len();
    let is_plain = plain(text).is_some_and(|plain| plain == text);
    is_plain && fraction <= decimals && whole.trim_start_matches('0').len().saturating_add(fraction) <= digits
}

fn is_date(text: &str) -> bool {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_plain && text.parse::<civil::Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_the_schema_takes() {
        let cases: [(Kind, &[&str], &[&str]); 11] = [
            (CODE, &["", "123456789", "ÆØÅÆØÅÆØÅ"], &["1234567890"]),
            (COUNTRY, &["NO"], &["N", "NOR", ""]),
            (Kind::Word(&["GL"]), &["GL"], &["gl", "", "GL "]),
            (
                MONEY,
                &["0", "-7.50", "123456789012345678", "1234567890123456.78", "7.5000", "0.01"],
                &[
                    "7.505",
                    "1234567890123456789",
                    "12345678901234567.89",
                    "7,5",
                    "1e3",
                    "+1",
                    "",
                    ".5",
                    "1 000",
                ],
            ),
            (RATE, &["8.12345678"], &["8.123456789"]),
            (QUANTITY, &["1234567890123456.123456"], &["1.1234567"]),
            (DECIMAL, &["25", "12.3456789012345678901234567890"], &["25%", "1e3"]),
            (Kind::Whole, &["0", "01", "13"], &["-1", "1.0", ""]),
            (Kind::Year, &["1970", "2100"], &["1969", "2101", "17", "+2017"]),
            (Kind::Date, &["2026-10-25"], &["2026-02-30", "25.10.2026", "2026-10-25T00:00:00", "20261025"]),
            (
                Kind::Moment,
                &["2026-10-25T06:30:00", "2026-10-25T06:30:00Z", "2026-10-25T06:30:00.5+01:00"],
                &["2026-10-25", "2026-10-25 06:30:00", "06:30:00"],
            ),
        ];
        for (kind, good, bad) in cases {
            good.iter().for_each(|text| assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}"));
            bad.iter().for_each(|text| assert!(kind.check(text).is_err(), "{kind:?} {text}"));
        }
    }
}
