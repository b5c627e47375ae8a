//! Previews delimited text.

use std::io::Read;

use super::columns::{self, Cells};
use super::dialect::{self, Dialect, Table};
use super::{MAX_COLUMNS, Note, Preview, Sample, draft, encoding};
use crate::mapping::{CsvInput, Encoding, Input, Ragged, Utf8Reader};

/// Fills in what delimited text shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>) {
    let guess = encoding::guess(sample.bytes, sample.is_whole);
    let names = std::iter::once(&guess.value).chain(guess.rivals.iter().map(|rival| &rival.value));
    let readable = names.into_iter().find_map(|name| Encoding::named(name).ok());
    let Some(readable) = readable else {
        let detail =
            format!("{} is not an encoding that a mapping can state; convert the file to utf-8", guess.value);
        preview.notes.push(Note::new("encoding_not_readable", detail));
        preview.encoding = Some(guess);
        return;
    };
    if readable.name() != guess.value {
        let detail = format!(
            "the file seems to be in {}, which a mapping cannot state; what follows is read as {}",
            guess.value,
            readable.name()
        );
        preview.notes.push(Note::new("encoding_not_readable", detail));
    }
    preview.encoding = Some(guess);
    let text = decoded(sample.bytes, readable);
    let (dialect, table) = dialect::guess(&text, !sample.is_whole);
    let columns = cells(&table, dialect.value.header);
    preview.cut_record_line = table.cut_line;
    preview.columns_left_out = table.width.saturating_sub(MAX_COLUMNS);
    preview.columns = columns::guess(&columns, sample.time_zone);
    preview.candidate_keys = columns::keys(&columns, &preview.columns);
    note(preview, &dialect.value, &table);
    let input = input(preview, &dialect.value, &table, readable, &text);
    preview.dialect = Some(dialect);
    draft::fill(preview, sample, Input::Csv(input));
}

/// Decodes as the engine does; what is malformed shows as such.
fn decoded(bytes: &[u8], encoding: Encoding) -> String {
    let mut utf_8 = Vec::with_capacity(bytes.len());
    let read = Utf8Reader::new(bytes, encoding).read_to_end(&mut utf_8);
    // A mark of another encoding is the only error, and it would have been the guess.
    if read.is_err() {
        utf_8 = bytes.to_vec();
    }
    match String::from_utf8(utf_8) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Sorts the cells by column.
fn cells<'t>(table: &'t Table<'t>, header: bool) -> Vec<Cells<'t>> {
    let width = table.width.min(MAX_COLUMNS);
    let first = table.records.first().filter(|_| header);
    let name = |at: usize| match first {
        Some(first) => first.cells[at].text.to_string(),
        None => (at + 1).to_string(),
    };
    let mut columns: Vec<Cells<'t>> = (0..width).map(|at| Cells::new(name(at))).collect();
    for record in table.records.iter().skip(usize::from(header)) {
        for (cells, cell) in columns.iter_mut().zip(&record.cells) {
            cells.push(record.line, &cell.text);
        }
    }
    columns
}

/// Writes the dialect as a mapping states it.
fn input(
    preview: &mut Preview,
    dialect: &Dialect,
    table: &Table<'_>,
    encoding: Encoding,
    text: &str,
) -> CsvInput {
    let unused =
        || [',', ';', '\t', '|', '\u{1f}'].into_iter().find(|c| !text.contains(*c)).unwrap_or('\u{1e}');
    let comment = dialect.comment.clone().filter(|comment| comment.len() == 1);
    let is_statable = comment == dialect.comment;
    if !is_statable {
        let detail =
            "comments that begin with more than one character cannot be stated: each is an error of a run";
        preview.notes.push(Note::new("comment_not_statable", detail));
    }
    // Blank lines and comments are passed over anyway.
    let skip_lines = if table.titles == 0 && is_statable { 0 } else { dialect.skipped_lines };
    let empty = table.records.iter().filter(|record| record.is_empty()).count();
    if empty > 0 {
        let detail = format!("{empty} lines have nothing but delimiters: the draft passes over such lines");
        preview.notes.push(Note::new("empty_records", detail));
    }
    CsvInput {
        encoding: encoding.name(),
        delimiter: dialect.delimiter.clone().unwrap_or_else(|| unused().to_string()),
        quote: dialect.quote.clone(),
        header: dialect.header,
        escape: dialect.escape.clone(),
        comment,
        skip_lines: u32::try_from(skip_lines).unwrap_or(u32::MAX),
        ragged: Ragged::Error,
        skip_empty: empty > 0,
    }
}

fn note(preview: &mut Preview, dialect: &Dialect, table: &Table<'_>) {
    let mut add = |code: &str, detail: String| preview.notes.push(Note::new(code, detail));
    if let [first, ..] = table.ragged.as_slice() {
        let detail = format!(
            "{} records have another number of fields than {}, the first on line {first}: each is an error of a run",
            table.ragged.len(),
            table.width
        );
        add("ragged_records", detail);
    }
    if dialect.skipped_lines > 0 {
        add("skipped_lines", format!("{} lines stand before the table", dialect.skipped_lines));
    }
    if dialect.line_end.as_deref() == Some("mixed") {
        add("mixed_line_ends", "lines end in more than one way; all of them are read".into());
    }
    if dialect.trailing_delimiter {
        add("trailing_delimiter", "every record ends with a delimiter, so its last column is empty".into());
    }
    if preview.columns_left_out > 0 {
        let detail = format!("only the first {MAX_COLUMNS} of {} columns are shown", table.width);
        preview.notes.push(Note::new("columns_left_out", detail));
    }
}
