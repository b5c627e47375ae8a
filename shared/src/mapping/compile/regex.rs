//! Regular expressions that customers state, within bounds.
//!
//! The crate matches in time linear in the text, whatever the expression; its size is bounded here.

use regex::{Regex, RegexBuilder};

/// Characters of an expression.
const MOST_CHARACTERS: usize = 1000;
/// Bytes of an expression, compiled, and of the cache that matching fills.
const MOST_BYTES: usize = 512 * 1024;

/// Compiles an expression; in words what is wrong with it.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("is empty, which matches everything; state an expression".into());
    }
    if text.chars().count() > MOST_CHARACTERS {
        return Err(format!("is over {MOST_CHARACTERS} characters long"));
    }
    let built =
        RegexBuilder::new(text).size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).nest_limit(20).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large once its repetitions are written out".into(),
        error => {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            format!("is not a regular expression: {}", last.trim_start_matches("error: "))
        }
    })
}

/// Compiles an expression that has exactly one group.
pub(super) fn with_one_group(text: &str) -> Result<Regex, String> {
    let regex = regex(text)?;
    match regex.captures_len() - 1 {
        1 => Ok(regex),
        count => {
            Err(format!("has {count} groups, but needs one, `(…)`, around what counts; `(?:…)` is none"))
        }
    }
}
