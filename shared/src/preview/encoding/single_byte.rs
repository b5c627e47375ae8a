//! Which single-byte encoding: the one whose reading of the bytes looks most like words.
//!
//! Each byte outside of ASCII is read with its neighbours. A letter of the language that fits best,
//! in a case that fits its word, speaks for an encoding; a symbol within a word, an upper-case letter
//! after a lower-case one and a byte without a meaning speak against it. Encodings that read the
//! sample the same share their confidence: the sample cannot tell them apart.

use super::alphabets::Language;
use super::tables::{CANDIDATES, Candidate};
use super::{SUREST, line_of};
use crate::preview::guess::Guess;

/// How many bytes are weighed; more change nothing.
const WEIGHED: usize = 4096;
/// How many bytes count as full evidence.
const FULL_EVIDENCE: f64 = 12.0;
/// How many rivals are worth telling.
const RIVALS: usize = 4;

/// A byte outside of ASCII between its neighbours.
struct Place {
    at: usize,
    before: u8,
    byte: u8,
    after: u8,
}

struct Weighed {
    candidate: &'static Candidate,
    language: &'static str,
    score: f64,
}

/// Guesses among single-byte encodings; the sample has bytes outside of ASCII.
pub(super) fn guess(sample: &[u8]) -> Guess<String> {
    let places = places(sample);
    let mut weighed: Vec<Weighed> = CANDIDATES.iter().map(|candidate| weigh(candidate, &places)).collect();
    let evidence = (places.len() as f64).min(FULL_EVIDENCE);
    let best = weighed.iter().map(|w| w.score).fold(f64::NEG_INFINITY, f64::max);
    for one in &mut weighed {
        one.score = (evidence * (one.score - best)).exp() * one.candidate.usual;
    }
    let sum: f64 = weighed.iter().map(|w| w.score).sum();
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score));
    let top = &weighed[0];
    let mut guess = Guess::new(
        top.candidate.name.to_string(),
        (top.score / sum).min(SUREST),
        reason(sample, top, &places),
    );
    for rival in weighed[1..].iter().take(RIVALS) {
        let against = difference(sample, top.candidate, rival.candidate, &places);
        guess.rival(rival.candidate.name.into(), rival.score / sum, against);
    }
    guess
}

/// Shows what an encoding reads in these bytes.
pub(super) fn shown(name: &str, bytes: &[u8]) -> String {
    let candidate = CANDIDATES.iter().find(|candidate| candidate.name == name);
    let read = |byte: &u8| candidate.and_then(|c| c.decode(*byte)).unwrap_or('\u{fffd}');
    bytes.iter().map(read).collect()
}

fn places(sample: &[u8]) -> Vec<Place> {
    let outside = sample.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
    let neighbour = |at: Option<usize>| at.and_then(|at| sample.get(at)).copied().unwrap_or(b'\n');
    outside
        .take(WEIGHED)
        .map(|(at, byte)| Place {
            at,
            before: neighbour(at.checked_sub(1)),
            byte: *byte,
            after: neighbour(Some(at + 1)),
        })
        .collect()
}

fn weigh(candidate: &'static Candidate, places: &[Place]) -> Weighed {
    let read: Vec<[Option<char>; 3]> = places
        .iter()
        .map(|place| [place.before, place.byte, place.after].map(|byte| candidate.decode(byte)))
        .collect();
    let languages = candidate.region.languages().iter().map(|language| {
        let sum: f64 = read.iter().map(|read| worth(read, language)).sum();
        (language.name, sum / read.len().max(1) as f64)
    });
    let (language, score) =
        languages.fold(("", f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best });
    Weighed { candidate, language, score }
}

/// How much one byte speaks for an encoding, from -4 to 1.
fn worth([before, read, after]: &[Option<char>; 3], language: &Language) -> f64 {
    let Some(read) = *read else { return -4.0 };
    let (before, after) = (before.unwrap_or('\u{fffd}'), after.unwrap_or('\u{fffd}'));
    let within = before.is_alphabetic() && after.is_alphabetic();
    if read.is_alphabetic() {
        let lower = read.to_lowercase().next().unwrap_or(read);
        let is_known = language.letters.contains(lower);
        let letter = match (is_known, language.frequent) {
            (false, _) => -0.6,
            (true, frequent) if frequent.is_empty() || frequent.contains(lower) => 1.0,
            (true, _) => 0.6,
        };
        let is_odd_case = read.is_uppercase() && before.is_lowercase()
            || read.is_lowercase() && before.is_uppercase() && after.is_uppercase();
        return if is_odd_case { letter - 1.5 } else { letter };
    }
    match read {
        '\u{2019}' if within => 0.5,
        '“' | '”' | '„' | '‘' | '’' | '–' | '—' | '…' | '€' | '«' | '»' | '°' | '§' | '£' | '·' | '•'
        | '™' | '®' | '©' | '²' | '³' | '½' | '¼' | '\u{a0}' | '±' | '×' | '№' | 'µ' | '¿' | '¡' => {
            if within {
                -1.0
            } else {
                0.4
            }
        }
        _ => -1.0,
    }
}

fn reason(sample: &[u8], top: &Weighed, places: &[Place]) -> String {
    let Some(place) = places.first() else { return String::new() };
    let read = top.candidate.decode(place.byte);
    let same: Vec<&str> = CANDIDATES
        .iter()
        .filter(|other| other.name != top.candidate.name)
        .filter(|other| places.iter().all(|p| other.decode(p.byte) == top.candidate.decode(p.byte)))
        .map(|other| other.name)
        .collect();
    let line = line_of(sample, place.at);
    let mut text = match read {
        Some(read) => format!(
            "byte 0x{:02X} on line {line} is {read} in it, and what it reads looks most like {}",
            place.byte, top.language
        ),
        None => format!("nothing fits well: byte 0x{:02X} on line {line} has no meaning in it", place.byte),
    };
    if !same.is_empty() {
        text += &format!("; {} cannot be told from it by this sample", same.join(", "));
    }
    text
}

/// Says where two encodings read the sample differently.
fn difference(sample: &[u8], top: &Candidate, rival: &Candidate, places: &[Place]) -> String {
    let differs = |place: &&Place| top.decode(place.byte) != rival.decode(place.byte);
    // A byte that one of them has no meaning for says more than two letters.
    let telling = places.iter().filter(differs).find(|p| rival.decode(p.byte).is_none());
    let Some(place) = telling.or_else(|| places.iter().find(differs)) else {
        return format!("reads this sample the same as {}", top.name);
    };
    let is = |candidate: &Candidate| match candidate.decode(place.byte) {
        Some(read) => format!("{read} in {}", candidate.name),
        None => format!("undefined in {}", candidate.name),
    };
    let line = line_of(sample, place.at);
    format!("byte 0x{:02X} on line {line} is {} and {}", place.byte, is(top), is(rival))
}
