//! The fields of one record, and where a file has those that a mapping names.

/// Where a file has what a mapping wants.
#[derive(Default)]
pub(super) struct Layout {
    /// For each mapped column, the index of its field; means nothing for one with a recipe.
    pub columns: Vec<usize>,
    /// For each wanted column, the index of its field.
    pub wanted: Vec<usize>,
    /// What the mapping takes from the file's surroundings.
    pub given: Vec<String>,
}

/// The fields of one record, as bytes that should be UTF-8.
pub(super) struct Fields<'r> {
    bytes: &'r [u8],
    spans: &'r [(u32, u32)],
    /// All bytes as text, where they are.
    text: Option<&'r str>,
}

impl<'r> Fields<'r> {
    pub fn new(bytes: &'r [u8], spans: &'r [(u32, u32)]) -> Self {
        Self { bytes, spans, text: simdutf8::basic::from_utf8(bytes).ok() }
    }

    /// For those that look at few of the fields.
    pub fn one_by_one(bytes: &'r [u8], spans: &'r [(u32, u32)]) -> Self {
        Self { bytes, spans, text: None }
    }

    /// Other fields in the same bytes.
    pub fn within(&self, spans: &'r [(u32, u32)]) -> Self {
        Self { bytes: self.bytes, spans, text: self.text }
    }

    /// Returns a field as text, or its bytes where they are malformed.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Result<&'r str, &'r [u8]> {
        let (start, end) = self.spans[at];
        let range = start as usize..end as usize;
        // Two malformed fields can look like one character across their border; `get` sees that.
        match self.text.map(|text| text.get(range.clone())) {
            Some(Some(text)) => Ok(text),
            _ => std::str::from_utf8(&self.bytes[range.clone()]).map_err(|_| &self.bytes[range]),
        }
    }
}

/// Shows a cell in an error: quoted, its invisible characters visible, at most 60 characters of it.
pub(super) fn shown(cell: &str) -> String {
    match cell.char_indices().nth(SHOWN_CHARACTERS) {
        None if cell.is_empty() => "an empty cell".into(),
        None => format!("{cell:?}"),
        Some((end, _)) => format!("{:?}…", &cell[..end]),
    }
}

const SHOWN_CHARACTERS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_fields_do_not_touch_their_neighbours() {
        // The halves of `ø`, one a field: malformed, though valid side by side.
        let fields = Fields::new(b"a\xC3\xB8b", &[(0, 1), (1, 2), (2, 3), (3, 4)]);
        assert_eq!(fields.get(0), Ok("a"));
        assert_eq!(fields.get(1), Err(&b"\xC3"[..]));
        assert_eq!(fields.get(2), Err(&b"\xB8"[..]));
        assert_eq!(fields.get(3), Ok("b"));
        let fields = Fields::new(b"\xFF\xC3\xB8", &[(0, 1), (1, 3), (3, 3)]);
        assert_eq!((fields.get(0), fields.get(1), fields.get(2)), (Err(&b"\xFF"[..]), Ok("\u{f8}"), Ok("")));
    }

    #[test]
    fn long_and_invisible_cells_are_shown() {
        assert_eq!(shown(""), "an empty cell");
        assert_eq!(shown("7\u{a0}\n\""), r#""7\u{a0}\n\"""#);
        assert_eq!(shown(&"\u{f8}".repeat(60)), format!("\"{}\"", "\u{f8}".repeat(60)));
        assert_eq!(shown(&"\u{f8}".repeat(61)), format!("\"{}\"…", "\u{f8}".repeat(60)));
    }
}
