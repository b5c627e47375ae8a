//! Formats of numbers and literals alone: in a cell with all digits each has its place.

use super::item::{Item, PARTS, Part};

/// Where everything is in a cell.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    length: usize,
    literals: Vec<(usize, u8)>,
    /// Part, place and number of digits.
    numbers: Vec<(Part, usize, usize)>,
}

impl Layout {
    /// The places of a format's items; None where it has others than numbers and literals.
    pub fn of(items: &[Item]) -> Option<Self> {
        let mut layout = Self { length: 0, literals: Vec::new(), numbers: Vec::new() };
        for item in items {
            match *item {
                Item::Literal(byte) => {
                    layout.literals.push((layout.length, byte));
                    layout.length += 1;
                }
                Item::Number { part, digits, .. } => {
                    layout.numbers.push((part, layout.length, digits));
                    layout.length += digits;
                }
                _ => return None,
            }
        }
        Some(layout)
    }

    /// Reads a cell in which everything is in its place; false where it is another.
    #[inline]
    pub fn read(&self, cell: &[u8], values: &mut [i32; PARTS]) -> bool {
        if cell.len() != self.length || self.literals.iter().any(|(at, byte)| cell[*at] != *byte) {
            return false;
        }
        let mut is_sound = true;
        for (part, at, digits) in &self.numbers {
            let mut value = 0;
            for byte in &cell[*at..at + digits] {
                let digit = byte.wrapping_sub(b'0');
                is_sound &= digit <= 9;
                value = value * 10 + i32::from(digit);
            }
            values[*part as usize] = value;
        }
        is_sound
    }
}
