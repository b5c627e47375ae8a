//! Text that identifies something, kept exactly, unless a spreadsheet has made a number of it.
//!
//! A spreadsheet that opens `1230000000000000` as a number writes `1,23E+15`, and other tools write `42.0` for `42`. What
//! the identifier was is lost then, so such cells are errors. `2E3` stays: it is as good a code as any.

use super::{Unfit, trim_spaces};
use crate::mapping::json::push_string;
use crate::mapping::outcome::Reason;

/// Returns nothing of a cell that has nothing but spaces, and else all of it.
pub(super) fn or_nothing(cell: &str) -> &str {
    if trim_spaces(cell).is_empty() { "" } else { cell }
}

/// Appends the identifier as a JSON string.
pub(super) fn convert(cell: &str, out: &mut String) -> Result<(), Unfit> {
    if is_made_by_a_spreadsheet(trim_spaces(cell)) {
        let expected =
            "an identifier as it is, not as a number that a spreadsheet or another tool has made of it";
        return Err(Unfit { reason: Reason::SpreadsheetNumber, expected: expected.into() });
    }
    push_string(out, cell);
    Ok(())
}

/// Returns whether a text is a number with an exponent that has a sign or follows a fraction, or with nothing but zeros
/// for its fraction.
fn is_made_by_a_spreadsheet(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return false;
    }
    match exponent {
        Some(exponent) => {
            let unsigned = exponent.strip_prefix(['-', '+']);
            is_number(unsigned.unwrap_or(exponent)) && (unsigned.is_some() || fraction.is_some())
        }
        None => fraction.is_some_and(|fraction| fraction.bytes().all(|byte| byte == b'0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_kept_and_numbers_refused() {
        let kept = [
            "0042",
            "42",
            "A-1.0",
            "2E3",
            "1E5",
            "12.5",
            "12,50",
            "1.2.0",
            "E+15",
            "1,23E",
            "1,23E+",
            "1.23E+15x",
            "+47",
            " 0042 ",
            "..0",
            ".0",
            "\u{661}.0",
            "v1.0",
            "12.0-1",
        ];
        for cell in kept {
            let mut out = String::new();
            convert(cell, &mut out).unwrap();
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), cell);
        }
        let refused = [
            "1,23E+15",
            "1.23E+15",
            "1.23e15",
            "1E+15",
            "-1,23E+15",
            "5E-7",
            "42.0",
            "42,0",
            "0042.00",
            " 42.0 ",
        ];
        for cell in refused {
            let unfit = convert(cell, &mut String::new()).unwrap_err();
            assert_eq!(unfit.reason, Reason::SpreadsheetNumber, "{cell}");
        }
    }

    #[test]
    fn spaces_identify_nothing() {
        assert_eq!(or_nothing(" \u{a0} "), "");
        assert_eq!(or_nothing(" 1 "), " 1 ");
    }
}
