//! Secrets of customers: sealed before they are stored, opened only by the function that needs them.
//!
//! AES-256-GCM under the account's data key, with account and owner as associated data: a sealed
//! value copied to another account's or owner's row does not open. Keys come from [`crate::aws`];
//! the nonce is an argument. This module logs nothing and prints nothing.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

const SEALED: &str = "sealed:v1:";

/// What a secret shows as when settings are read, and what keeps it as it is when they are written.
pub const KEPT: &str = "(set)";

/// A secret field of settings: plain in a request, sealed in storage, `(set)` in an answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretField(String);

/// Why a secret cannot be sealed or opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The value does not open under this key for this owner.
    #[error("a stored secret does not open: it belongs to another account or owner, or is damaged")]
    DoesNotOpen,
    /// The value could not be sealed.
    #[error("a secret could not be sealed")]
    NotSealed,
}

/// Whose secret it is: part of what is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Account.
    pub account: &'a str,
    /// Id of the row that holds it.
    pub id: &'a str,
    /// Field of the row.
    pub field: &'a str,
}

impl Owner<'_> {
    fn associated_data(&self) -> Vec<u8> {
        crate::id::hash128(&[self.account, self.id, self.field]).to_vec()
    }
}

impl std::fmt::Debug for SecretField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl SecretField {
    /// Takes a plain value, as a request brings it.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Says whether a request means "keep what is stored".
    pub fn is_kept(&self) -> bool {
        self.0 == KEPT
    }

    /// Says whether the value is sealed. A request must not bring one that is.
    pub fn is_sealed(&self) -> bool {
        self.0.starts_with(SEALED)
    }

    /// Says whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value while it is plain, to check it: None once it is sealed, and where a request keeps what is stored.
    pub fn plain_text(&self) -> Option<&str> {
        (!self.is_kept() && !self.is_sealed()).then_some(self.0.as_str())
    }

    /// Hides the value, for an answer.
    pub fn hide(&mut self) {
        self.0 = KEPT.into();
    }

    /// Replaces the plain value with the sealed one. `nonce` must never be used twice under one key.
    ///
    /// # Errors
    /// When the cipher refuses, which it does for values of many gigabytes only.
    pub fn seal(&mut self, key: &[u8; 32], nonce: [u8; 12], owner: Owner<'_>) -> Result<(), SecretError> {
        let aad = owner.associated_data();
        let sealed = Aes256Gcm::new(key.into())
            .encrypt(&nonce.into(), Payload { msg: self.0.as_bytes(), aad: &aad })
            .map_err(|_| SecretError::NotSealed)?;
        let joined = [nonce.as_slice(), &sealed].concat();
        self.0 = format!("{SEALED}{}", STANDARD.encode(joined));
        Ok(())
    }

    /// Opens the sealed value.
    ///
    /// # Errors
    /// When it was sealed under another key or for another owner, or was changed since.
    pub fn open(&self, key: &[u8; 32], owner: Owner<'_>) -> Result<SecretString, SecretError> {
        let bytes = self
            .0
            .strip_prefix(SEALED)
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(SecretError::DoesNotOpen)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or(SecretError::DoesNotOpen)?;
        let aad = owner.associated_data();
        let plain = Aes256Gcm::new(key.into())
            .decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &aad })
            .map_err(|_| SecretError::DoesNotOpen)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| SecretError::DoesNotOpen)
    }
}

/// Shows an opened secret to the one call that needs it.
pub fn expose(secret: &SecretString) -> &str {
    secret.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const OWNER: Owner<'_> = Owner { account: "a", id: "t", field: "password" };

    fn sealed() -> SecretField {
        let mut field = SecretField::plain("hunter2");
        field.seal(&KEY, [1; 12], OWNER).unwrap();
        field
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner() {
        assert!(sealed().is_sealed());
        assert_eq!(expose(&sealed().open(&KEY, OWNER).unwrap()), "hunter2");
    }

    #[test]
    fn a_sealed_secret_opens_for_no_one_else() {
        for other in [
            Owner { account: "b", ..OWNER },
            Owner { id: "u", ..OWNER },
            Owner { field: "passphrase", ..OWNER },
        ] {
            assert_eq!(sealed().open(&KEY, other).unwrap_err(), SecretError::DoesNotOpen);
        }
        assert_eq!(sealed().open(&[8; 32], OWNER).unwrap_err(), SecretError::DoesNotOpen);
        assert!(SecretField::plain("hunter2").open(&KEY, OWNER).is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", SecretField::plain("hunter2")), "(secret)");
    }
}
