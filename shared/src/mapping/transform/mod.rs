//! What can be done to a column's text before its type reads it: a closed list, applied in order.
//!
//! An empty text stays empty: padding would make something of nothing. What is done to numbers, dates and timestamps is
//! with these, in `cell`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use regex::Regex;

use super::cell::Unfit;
use super::document::{NotListed, Part};
use super::outcome::Reason;

#[cfg(test)]
mod tests;

/// One thing that is done to a text.
#[derive(Clone, Debug)]
pub(super) struct TextTransform {
    /// Its index among the column's transforms.
    pub at: usize,
    pub work: TextWork,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum TextWork {
    Trim,
    CollapseSpaces,
    Upper,
    Lower,
    PadLeft { to: usize, with: char },
    StripLeft(String),
    Replace { find: String, with: String },
    Capture(Regex),
    Split { by: String, part: i32 },
    Lookup { table: BTreeMap<String, String>, otherwise: NotListed },
    Take(Part),
}

impl TextTransform {
    /// Applies it to a text that is not empty.
    pub fn apply<'t>(&self, text: Cow<'t, str>) -> Result<Cow<'t, str>, Unfit> {
        let at = self.at;
        match &self.work {
            TextWork::Trim => Ok(part(text, str::trim)),
            TextWork::CollapseSpaces => Ok(Cow::Owned(collapse(&text))),
            TextWork::Upper => Ok(Cow::Owned(text.to_uppercase())),
            TextWork::Lower => Ok(Cow::Owned(text.to_lowercase())),
            TextWork::PadLeft { to, with } => Ok(pad(text, *to, *with)),
            TextWork::StripLeft(what) => Ok(part(text, |text| strip(text, what))),
            TextWork::Replace { find, .. } if !text.contains(find.as_str()) => Ok(text),
            TextWork::Replace { find, with } => Ok(Cow::Owned(text.replace(find, with))),
            TextWork::Capture(regex) => match captured(regex, &text) {
                Some(range) => Ok(part(text, |text| &text[range])),
                None => Err(failed(at, "capture", format!("a text that {:?} captures from", regex.as_str()))),
            },
            TextWork::Split { by, part: wanted } => match split(&text, by, *wanted) {
                Some(range) => Ok(part(text, |text| &text[range])),
                None => Err(failed(at, "split", format!("a text with a part {wanted} between {by:?}"))),
            },
            TextWork::Lookup { table, otherwise } => match (table.get(&*text), otherwise) {
                (Some(found), _) => Ok(Cow::Owned(found.clone())),
                (None, NotListed::Keep) => Ok(text),
                (None, NotListed::Text(instead)) => Ok(Cow::Owned(instead.clone())),
                (None, NotListed::Error) => {
                    let known = table.keys().take(20).map(String::as_str).collect::<Vec<_>>().join(", ");
                    let expected = format!("one of {known}, the table of transforms[{at}], lookup");
                    Err(Unfit { reason: Reason::UnmappedValue, expected })
                }
            },
            TextWork::Take(wanted) => Ok(part(text, |text| take(text, *wanted))),
        }
    }
}

/// Keeps a part of a text, without a copy where it is borrowed.
fn part<'t>(text: Cow<'t, str>, of: impl FnOnce(&str) -> &str) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => {
            let part = of(text);
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            Cow::Borrowed(&text[start..start + part.len()])
        }
        Cow::Owned(text) => Cow::Owned(of(&text).to_owned()),
    }
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut after_space = false;
    for character in text.chars() {
        let is_space = character.is_whitespace();
        if !is_space {
            collapsed.push(character);
        } else if !after_space {
            collapsed.push(' ');
        }
        after_space = is_space;
    }
    collapsed
}

fn pad(text: Cow<'_, str>, to: usize, with: char) -> Cow<'_, str> {
    let count = text.chars().count();
    if count >= to {
        return text;
    }
    let padding = std::iter::repeat_n(with, to - count);
    Cow::Owned(padding.chain(text.chars()).collect())
}

fn strip<'t>(text: &'t str, what: &str) -> &'t str {
    let mut rest = text;
    while let Some(shorter) = rest.strip_prefix(what).filter(|shorter| !shorter.is_empty()) {
        rest = shorter;
    }
    rest
}

fn captured(regex: &Regex, text: &str) -> Option<Range<usize>> {
    regex.captures(text)?.get(1).map(|found| found.range())
}

fn split(text: &str, by: &str, part: i32) -> Option<Range<usize>> {
    let back = part.unsigned_abs().checked_sub(1)? as usize;
    let found = if part > 0 { text.split(by).nth(back)? } else { text.rsplit(by).nth(back)? };
    let start = found.as_ptr() as usize - text.as_ptr() as usize;
    Some(start..start + found.len())
}

fn take(text: &str, part: Part) -> &str {
    match part {
        Part::First(count) => match text.char_indices().nth(count as usize) {
            Some((end, _)) => &text[..end],
            None => text,
        },
        Part::Last(count) => match text.char_indices().rev().nth((count as usize).saturating_sub(1)) {
            Some((start, _)) => &text[start..],
            None => text,
        },
    }
}

fn failed(at: usize, name: &str, expected: String) -> Unfit {
    Unfit { reason: Reason::TransformFailed, expected: format!("{expected} (transforms[{at}], {name})") }
}
