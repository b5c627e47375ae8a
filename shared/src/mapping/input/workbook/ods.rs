//! ODS: rows and cells, each of which may stand for many.
//!
//! Source: OASIS OpenDocument 1.3 part 3, sections 6.1 (text), 9.1 (tables) and 19.387 (values of cells).

use std::io::Read;

use quick_xml::events::{BytesStart, Event};

use super::{
    cell::{Value, civil},
    columns::{MOST_COLUMNS, MOST_ROWS},
    error::WorkbookError,
    grid::{Grid, Halt, MOST_ROW_BYTES, Range, shown_names, too_large},
    package::Package,
    xml::{Xml, attribute, number, push},
};
use crate::mapping::document::SheetChoice;

/// Most bytes of the part with all sheets.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Most bytes of the list of parts.
const MOST_MANIFEST_BYTES: u64 = 16 * 1024 * 1024;

/// Most cells with a value that rows and cells stand for which are written once.
const MOST_REPEATED: u64 = 5_000_000;

/// Reads the chosen sheet.
pub(super) fn read(mut package: Package, choice: &SheetChoice, grid: Grid<'_>) -> Result<(), Halt> {
    if let Some(mut manifest) = package.part("META-INF/manifest.xml", MOST_MANIFEST_BYTES)? {
        while let Some((_, event)) = manifest.next()? {
            if matches!(event, Event::Start(start) if start.local_name().as_ref() == "encryption-data") {
                return Err(WorkbookError::Encrypted.into());
            }
        }
    }
    let Some(mut xml) = package.part("content.xml", MOST_BYTES)? else {
        return Err(WorkbookError::NotAWorkbook("it is a zip archive without a workbook in it".into()).into());
    };
    let (mut found, mut is_spreadsheet) = (Vec::new(), false);
    while let Some((depth, event)) = xml.next()? {
        let Event::Start(start) = event else { continue };
        match (depth, start.local_name().as_ref()) {
            (3, "spreadsheet") => is_spreadsheet = true,
            (4, "table") if is_spreadsheet => {
                let name = attribute(&start, "name")?.unwrap_or_default();
                let is_chosen = match choice {
                    SheetChoice::Name(wanted) => *wanted == name,
                    SheetChoice::Number(number) => *number as usize == found.len() + 1,
                };
                if is_chosen {
                    return Table { xml, grid, repeated: 0 }.read();
                }
                found.push(name);
            }
            _ => {}
        }
    }
    if !is_spreadsheet {
        return Err(WorkbookError::NotAWorkbook("it is a document of another kind".into()).into());
    }
    let found = shown_names(found.iter().map(String::as_str));
    Err(WorkbookError::NoSheet { wanted: choice.to_string(), found }.into())
}

/// A sheet that is being read.
struct Table<'g, R> {
    xml: Xml<R>,
    grid: Grid<'g>,
    repeated: u64,
}

/// A cell of a row, and how many it stands for.
struct Repeated {
    columns: u32,
    value: Value<'static>,
    /// Columns and rows that it is merged of.
    spans: (u32, u32),
}

impl<R: Read> Table<'_, R> {
    /// Reads to the end of the sheet that was begun last.
    fn read(mut self) -> Result<(), Halt> {
        let (outer, mut next) = (self.xml.depth(), 1);
        while let Some((depth, event)) = self.xml.next()? {
            match event {
                Event::End(_) if depth == outer => break,
                Event::Start(start) if start.local_name().as_ref() == "table-row" => {
                    let rows = repeats(&start, "number-rows-repeated")?;
                    let cells = self.cells()?;
                    self.take(next, rows, &cells)?;
                    next = next.saturating_add(rows);
                }
                // Pictures upon the sheet may have tables of their own.
                Event::Start(start) if start.local_name().as_ref() == "shapes" => {
                    self.xml.skip()?;
                }
                _ => {}
            }
        }
        self.grid.finish()
    }

    /// The cells of the row that was begun last.
    fn cells(&mut self) -> Result<Vec<Repeated>, Halt> {
        let (outer, mut cells, mut bytes) = (self.xml.depth(), Vec::new(), 0);
        while let Some((depth, event)) = self.xml.next()? {
            match event {
                Event::End(_) if depth == outer => break,
                Event::Start(start) if depth == outer + 1 => {
                    if matches!(start.local_name().as_ref(), "table-cell" | "covered-table-cell") {
                        let columns = repeats(&start, "number-columns-repeated")?;
                        let spans = (
                            repeats(&start, "number-columns-spanned")?,
                            repeats(&start, "number-rows-spanned")?,
                        );
                        let head = Head::of(&start)?;
                        let value = self.value(head)?;
                        bytes += value.size_bytes();
                        cells.push(Repeated { columns, value, spans });
                    }
                }
                _ => {}
            }
            if cells.len() > MOST_COLUMNS as usize || bytes > MOST_ROW_BYTES {
                let why =
                    format!("a row has more than {MOST_COLUMNS} cells or {MOST_ROW_BYTES} bytes of text");
                return Err(too_large(why));
            }
        }
        Ok(cells)
    }

    /// Gives the grid a row as often as it stands there; nothing where it is empty, which the last of a sheet are.
    fn take(&mut self, first: u32, rows: u32, cells: &[Repeated]) -> Result<(), Halt> {
        let valued =
            cells.iter().filter(|cell| cell.value != Value::Empty).map(|cell| u64::from(cell.columns));
        let valued: u64 = valued.sum();
        if valued == 0 {
            return Ok(());
        }
        if rows > 1 || valued > cells.len() as u64 {
            self.repeated = self.repeated.saturating_add(valued.saturating_mul(rows.into()));
        }
        if self.repeated > MOST_REPEATED {
            return Err(too_large(format!("its cells stand for more than {MOST_REPEATED} others")));
        }
        for row in first..first.saturating_add(rows) {
            if row > MOST_ROWS {
                return Err(too_large(format!("the sheet has more than {MOST_ROWS} rows")));
            }
            let mut column = 0u32;
            for cell in cells {
                if cell.spans != (1, 1) {
                    let last = |from: u32, spans: u32| from.saturating_add(spans - 1);
                    let rows = (row, last(row, cell.spans.1).min(MOST_ROWS));
                    let columns = (column, last(column, cell.spans.0).min(MOST_COLUMNS - 1));
                    self.grid.merge(Range { rows, columns })?;
                }
                column = column.saturating_add(cell.columns);
            }
            self.grid.row(row)?;
            let mut column = 0u32;
            for cell in cells {
                let end = column.saturating_add(cell.columns);
                if cell.value != Value::Empty {
                    if end > MOST_COLUMNS {
                        return Err(too_large(format!("a row has more than {MOST_COLUMNS} cells")));
                    }
                    for column in column..end {
                        self.grid.cell(column, cell.value.clone())?;
                    }
                }
                column = end;
            }
        }
        Ok(())
    }

    /// Reads the cell that was begun last, to its end.
    fn value(&mut self, head: Head) -> Result<Value<'static>, Halt> {
        let (outer, mut text, mut paragraphs) = (self.xml.depth(), String::new(), 0);
        while let Some((depth, event)) = self.xml.next()? {
            match event {
                Event::End(_) if depth == outer => break,
                // Only its own: comments and pictures have paragraphs too.
                Event::Start(start) if depth == outer + 1 && start.local_name().as_ref() == "p" => {
                    if paragraphs > 0 {
                        text.push('\n');
                    }
                    paragraphs += 1;
                    self.push_paragraph(&mut text)?;
                }
                Event::Start(_) => self.xml.skip()?,
                _ => {}
            }
        }
        Ok(head.value(text))
    }

    /// Appends the paragraph that was begun last. Of white space in a row only the first counts, and none at its begin; at
    /// its end it counts unless a line ends in it: LibreOffice writes a last space as one, against the standard.
    fn push_paragraph(&mut self, out: &mut String) -> Result<(), WorkbookError> {
        let (outer, mut raw, mut is_spaced, mut skipped) = (self.xml.depth(), String::new(), true, None);
        let (mut floor, mut has_line_end) = (out.len(), false);
        while let Some((depth, event)) = self.xml.next()? {
            match &event {
                Event::End(_) if depth == outer => break,
                Event::End(_) if skipped == Some(depth) => skipped = None,
                _ if skipped.is_some() => {}
                Event::Start(start) => {
                    let stated = match start.local_name().as_ref() {
                        "s" => " ".repeat(repeats(start, "c")?.min(MOST_SPACES) as usize),
                        "tab" => "\t".into(),
                        "line-break" => "\n".into(),
                        "annotation" | "note" | "ruby-text" => {
                            skipped = Some(depth);
                            continue;
                        }
                        _ => continue,
                    };
                    out.push_str(&stated);
                    (is_spaced, floor) = (false, out.len());
                }
                event => {
                    raw.clear();
                    push(event, &mut raw)?;
                    for character in raw.chars() {
                        let is_space = matches!(character, ' ' | '\t' | '\r' | '\n');
                        has_line_end = is_space && (has_line_end || matches!(character, '\r' | '\n'));
                        if !is_space {
                            out.push(character);
                        } else if !is_spaced {
                            out.push(' ');
                        }
                        is_spaced = is_space;
                    }
                }
            }
        }
        if has_line_end && is_spaced && out.len() > floor && out.ends_with(' ') {
            out.pop();
        }
        Ok(())
    }
}

/// Most spaces that one element stands for: as many as a record has characters.
const MOST_SPACES: u32 = 1024 * 1024;

/// What a cell says of itself before its text.
#[derive(Default)]
struct Head {
    kind: String,
    is_formula: bool,
    is_error: bool,
    /// Its value, of whatever kind.
    value: Option<String>,
}

impl Head {
    fn of(start: &BytesStart<'_>) -> Result<Self, WorkbookError> {
        // The same in a namespace of LibreOffice's own tells errors from texts.
        let (mut is_error, mut kind) = (false, String::new());
        for attribute in start.attributes().with_checks(false).flatten() {
            match attribute.value.as_ref() {
                _ if attribute.key.local_name().as_ref() != "value-type" => {}
                "error" => is_error = true,
                value => kind = value.into(),
            }
        }
        let name = match kind.as_str() {
            "float" | "percentage" | "currency" => "value",
            "date" => "date-value",
            "time" => "time-value",
            "boolean" => "boolean-value",
            _ => "string-value",
        };
        let value = attribute(start, name)?;
        Ok(Self { kind, is_formula: attribute(start, "formula")?.is_some(), is_error, value })
    }

    fn value(self, text: String) -> Value<'static> {
        let Some(value) = self.value.filter(|_| !self.is_error) else {
            return match (self.kind.as_str(), self.is_error) {
                (_, true) => Value::Error(text),
                ("string", _) => Value::text(text),
                ("", _) if self.is_formula => Value::Uncalculated,
                ("", _) => Value::text(text),
                (_, _) => Value::Unreadable("the value of its kind"),
            };
        };
        match self.kind.as_str() {
            "float" | "percentage" | "currency" => match value.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Unreadable("a number"),
            },
            "date" => civil(&value),
            "time" => match elapsed(&value) {
                Some(ms) => Value::Elapsed(ms),
                None => Value::Unreadable("a duration of ISO 8601"),
            },
            "boolean" => match value.as_str() {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                _ => Value::Unreadable("a boolean"),
            },
            "string" | "" => Value::text(value),
            _ => Value::Unreadable("of a kind that is known"),
        }
    }
}

/// Milliseconds of a duration such as `PT31H30M00S`.
fn elapsed(duration: &str) -> Option<i64> {
    let span: jiff::Span = duration.parse().ok()?;
    let has_calendar = span.get_years() != 0 || span.get_months() != 0;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(days).ok().filter(|_| !has_calendar)?;
    // Half a millisecond more, since programs write what is left of a fraction.
    let half = jiff::SignedDuration::from_micros(if duration.is_negative() { -500 } else { 500 });
    i64::try_from(duration.checked_add(half)?.as_millis()).ok()
}

/// How often something stands there; at least once.
fn repeats(start: &BytesStart<'_>, name: &str) -> Result<u32, WorkbookError> {
    Ok(number(start, name)?.unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds() {
        for (duration, ms) in [
            ("PT31H30M00S", Some(113_400_000)),
            ("PT06H00M00S", Some(21_600_000)),
            ("PT05H59M59.9999999S", Some(21_600_000)),
            ("-PT1H30M", Some(-5_400_000)),
            ("PT0S", Some(0)),
            ("P1DT1H", Some(90_000_000)),
            ("P1M", None),
            ("31:30", None),
            ("", None),
        ] {
            assert_eq!(elapsed(duration), ms, "{duration}");
        }
    }
}
