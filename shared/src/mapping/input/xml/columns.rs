//! What is gathered of a record: its columns, and those of the children of its lists.

use std::ops::Range;

use super::path::Path;

/// A column, and its value as far as it came.
pub(super) struct Column {
    pub name: String,
    /// How many steps from the root the element is that the value belongs to.
    pub anchor: usize,
    pub join: Option<String>,
    pub value: String,
    /// How many values there were.
    pub found: usize,
    /// Whether a record went out with the value as it is.
    pub is_used: bool,
}

/// Repeated children.
pub(super) struct List {
    /// As the mapping writes it.
    pub each: String,
    /// The indexes of its columns.
    pub columns: Range<usize>,
    /// The lists of children that its children have.
    pub within: Vec<usize>,
}

impl Column {
    pub fn new(name: &str, path: Path) -> Self {
        let (value, name) = (String::new(), name.to_owned());
        Self { name, anchor: path.anchor, join: path.join, value, found: 0, is_used: false }
    }

    pub fn clear(&mut self) {
        self.value.clear();
        self.found = 0;
        self.is_used = false;
    }

    /// Whether there are several values, and the path does not say what to do.
    pub fn is_repeated(&self) -> bool {
        self.found > 1 && self.join.is_none()
    }
}
