//! Names of files: a pattern, and what a file is called by it.

use jiff::{Timestamp, tz::TimeZone};

/// Longest name of a file, in bytes: what most file systems take is 255, and `-1` may come behind it.
const MOST_BYTES: usize = 200;

/// Most digits of a counter.
const MOST_DIGITS: usize = 12;

/// A pattern of names, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Date,
    Time,
    Counter(usize),
    Run,
    Batch,
    Connection,
}

/// What a file is called after.
#[derive(Clone, Debug)]
pub struct Named<'a> {
    /// When its content was frozen.
    pub at: Timestamp,
    /// The account's zone.
    pub zone: &'a TimeZone,
    /// Its number among the target's files.
    pub number: u64,
    /// The run.
    pub run: &'a str,
    /// Its batch.
    pub batch: &'a str,
    /// The connection whose records it has; empty where it has those of several.
    pub connection: &'a str,
}

/// Says whether a text can be the name of a file in any folder.
pub fn valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MOST_BYTES
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}

impl FileName {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), pattern);
        while let Some((text, tail)) = rest.split_once('{') {
            let (word, tail) = tail.split_once('}').ok_or("has a { without a }")?;
            if !text.is_empty() {
                parts.push(Part::Text(text.into()));
            }
            parts.push(Part::read(word).unwrap_or_else(|| {
                Err(format!(
                    "{{{word}}} is unknown: use {{date}}, {{time}}, {{counter}}, {{run}}, {{batch}} or {{connection}}"
                ))
            })?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        let name = Self(parts);
        let example = Named {
            at: Timestamp::UNIX_EPOCH,
            zone: &TimeZone::UTC,
            number: u64::MAX,
            run: "run_0123456789abcdef0123456789abcdef",
            batch: "exp_0123456789abcdef0123456789abcdef",
            connection: "con_0123456789abcdef0123456789abcdef",
        };
        match valid_name(&name.of(&example)) && !name.has_stray_brace() {
            true => Ok(name),
            false => Err(format!(
                "must be the name of one file: up to {MOST_BYTES} bytes, without / or \\, not beginning with a dot"
            )),
        }
    }

    fn has_stray_brace(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Part::Text(text) if text.contains('}')))
    }

    /// Says whether the files of one run have different names.
    pub fn tells_files_of_a_run_apart(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Part::Counter(_) | Part::Batch))
    }

    /// Says whether it has the connection.
    pub fn has_connection(&self) -> bool {
        self.0.contains(&Part::Connection)
    }

    /// Says whether the files of two runs have different names.
    pub fn tells_runs_apart(&self) -> bool {
        self.tells_files_of_a_run_apart() || self.0.contains(&Part::Run)
    }

    /// The name of a file.
    pub fn of(&self, named: &Named<'_>) -> String {
        self.0.iter().map(|part| part.text(named)).collect()
    }
}

impl Part {
    /// Reads what stands in braces; `None` where it is none of these, and says what is wrong with one that is.
    pub(super) fn read(word: &str) -> Option<Result<Self, String>> {
        Some(Ok(match word.split_once(':').unwrap_or((word, "")) {
            ("date", "") => Self::Date,
            ("time", "") => Self::Time,
            ("run", "") => Self::Run,
            ("batch", "") => Self::Batch,
            ("connection", "") => Self::Connection,
            ("counter", "") => Self::Counter(0),
            ("counter", digits) => match digits.parse() {
                Ok(digits) if (1..=MOST_DIGITS).contains(&digits) => Self::Counter(digits),
                _ => return Some(Err(format!("{{counter:n}} takes 1 to {MOST_DIGITS} digits"))),
            },
            _ => return None,
        }))
    }

    /// What stands in its place.
    pub(super) fn text(&self, named: &Named<'_>) -> String {
        let local = || named.at.to_zoned(named.zone.clone());
        match self {
            Self::Text(text) => text.clone(),
            Self::Date => local().strftime("%Y-%m-%d").to_string(),
            Self::Time => local().strftime("%H%M%S").to_string(),
            Self::Counter(digits) => format!("{:0digits$}", named.number, digits = *digits),
            Self::Run => named.run.to_string(),
            Self::Batch => named.batch.to_string(),
            Self::Connection => named.connection.to_string(),
        }
    }
}

/// A name with `-n` before its ending, for a file whose name is taken.
pub(crate) fn numbered(name: &str, n: u32) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{n}.{ending}"),
        _ => format!("{name}-{n}"),
    }
}

#[cfg(test)]
impl Named<'static> {
    /// The seventh file of a target in UTC, for tests.
    pub(crate) fn example(at: &str) -> Self {
        static UTC: TimeZone = TimeZone::UTC;
        let at = at.parse().expect("a test states an instant");
        Self { at, zone: &UTC, number: 7, run: "run_1", batch: "exp_1", connection: "con_1" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_accounts_date_and_the_counter() {
        let zone = TimeZone::get("Pacific/Auckland").unwrap();
        let named = Named { zone: &zone, ..Named::example("2026-11-25T21:30:05Z") };
        for (pattern, name) in [
            ("hours {date}T{time}.ndjson", "hours 2026-11-26T103005.ndjson"),
            ("{counter}", "7"),
            ("lønn-{counter:4}-{run}-{batch}.csv", "lønn-0007-run_1-exp_1.csv"),
            ("{connection}_{date}.csv", "con_1_2026-11-26.csv"),
            ("plain", "plain"),
        ] {
            assert_eq!(FileName::parse(pattern).unwrap().of(&named), name);
        }
    }

    #[test]
    fn what_is_no_name_of_one_file_is_refused() {
        for pattern in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a\\b",
            "{date",
            "{dat}",
            "a}",
            "{counter:0}",
            "{counter:x}",
            "a\nb",
        ] {
            assert!(FileName::parse(pattern).is_err(), "{pattern:?}");
        }
        assert!(FileName::parse(&"x".repeat(201)).is_err());
    }

    #[test]
    fn a_number_comes_before_the_ending() {
        assert_eq!(numbered("a.b.csv", 2), "a.b-2.csv");
        assert_eq!(numbered("plain", 1), "plain-1");
    }
}
