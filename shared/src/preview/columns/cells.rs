//! The cells of one column: each different one once, with how often and where first.

use std::collections::HashMap;

use super::Example;

/// Most characters of a cell that are shown.
const SHOWN: usize = 60;
/// Most examples that are shown.
const EXAMPLES: usize = 5;

/// The cells of one column.
pub(crate) struct Cells<'t> {
    pub name: String,
    /// The different cells that have something, in the order of first mention.
    pub distinct: Vec<Distinct<'t>>,
    places: HashMap<&'t str, usize>,
    pub filled: usize,
    pub empty: usize,
}

/// A cell's text without outer spaces, how often it is there, and the line where it is first.
pub(crate) struct Distinct<'t> {
    pub text: &'t str,
    pub count: usize,
    pub line: u64,
}

impl<'t> Cells<'t> {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), distinct: Vec::new(), places: HashMap::new(), filled: 0, empty: 0 }
    }

    /// Adds the cell of one record.
    pub fn push(&mut self, line: u64, cell: &'t str) {
        let text = cell.trim_matches([' ', '\u{a0}']);
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        self.filled += 1;
        let next = self.distinct.len();
        let at = *self.places.entry(text).or_insert(next);
        match self.distinct.get_mut(at) {
            Some(known) => known.count += 1,
            None => self.distinct.push(Distinct { text, count: 1, line }),
        }
    }

    /// Returns whether every cell is there and there once.
    pub fn are_unique(&self) -> bool {
        self.empty == 0 && self.filled > 0 && self.distinct.len() == self.filled
    }

    /// Counts the filled cells that meet a test.
    pub fn count(&self, mut test: impl FnMut(&str) -> bool) -> usize {
        self.distinct.iter().filter(|cell| test(cell.text)).map(|cell| cell.count).sum()
    }

    /// Shows the first different cells that meet a test.
    pub fn examples(&self, mut test: impl FnMut(&str) -> bool) -> Vec<Example> {
        self.distinct.iter().filter(|cell| test(cell.text)).take(EXAMPLES).map(Distinct::example).collect()
    }
}

impl Distinct<'_> {
    fn example(&self) -> Example {
        Example { line: self.line, cell: shown(self.text) }
    }
}

/// Returns as much of a text as is shown.
pub(in crate::preview) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Words that people write for nothing.
pub(crate) fn is_nothing(cell: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "n/a", "na", "none", "nan", "nil", "-", "--", "\\n", "#n/a"];
    WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}
