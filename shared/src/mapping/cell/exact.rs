//! Exact decimal arithmetic, of up to 38 digits.
//!
//! A number is its digits as an integer and how many of them are decimals; every operation is checked and exact, or
//! rounds as it is told. Of the crates for it, `rust_decimal` has 28 digits, and `bigdecimal` has no bound.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::mapping::document::Rounding;

/// A number, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mapping) struct Exact {
    digits: i128,
    scale: u32,
}

/// Why there is no result.
#[derive(Debug, PartialEq)]
pub(super) enum Impossible {
    /// It has more than 38 digits.
    Large,
    /// It has more decimals than are wanted.
    Inexact,
}

impl Exact {
    /// How many digits a number may have, and how many of them may be decimals.
    pub const MOST_DIGITS: u32 = 38;

    /// Reads a number as a mapping states it, such as `-1.25`.
    pub fn stated(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(whole) && is_number(fraction) { Self::canonical(text) } else { None }
    }

    /// Reads a canonical number: an optional minus, digits, and perhaps a point and digits.
    pub(super) fn canonical(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(fraction.len()).ok()?;
        let mut digits: i128 = whole.parse().ok()?;
        let is_negative = whole.starts_with('-');
        for byte in fraction.bytes() {
            let digit = i128::from(byte - b'0');
            digits = digits.checked_mul(10)?.checked_add(if is_negative { -digit } else { digit })?;
        }
        Self { digits, scale }.checked().ok()
    }

    /// Returns a whole number of units, of which `10^scale` make one.
    pub(super) fn of(digits: i128, scale: u32) -> Result<Self, Impossible> {
        Self { digits, scale }.checked()
    }

    /// Compares two numbers, whatever their scales: `1.0` is as much as `1.00`.
    pub fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        // A fraction has fewer digits than its scale has units, so widening it stays within 38 digits.
        let parts = |number: Self| {
            let unit = 10i128.pow(number.scale);
            (number.digits / unit, number.digits % unit * 10i128.pow(scale - number.scale))
        };
        parts(self).cmp(&parts(other))
    }

    pub fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(super) fn negated(self) -> Self {
        Self { digits: -self.digits, ..self }
    }

    /// Adds; the result has the decimals of the number that has more of them.
    pub(super) fn add(self, other: Self) -> Result<Self, Impossible> {
        let scale = self.scale.max(other.scale);
        let (left, right) = (self.widened(scale)?, other.widened(scale)?);
        let digits = left.digits.checked_add(right.digits).ok_or(Impossible::Large)?;
        Self { digits, scale }.checked()
    }

    /// Multiplies; the result has the decimals of both.
    pub(super) fn multiply(self, other: Self) -> Result<Self, Impossible> {
        let digits = self.digits.checked_mul(other.digits).ok_or(Impossible::Large)?;
        Self { digits, scale: self.scale + other.scale }.checked()
    }

    /// Divides by what is not zero, to so many decimals.
    pub(super) fn divide(self, by: Self, scale: u32, round: Option<Rounding>) -> Result<Self, Impossible> {
        // digits / 10^self.scale / (by.digits / 10^by.scale), in units of 10^-scale
        let (up, down) = (by.scale + scale, self.scale);
        let common = up.min(down);
        let numerator = self.digits.checked_mul(power(up - common)?).ok_or(Impossible::Large)?;
        let denominator = by.digits.checked_mul(power(down - common)?).ok_or(Impossible::Large)?;
        Self { digits: quotient(numerator, denominator, round)?, scale }.checked()
    }

    /// Gives it exactly so many decimals.
    pub(super) fn rescaled(self, scale: u32, round: Option<Rounding>) -> Result<Self, Impossible> {
        if scale >= self.scale {
            return self.widened(scale);
        }
        let digits = quotient(self.digits, power(self.scale - scale)?, round)?;
        Self { digits, scale }.checked()
    }

    /// Returns whether it is negative, its whole part, and the digits of its fraction without zeros at the end.
    pub(super) fn parts(self) -> (bool, u128, String) {
        let (unit, width) = (10u128.pow(self.scale), self.scale as usize);
        let digits = self.digits.unsigned_abs();
        let fraction = if width == 0 { String::new() } else { format!("{:0width$}", digits % unit) };
        (self.digits < 0, digits / unit, fraction.trim_end_matches('0').to_owned())
    }

    /// Appends it canonically.
    pub(super) fn push(self, out: &mut String) {
        let digits = self.digits.unsigned_abs();
        if self.digits < 0 {
            out.push('-');
        }
        let unit = 10u128.pow(self.scale);
        write!(out, "{}", digits / unit).expect("a String takes all that is written to it");
        if self.scale > 0 {
            let width = self.scale as usize;
            write!(out, ".{:0width$}", digits % unit).expect("a String takes all that is written to it");
        }
    }

    fn widened(self, scale: u32) -> Result<Self, Impossible> {
        let digits = self.digits.checked_mul(power(scale - self.scale)?).ok_or(Impossible::Large)?;
        Self { digits, scale }.checked()
    }

    fn checked(self) -> Result<Self, Impossible> {
        let fits =
            self.scale <= Self::MOST_DIGITS && self.digits.unsigned_abs() < 10u128.pow(Self::MOST_DIGITS);
        if fits { Ok(self) } else { Err(Impossible::Large) }
    }
}

fn power(exponent: u32) -> Result<i128, Impossible> {
    10i128.checked_pow(exponent).ok_or(Impossible::Large)
}

fn quotient(numerator: i128, denominator: i128, round: Option<Rounding>) -> Result<i128, Impossible> {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    if rest == 0 {
        return Ok(whole);
    }
    let round = round.ok_or(Impossible::Inexact)?;
    let (rest, divisor) = (rest.unsigned_abs(), denominator.unsigned_abs());
    let goes_up = match (rest.cmp(&(divisor - rest)), round) {
        (Ordering::Less, _) => false,
        (Ordering::Greater, _) | (Ordering::Equal, Rounding::HalfUp) => true,
        (Ordering::Equal, Rounding::HalfEven) => whole % 2 != 0,
    };
    let away = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
    Ok(if goes_up { whole + away } else { whole })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::stated(text).unwrap()
    }

    fn text(result: Result<Exact, Impossible>) -> Result<String, Impossible> {
        let mut out = String::new();
        result?.push(&mut out);
        Ok(out)
    }

    #[test]
    fn results_are_exact_or_rounded_as_told() {
        use Impossible::{Inexact, Large};
        use Rounding::{HalfEven, HalfUp};
        let most = "9".repeat(38);
        let third = format!("0.{}", "3".repeat(38));
        let cases = [
            (exact("0.1").add(exact("0.2")), Ok("0.3")),
            (exact("1").add(exact("-1.00")), Ok("0.00")),
            (exact(&most).add(exact("1")), Err(Large)),
            (exact(&most).add(exact("0.1")), Err(Large)),
            (exact("1234567890123456789012345678").add(exact("0.01")), Ok("1234567890123456789012345678.01")),
            (exact("7.50").multiply(exact("-0.01")), Ok("-0.0750")),
            (exact(&most).multiply(exact("10")), Err(Large)),
            (exact(&third).multiply(exact("0.1")), Err(Large)),
            (exact("1").divide(exact("3"), 2, None), Err(Inexact)),
            (exact("1").divide(exact("3"), 2, Some(HalfUp)), Ok("0.33")),
            (exact("-1").divide(exact("8"), 2, Some(HalfUp)), Ok("-0.13")),
            (exact("-1").divide(exact("8"), 2, Some(HalfEven)), Ok("-0.12")),
            (exact("1").divide(exact("-8"), 2, Some(HalfUp)), Ok("-0.13")),
            (exact("3").divide(exact("8"), 2, Some(HalfEven)), Ok("0.38")),
            (exact("450").divide(exact("60"), 2, None), Ok("7.50")),
            (exact("1.23456").divide(exact("0.01"), 3, None), Ok("123.456")),
            (exact("1").divide(exact("3"), 38, Some(HalfUp)), Ok(&third)),
            (exact("7.5").rescaled(2, None), Ok("7.50")),
            (exact("7.500").rescaled(2, None), Ok("7.50")),
            (exact("7.505").rescaled(2, None), Err(Inexact)),
            (exact("7.505").rescaled(2, Some(HalfUp)), Ok("7.51")),
            (exact("7.505").rescaled(2, Some(HalfEven)), Ok("7.50")),
            (exact("7.515").rescaled(2, Some(HalfEven)), Ok("7.52")),
            (exact("-7.505").rescaled(2, Some(HalfUp)), Ok("-7.51")),
            (exact("-7.5051").rescaled(2, Some(HalfEven)), Ok("-7.51")),
            (exact("-0.004").rescaled(2, Some(HalfUp)), Ok("0.00")),
            (exact("0.5").rescaled(0, Some(HalfEven)), Ok("0")),
            (exact("1.5").rescaled(0, Some(HalfEven)), Ok("2")),
            (exact(&most).rescaled(1, None), Err(Large)),
            (exact(&format!("0.{most}")).rescaled(0, Some(HalfUp)), Ok("1")),
        ];
        for (at, (result, expected)) in cases.into_iter().enumerate() {
            assert_eq!(text(result), expected.map(str::to_owned), "case {at}");
        }
    }

    #[test]
    fn numbers_of_38_digits_are_compared() {
        use Ordering::{Equal, Greater, Less};
        let (most, least) = ("9".repeat(38), format!("0.{}1", "0".repeat(37)));
        for (a, b, order) in [
            (most.as_str(), least.as_str(), Greater),
            (&format!("-{most}"), &least, Less),
            (&least, "0", Greater),
            (&format!("-{least}"), "0.0", Less),
            ("1.0", "1.00", Equal),
            ("-0.5", "0.25", Less),
            ("-1.5", "-1.25", Less),
        ] {
            assert_eq!(
                (exact(a).compare(exact(b)), exact(b).compare(exact(a))),
                (order, order.reverse()),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn numbers_are_stated_plainly() {
        for text in ["", "-", "+1", "1.", ".5", "1,5", "1e3", "--1", "1.2.3", "1 0", "0.-5", &"9".repeat(39)]
        {
            assert_eq!(Exact::stated(text), None, "{text}");
        }
    }

    proptest! {
        /// Floats that are exact tell the same order, at any scale.
        #[test]
        fn numbers_are_in_the_order_of_their_values(a in -4096i32..4096, b in -4096i32..4096, zeros in 0usize..28) {
            let [left, right] = [a, b].map(|n| f64::from(n) / 256.0);
            let left_text = exact(&format!("{left:.8}{}", "0".repeat(zeros)));
            prop_assert_eq!(left_text.compare(exact(&format!("{right:.8}"))), left.partial_cmp(&right).unwrap());
        }

        #[test]
        fn digits_and_scale_survive(number in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,19})?") {
            let canonical = if number.trim_matches(['-', '0', '.']).is_empty() { number.trim_start_matches('-') } else { &number };
            prop_assert_eq!(text(Ok(exact(&number))).unwrap(), canonical);
        }

        /// What is added can be subtracted, and what is multiplied can be divided by, to the digit.
        #[test]
        fn operations_undo_each_other(
            a in "-?(0|[1-9][0-9]{0,13})\\.[0-9]{1,14}",
            b in "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,4}",
        ) {
            let (a, b) = (exact(&a), exact(&b));
            let back = a.add(b).unwrap().add(b.negated()).unwrap().rescaled(a.scale, None).unwrap();
            prop_assert_eq!(back, a);
            prop_assume!(!b.is_zero());
            prop_assert_eq!(a.multiply(b).unwrap().divide(b, a.scale, None).unwrap(), a);
        }

        /// Rounding stays within half a unit, and both ways differ at halves only.
        #[test]
        fn rounding_is_to_the_nearest(digits in -1_000_000i128..1_000_000, scale in 1u32..6) {
            let number = Exact { digits, scale: 6 };
            let unit = 10i128.pow(6 - scale);
            for round in [Rounding::HalfUp, Rounding::HalfEven] {
                let rounded = number.rescaled(scale, Some(round)).unwrap();
                prop_assert!((rounded.digits * unit - digits).abs() * 2 <= unit);
            }
            let [up, even] = [Rounding::HalfUp, Rounding::HalfEven].map(|round| number.rescaled(scale, Some(round)).unwrap());
            prop_assert!(up == even || (digits.abs() % unit) * 2 == unit);
        }
    }
}
