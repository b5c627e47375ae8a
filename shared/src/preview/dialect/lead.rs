//! Which of the first records are titles, not records.

use super::split::Record;
use super::value::{Look, look};

/// Most lines that stand above a table.
const MOST: usize = 30;

/// Returns how many records stand above the table: narrow ones, or wide ones with next to nothing in them.
pub(super) fn titles(records: &[Record<'_>], width: usize) -> usize {
    if width < 2 {
        return 0;
    }
    let narrow = records.iter().take_while(|record| is_narrow(record, width)).count();
    let padded = narrow + records[narrow..].iter().take_while(|record| is_padded(record, width)).count();
    let is_followed = |count: usize| records.get(count).is_some_and(|next| next.cells.len() == width);
    let count = [padded, narrow].into_iter().find(|count| is_followed(*count)).unwrap_or(0);
    if count <= MOST && count * 2 <= records.len() { count } else { 0 }
}

/// Whether it has so few cells that it is no header of which some names are missing.
fn is_narrow(record: &Record<'_>, width: usize) -> bool {
    let filled = record.cells.iter().filter(|cell| look(&cell.text) != Look::Empty).count();
    record.cells.len() != width && (record.cells.len() == 1 || filled * 2 <= width)
}

/// Whether it is a title that a spreadsheet wrote with all of its delimiters.
fn is_padded(record: &Record<'_>, width: usize) -> bool {
    let mut filled = record.cells.iter().filter(|cell| look(&cell.text) != Look::Empty);
    let is_text = filled.next().is_none_or(|cell| matches!(look(&cell.text), Look::Text | Look::Joined));
    width > 2 && is_text && filled.next().is_none()
}
