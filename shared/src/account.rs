//! Tenants and their machine credentials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::FieldError;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Chosen by the operator: `a-z`, `0-9`, `-` and `_`.
    pub id: String,
    /// For people.
    pub name: String,
    /// IANA zone in which reports and tables show times.
    pub time_zone: String,
    /// Networks (CIDR) that targets may be dialled in although they are not public.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
    /// When it was made.
    pub created_at: jiff::Timestamp,
}

/// What an operator sends to make an account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// `a-z`, `0-9`, `-` and `_`, at most 32.
    pub id: String,
    /// For people.
    pub name: String,
    /// IANA zone, for example `Europe/Oslo`.
    pub time_zone: String,
    /// Networks (CIDR) that targets may be dialled in although they are not public.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
}

impl NewAccount {
    /// Finds what is wrong.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if !crate::id::is_id(&self.id) || self.id.len() > 32 || self.id == crate::keys::OPERATOR {
            errors
                .push(FieldError::new("id", "must be 1 to 32 of a-z, 0-9, '-' and '_', and not 'operator'"));
        }
        if self.name.trim().is_empty() {
            errors.push(FieldError::new("name", "must not be empty"));
        }
        errors.extend(crate::schedule::check_zone("time_zone", &self.time_zone));
        for (i, network) in self.allowed_networks.iter().enumerate() {
            if let Err(e) = network.parse::<crate::dial::Network>() {
                errors.push(FieldError::new(format!("allowed_networks[{i}]"), e.to_string()));
            }
        }
        errors
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the deployment and makes accounts; reads and writes nothing inside them but keys.
    Operator,
    /// All within an account.
    Admin,
}

/// A machine credential; the secret itself is shown once and stored as a hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public part.
    pub id: String,
    /// The account it belongs to.
    pub account: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the secret, hex. The secret has 256 random bits, so a slow hash would add nothing.
    pub secret_hash: String,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_expires_at: Option<jiff::Timestamp>,
    /// When it was made.
    pub created_at: jiff::Timestamp,
}

/// An API key's text, `cdk_{account}_{id}_{secret}`: it carries its account, so that no look-up crosses accounts.
pub struct Presented<'a> {
    /// Account.
    pub account: &'a str,
    /// Id of the key.
    pub id: &'a str,
    secret: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes a key's text apart.
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("cdk_")?;
        let (rest, secret) = rest.rsplit_once('_')?;
        let (account, id) = rest.rsplit_once('_')?;
        (crate::id::is_id(account) && crate::id::is_id(id)).then_some(Self { account, id, secret })
    }

    /// Says whether this is the key that is stored, in constant time.
    pub fn is(&self, stored: &ApiKey, now: jiff::Timestamp) -> bool {
        let live = stored.key_expires_at.is_none_or(|end| now < end);
        let hash = hash_secret(self.secret);
        bool::from(hash.as_bytes().ct_eq(stored.secret_hash.as_bytes()))
            && stored.account == self.account
            && live
    }
}

/// Writes a key's text. `id` and `secret` have no `_`.
pub fn key_text(account: &str, id: &str, secret: &str) -> String {
    format!("cdk_{account}_{id}_{secret}")
}

/// Hash under which a secret is stored.
pub fn hash_secret(secret: &str) -> String {
    crate::id::hex(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> ApiKey {
        ApiKey {
            id: "k1".into(),
            account: "acme_no".into(),
            name: "test".into(),
            role: Role::Admin,
            secret_hash: hash_secret("s3cret"),
            key_expires_at: Some("2026-01-02T00:00:00Z".parse().unwrap()),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_key_opens_only_with_its_secret_in_its_account_and_time() {
        let during: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let after: jiff::Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let text = key_text("acme_no", "k1", "s3cret");
        let key = Presented::parse(&text).unwrap();
        assert_eq!((key.account, key.id), ("acme_no", "k1"));
        assert!(key.is(&stored(), during));
        assert!(!key.is(&stored(), after));
        assert!(!Presented::parse("cdk_acme_no_k1_other").unwrap().is(&stored(), during));
        assert!(!Presented::parse("cdk_other_k1_s3cret").unwrap().is(&stored(), during));
        for bad in ["", "cdk_", "cdk_a_b", "x_a_b_c", "cdk_a#b_k_s"] {
            assert!(Presented::parse(bad).is_none(), "{bad}");
        }
    }
}
