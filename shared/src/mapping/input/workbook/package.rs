//! The parts of a workbook that is a zip archive.

use std::io::Cursor;

use zip::{ZipArchive, read::ZipFile, result::ZipError};

use super::{error::WorkbookError, xml::Xml};

/// Most members of an archive: its directory is held in memory.
const MOST_MEMBERS: usize = 10_000;

/// The archive.
pub(super) struct Package {
    zip: ZipArchive<Cursor<Vec<u8>>>,
    most_part_bytes: u64,
}

/// A part of it.
pub(super) type Part<'p> = Xml<ZipFile<'p, Cursor<Vec<u8>>>>;

impl Package {
    pub(super) fn open(bytes: Vec<u8>, most_part_bytes: u64) -> Result<Self, WorkbookError> {
        // An entry of the directory begins with this: there are no more entries than that.
        let members = bytes.windows(4).filter(|four| four == b"PK\x01\x02").count();
        if members > MOST_MEMBERS {
            return Err(WorkbookError::TooLarge(format!("it has more than {MOST_MEMBERS} parts")));
        }
        Ok(Self { zip: ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?, most_part_bytes })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.name_of(name).is_some()
    }

    /// Opens a part, of so many bytes at most; None where it is not there.
    pub(super) fn part(&mut self, name: &str, most_bytes: u64) -> Result<Option<Part<'_>>, WorkbookError> {
        let Some(at) = self.name_of(name) else { return Ok(None) };
        let part = self.zip.by_index(at).map_err(damaged)?;
        Ok(Some(Xml::new(part, most_bytes.min(self.most_part_bytes))))
    }

    /// Where a part is; case does not matter in their names.
    fn name_of(&self, name: &str) -> Option<usize> {
        let same = |other: &[u8]| other.eq_ignore_ascii_case(name.as_bytes());
        self.zip.index_for_name(name).or_else(|| self.zip.file_names_raw().position(same))
    }
}

fn damaged(error: ZipError) -> WorkbookError {
    match error {
        ZipError::UnsupportedArchive(_) => WorkbookError::NotAWorkbook(error.to_string()),
        _ => WorkbookError::Damaged(error.to_string()),
    }
}
