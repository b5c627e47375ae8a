//! Times of day, of formats without a date.

use jiff::civil::Time;

use super::{PARTS, Pattern};

impl Pattern {
    /// Reads a cell of a format without a date; None where it is not of this format or no such time exists.
    pub(in crate::mapping::cell) fn read_time(&self, cell: &str) -> Option<Time> {
        let mut rest = cell.as_bytes();
        let mut values = [0; PARTS];
        for item in &self.items {
            let value = item.read(&mut rest)?;
            if let Some(part) = item.parts().first() {
                values[*part as usize] = value;
            }
        }
        if rest.is_empty() { self.time(&values) } else { None }
    }
}
