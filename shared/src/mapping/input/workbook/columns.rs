//! What columns are called in a workbook: A to XFD.

pub(super) use crate::mapping::compile::column_index;

/// Most columns of a sheet.
pub(super) const MOST_COLUMNS: u32 = 16_384;

/// Most rows of a sheet.
pub(super) const MOST_ROWS: u32 = 1_048_576;

/// A column's letters, by its index from 0.
pub(super) fn column_name(index: u32) -> String {
    let (mut rest, mut letters) = (index + 1, Vec::new());
    while rest > 0 {
        letters.push(b'A' + u8::try_from((rest - 1) % 26).expect("there are 26 letters"));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// Reads where a cell is, such as `B12`: its row from 1, and its column from 0.
pub(super) fn place(reference: &str) -> Option<(u32, u32)> {
    let at = reference.find(|c: char| c.is_ascii_digit())?;
    let (letters, digits) = reference.split_at(at);
    let row: u32 = digits.parse().ok()?;
    (1..=MOST_ROWS).contains(&row).then_some(())?;
    Some((row, column_index(letters)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_columns() {
        for (index, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
        {
            assert_eq!(column_name(index), letters);
            assert_eq!(column_index(letters), Some(index));
        }
        for no_column in ["", "XFE", "AAAA", "a", "A1", "Å"] {
            assert_eq!(column_index(no_column), None, "{no_column}");
        }
        for (reference, wanted) in [
            ("A1", Some((1, 0))),
            ("XFD1048576", Some((1_048_576, 16_383))),
            ("A0", None),
            ("A1048577", None),
            ("A", None),
            ("1", None),
            ("A1B", None),
            ("$A$1", None),
            ("A99999999999", None),
        ] {
            assert_eq!(place(reference), wanted, "{reference}");
        }
    }
}
