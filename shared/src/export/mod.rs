//! Files that are pushed: how a target server wants them named and written, how records become their bytes, and where
//! the push of one stands. Decisions only: `aws::pushes` writes them down, `sftp-push` performs them.

mod cell_text;
mod cells;
mod csv;
mod file_name;
mod fixed_width;
mod format;
mod formula;
mod frame;
mod moment;
mod number;
mod output;
mod push;
mod saft;
mod settings;
mod sum;
mod void;
mod xlsx;
mod xml;

pub use csv::{Column, CsvOutput, DecimalMark, FormulaCells, LineEnd, Quoting, StatedColumn};
pub use file_name::{FileName, Named, valid_name};
pub use fixed_width::{Align, FixedColumn, FixedWidthOutput};
pub use format::{Piece, Rendering, Unfit, wants_json};
pub use frame::Totals;
pub use output::{Output, OutputResult};
pub use push::{
    BatchEntry, Breaker, Decision, ManifestEntry, NotificationEntry, OpenBatch, Phase, Push, Sent, retry_wait,
};
pub use saft::{SaftAddress, SaftCompany, SaftContact, SaftOutput, SaftPeriod, SaftSoftware};
pub use settings::{Export, FileFormat, FilesPer, Overwrite};
pub use void::{VoidNumber, VoidReason, void_numbers_with};
pub use xlsx::{CellType, SheetColumn, XlsxOutput};
pub use xml::{Nulls, XmlOutput};
