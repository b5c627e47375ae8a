//! Dates and timestamps, in every way of writing them that the engine reads, and two-digit years.
//!
//! Day-first and month-first are both candidates where no value over 12 settles it. A year of two
//! digits has no century: the hundred years that are meant are a suggestion.

use std::sync::LazyLock;

use super::candidate::{Candidate, Test, reader};
use super::cells::is_nothing;
use super::{CellType, Cells, Kind};
use crate::mapping::{CellReader, ColumnType};

/// Dates, and how usual each is where another fits too.
const DATES: [(&str, f64); 21] = [
    ("%Y-%m-%d", 4.0),
    ("%Y/%m/%d", 4.0),
    ("%Y.%m.%d", 4.0),
    ("%Y%m%d", 2.0),
    ("%d.%m.%Y", 4.0),
    ("%m.%d.%Y", 0.2),
    ("%d/%m/%Y", 1.0),
    ("%m/%d/%Y", 1.0),
    ("%d-%m-%Y", 2.0),
    ("%m-%d-%Y", 1.0),
    ("%d %m %Y", 1.0),
    ("%d%m%Y", 0.5),
    ("%d %b %Y", 2.0),
    ("%d-%b-%Y", 2.0),
    ("%d %B %Y", 1.9),
    ("%d. %B %Y", 1.9),
    ("%b %d, %Y", 2.0),
    ("%B %d, %Y", 1.9),
    ("%a, %d %b %Y", 2.0),
    ("%A, %d %B %Y", 1.9),
    ("%A, %B %d, %Y", 1.9),
];
/// Times of day behind a date.
const TIMES: [&str; 9] =
    ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H.%M", "%H%M", "%H%M%S"];
const BETWEEN: [&str; 3] = [" ", "T", ", "];
const OFFSETS: [&str; 4] = ["", "%:z", "%z", " %z"];

/// A format and the engine's reader of it.
struct Way {
    format: String,
    weight: f64,
    mapped_as: ColumnType,
    is_local: bool,
    reader: CellReader,
}

/// All formats, made once. Local times are tried in UTC, where every time exists.
static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| {
    let mut ways: Vec<Way> =
        DATES.iter().filter_map(|(date, weight)| way((*date).into(), *weight, ColumnType::Date)).collect();
    for (date, weight) in DATES {
        for between in BETWEEN {
            for time in TIMES {
                for offset in OFFSETS {
                    // Those with a fraction read what has none as well: the plainer one is meant.
                    let plain = if time.contains("%.f") { 0.9 } else { 1.0 };
                    ways.extend(way(
                        format!("{date}{between}{time}{offset}"),
                        weight * plain,
                        ColumnType::Timestamp,
                    ));
                }
            }
        }
    }
    ways
});

/// The same with years of two digits, but for those of digits alone.
static WAYS_OF_TWO_DIGITS: LazyLock<Vec<Way>> = LazyLock::new(|| {
    let has_marks = |way: &&Way| !way.format.contains("%Y%m") && !way.format.contains("%m%Y");
    let short = |found: &Way| {
        // `26-01-10` begins with its year less often than it ends with it.
        let usual = if found.format.starts_with("%Y") { 0.3 } else { 1.0 };
        way(found.format.replace("%Y", "%y"), found.weight * usual, found.mapped_as)
    };
    WAYS.iter().filter(has_marks).filter_map(short).collect()
});

/// The first of the hundred years that are suggested for years of two digits.
const TWO_DIGIT_YEARS_FROM: i16 = 1950;

fn way(format: String, weight: f64, mapped_as: ColumnType) -> Option<Way> {
    let is_local = mapped_as == ColumnType::Timestamp && !format.ends_with('z');
    let cell_type = cell_type(&format, mapped_as, is_local.then_some("UTC"));
    let reader = reader(&cell_type)?;
    Some(Way { format, weight, mapped_as, is_local, reader })
}

fn cell_type(format: &str, mapped_as: ColumnType, zone: Option<&str>) -> CellType {
    let kind = if mapped_as == ColumnType::Date { Kind::Date } else { Kind::Timestamp };
    let plain = CellType::plain(kind, mapped_as);
    CellType {
        format: Some(format.into()),
        two_digit_years_from: format.contains("%y").then_some(TWO_DIGIT_YEARS_FROM),
        time_zone: zone.map(str::to_string),
        ..plain
    }
}

/// How many different cells decide which formats are tried on all.
const FIRST: usize = 20;

/// Returns the ways in which the column's cells could be dates or timestamps.
pub(super) fn candidates(cells: &Cells<'_>, zone: &str) -> Vec<Candidate> {
    let cells_of = || cells.distinct.iter().map(|cell| cell.text).filter(|cell| !is_nothing(cell));
    let first: Vec<&str> = cells_of().take(FIRST).collect();
    let mut token = String::new();
    let could_be =
        |cell: &&str| (6..=45).contains(&cell.len()) && cell.bytes().filter(u8::is_ascii_digit).count() >= 4;
    if first.iter().filter(|cell| could_be(cell)).count() * 2 < first.len() {
        return Vec::new();
    }
    let mut fitting = |ways: &'static [Way]| -> Vec<&'static Way> {
        let reads = |way: &&Way| first.iter().filter(|cell| way.reader.reads(cell, &mut token)).count();
        let is_near = |way: &&Way| {
            !way.format.contains("%Y%m%d") && !way.format.contains("%m%Y") || are_near(&first, &way.format)
        };
        let mut reads = reads;
        ways.iter().filter(|way| reads(way) * 2 >= first.len()).filter(is_near).collect()
    };
    let mut found = fitting(&WAYS);
    if found.is_empty() {
        found = fitting(&WAYS_OF_TWO_DIGITS);
    }
    // A fraction may be missing where a format has one: where it always is, the plain format is meant.
    let plain: Vec<&str> = found.iter().map(|way| way.format.as_str()).collect();
    let is_meant =
        |way: &&&Way| !way.format.contains("%.f") || !plain.contains(&&*way.format.replace("%.f", ""));
    found.iter().filter(is_meant).filter_map(|way| candidate(way, cells, zone)).collect()
}

fn candidate(way: &Way, cells: &Cells<'_>, zone: &str) -> Option<Candidate> {
    let weight = way.weight;
    let test = Test::Engine(Box::new(way.reader.clone()));
    let zone = way.is_local.then_some(zone);
    let cell_type = cell_type(&way.format, way.mapped_as, zone);
    let mut remark = format!("written as {}", way.format);
    if let Some(from) = cell_type.two_digit_years_from {
        remark += &format!("; no cell says its century: the hundred years from {from} are a suggestion");
    }
    if let Some(zone) = zone {
        let there = reader(&cell_type)?;
        let mut token = String::new();
        let lost =
            cells.count(|cell| way.reader.reads(cell, &mut token) && !there.reads(cell, &mut String::new()));
        remark +=
            &format!("; no cell says where its time is local: {zone}, the account's zone, is a suggestion");
        if lost > 0 {
            remark += &format!(
                ", against which speaks that {lost} of the times do not exist there, or exist twice"
            );
        }
    } else if way.mapped_as == ColumnType::Timestamp {
        remark += "; every cell says its offset from UTC";
    }
    Some(Candidate { cell_type, test, weight, remark: Some(remark) })
}

/// Digits alone are a date only where the years are near: any number of eight digits might be one.
fn are_near(cells: &[&str], format: &str) -> bool {
    cells.iter().all(|cell| {
        let digits = cell.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        let year = if format.starts_with("%Y") { digits.get(..4) } else { digits.get(4..8) };
        year.is_some_and(|year| ("1900".."2100").contains(&year))
    })
}
