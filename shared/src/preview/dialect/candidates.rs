//! The dialects that a text could be meant in: those whose characters it uses.

use super::split::Marks;

/// Delimiters, the usual ones first.
const DELIMITERS: [u8; 17] = *b",;\t|:~^ \x1f\x01\x1e\x07!#&*$";
/// What begins lines that are no records.
const COMMENTS: [&str; 4] = ["#", "//", "%", "--"];

/// Returns how usual a delimiter is.
pub(super) fn usual(delimiter: Option<u8>) -> f64 {
    match delimiter {
        Some(b',' | b';' | b'\t' | b'|') | None => 1.0,
        Some(b'~' | b'^' | 0x1f | 0x01 | 0x1e | 0x07) => 0.9,
        Some(b':') => 0.75,
        Some(b' ') => 0.7,
        Some(_) => 0.6,
    }
}

/// Returns all candidates for a text.
pub(super) fn of(text: &str) -> Vec<Marks> {
    let mut used = [false; 256];
    for byte in text.bytes() {
        used[usize::from(byte)] = true;
    }
    let delimiters = DELIMITERS.iter().copied().filter(|byte| used[usize::from(*byte)]).map(Some);
    let comments: Vec<Option<&'static str>> = std::iter::once(None)
        .chain(COMMENTS.iter().copied().filter(|c| begins_lines(text, c)).map(Some))
        .collect();
    let mut candidates = Vec::new();
    for delimiter in std::iter::once(None).chain(delimiters) {
        for quote in quotes(text, delimiter) {
            let escapes = quote.is_some_and(|quote| text.contains(&format!("\\{}", char::from(quote))));
            for escape in [None, Some(b'\\')].into_iter().take(1 + usize::from(escapes)) {
                let differs = |comment: &&Option<&str>| comment.is_none_or(|c| c.bytes().next() != delimiter);
                for comment in comments.iter().filter(differs) {
                    candidates.push(Marks { delimiter, quote, escape, comment: *comment });
                }
            }
        }
    }
    candidates
}

/// The usual quote, and what stands at the edge of a field like one.
fn quotes(text: &str, delimiter: Option<u8>) -> Vec<Option<u8>> {
    let bytes = text.as_bytes();
    let opens = |quote: u8| {
        bytes.iter().enumerate().any(|(at, byte)| {
            let before = at.checked_sub(1).map_or(b'\n', |at| bytes[at]);
            *byte == quote && (matches!(before, b'\r' | b'\n') || Some(before) == delimiter)
        })
    };
    let mut quotes = vec![Some(b'"')];
    if bytes.contains(&b'"') {
        quotes.push(None);
    }
    quotes.extend(
        [b'\'', b'`'].into_iter().filter(|quote| Some(*quote) != delimiter && opens(*quote)).map(Some),
    );
    quotes
}

/// Whether some lines begin with this and others do not.
fn begins_lines(text: &str, comment: &str) -> bool {
    let lines = || text.split(['\r', '\n']).filter(|line| !line.is_empty());
    lines().any(|line| line.starts_with(comment)) && lines().any(|line| !line.starts_with(comment))
}

/// Returns the whole lines within so many bytes, or as much of the first line.
pub(super) fn start(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = &text[..end];
    start.rfind(['\n', '\r']).map_or(start, |at| &start[..=at])
}
