//! Opens a workbook: takes it into memory, tells what kind it is, and has a thread read the sheet.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{
    error::WorkbookError,
    grid::{Grid, Halt, Message},
    ods,
    package::Package,
    xls, xlsx,
};
use crate::mapping::{
    compile::CompiledWorkbook,
    file_error::FileError,
    input::{Opened, Rows, raw_record::RawRecord},
};

/// Largest workbook, in bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Pieces of rows that wait to be taken.
const AHEAD: usize = 4;

/// Reads as far as the row that names the columns.
pub(in crate::mapping::input) fn open<'r>(
    settings: &CompiledWorkbook,
    named: &[String],
    reader: impl Read,
) -> Result<Opened<'r>, FileError> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(WorkbookError::TooLarge(format!("it has more than {MOST_BYTES} bytes")).into());
    }
    let (sender, messages) = sync_channel(AHEAD);
    let (settings, named) = (settings.clone(), named.to_vec());
    let read = move || read(bytes, &settings, &named, &sender);
    thread::Builder::new().name("workbook".into()).spawn(read)?;
    let columns = match messages.recv() {
        Ok(Message::Columns(columns)) => columns,
        Ok(Message::UnreadableHeader { line, reason }) => {
            return Err(FileError::UnreadableHeader { line, reason });
        }
        Ok(Message::End(Err(error))) => return Err(error.into()),
        Ok(Message::End(Ok(())) | Message::Rows(_) | Message::Looked(_)) | Err(_) => {
            return Err(gone().into());
        }
    };
    let rows = Handed { messages, rows: Vec::new().into_iter(), has_ended: false };
    Ok(Opened { rows: Box::new(rows), columns })
}

/// The thread's work.
fn read(bytes: Vec<u8>, settings: &CompiledWorkbook, named: &[String], out: &SyncSender<Message>) {
    let last = match sheet(bytes, settings, Grid::new(settings, named, out)) {
        Ok(()) => Message::End(Ok(())),
        Err(Halt::Failed(error)) => Message::End(Err(error)),
        Err(Halt::UnreadableHeader { line, reason }) => Message::UnreadableHeader { line, reason },
        Err(Halt::Dropped) => return,
    };
    // Where nobody takes it, nobody wants to know.
    let _ = out.send(last);
}

pub(super) fn sheet(bytes: Vec<u8>, settings: &CompiledWorkbook, grid: Grid<'_>) -> Result<(), Halt> {
    if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return xls::read(bytes, &settings.sheet, grid);
    }
    if !bytes.starts_with(b"PK") {
        return Err(WorkbookError::NotAWorkbook("it begins as none does".into()).into());
    }
    let package = Package::open(bytes, settings.most_part_bytes)?;
    if package.has("mimetype") {
        ods::read(package, &settings.sheet, grid)
    } else {
        xlsx::read(package, &settings.sheet, grid)
    }
}

/// Rows as they are handed over.
struct Handed {
    messages: Receiver<Message>,
    rows: std::vec::IntoIter<RawRecord>,
    has_ended: bool,
}

impl Rows for Handed {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        loop {
            if let Some(next) = self.rows.next() {
                *row = next;
                return Ok(true);
            }
            if self.has_ended {
                return Ok(false);
            }
            match self.messages.recv() {
                Ok(Message::Rows(rows)) => self.rows = rows.into_iter(),
                Ok(Message::End(Ok(()))) => self.has_ended = true,
                Ok(Message::End(Err(error))) => return Err(io::Error::other(error)),
                Ok(Message::Columns(_) | Message::Looked(_) | Message::UnreadableHeader { .. }) | Err(_) => {
                    return Err(io::Error::other(gone()));
                }
            }
        }
    }
}

/// What a thread that ends without a word has come upon.
pub(super) fn gone() -> WorkbookError {
    WorkbookError::Damaged("its reader has failed on it".into())
}
