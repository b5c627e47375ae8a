//! Which encoding a sample is in: marks first, then what the bytes can and cannot be.
//!
//! A mark settles it. Without one, UTF-8 betrays itself with its first character outside of ASCII,
//! and UTF-16 by its zeros; single-byte encodings differ only in what the same bytes mean, and
//! letters in their words are the evidence (`single_byte`). Nothing but ASCII says nothing.

mod alphabets;
mod single_byte;
mod tables;
#[cfg(test)]
mod tests;

use super::guess::Guess;
use crate::mapping::MARKS;

/// How sure the strongest evidence without a mark is.
const SUREST: f64 = 0.99;

/// Guesses the encoding; `is_whole` tells whether the sample ends where its file ends.
pub(super) fn guess(sample: &[u8], is_whole: bool) -> Guess<String> {
    if let Some((name, mark)) = MARKS.iter().find(|(_, mark)| sample.starts_with(mark)) {
        let mark: Vec<String> = mark.iter().map(|byte| format!("{byte:02X}")).collect();
        return Guess::new(
            (*name).into(),
            1.0,
            format!("the file begins with its byte order mark, {}", mark.join(" ")),
        );
    }
    if let Some(found) = utf_16(sample) {
        return found;
    }
    let utf_8 = Utf8::of(sample, is_whole);
    if utf_8.sequences == 0 && utf_8.malformed == 0 {
        return ascii();
    }
    if utf_8.malformed == 0 {
        return valid_utf_8(&utf_8, sample);
    }
    let mut found = single_byte::guess(sample);
    if utf_8.sequences >= 20 * utf_8.malformed {
        let reason = format!(
            "{} characters are UTF-8, but {} byte sequences are malformed, the first on line {}",
            utf_8.sequences, utf_8.malformed, utf_8.first_malformed_line
        );
        let mut damaged = Guess::new("utf-8".to_string(), 0.8, reason);
        damaged.rival(found.value, 0.15, "reads every byte, most of them as something that no word has");
        return damaged;
    }
    let reason = format!("the bytes on line {} cannot be UTF-8", utf_8.first_malformed_line);
    found.rival("utf-8".into(), 0.0, reason);
    found
}

fn ascii() -> Guess<String> {
    let reason = "the sample has nothing but ASCII, which all of these read the same: it cannot be told \
                  from the sample, ask who writes the file";
    let mut guess = Guess::new("utf-8".to_string(), 0.5, reason);
    guess.rival("windows-1252".into(), 0.3, "reads this sample the same");
    guess.rival("iso-8859-1".into(), 0.2, "reads this sample the same");
    guess
}

fn valid_utf_8(utf_8: &Utf8, sample: &[u8]) -> Guess<String> {
    let confidence = match utf_8.sequences {
        1 => 0.93,
        2 => 0.97,
        _ => SUREST,
    };
    let plural = if utf_8.sequences == 1 { "character is" } else { "characters are" };
    let reason = format!("{} {plural} outside of ASCII, and all are valid UTF-8", utf_8.sequences);
    let mut guess = Guess::new("utf-8".to_string(), confidence, reason);
    let other = single_byte::guess(sample).value;
    let shown = utf_8.first.map_or(String::new(), |(first, bytes)| {
        format!(
            "would read {first:?} as {:?}",
            single_byte::shown(&other, &sample[bytes..bytes + first.len_utf8()])
        )
    });
    guess.rival(other, 1.0 - confidence, shown);
    guess
}

/// What of a sample is UTF-8.
#[derive(Default)]
struct Utf8 {
    /// Characters outside of ASCII.
    sequences: usize,
    /// The first of them, and where it begins.
    first: Option<(char, usize)>,
    malformed: usize,
    first_malformed_line: usize,
}

impl Utf8 {
    fn of(sample: &[u8], is_whole: bool) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        for chunk in sample.utf8_chunks() {
            let valid = chunk.valid();
            for (offset, character) in valid.char_indices().filter(|(_, c)| !c.is_ascii()) {
                found.first.get_or_insert((character, at + offset));
                found.sequences += 1;
            }
            at += valid.len() + chunk.invalid().len();
            // What the end of the sample cuts off is no evidence.
            let is_cut = !is_whole && at == sample.len() && begins_a_character(chunk.invalid());
            if !chunk.invalid().is_empty() && !is_cut {
                if found.malformed == 0 {
                    found.first_malformed_line = line_of(sample, at - chunk.invalid().len());
                }
                found.malformed += 1;
            }
        }
        found
    }
}

fn begins_a_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

/// UTF-16 without its mark: letters of the ASCII, and at any rate line ends, have a zero beside them.
fn utf_16(sample: &[u8]) -> Option<Guess<String>> {
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    let (mut big, mut little) = (0, 0);
    for pair in pairs {
        big += usize::from(pair[0] == 0 && pair[1] != 0);
        little += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    let (name, zeros, others) =
        if big > little { ("utf-16be", big, little) } else { ("utf-16le", little, big) };
    if count < 2 || zeros * 5 < count || others * 20 > zeros {
        return None;
    }
    let reason = format!("{zeros} of {count} pairs of bytes have a zero in the place that {name} has it");
    Some(Guess::new(name.into(), if zeros * 2 > count { 0.98 } else { 0.85 }, reason))
}

/// Returns the line, from 1, that a byte is on.
fn line_of(sample: &[u8], at: usize) -> usize {
    1 + sample[..at].iter().filter(|byte| **byte == b'\n').count()
}
