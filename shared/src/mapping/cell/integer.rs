//! Whole numbers of 64 bits, as JSON numbers.
//!
//! No grouping and no fraction, not even `,00`: a column that has them is a decimal.

use std::fmt::Write;

use super::{Unfit, take_sign};
use crate::mapping::outcome::Reason;

/// So many digits are within 64 bits whatever they are.
const ALWAYS_FIT: usize = 18;

/// Appends the JSON number.
pub(super) fn convert(cell: &str, out: &mut String) -> Result<(), Unfit> {
    let (is_negative, digits) = take_sign(cell);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unfit { reason: Reason::NotAnInteger, expected: "a whole number".into() });
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() <= ALWAYS_FIT {
        if is_negative && !significant.is_empty() {
            out.push('-');
        }
        out.push_str(if significant.is_empty() { "0" } else { significant });
        return Ok(());
    }
    let magnitude = digits.bytes().try_fold(0i64, |sum, byte| {
        // Summed as negatives, which reach one further.
        sum.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))
    });
    let value = if is_negative { magnitude } else { magnitude.and_then(i64::checked_neg) };
    let Some(value) = value else {
        let expected = format!("a whole number from {} to {}", i64::MIN, i64::MAX);
        return Err(Unfit { reason: Reason::OutOfRange, expected });
    };
    write!(out, "{value}").expect("a String takes all that is written to it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_64_bits_fit() {
        use Reason::{NotAnInteger, OutOfRange};
        let cases = [
            ("0", Ok("0")),
            ("-0", Ok("0")),
            ("007", Ok("7")),
            ("+5", Ok("5")),
            ("\u{2212}5", Ok("-5")),
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("9223372036854775808", Err(OutOfRange)),
            ("-9223372036854775809", Err(OutOfRange)),
            ("99999999999999999999999999", Err(OutOfRange)),
            ("1,0", Err(NotAnInteger)),
            ("1 000", Err(NotAnInteger)),
            ("1e3", Err(NotAnInteger)),
            ("--5", Err(NotAnInteger)),
            ("-", Err(NotAnInteger)),
            ("٣", Err(NotAnInteger)),
            ("0x10", Err(NotAnInteger)),
        ];
        for (cell, expected) in cases {
            let mut out = String::new();
            let result = convert(cell, &mut out).map(|()| out.as_str()).map_err(|unfit| unfit.reason);
            assert_eq!(result, expected, "{cell}");
        }
    }
}
