//! How records become the bytes of a file.
//!
//! A record is a payload as the mapping makes it, or as it came. One that a format cannot take is an error of its own;
//! it never spoils the file. Numbers keep the digits that they came with.

use std::{borrow::Cow, io};

use serde::de::IgnoredAny;

use super::{
    Export, FileFormat, Named, XmlOutput,
    cells::{Lines, Members, amount, members},
    csv::{DecimalMark, LineEnd},
    fixed_width::FixedLines,
    frame::{Frame, Totals},
    saft::{Group, SaftFile},
    sum::Amount,
    xlsx::{self, Sheet},
};
use crate::{compression::Packer, mapping::Encoding};

/// A record that the target's format cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No JSON at all.
    #[error(
        "the payload is not JSON, which the target's format needs; use format payload to send it as it is"
    )]
    NotJson,
    /// Not an object.
    #[error("the record is not a JSON object, which formats with columns or elements, and sums, need")]
    NotAnObject,
    /// A member that is an object or an array.
    #[error("{0} is no single value, which a cell or an attribute has to be")]
    NotACell(String),
    /// A member that is no number, or one far too long.
    #[error("{0} is not a number that can be written out, which its column is for")]
    NotANumber(String),
    /// A member of a column that is summed, which is no number, or one of too many digits.
    #[error("{0} cannot be summed: it is no number with up to 30 digits on each side of its mark")]
    NotAnAmount(String),
    /// A member that is neither date nor timestamp.
    #[error("{0} is neither a date nor a timestamp of RFC 3339, which its column's date_format needs")]
    NotADate(String),
    /// A date where a time is asked for.
    #[error("{0} is a date without a time of day, which its column's date_format has")]
    NoTimeOfDay(String),
    /// A text that a spreadsheet would run.
    #[error("{0} begins as a formula of a spreadsheet does, which the target's formula_cells refuses")]
    Formula(String),
    /// A value that is longer than its column.
    #[error("{column} has {length} characters, and its column takes {most}: nothing is cut")]
    TooLong {
        /// The member.
        column: String,
        /// Its characters.
        length: usize,
        /// The most there can be.
        most: usize,
    },
    /// A value with a line end, or another control character, in a line of fixed width.
    #[error("{0} has a line end or another control character, which a line of fixed width cannot have")]
    LineBreak(String),
    /// A value at the beginning of a line of fixed width that has the bytes of a byte order mark.
    #[error(
        "{0} begins with a byte order mark, or with characters that are one as bytes, and would be lost as the first of its file"
    )]
    BeginsAsAMark(String),
    /// A value whose space at an end would be taken for what fills its column.
    #[error("{0} has a space where its column is filled with them, so that nobody could tell the two apart")]
    EdgedBySpace(String),
    /// A number that a spreadsheet would change.
    #[error("{0} has more than 15 digits, of which a spreadsheet would make up the rest; write it as text")]
    TooManyDigits(String),
    /// A date before those that spreadsheets know.
    #[error("{0} is before 1900-03-01, from which on all spreadsheets count days alike")]
    DateOutOfRange(String),
    /// More records than a sheet has rows.
    #[error("the sheet of its file is full: it takes 1048576 rows, and 3 GiB")]
    SheetIsFull,
    /// A member that cannot be called so in XML.
    #[error("{0:?} is no name that XML can have; state another in names")]
    NoXmlName(String),
    /// A member that is there twice, of those that are attributes.
    #[error("{0} is there twice, and an element has each attribute once")]
    Twice(String),
    /// Objects and arrays in one another, more than a reader can be expected to take.
    #[error("{0} is nested too deep: 32 levels at most")]
    TooDeep(String),
    /// A character that XML does not have.
    #[error("{column} has the character U+{:04X}, which XML does not have", u32::from(*character))]
    NotInXml {
        /// The member.
        column: String,
        /// The first such character.
        character: char,
    },
    /// What the schema of SAF-T does not take, or lacks.
    #[error("{column} {why}")]
    NotSaft {
        /// The member.
        column: String,
        /// What is wrong with it.
        why: Cow<'static, str>,
    },
    /// A record of a transaction that the file has already.
    #[error(
        "its transaction is in the file already: what belongs to one comes together, in one journal and with the same columns"
    )]
    TransactionHasEnded,
    /// More transactions than a file may have.
    #[error("its file has {0} transactions, and takes no more")]
    TooManyTransactions(usize),
    /// A character that the file's encoding does not have.
    #[error("{column} has the character '{}' (U+{:04X}), which {encoding} does not have", character.escape_debug(), u32::from(*character))]
    NoSuchCharacter {
        /// The member.
        column: String,
        /// The first such character.
        character: char,
        /// The encoding.
        encoding: String,
    },
}

/// Says whether a format takes JSON only.
pub fn wants_json(format: FileFormat) -> bool {
    format != FileFormat::Payload
}

/// How a target's files are written: its settings, read once.
#[derive(Debug)]
pub struct Rendering<'a> {
    export: &'a Export,
    form: Form<'a>,
    header: Option<Frame>,
    footer: Option<Frame>,
    /// The columns whose sums are in one of the two.
    summed: Vec<String>,
}

/// A format with its settings, read.
#[derive(Debug)]
enum Form<'a> {
    Payload,
    Ndjson,
    JsonArray,
    Csv(Lines<'a>),
    FixedWidth(FixedLines<'a>),
    Xml(&'a XmlOutput),
    Xlsx(Sheet<'a>),
    Saft(SaftFile<'a>),
}

impl<'a> Form<'a> {
    fn of(export: &'a Export) -> Result<Self, String> {
        let without = |format: &str| format!("format {format} has no settings");
        Ok(match export.format {
            FileFormat::Payload => Self::Payload,
            FileFormat::Ndjson => Self::Ndjson,
            FileFormat::JsonArray => Self::JsonArray,
            FileFormat::Csv => Self::Csv(Lines::of(export.csv.as_ref().ok_or_else(|| without("csv"))?)?),
            FileFormat::FixedWidth => {
                let settings = export.fixed_width.as_ref().ok_or_else(|| without("fixed_width"))?;
                Self::FixedWidth(FixedLines::of(settings)?)
            }
            FileFormat::Xml => Self::Xml(export.xml.as_ref().ok_or_else(|| without("xml"))?),
            FileFormat::Saft => {
                Self::Saft(SaftFile::of(export.saft.as_ref().ok_or_else(|| without("saft"))?))
            }
            FileFormat::Xlsx => Self::Xlsx(Sheet::of(export.xlsx.as_ref().ok_or_else(|| without("xlsx"))?)?),
        })
    }

    /// How lines around the records are written.
    fn line(&self) -> Option<(Encoding, DecimalMark, LineEnd)> {
        match self {
            Self::Csv(lines) => Some(lines.line()),
            Self::FixedWidth(lines) => Some(lines.frame()),
            _ => None,
        }
    }
}

/// A record as it stands in a file, and what it adds to the file's totals.
#[derive(Debug)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    amounts: Vec<Amount>,
    /// Of SAF-T: the elements around it.
    group: Option<Box<Group>>,
}

impl Piece {
    /// Adds it to the totals of its file.
    pub fn add_to(&self, totals: &mut Totals) {
        totals.add(&self.amounts);
        if let Some(group) = &self.group {
            totals.go_on(group);
        }
    }
}

impl<'a> Rendering<'a> {
    /// Reads the settings.
    ///
    /// # Errors
    /// Says what in them cannot be used. Settings that were checked have nothing of that.
    pub fn of(export: &'a Export) -> Result<Self, String> {
        let form = Form::of(export)?;
        let [header, footer] = [&export.header_line, &export.footer_line]
            .map(|line| line.as_deref().map(Frame::parse).transpose());
        let (header, footer) = (header?, footer?);
        let mut summed: Vec<String> = Vec::new();
        for column in [&header, &footer].into_iter().flatten().flat_map(Frame::summed) {
            if !summed.iter().any(|summed| summed == column) {
                summed.push(column.into());
            }
        }
        Ok(Self { export, form, header, footer, summed })
    }

    /// Says whether the totals have to be known before the first record is written.
    pub fn begins_with_totals(&self) -> bool {
        match &self.form {
            Form::Saft(file) => file.has_totals(),
            _ => self.header.as_ref().is_some_and(Frame::has_totals),
        }
    }

    /// What stands before the first record. The totals are looked at only where [`Self::begins_with_totals`].
    ///
    /// # Errors
    /// When the encoding does not have a character of it.
    pub fn begin(&self, named: &Named<'_>, totals: &Totals) -> Result<Vec<u8>, Unfit> {
        let mut begin = match &self.form {
            Form::Csv(lines) => lines.mark().to_vec(),
            Form::JsonArray => b"[\n".to_vec(),
            Form::Xml(xml) => xml.begin(),
            Form::Xlsx(sheet) => sheet.begin(),
            Form::Saft(file) => file.begin(named, totals.progress(), totals.sums())?,
            Form::Payload | Form::Ndjson | Form::FixedWidth(_) => Vec::new(),
        };
        if let Some(header) = &self.header {
            begin.extend(self.frame(header, named, totals)?);
        }
        match &self.form {
            Form::Csv(lines) => begin.extend(lines.header()?),
            Form::FixedWidth(lines) => begin.extend(lines.header()?),
            _ => {}
        }
        Ok(begin)
    }

    /// What stands between two records.
    pub fn between(&self) -> &'static [u8] {
        if matches!(self.form, Form::JsonArray) { b",\n" } else { b"" }
    }

    /// What stands after the last record.
    ///
    /// # Errors
    /// When the encoding does not have a character of it.
    pub fn end(&self, named: &Named<'_>, totals: &Totals) -> Result<Vec<u8>, Unfit> {
        match (&self.footer, &self.form) {
            (Some(footer), _) => self.frame(footer, named, totals),
            (None, Form::JsonArray) => Ok(b"\n]\n".to_vec()),
            (None, Form::Xml(xml)) => Ok(xml.end()),
            (None, Form::Xlsx(sheet)) => Ok(sheet.end()),
            (None, Form::Saft(file)) => Ok(file.end(totals.progress())),
            (None, _) => Ok(Vec::new()),
        }
    }

    fn frame(&self, frame: &Frame, named: &Named<'_>, totals: &Totals) -> Result<Vec<u8>, Unfit> {
        let Some((encoding, mark, line_end)) = self.form.line() else {
            let line = frame.line(named, totals, &self.summed, DecimalMark::Point);
            return Ok((line + "\n").into_bytes());
        };
        let line = frame.line(named, totals, &self.summed, mark) + line_end.text();
        let mut out = Vec::new();
        encoding.encode(&line, &mut out).map_err(|character| Unfit::NoSuchCharacter {
            column: "the line before or behind the records".into(),
            character,
            encoding: encoding.name(),
        })?;
        Ok(out)
    }

    /// A record as it stands in the file.
    ///
    /// # Errors
    /// When the format cannot take it.
    pub fn record(&self, record: &[u8]) -> Result<Piece, Unfit> {
        let has_columns = matches!(self.form, Form::Csv(_) | Form::FixedWidth(_) | Form::Xlsx(_));
        let members = match has_columns || !self.summed.is_empty() {
            true => members(record)?,
            false => Members::new(),
        };
        let mut group = None;
        let mut own = Vec::new();
        let bytes = match &self.form {
            Form::Payload => record.to_vec(),
            Form::JsonArray => compact(record)?,
            Form::Ndjson => {
                let mut line = compact(record)?;
                line.push(b'\n');
                line
            }
            Form::Csv(lines) => lines.record(&members)?,
            Form::FixedWidth(lines) => lines.record(&members)?,
            Form::Xml(xml) => xml.record(record)?,
            Form::Xlsx(sheet) => sheet.record(&members)?,
            Form::Saft(file) => {
                let (bytes, around, sums) = file.record(record)?;
                (group, own) = (Some(Box::new(around)), sums);
                bytes
            }
        };
        let summed = self.summed.iter().map(|column| amount(&members, column));
        // SAF-T has sums of its own, and no lines around it that have others.
        let amounts = own.into_iter().map(Ok).chain(summed).collect::<Result<_, _>>()?;
        Ok(Piece { bytes, amounts, group })
    }

    /// A record's bytes behind those that come to these totals.
    pub fn placed<'p>(&self, piece: &'p Piece, before: &Totals) -> Cow<'p, [u8]> {
        match (&self.form, &piece.group) {
            (Form::Xlsx(sheet), _) => Cow::Owned(sheet.placed(&piece.bytes, before.records())),
            (Form::Saft(file), Some(group)) => {
                Cow::Owned(file.placed(&piece.bytes, group, before.progress()))
            }
            _ => Cow::Borrowed(&piece.bytes),
        }
    }

    /// Says whether a record can go behind those that come to these totals.
    ///
    /// # Errors
    /// When it would split or repeat what the file has.
    pub fn takes(&self, piece: &Piece, before: &Totals) -> Result<(), Unfit> {
        piece.group.as_ref().map_or(Ok(()), |group| before.progress().takes(group))
    }

    /// Says whether a file takes one more record behind so many, of so many bytes before they are packed. One that it
    /// does not take is [`Unfit::SheetIsFull`].
    pub fn has_room(&self, records: u64, bytes: u64) -> bool {
        match &self.form {
            Form::Xlsx(sheet) => sheet.has_room(records, bytes),
            _ => true,
        }
    }

    /// What packs a file of this name, where it is to be packed.
    ///
    /// # Errors
    /// When the name cannot be that of a member of an archive.
    pub fn packer(&self, file_name: &str) -> io::Result<Option<Packer>> {
        match (&self.export.xlsx, self.export.compression) {
            (Some(settings), _) if matches!(self.form, Form::Xlsx(_)) => {
                Packer::archive(&xlsx::parts(settings), xlsx::SHEET).map(Some)
            }
            (_, Some(compression)) => Packer::new(compression, file_name).map(Some),
            (_, None) => Ok(None),
        }
    }
}

/// JSON on one line: without white space between its tokens, and otherwise as it came, digits and escapes included.
fn compact(json: &[u8]) -> Result<Vec<u8>, Unfit> {
    serde_json::from_slice::<IgnoredAny>(json).map_err(|_| Unfit::NotJson)?;
    let (mut out, mut within, mut escaped) = (Vec::with_capacity(json.len() + 1), false, false);
    for byte in json {
        if within {
            within = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            within = *byte == b'"';
        }
        out.push(*byte);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
