//! Exact decimal numbers, from text to canonical text.
//!
//! Never a binary float: digits and scale go through as written. Canonical is an optional minus (not
//! before zero), no leading zeros beyond one, and the fraction with a point. No exponents, no
//! currency, no trailing sign: they are errors.

use super::{Exact, Unfit, take_sign};
use crate::mapping::outcome::Reason;

/// How many digits a number may have, leading zeros apart: what databases hold exactly.
const MAX_DIGITS: usize = 38;

/// How decimals are written.
#[derive(Clone, Copy, Debug)]
pub(in crate::mapping) struct DecimalFormat {
    mark: char,
    grouping: Option<char>,
}

impl DecimalFormat {
    /// Takes the decimal mark and what may stand between groups of three digits; None where these
    /// are not `,` or `.`, and a space, `.`, `,` or `'`, two different ones.
    pub fn new(mark: &str, grouping: Option<&str>) -> Option<Self> {
        let mark = one_of(mark, &[',', '.'])?;
        let grouping = match grouping {
            None => None,
            Some(text) => Some(one_of(text, &[' ', '.', ',', '\'']).filter(|group| *group != mark)?),
        };
        Some(Self { mark, grouping })
    }

    /// Appends the canonical number as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let (is_negative, unsigned) = take_sign(cell);
        let (whole, fraction) = match unsigned.bytes().position(|byte| char::from(byte) == self.mark) {
            Some(at) if at + 1 == unsigned.len() => return Err(self.unfit()),
            Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
            None if unsigned.is_empty() => return Err(self.unfit()),
            None => (unsigned, ""),
        };
        out.push('"');
        let sign_at = out.len();
        self.push_whole(whole, out)?;
        let whole_digits = out.len() - sign_at - usize::from(out[sign_at..] == *"0");
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.unfit());
        }
        if whole_digits + fraction.len() > MAX_DIGITS {
            return Err(too_long());
        }
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        if is_negative && out[sign_at..].bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
            out.insert(sign_at, '-');
        }
        out.push('"');
        Ok(())
    }

    /// Reads a number.
    pub(super) fn read(&self, cell: &str) -> Result<Exact, Unfit> {
        let mut token = String::new();
        self.convert(cell, &mut token)?;
        Exact::canonical(token.trim_matches('"')).ok_or_else(too_long)
    }

    /// Appends the whole part without grouping and leading zeros, and `0` for nothing.
    fn push_whole(&self, whole: &str, out: &mut String) -> Result<(), Unfit> {
        if whole.bytes().all(|byte| byte.is_ascii_digit()) {
            let digits = whole.trim_start_matches('0');
            out.push_str(if digits.is_empty() { "0" } else { digits });
            return Ok(());
        }
        let start = out.len();
        let mut since_group = None;
        let mut seen = 0;
        for character in whole.chars() {
            if character.is_ascii_digit() {
                seen += 1;
                since_group = since_group.map(|count: usize| count + 1);
                if character != '0' || out.len() > start {
                    out.push(character);
                }
            } else if self.is_grouping(character)
                && (since_group == Some(3) || since_group.is_none() && (1..=3).contains(&seen))
            {
                since_group = Some(0);
            } else {
                return Err(self.unfit());
            }
        }
        if since_group.is_some_and(|count| count != 3) {
            return Err(self.unfit());
        }
        if out.len() == start {
            out.push('0');
        }
        Ok(())
    }

    fn is_grouping(&self, character: char) -> bool {
        // Spreadsheets group by (narrow) no-break spaces where people see a space.
        self.grouping.is_some_and(|group| {
            group == character || group == ' ' && matches!(character, '\u{a0}' | '\u{202f}')
        })
    }

    fn unfit(&self) -> Unfit {
        let groups = match self.grouping {
            Some(group) => format!(" and {group:?} between groups of three digits"),
            None => String::new(),
        };
        let expected = format!("a number with {:?} as its decimal mark{groups}", self.mark);
        Unfit { reason: Reason::NotADecimal, expected }
    }
}

fn too_long() -> Unfit {
    Unfit { reason: Reason::OutOfRange, expected: format!("a number of at most {MAX_DIGITS} digits") }
}

fn one_of(text: &str, allowed: &[char]) -> Option<char> {
    let mut characters = text.chars();
    let first = characters.next().filter(|first| allowed.contains(first))?;
    characters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn convert(mark: &str, grouping: Option<&str>, cell: &str) -> Result<String, Reason> {
        let mut out = String::new();
        let format = DecimalFormat::new(mark, grouping).unwrap();
        format.convert(cell, &mut out).map_err(|unfit| unfit.reason)?;
        Ok(out.trim_matches('"').to_owned())
    }

    #[test]
    fn numbers_keep_their_digits_and_scale() {
        use Reason::{NotADecimal, OutOfRange};
        let nines = "9".repeat(38);
        let cases = [
            (",", None, "7,50", Ok("7.50")),
            (",", None, "-0,00", Ok("0.00")),
            (",", None, "\u{2212}1,5", Ok("-1.5")),
            (",", None, "+1,5", Ok("1.5")),
            (",", None, "007,5", Ok("7.5")),
            (",", None, ",5", Ok("0.5")),
            (",", None, "0", Ok("0")),
            (",", None, "12345678901234567890,10", Ok("12345678901234567890.10")),
            (",", None, &nines, Ok(&nines)),
            (",", None, &format!("0,{nines}"), Ok(&format!("0.{nines}"))),
            (",", None, &format!("000{nines}"), Ok(&nines)),
            (",", None, &format!("{nines},1"), Err(OutOfRange)),
            (",", None, &format!("1{nines}"), Err(OutOfRange)),
            (",", None, "7,", Err(NotADecimal)),
            (",", None, ",", Err(NotADecimal)),
            (",", None, "-", Err(NotADecimal)),
            (",", None, "7.50", Err(NotADecimal)),
            (",", None, "1,2,3", Err(NotADecimal)),
            (",", None, "1e3", Err(NotADecimal)),
            (",", None, "7,50-", Err(NotADecimal)),
            (",", None, "kr 7", Err(NotADecimal)),
            (",", None, "NaN", Err(NotADecimal)),
            (",", None, "1 234,50", Err(NotADecimal)),
            (".", None, "1,234.50", Err(NotADecimal)),
            (".", Some(","), "1,234.50", Ok("1234.50")),
            (",", Some("."), "1.234.567,8", Ok("1234567.8")),
            (",", Some("."), "1.5", Err(NotADecimal)),
            (",", Some("."), "1234.567", Err(NotADecimal)),
            (",", Some("."), "1.234567", Err(NotADecimal)),
            (",", Some("."), ".123", Err(NotADecimal)),
            (",", Some("."), "1..234", Err(NotADecimal)),
            (",", Some("."), "1.234.", Err(NotADecimal)),
            (",", Some(" "), "1 234,50", Ok("1234.50")),
            (",", Some(" "), "-1\u{a0}234\u{202f}567,50", Ok("-1234567.50")),
            (",", Some(" "), "1234,50", Ok("1234.50")),
            (".", Some("'"), "1'000.05", Ok("1000.05")),
        ];
        for (mark, grouping, cell, expected) in cases {
            assert_eq!(convert(mark, grouping, cell), expected.map(str::to_owned), "{cell} {grouping:?}");
        }
    }

    #[test]
    fn formats_must_be_unambiguous() {
        for (mark, grouping) in
            [("", None), (";", None), (",.", None), (",", Some(",")), (",", Some("")), (",", Some("x"))]
        {
            assert!(DecimalFormat::new(mark, grouping).is_none(), "{mark:?} {grouping:?}");
        }
    }

    proptest! {
        #[test]
        fn no_digit_is_lost(minus: bool, whole in "0|[1-9][0-9]{0,18}", fraction in "[0-9]{0,19}", group: bool) {
            let mut grouped = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if group && at > 0 && (whole.len() - at) % 3 == 0 {
                    grouped.push('\u{a0}');
                }
                grouped.push(digit);
            }
            let sign = if minus { "-" } else { "" };
            let (mark, point) = if fraction.is_empty() { ("", "") } else { (",", ".") };
            let canonical = format!("{whole}{point}{fraction}");
            let sign_kept = if canonical.trim_matches(['0', '.']).is_empty() { "" } else { sign };
            let cell = format!("{sign}{grouped}{mark}{fraction}");
            prop_assert_eq!(convert(",", Some(" "), &cell).unwrap(), format!("{sign_kept}{canonical}"));
        }

        #[test]
        fn what_is_accepted_is_a_number(cell in ".{0,12}|[-+0-9., \u{a0}']{0,12}", point: bool) {
            let (mark, grouping) = if point { (".", Some(",")) } else { (",", Some(".")) };
            if let Ok(number) = convert(mark, grouping, &cell) {
                prop_assert!(serde_json::from_str::<f64>(&number).is_ok(), "{:?} became {}", cell, number);
            }
        }
    }
}
