//! Cells that a spreadsheet would run when somebody opens the file.
//!
//! Source: OWASP, "CSV Injection".

/// Says whether a spreadsheet would take a text for a formula. A number with a sign is none, and no phone number either:
/// what has no letters calls nothing.
pub(super) fn is_formula(text: &str) -> bool {
    // The full-width forms are taken for the others in some locales.
    let runs = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    text.trim_start_matches(' ').starts_with(runs) && !is_signed_number(text) && !is_phone_number(text)
}

/// A plus, and digits in groups.
fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|number| {
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'(' | b')'))
    })
}

/// A sign, digits, and one mark at most.
fn is_signed_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return false };
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_runs_is_told_from_text_and_numbers() {
        for runs in [
            "=1+1",
            "+A1",
            "+",
            "+47 22;33",
            "-",
            "- see note",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "  =1",
            "＝1",
            "-1-1",
            "-1.2.3",
            "+cmd|' /C calc'!A0",
            "-1,",
            "=",
        ] {
            assert!(is_formula(runs), "{runs:?}");
        }
        for harmless in [
            "0042",
            "a=b",
            "7-5",
            "",
            " ",
            "'x",
            "å@b",
            "-5",
            "+47",
            "+47 22 33 44 55",
            "+1 (212) 555-0100",
            "-12,50",
            "-12.50",
            "-0",
        ] {
            assert!(!is_formula(harmless), "{harmless:?}");
        }
    }
}
