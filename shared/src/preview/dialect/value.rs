//! Whether a cell is a value that people write, for telling dialects and headers; not what it is read as.

/// What a cell looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Empty,
    /// A number, a date, a time, an amount and the like: digits, with little around them.
    Value,
    /// A word for a truth or for nothing: `true`, `NULL`.
    Word,
    /// An address of a page or a mailbox, or a code without spaces and with digits.
    Code,
    /// Words.
    Text,
    /// Text with characters in it that would rather part fields.
    Joined,
}

/// Tells what a cell looks like.
pub(crate) fn look(cell: &str) -> Look {
    let cell = cell.trim();
    if cell.is_empty() {
        return Look::Empty;
    }
    if is_value(cell) {
        return Look::Value;
    }
    if matches!(
        cell.to_ascii_lowercase().as_str(),
        "true"
            | "false"
            | "yes"
            | "no"
            | "null"
            | "none"
            | "na"
            | "n/a"
            | "nan"
            | "nil"
            | "\\n"
            | "-"
            | "ja"
            | "nei"
            | "nein"
    ) {
        return Look::Word;
    }
    let has_space = cell.contains(char::is_whitespace);
    if !has_space && (cell.contains("://") || cell.contains('@') && cell.contains('.')) {
        return Look::Code;
    }
    if cell.contains([',', ';', '\t', '|', '\u{1}', '\u{1f}', '\u{1e}']) {
        return Look::Joined;
    }
    if !has_space && cell.bytes().any(|byte| byte.is_ascii_digit()) && cell.len() <= 40 {
        return Look::Code;
    }
    Look::Text
}

/// Numbers, amounts, dates, times: what begins or ends with digits and has no letters but known ones.
fn is_value(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || cell.len() > 40 {
        return false;
    }
    let inner = cell.trim_start_matches(['-', '+', '\u{2212}', '(', '$', '€', '£', '¥', '.', ' ']);
    let inner = inner.trim_end_matches(['%', ')', '€', '$', '-', ' ', 'Z']);
    if !inner.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let is_number = is_number(inner);
    is_number || is_moment(inner)
}

/// Digits with one mark, groups of three, or an exponent.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.trim_start_matches(['-', '+']);
    if exponent.is_empty() || !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let groups: Vec<&str> = mantissa.split(['.', ',', '\'', ' ', '\u{a0}', '\u{202f}']).collect();
    if groups.iter().any(|group| !group.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    match groups.as_slice() {
        [whole] => !whole.is_empty(),
        [whole, _] => !whole.is_empty() && !mantissa.contains(' ') || groups[1].len() == 3,
        [first, middle @ .., _] => {
            (1..=3).contains(&first.len()) && middle.iter().all(|group| group.len() == 3)
        }
        [] => false,
    }
}

/// Dates and times of day: groups of digits between the marks that those have.
fn is_moment(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ':' | ' ' | 'T' | '+' | 'Z');
    if !text.chars().all(is_part) {
        return false;
    }
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let is_time = text.contains(':') && (2..=4).contains(&groups.len()) && !text.contains(['/', ' ']);
    // A date before a blank is half of something.
    if text.contains([' ', 'T']) && !text.contains(':') {
        return false;
    }
    let is_short = groups.iter().all(|group| group.len() <= 9);
    let has_date = (3..=9).contains(&groups.len()) && groups[..3].iter().all(|group| group.len() <= 4);
    is_short && (is_time || has_date)
}
