//! A record as a row of a sheet.
//!
//! Source: ECMA-376 part 1, sections 18.3.1.4 (c), 18.3.1.73 (row) and 22.9.2.19 (ST_Xstring).

use jiff::{
    civil::{Date, DateTime, Time, date},
    tz::TimeZone,
};

use super::{
    CellType, MOST_ROWS, SheetColumn, XlsxOutput,
    parts::{BEGIN, DATE, END, TEXT, TIMESTAMP},
};
use crate::export::{
    Unfit,
    cell_text::{Kind, Written},
    cells::Members,
    csv::DecimalMark,
    moment::Moment,
    number::plain,
    xml::is_character,
};

/// Longest text of a cell, in units of UTF-16.
const MOST_UNITS: usize = 32_767;

/// Most significant digits of a number.
const MOST_DIGITS: usize = 15;

/// Most bytes of a sheet before it is packed: zip archives have 4 GiB at most without extensions that readers lack.
const MOST_BYTES: u64 = 3 * 1024 * 1024 * 1024;

/// Stands for the row's number until that is known. XML has no such character.
const ROW: u8 = 0;

/// How rows are made: the settings, read.
#[derive(Debug)]
pub(in crate::export) struct Sheet<'a> {
    settings: &'a XlsxOutput,
    /// The letters of each column, and the zone of its timestamps.
    columns: Vec<(String, Option<TimeZone>)>,
}

impl<'a> Sheet<'a> {
    pub(in crate::export) fn of(settings: &'a XlsxOutput) -> Result<Self, String> {
        let columns = settings.columns.iter().enumerate().map(|(at, column)| {
            let zone = column.zone().map_err(|(field, why)| format!("{field} of {}: {why}", column.name))?;
            Ok((letters(at), zone))
        });
        Ok(Self { settings, columns: columns.collect::<Result<_, String>>()? })
    }

    /// What stands before the first record.
    pub(in crate::export) fn begin(&self) -> Vec<u8> {
        let mut out = String::from(BEGIN);
        if self.settings.header {
            out.push_str("<row r=\"1\">");
            for (column, (letters, _)) in self.settings.columns.iter().zip(&self.columns) {
                push_text(&format!("{letters}1"), column.title(), &mut out);
            }
            out.push_str("</row>\n");
        }
        out.into_bytes()
    }

    /// What stands behind the last record.
    pub(in crate::export) fn end(&self) -> Vec<u8> {
        END.into()
    }

    /// A record's row, whose number is put in its place by [`Self::placed`].
    pub(in crate::export) fn record(&self, members: &Members<'_>) -> Result<Vec<u8>, Unfit> {
        let row = char::from(ROW);
        let mut out = format!("<row r=\"{row}\">");
        for (column, (letters, zone)) in self.settings.columns.iter().zip(&self.columns) {
            let value = members.get(&column.name).map_or("null", |value| value.get());
            let place = format!("{letters}{row}");
            match column.cell(value, zone.as_ref())? {
                Cell::Empty => {}
                Cell::Text(text) => push_text(&place, &text, &mut out),
                Cell::Number(number) => out.push_str(&format!("<c r=\"{place}\"><v>{number}</v></c>")),
                Cell::Day(serial, style) => {
                    out.push_str(&format!("<c r=\"{place}\" s=\"{style}\"><v>{serial}</v></c>"));
                }
            }
        }
        out.push_str("</row>\n");
        Ok(out.into_bytes())
    }

    /// A row behind so many records.
    pub(in crate::export) fn placed(&self, row: &[u8], before: u64) -> Vec<u8> {
        let number = (before + 1 + u64::from(self.settings.header)).to_string();
        let mut pieces = row.split(|byte| *byte == ROW);
        let mut out = pieces.next().unwrap_or_default().to_vec();
        for piece in pieces {
            out.extend_from_slice(number.as_bytes());
            out.extend_from_slice(piece);
        }
        out
    }

    /// Says whether there is room for one more behind so many records of so many bytes.
    pub(in crate::export) fn has_room(&self, records: u64, bytes: u64) -> bool {
        records + u64::from(self.settings.header) < MOST_ROWS && bytes < MOST_BYTES
    }
}

enum Cell {
    Empty,
    Text(String),
    Number(String),
    /// A day number and its style.
    Day(String, u8),
}

impl SheetColumn {
    fn cell(&self, value: &str, zone: Option<&TimeZone>) -> Result<Cell, Unfit> {
        let name = || self.name.clone();
        match self.kind {
            CellType::Text => {
                let (Written::Text(text) | Written::Plain(text)) =
                    Kind::AsItIs.text(&self.name, value, DecimalMark::Point)?;
                if !fits_a_cell(&text) {
                    let length = text.encode_utf16().count();
                    return Err(Unfit::TooLong { column: name(), length, most: MOST_UNITS });
                }
                Ok(if text.is_empty() { Cell::Empty } else { Cell::Text(text) })
            }
            CellType::Number => {
                let (Written::Text(text) | Written::Plain(text)) =
                    Kind::Decimal.text(&self.name, value, DecimalMark::Point)?;
                match significant(&text) {
                    _ if text.is_empty() => Ok(Cell::Empty),
                    digits if digits > MOST_DIGITS => Err(Unfit::TooManyDigits(name())),
                    _ => Ok(Cell::Number(text)),
                }
            }
            CellType::Date | CellType::Timestamp => {
                let text = match value.as_bytes().first() {
                    Some(b'n') | None => return Ok(Cell::Empty),
                    Some(b'"') => serde_json::from_str::<String>(value).map_err(|_| Unfit::NotJson)?,
                    Some(_) => return Err(Unfit::NotADate(name())),
                };
                let moment = Moment::read(&text, zone).ok_or_else(|| Unfit::NotADate(name()))?;
                let (at, style) = match (self.kind, moment) {
                    (CellType::Date, Moment::Date(day)) => (day.to_datetime(Time::midnight()), DATE),
                    (CellType::Date, Moment::At(at)) => (at.date().to_datetime(Time::midnight()), DATE),
                    (_, Moment::Date(_)) => return Err(Unfit::NoTimeOfDay(name())),
                    (_, Moment::At(at)) => (at.datetime(), TIMESTAMP),
                };
                let serial = serial(at).ok_or_else(|| Unfit::DateOutOfRange(name()))?;
                Ok(Cell::Day(serial, style))
            }
        }
    }
}

/// The first day that spreadsheets of all kinds count the same.
const FIRST_DAY: Date = date(1900, 3, 1);

/// Day 0 of the numbers that days have from there on.
const DAY_ZERO: Date = date(1899, 12, 30);

/// A moment as the number of its day; the time is the fraction of that.
fn serial(at: DateTime) -> Option<String> {
    if at.date() < FIRST_DAY {
        return None;
    }
    let ms = at.duration_since(DAY_ZERO.to_datetime(Time::midnight())).as_millis();
    // Below 2^53, so that nothing of it is lost, and read to the millisecond.
    Some((ms as f64 / 86_400_000.0).to_string())
}

/// How many digits of a plain number count.
fn significant(number: &str) -> usize {
    let digits: Vec<u8> = plain(number).unwrap_or_default().bytes().filter(u8::is_ascii_digit).collect();
    let from_first = digits.iter().skip_while(|digit| **digit == b'0').count();
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    from_first.saturating_sub(zeros)
}

pub(super) fn fits_a_cell(text: &str) -> bool {
    text.len() <= MOST_UNITS || text.encode_utf16().count() <= MOST_UNITS
}

/// Appends a cell of text: never a formula, whatever it looks like.
fn push_text(place: &str, text: &str, out: &mut String) {
    out.push_str(&format!("<c r=\"{place}\" s=\"{TEXT}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"));
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // What would be read as one of the next.
            '_' if is_escape(rest) => out.push_str("_x005F_"),
            // XML would make a line feed of it.
            '\r' => out.push_str("_x000D_"),
            character if !is_character(character) => {
                out.push_str(&format!("_x{:04X}_", u32::from(character)));
            }
            character => out.push(character),
        }
        rest = &rest[character.len_utf8()..];
    }
    out.push_str("</t></is></c>");
}

fn is_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7
        && bytes[1].eq_ignore_ascii_case(&b'x')
        && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
        && bytes[6] == b'_'
}

/// A column's letters, by its index from 0.
fn letters(at: usize) -> String {
    let (mut rest, mut letters) = (at + 1, Vec::new());
    while rest > 0 {
        letters.push(b'A' + u8::try_from((rest - 1) % 26).expect("there are 26 letters"));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}
