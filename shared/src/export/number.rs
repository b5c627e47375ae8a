//! Numbers as texts: every digit that they came with, never a float.

/// Most places by which an exponent moves the mark. What is beyond is no number that a partner's program takes.
const MOST_PLACES: i32 = 60;

/// Writes a number of JSON, or a text that is like one, without exponent: `1.50e3` is `1500`, and `1.50` stays as it is.
/// `None` where it is no number, or one that would be far too long.
pub(super) fn plain(number: &str) -> Option<String> {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_whole = !whole.is_empty() && is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    if !is_whole || !is_digits(fraction) || exponent.trim_start_matches(['+', '-']).is_empty() {
        return None;
    }
    let exponent: i32 =
        exponent.parse().ok().filter(|places| (-MOST_PLACES..=MOST_PLACES).contains(places))?;
    if exponent == 0 && digits.len() == mantissa.len() {
        return Some(number.into());
    }
    let (whole, fraction) = moved(whole, fraction, exponent);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let mark = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{mark}{fraction}"))
}

/// Moves the mark by so many places to the right.
fn moved(whole: &str, fraction: &str, places: i32) -> (String, String) {
    let distance = usize::try_from(places.unsigned_abs()).unwrap_or_default();
    let zeros = |taken: usize| "0".repeat(distance.saturating_sub(taken));
    if places >= 0 {
        let (shifted, rest) = fraction.split_at(distance.min(fraction.len()));
        (format!("{whole}{shifted}{}", zeros(fraction.len())), rest.into())
    } else {
        let (rest, shifted) = whole.split_at(whole.len().saturating_sub(distance));
        (rest.into(), format!("{}{shifted}{fraction}", zeros(whole.len())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_stay_and_exponents_are_written_out() {
        for (number, written) in [
            ("0", Some("0")),
            ("-0", Some("-0")),
            ("1.50", Some("1.50")),
            ("-12345678901234567890123.450", Some("-12345678901234567890123.450")),
            ("1e3", Some("1000")),
            ("1.50E+1", Some("15.0")),
            ("-1.50e0", Some("-1.50")),
            ("1.5e-3", Some("0.0015")),
            ("0.5e-1", Some("0.05")),
            ("120e-1", Some("12.0")),
            ("0e5", Some("0")),
            ("-0.05e2", Some("-5")),
            ("1e61", None),
            ("1e-99999999999", None),
            ("", None),
            ("-", None),
            ("+1", None),
            (".5", None),
            ("5.", None),
            ("007", None),
            ("1e", None),
            ("1e+", None),
            ("1,5", None),
            ("1 000", None),
            ("NaN", None),
            ("١", None),
        ] {
            assert_eq!(plain(number).as_deref(), written, "{number:?}");
        }
    }

    proptest! {
        /// The mark moved there and back is where it was, but for zeros at the ends.
        #[test]
        fn an_exponent_moves_the_mark(whole in "[1-9][0-9]{0,8}", fraction in "[0-9]{1,9}", places in 0..20i32) {
            let right = plain(&format!("{whole}.{fraction}e{places}")).unwrap();
            let back = plain(&format!("{right}e-{places}")).unwrap();
            let trim = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_string();
            prop_assert_eq!(trim(&back), trim(&format!("{whole}.{fraction}")));
        }
    }
}
