//! Signs what is sent, as Standard Webhooks `v1`: HMAC-SHA256 over id, time and the very bytes of the body.
//!
//! Several keys give several signatures in one header, so that a secret can be changed without a gap. This
//! module makes no keys and reads no clock; what arrives is verified in [`crate::source`].
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! "Signature scheme".

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

mod ending;
mod secrets;

pub use ending::{ending, first_reminder, next_reminder};
pub use secrets::{LiveSecret, MOST_SECRETS, check_secrets};

/// Header with the id, which stays the same however often a message is sent.
pub const WEBHOOK_ID: &str = "webhook-id";
/// Header with the time of this attempt, in seconds since 1970.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// Header with the signatures, separated by spaces.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// What a signature of this scheme begins with.
pub(crate) const VERSION: &str = "v1,";

const KEY_PREFIX: &str = "whsec_";
const HOW: &str = "make one of `whsec_` and what `openssl rand -base64 32` prints";

/// A key that signs and verifies; it is not printed, and wiped when dropped.
#[derive(Debug)]
pub struct SigningKey(SecretSlice<u8>);

/// Why a text is no key. The text itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as keys do.
    #[error("a signing key must begin with `whsec_`; {HOW}")]
    NoPrefix,
    /// What follows the prefix is no padded standard base64.
    #[error("a signing key must be base64 after `whsec_`; {HOW}")]
    NotBase64,
    /// The key is shorter or longer than the specification wants.
    #[error("a signing key must be of 24 to 64 bytes, and this one is of {bytes}; {HOW}")]
    Length {
        /// Its length.
        bytes: usize,
    },
}

impl SigningKey {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// When the text is anything else. A retry cannot help.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix(KEY_PREFIX).ok_or(KeyError::NoPrefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::NotBase64)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(KeyError::Length { bytes: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// The bare signature of `id.timestamp.body`, where `timestamp` is the header's text as it was sent.
    pub(crate) fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        hmac_sha256(self.0.expose_secret(), &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
    }
}

/// Makes the value of [`WEBHOOK_SIGNATURE`]: one `v1,<base64>` a key, in the keys' order. The same arguments
/// give the same value.
///
/// `id` must hold no full stop: it separates what is signed. `timestamp` is cut to whole seconds, and
/// [`WEBHOOK_TIMESTAMP`] must carry those.
pub fn sign<'a>(
    keys: impl IntoIterator<Item = &'a SigningKey>,
    id: &str,
    timestamp: Timestamp,
    body: &[u8],
) -> String {
    let mut signing = Signing::begin(keys, id, timestamp);
    signing.update(body);
    signing.finish()
}

/// [`sign`] for a body that comes piece by piece.
pub struct Signing(Vec<Hmac<Sha256>>);

impl Signing {
    /// Begins with what stands before the body.
    pub fn begin<'a>(keys: impl IntoIterator<Item = &'a SigningKey>, id: &str, timestamp: Timestamp) -> Self {
        let before = format!("{id}.{}.", timestamp.as_second());
        let begun = |key: &SigningKey| hmac(key.0.expose_secret()).chain_update(&before);
        Self(keys.into_iter().map(begun).collect())
    }

    /// Goes on with the next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.iter_mut().for_each(|mac| mac.update(piece));
    }

    /// The header's value.
    pub fn finish(self) -> String {
        let signatures = self.0.into_iter().map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
        signatures.map(|mac| format!("{VERSION}{mac}")).collect::<Vec<_>>().join(" ")
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
