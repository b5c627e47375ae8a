//! What a preview is made of.

use crate::mapping::Mapping;

/// The first bytes of a file, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'s> {
    /// Bytes of the file, from the first.
    pub bytes: &'s [u8],
    /// Whether that is all of it.
    pub is_whole: bool,
    /// What the file is called, if it has a name.
    pub file_name: Option<&'s str>,
    /// The IANA zone that is suggested for local times: the account's.
    pub time_zone: &'s str,
    /// The mapping whose outcome is wanted; without it that of the draft.
    pub mapping: Option<&'s Mapping>,
}

impl Sample<'_> {
    /// Returns what a draft may be called: the file's name without its ending.
    pub(super) fn name(&self) -> String {
        let name = self.file_name.and_then(|name| name.rsplit(['/', '\\']).next()).unwrap_or_default();
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem).trim();
        if stem.is_empty() { "draft".into() } else { stem.chars().take(100).collect() }
    }
}
