//! Numbers of cells as text: the shortest decimal that says what the cell shows.
//!
//! A workbook holds numbers as binary floating point and keeps 15 digits of what people type. So a number is written
//! with the 15 significant digits that a spreadsheet itself can show, without zeros at the end, without an exponent:
//! `0.30000000000000004` is `0.3`, and `7` is `7`. A whole number is written to its last digit up to 2^53; beyond that,
//! it is not known which number was meant.

use super::cell::Flaw;
use crate::mapping::outcome::Reason;

/// The smallest whole number of 16 digits.
const SIXTEEN_DIGITS: f64 = 1e15;

/// 2 to the power of 53: up to here every whole number is exact.
const EXACT_TO: f64 = 9_007_199_254_740_992.0;

/// Appends a number. `is_exact` asks for every digit, as identifiers need them.
pub(super) fn push_number(number: f64, is_exact: bool, out: &mut String) -> Result<(), Flaw> {
    if !number.is_finite() {
        return Err(Flaw::new(Reason::OutOfRange, "the cell holds no finite number".into()));
    }
    let is_whole = number.fract() == 0.0;
    let most = if is_exact || !is_whole { SIXTEEN_DIGITS } else { EXACT_TO.next_up() };
    if number.abs() >= most {
        let detail = "found a number of more than 15 digits, of which a spreadsheet keeps 15 and makes up the rest; \
             write it as text into the workbook";
        return Err(Flaw::new(Reason::ExcelLostDigits, detail.into()));
    }
    if is_whole {
        // Without the sign of a negative zero.
        out.push_str(&format!("{:.0}", number + 0.0));
        return Ok(());
    }
    let rounded = format!("{:.14e}", number.abs());
    let (mantissa, exponent) = rounded.split_once('e').expect("it is written with an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a small number");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if number < 0.0 {
        out.push('-');
    }
    match usize::try_from(exponent) {
        Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', (-exponent - 1).unsigned_abs() as usize));
            out.push_str(digits);
        }
        Ok(exponent) if digits.len() <= exponent + 1 => {
            out.push_str(digits);
            out.extend(std::iter::repeat_n('0', exponent + 1 - digits.len()));
        }
        Ok(exponent) => {
            out.push_str(&digits[..=exponent]);
            out.push('.');
            out.push_str(&digits[exponent + 1..]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(number: f64, is_exact: bool) -> Result<String, Reason> {
        let mut out = String::new();
        push_number(number, is_exact, &mut out).map(|()| out).map_err(|flaw| flaw.reason)
    }

    #[test]
    fn numbers_are_what_a_spreadsheet_shows_and_made_up_digits_are_errors() {
        let lost = || Err(Reason::ExcelLostDigits);
        for (number, in_general, exact) in [
            (0.0, Ok("0"), Ok("0")),
            (-0.0, Ok("0"), Ok("0")),
            (1.0, Ok("1"), Ok("1")),
            (-7.5, Ok("-7.5"), Ok("-7.5")),
            (0.1 + 0.2, Ok("0.3"), Ok("0.3")),
            (2.999_999_999_999_999_6, Ok("3"), Ok("3")),
            (0.000_099_999_999_999_999_99, Ok("0.0001"), Ok("0.0001")),
            (1.1 * 3.0, Ok("3.3"), Ok("3.3")),
            (1e-7, Ok("0.0000001"), Ok("0.0000001")),
            (0.000_123_45, Ok("0.00012345"), Ok("0.00012345")),
            (123_456.789, Ok("123456.789"), Ok("123456.789")),
            (99_999_999_999_999.95, Ok("100000000000000"), Ok("100000000000000")),
            (999_999_999_999_999.0, Ok("999999999999999"), Ok("999999999999999")),
            (1e15, Ok("1000000000000000"), lost()),
            (1e15 + 0.5, lost(), lost()),
            (9_007_199_254_740_992.0, Ok("9007199254740992"), lost()),
            (9_007_199_254_740_994.0, lost(), lost()),
            (1.234_567_890_123_45e19, lost(), lost()),
            (-1e300, lost(), lost()),
            (f64::NAN, Err(Reason::OutOfRange), Err(Reason::OutOfRange)),
            (f64::INFINITY, Err(Reason::OutOfRange), Err(Reason::OutOfRange)),
        ] {
            assert_eq!(text(number, false), in_general.map(String::from), "{number:e}");
            assert_eq!(text(number, true), exact.map(String::from), "{number:e} exactly");
        }
    }

    proptest! {
        /// What a person types with up to 15 digits comes out as it was, however it is stored.
        #[test]
        fn up_to_15_digits_come_out_as_they_were_typed(whole in "0|[1-9][0-9]{0,7}", fraction in "[0-9]{0,6}[1-9]") {
            let typed = format!("{whole}.{fraction}");
            prop_assert_eq!(text(typed.parse().unwrap(), true).unwrap(), typed.clone());
            prop_assert_eq!(text(format!("-{typed}").parse().unwrap(), false).unwrap(), format!("-{typed}"));
        }

        #[test]
        fn any_number_is_plain_and_nearly_itself(number in any::<f64>()) {
            if let Ok(text) = text(number, false) {
                prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-'), "{}", text);
                let back: f64 = text.parse().unwrap();
                prop_assert!((back - number).abs() <= number.abs() * 1e-14, "{} {}", text, number);
            }
        }
    }
}
