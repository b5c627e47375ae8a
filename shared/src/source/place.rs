//! Where in a message a value stands: in a header, or in a JSON body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Headers, pointer};

/// Longest value that is taken from a message, in bytes.
pub const MOST_BYTES: usize = 200;

/// Where a value stands: exactly one of `header` and `pointer` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Name of a header, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// JSON pointer (RFC 6901) into the body, for example `/data/id`, to a text or a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// Why no value can be taken. The same message will never give one; what it holds is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The body is not even text.
    #[error("the body is not UTF-8; send JSON, or have the source look in a header")]
    NotUtf8,
    /// The body is not JSON.
    #[error(
        "the body is not JSON at line {line}, column {column}; send JSON, or have the source look in a header"
    )]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 0.
        column: usize,
    },
    /// The body is nested too deep.
    #[error("the body is nested more than {} deep; send it flatter", pointer::MOST_DEPTH)]
    TooDeep,
    /// What is there is no text.
    #[error("{place} holds {found}; send a text or a whole number there")]
    NotText {
        /// Where.
        place: String,
        /// What is there, in words.
        found: &'static str,
    },
    /// The text there is empty, too long, or not plain.
    #[error("{place} must hold 1 to {MOST_BYTES} bytes of printable ASCII")]
    NotUsable {
        /// Where.
        place: String,
    },
}

impl PlaceError {
    /// Stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 | Self::NotJson { .. } => "not_json",
            Self::TooDeep => "too_deep",
            Self::NotText { .. } => "not_text",
            Self::NotUsable { .. } => "not_usable",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.header, &self.pointer) {
            (Some(header), _) => write!(f, "the header {header}"),
            (None, Some(pointer)) => write!(f, "{pointer} of the body"),
            (None, None) => f.write_str("nowhere"),
        }
    }
}

impl Place {
    /// Finds the value: a header's, trimmed; or in the body a text, or a whole number as it is written. None
    /// when nothing stands there. A body is read only for a pointer, then to its end, and of members with the
    /// same name the last counts.
    ///
    /// # Errors
    /// When the body cannot be read, or when what stands there is no text of 1 to [`MOST_BYTES`] bytes of
    /// printable ASCII.
    pub fn find(&self, headers: &Headers, body: &[u8]) -> Result<Option<String>, PlaceError> {
        let found = match (&self.header, &self.pointer) {
            (Some(name), _) => headers.get(name).map(|value| value.trim().to_string()),
            (None, Some(pointer)) => self.find_in(pointer, body)?,
            (None, None) => None,
        };
        match found {
            Some(text) if !is_usable(&text) => Err(PlaceError::NotUsable { place: self.in_words() }),
            found => Ok(found),
        }
    }

    fn find_in(&self, pointer: &str, body: &[u8]) -> Result<Option<String>, PlaceError> {
        let json = std::str::from_utf8(body).map_err(|_| PlaceError::NotUtf8)?;
        if pointer::is_too_deep(body) {
            return Err(PlaceError::TooDeep);
        }
        let Some(tokens) = pointer::parse(pointer) else { return Ok(None) };
        let Some(token) = pointer::find(&tokens, json).map_err(not_json)? else { return Ok(None) };
        let found = match token.as_bytes().first() {
            Some(b'"') => return serde_json::from_str(token).map(Some).map_err(not_json),
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ if token.contains(['.', 'e', 'E']) => "a number with a fraction or an exponent",
            _ => return Ok(Some(token.to_string())),
        };
        Err(PlaceError::NotText { place: self.in_words(), found })
    }

    fn in_words(&self) -> String {
        match (&self.header, &self.pointer) {
            (Some(name), _) => format!("header {name}"),
            (None, pointer) => format!("the body at '{}'", pointer.as_deref().unwrap_or_default()),
        }
    }
}

fn is_usable(text: &str) -> bool {
    (1..=MOST_BYTES).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn not_json(error: serde_json::Error) -> PlaceError {
    PlaceError::NotJson { line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests;
