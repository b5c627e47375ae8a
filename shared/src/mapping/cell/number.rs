//! Decimals of which more is stated: how they are signed, what stands beside them, arithmetic, and decimals that go out.
//!
//! A number is read by the same rules as a plain decimal once sign and texts beside it are taken off.

use super::exact::Impossible;
use super::{DecimalFormat, Exact, Unfit, trim_spaces};
use crate::mapping::document::{Rounding, SignStyle};
use crate::mapping::outcome::Reason;

/// How numbers are written, and what is done to them.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct NumberFormat {
    pub decimal: DecimalFormat,
    pub sign: SignStyle,
    /// The longest first.
    pub prefixes: Vec<String>,
    /// The longest first.
    pub suffixes: Vec<String>,
    pub operations: Vec<Operation>,
    pub scale: Option<u32>,
    pub round: Option<Rounding>,
}

/// What is done to a number.
#[derive(Clone, Copy, Debug)]
pub(in crate::mapping) enum Operation {
    Add(Exact),
    Subtract(Exact),
    Multiply(Exact),
    Divide { by: Exact, scale: u32, round: Option<Rounding> },
}

impl NumberFormat {
    /// Appends the canonical number as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let mut number = self.read(cell)?;
        for operation in &self.operations {
            number = operation.apply(number)?;
        }
        if let Some(scale) = self.scale {
            number = number.rescaled(scale, self.round).map_err(|why| unfit(why, scale))?;
        }
        out.push('"');
        number.push(out);
        out.push('"');
        Ok(())
    }

    /// Reads a number, to which nothing is done.
    pub(super) fn read(&self, cell: &str) -> Result<Exact, Unfit> {
        let (is_negative, bare) = self.unsigned(cell).ok_or_else(|| self.unfit())?;
        let number = self.decimal.read(bare)?;
        Ok(if is_negative { number.negated() } else { number })
    }

    /// Takes off the sign and what stands beside the number, which can be within or outside of the sign.
    fn unsigned<'c>(&self, cell: &'c str) -> Option<(bool, &'c str)> {
        if self.sign == SignStyle::Leading {
            let outside = self.without_affixes(cell);
            // A sign may stand before a prefix, as in `-kr 7,50`.
            let (is_negative, rest) = super::take_sign(outside);
            if rest.len() == outside.len() {
                return Some((false, outside));
            }
            let bare =
                if outside.len() == cell.len() { self.without_affixes(trim_spaces(rest)) } else { rest };
            return (!has_sign(bare)).then_some((is_negative, bare));
        }
        let outside = self.without_affixes(cell);
        let (is_negative, within) = match self.sign {
            SignStyle::Leading => (false, outside),
            SignStyle::Trailing => match outside.strip_suffix(['-', '\u{2212}']) {
                Some(rest) => (true, rest),
                None => (false, outside.strip_suffix('+').unwrap_or(outside)),
            },
            SignStyle::Parentheses => match outside.strip_prefix('(') {
                Some(rest) => (true, rest.strip_suffix(')')?),
                None => (false, outside),
            },
            SignStyle::CrNegative | SignStyle::DrNegative => {
                let (rest, mark) = outside.split_at_checked(outside.len().checked_sub(2)?)?;
                let is_credit = mark.eq_ignore_ascii_case("CR");
                if !is_credit && !mark.eq_ignore_ascii_case("DR") {
                    return None;
                }
                (is_credit == (self.sign == SignStyle::CrNegative), rest)
            }
        };
        let within = trim_spaces(within);
        let bare = if outside.len() == cell.len() { self.without_affixes(within) } else { within };
        (!has_sign(bare)).then_some((is_negative, bare))
    }

    fn without_affixes<'c>(&self, cell: &'c str) -> &'c str {
        let rest = self.prefixes.iter().find_map(|prefix| cell.strip_prefix(prefix.as_str())).unwrap_or(cell);
        let rest = self.suffixes.iter().find_map(|suffix| rest.strip_suffix(suffix.as_str())).unwrap_or(rest);
        trim_spaces(rest)
    }

    fn unfit(&self) -> Unfit {
        let sign = match self.sign {
            SignStyle::Leading => "its sign before it",
            SignStyle::Trailing => "its sign behind it",
            SignStyle::Parentheses => "parentheses around it where it is negative",
            SignStyle::CrNegative | SignStyle::DrNegative => "CR or DR behind it",
        };
        Unfit { reason: Reason::NotADecimal, expected: format!("a number with {sign}") }
    }
}

impl Operation {
    fn apply(self, number: Exact) -> Result<Exact, Unfit> {
        match self {
            Self::Add(other) => number.add(other).map_err(|why| unfit(why, 0)),
            Self::Subtract(other) => number.add(other.negated()).map_err(|why| unfit(why, 0)),
            Self::Multiply(by) => number.multiply(by).map_err(|why| unfit(why, 0)),
            Self::Divide { by, scale, round } => {
                number.divide(by, scale, round).map_err(|why| unfit(why, scale))
            }
        }
    }
}

fn has_sign(text: &str) -> bool {
    text.starts_with(['-', '+', '\u{2212}'])
}

fn unfit(why: Impossible, scale: u32) -> Unfit {
    match why {
        Impossible::Large => {
            let expected = format!("a number that comes to at most {} digits", Exact::MOST_DIGITS);
            Unfit { reason: Reason::OutOfRange, expected }
        }
        Impossible::Inexact => {
            let expected =
                format!("a number that comes to at most {scale} decimals, or `round` in the mapping");
            Unfit { reason: Reason::Inexact, expected }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(sign: SignStyle) -> NumberFormat {
        NumberFormat {
            decimal: DecimalFormat::new(",", Some(" ")).unwrap(),
            sign,
            prefixes: vec!["NOK".into(), "kr".into()],
            suffixes: vec!["NOK".into(), "kr".into(), "%".into()],
            operations: Vec::new(),
            scale: None,
            round: None,
        }
    }

    fn convert(format: &NumberFormat, cell: &str) -> Result<String, Reason> {
        let mut out = String::new();
        format.convert(cell, &mut out).map_err(|unfit| unfit.reason)?;
        Ok(out.trim_matches('"').to_owned())
    }

    #[test]
    fn signs_are_where_they_are_stated() {
        use Reason::NotADecimal;
        use SignStyle::{CrNegative, DrNegative, Leading, Parentheses, Trailing};
        let cases = [
            (Leading, "-7,50", Ok("-7.50")),
            (Leading, "kr 1 234,50", Ok("1234.50")),
            (Leading, "-kr 7,50", Ok("-7.50")),
            (Leading, "kr -7,50", Ok("-7.50")),
            (Leading, "-7,50 kr", Ok("-7.50")),
            (Leading, "12,5%", Ok("12.5")),
            (Leading, "12,5 %", Ok("12.5")),
            (Leading, "7 NOK", Ok("7")),
            (Leading, "7,50-", Err(NotADecimal)),
            (Leading, "--7,50", Err(NotADecimal)),
            (Leading, "-kr -7,50", Err(NotADecimal)),
            (Leading, "kr kr 7", Err(NotADecimal)),
            (Leading, "7 EUR", Err(NotADecimal)),
            (Leading, "kr", Err(NotADecimal)),
            (Trailing, "7,50-", Ok("-7.50")),
            (Trailing, "7,50\u{2212}", Ok("-7.50")),
            (Trailing, "7,50 -", Ok("-7.50")),
            (Trailing, "7,50+", Ok("7.50")),
            (Trailing, "7,50", Ok("7.50")),
            (Trailing, "kr 7,50-", Ok("-7.50")),
            (Trailing, "7,50- kr", Ok("-7.50")),
            (Trailing, "7,50 kr-", Ok("-7.50")),
            (Trailing, "0,00-", Ok("0.00")),
            (Trailing, "-7,50", Err(NotADecimal)),
            (Trailing, "-7,50-", Err(NotADecimal)),
            (Trailing, "7,50--", Err(NotADecimal)),
            (Trailing, "-", Err(NotADecimal)),
            (Parentheses, "(7,50)", Ok("-7.50")),
            (Parentheses, "( 7,50 )", Ok("-7.50")),
            (Parentheses, "(7,50 kr)", Ok("-7.50")),
            (Parentheses, "kr (7,50)", Ok("-7.50")),
            (Parentheses, "7,50", Ok("7.50")),
            (Parentheses, "(7,50", Err(NotADecimal)),
            (Parentheses, "7,50)", Err(NotADecimal)),
            (Parentheses, "(-7,50)", Err(NotADecimal)),
            (Parentheses, "-7,50", Err(NotADecimal)),
            (Parentheses, "((7,50))", Err(NotADecimal)),
            (Parentheses, "()", Err(NotADecimal)),
            (CrNegative, "7,50 CR", Ok("-7.50")),
            (CrNegative, "7,50DR", Ok("7.50")),
            (CrNegative, "7,50 cr", Ok("-7.50")),
            (CrNegative, "7,50 kr CR", Ok("-7.50")),
            (DrNegative, "7,50 CR", Ok("7.50")),
            (DrNegative, "7,50 Dr", Ok("-7.50")),
            (DrNegative, "7,50", Err(NotADecimal)),
            (DrNegative, "-7,50 DR", Err(NotADecimal)),
            (DrNegative, "DR", Err(NotADecimal)),
            (DrNegative, "\u{f8}R", Err(NotADecimal)),
        ];
        for (sign, cell, expected) in cases {
            assert_eq!(convert(&format(sign), cell), expected.map(str::to_owned), "{sign:?} {cell}");
        }
    }

    #[test]
    fn arithmetic_comes_before_the_scale() {
        let hours = NumberFormat {
            operations: vec![Operation::Divide {
                by: Exact::stated("60").unwrap(),
                scale: 4,
                round: Some(Rounding::HalfUp),
            }],
            scale: Some(2),
            round: Some(Rounding::HalfEven),
            ..format(SignStyle::Leading)
        };
        assert_eq!(convert(&hours, "450").as_deref(), Ok("7.50"));
        assert_eq!(convert(&hours, "100").as_deref(), Ok("1.67"));
        let exact = NumberFormat { round: None, ..hours };
        assert_eq!(convert(&exact, "100"), Err(Reason::Inexact));
        let most = "9".repeat(38);
        let large = NumberFormat {
            operations: vec![Operation::Add(Exact::stated("1").unwrap())],
            scale: None,
            ..exact
        };
        assert_eq!(convert(&large, &most), Err(Reason::OutOfRange));
        assert_eq!(convert(&large, &format!("-{most}")), Ok(format!("-{}8", "9".repeat(37))));
    }
}
