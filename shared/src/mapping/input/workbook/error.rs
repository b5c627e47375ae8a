//! Why a workbook cannot be read.

use thiserror::Error;

use crate::mapping::fields::shown;

/// Why a workbook cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkbookError {
    /// It is none, or of a kind that is not read.
    #[error(
        "the file is no workbook that can be read: {0}; save it as XLSX, ODS, or XLS of Excel 97 or later"
    )]
    NotAWorkbook(String),
    /// It needs a password.
    #[error("the workbook is encrypted; save it without a password")]
    Encrypted,
    /// The sheet is not in it, or has no cells.
    #[error("the workbook has no sheet {wanted}; it has {}", found.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", "))]
    NoSheet {
        /// The sheet that the mapping names.
        wanted: String,
        /// The first 50 sheets that are there.
        found: Vec<String>,
    },
    /// It would take more memory or time than there is.
    #[error("the workbook is too large to be read: {0}")]
    TooLarge(String),
    /// It contradicts itself, or ends too early.
    #[error("the workbook is damaged: {0}")]
    Damaged(String),
    /// This function was built without the reader.
    #[error("workbooks are read from files only; map the payload of a notification as JSON")]
    NotHere,
}

impl WorkbookError {
    /// Returns a stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAWorkbook(_) => "not_a_workbook",
            Self::Encrypted => "encrypted_workbook",
            Self::NoSheet { .. } => "no_such_sheet",
            Self::TooLarge(_) => "workbook_too_large",
            Self::Damaged(_) => "damaged_workbook",
            Self::NotHere => "workbooks_not_here",
        }
    }
}
