//! The single-byte encodings under consideration, and what their upper halves mean to the engine.

use std::sync::LazyLock;

use super::alphabets::Region;
use crate::mapping::Encoding;

/// A single-byte encoding under consideration.
pub(super) struct Candidate {
    pub name: &'static str,
    /// Whose letters it was made for.
    pub region: Region,
    /// How usual it is among files, where nothing else speaks for or against it.
    pub usual: f64,
    upper: [Option<char>; 128],
}

/// All of them, the more usual first.
const NAMES: [(&str, Region, f64); 19] = [
    ("windows-1252", Region::West, 1.0),
    ("iso-8859-1", Region::West, 0.5),
    ("iso-8859-15", Region::West, 0.3),
    ("windows-1250", Region::Centre, 0.2),
    ("iso-8859-2", Region::Centre, 0.1),
    ("windows-1257", Region::Baltic, 0.15),
    ("iso-8859-13", Region::Baltic, 0.05),
    ("windows-1251", Region::Cyrillic, 0.2),
    ("koi8-r", Region::Cyrillic, 0.1),
    ("ibm866", Region::Cyrillic, 0.05),
    ("iso-8859-5", Region::Cyrillic, 0.05),
    ("windows-1253", Region::Greek, 0.1),
    ("iso-8859-7", Region::Greek, 0.08),
    ("windows-1254", Region::Turkish, 0.1),
    ("macintosh", Region::West, 0.1),
    ("cp850", Region::West, 0.1),
    ("cp865", Region::West, 0.03),
    ("cp852", Region::Centre, 0.05),
    ("cp775", Region::Baltic, 0.03),
];

/// The candidates, made once.
pub(super) static CANDIDATES: LazyLock<Vec<Candidate>> = LazyLock::new(|| {
    let made = NAMES.iter().map(|(name, region, usual)| {
        let encoding = Encoding::named(name).expect("a test names all of them");
        let meaning = |byte| encoding.character(byte).filter(|c| !('\u{80}'..='\u{9f}').contains(c));
        let upper = std::array::from_fn(|at| u8::try_from(0x80 + at).ok().and_then(meaning));
        Candidate { name, region: *region, usual: *usual, upper }
    });
    made.collect()
});

impl Candidate {
    /// Decodes one byte; None where the encoding gives it no meaning but that of a control.
    pub fn decode(&self, byte: u8) -> Option<char> {
        if byte.is_ascii() { Some(char::from(byte)) } else { self.upper[usize::from(byte & 0x7f)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_reads_every_candidate() {
        for (name, ..) in NAMES {
            assert_eq!(Encoding::named(name).map(Encoding::name).as_deref(), Ok(name));
        }
        let of = |name: &str| CANDIDATES.iter().find(|candidate| candidate.name == name).unwrap();
        assert_eq!((of("cp850").decode(0x86), of("windows-1252").decode(0x81)), (Some('å'), None));
    }
}
