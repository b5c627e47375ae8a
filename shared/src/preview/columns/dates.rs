//! Dates and timestamps, in every way of writing them that the engine reads, and two-digit years.
//!
//! Day-first and month-first are both candidates where no value over 12 settles it. A year of two
//! digits is told, and mapped as text: it has no century.

use std::sync::LazyLock;

use super::candidate::{Candidate, Rewrite, Test, reader};
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

fn way(format: String, weight: f64, mapped_as: ColumnType) -> Option<Way> {
    let is_local = mapped_as == ColumnType::Timestamp && !format.ends_with('z');
    let cell_type = cell_type(&format, mapped_as, is_local.then_some("UTC"));
    let reader = reader(&cell_type)?;
    Some(Way { format, weight, mapped_as, is_local, reader })
}

fn cell_type(format: &str, mapped_as: ColumnType, zone: Option<&str>) -> CellType {
    let kind = if mapped_as == ColumnType::Date { Kind::Date } else { Kind::Timestamp };
    let plain = CellType::plain(kind, mapped_as);
    CellType { format: Some(format.into()), time_zone: zone.map(str::to_string), ..plain }
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
    let mut found: Vec<Candidate> = WAYS
        .iter()
        .filter(|way| {
            first.iter().filter(|cell| way.reader.reads(cell, &mut token)).count() * 2 >= first.len()
        })
        .filter(|way| {
            !way.format.contains("%Y%m%d") && !way.format.contains("%m%Y") || are_near(&first, &way.format)
        })
        .filter_map(|way| candidate(way, cells, zone))
        .collect();
    if found.is_empty() {
        found = two_digit_years(&first);
    }
    found
}

fn candidate(way: &Way, cells: &Cells<'_>, zone: &str) -> Option<Candidate> {
    let weight = way.weight;
    let test = Test::Engine(way.reader.clone());
    let zone = way.is_local.then_some(zone);
    let cell_type = cell_type(&way.format, way.mapped_as, zone);
    let mut remark = format!("written as {}", way.format);
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

/// Dates whose years have two digits, told by reading them with a century before.
fn two_digit_years(first: &[&str]) -> Vec<Candidate> {
    let mut token = String::new();
    let mut found = Vec::new();
    let rewrites: [(Rewrite, bool); 2] = [(last_year, false), (first_year, true)];
    for way in WAYS.iter() {
        for (rewrite, is_first) in rewrites {
            if way.format.starts_with("%Y") != is_first || way.format.contains("%Y%m%d") {
                continue;
            }
            let reads = |cell: &&&str| rewrite(cell).is_some_and(|cell| way.reader.reads(&cell, &mut token));
            if first.iter().filter(reads).count() * 2 < first.len() {
                continue;
            }
            let kind = if way.mapped_as == ColumnType::Date { Kind::Date } else { Kind::Timestamp };
            let plain = CellType::plain(kind, ColumnType::Text);
            // `26-01-10` begins with a year less often than it ends with one.
            let usual = if is_first { 0.3 } else { 1.0 };
            found.push(Candidate {
                cell_type: CellType { format: Some(way.format.replace("%Y", "%y")), ..plain },
                test: Test::Rewritten(rewrite, way.reader.clone()),
                weight: way.weight * usual,
                remark: Some("the year has two digits and no century, so it stays text".into()),
            });
        }
    }
    found
}

/// `05.03.26 10:00` as `05.03.2026 10:00`.
fn last_year(cell: &str) -> Option<String> {
    let bytes = cell.as_bytes();
    let is_part = |byte: u8| matches!(byte, b'.' | b'/' | b'-' | b' ');
    let mut parts = (0..bytes.len()).filter(|at| is_part(bytes[*at]));
    let (_, second) = (parts.next()?, parts.next()?);
    let year = cell.get(second + 1..second + 3)?;
    let ends = bytes.get(second + 3).is_none_or(|byte| !byte.is_ascii_digit());
    let is_year = ends && year.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| format!("{}20{}", &cell[..=second], &cell[second + 1..]))
}

/// `26-03-05` as `2026-03-05`.
fn first_year(cell: &str) -> Option<String> {
    let is_year = cell.get(..2)?.bytes().all(|byte| byte.is_ascii_digit());
    let ends = cell.as_bytes().get(2).is_some_and(|byte| !byte.is_ascii_digit());
    (is_year && ends).then(|| format!("20{cell}"))
}
