//! A payload within a message, or the place where it is kept.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id;

/// A payload, byte for byte: as text where it is UTF-8, which takes less room in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
    /// In the bucket, under this key.
    Object(String),
}

/// A payload that is not what it says it is.
#[derive(Debug, thiserror::Error)]
#[error("a payload in a message is no base64")]
pub struct NotBase64(#[source] base64::DecodeError);

impl Payload {
    /// Takes a payload into a message.
    pub fn inline(body: &[u8]) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Base64(STANDARD.encode(body)),
        }
    }

    /// The bytes, where they are in the message; `None` where they are in the bucket.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, NotBase64> {
        match self {
            Self::Text(text) => Ok(Some(text.clone().into_bytes())),
            Self::Base64(text) => STANDARD.decode(text).map(Some).map_err(NotBase64),
            Self::Object(_) => Ok(None),
        }
    }
}

/// Largest payload that is handled whole, in bytes: what Lambda takes of a request, less its envelope and what base64
/// adds to it. A larger one is uploaded, and goes to its target piece by piece.
pub const MOST_WHOLE_BYTES: usize = 4 * 1024 * 1024;

/// Hash of a payload and its content type, as hex.
pub fn content_hash(content_type: &str, body: &[u8]) -> String {
    content_hash_of(content_type, &Sha256::digest(body).into())
}

/// As [`content_hash`], of a payload whose SHA-256 is known: 128 bits of SHA-256 over content type and that.
pub fn content_hash_of(content_type: &str, body_sha256: &[u8; 32]) -> String {
    let mut sha = Sha256::new();
    sha.update((content_type.len() as u64).to_be_bytes());
    sha.update(content_type.as_bytes());
    sha.update(body_sha256);
    id::hex(&sha.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_comes_out_byte_for_byte() {
        for body in [b"".as_slice(), "{\"navn\": \"Åse\"}\r\n".as_bytes(), &[0xff, 0, 0xfe]] {
            let payload = Payload::inline(body);
            let read: Payload = serde_json::from_str(&serde_json::to_string(&payload).unwrap()).unwrap();
            assert_eq!(read.bytes().unwrap().as_deref(), Some(body));
        }
        assert!(matches!(Payload::inline(b"a"), Payload::Text(_)));
        assert_eq!(Payload::Object("k".into()).bytes().unwrap(), None);
        assert!(Payload::Base64("*".into()).bytes().is_err());
    }

    #[test]
    fn another_content_type_is_another_content() {
        assert_ne!(content_hash("a", b"bc"), content_hash("ab", b"c"));
        assert_eq!(content_hash("a", b"bc"), content_hash("a", b"bc"));
    }
}
