//! Verifies who sent a message: the only way from [`Incoming`] to [`Verified`].
//!
//! Every live secret is tried on every message, comparisons take the same time wherever they fail, and the
//! work that a stranger can cause is bounded. A message that passes may still be one that came before: ids
//! are compared later.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{Headers, Scheme, Verification};

mod schemes;

/// How far a signed time may be from now, either way.
///
/// Source: Standard Webhooks, "Verifying webhook authenticity"; Stripe's libraries have the same default.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(5 * 60);

/// Longest header that is looked into, in bytes.
const MOST_HEADER_BYTES: usize = 8 * 1024;
/// Most signatures in one header, whatever their version.
const MOST_SIGNATURES: usize = 20;

/// What came in, from whoever it may be.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Its headers.
    pub headers: &'a Headers,
    /// Its body, byte for byte as it was sent.
    pub body: &'a [u8],
}

/// What came in from a sender that holds a live secret. Only [`verify`] makes one.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    incoming: Incoming<'a>,
    secret: usize,
}

/// Why a message is not taken. A retry helps with [`Self::OutsideTolerance`] only, under a new time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header that the scheme needs is not there.
    #[error("header {0} is missing; send it")]
    MissingHeader(String),
    /// A header cannot be read.
    #[error("header {header} {what}")]
    Malformed {
        /// Its name.
        header: String,
        /// What it must be.
        what: &'static str,
    },
    /// The signed time is too far from now.
    #[error("the signed time is more than 5 minutes from now; sign each attempt anew, with a right clock")]
    OutsideTolerance,
    /// No live secret gives this signature, or is this key or password.
    #[error(
        "the signature or key does not match; check the secret, and that the body is sent as it was signed"
    )]
    WrongSignature,
    /// The source has no secret that counts now, or none that its scheme can read.
    #[error("the source has no live secret; add one to it")]
    NoLiveSecret,
}

impl Refused {
    /// Stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader(_) => "missing_header",
            Self::Malformed { .. } => "malformed_header",
            Self::OutsideTolerance => "outside_tolerance",
            Self::WrongSignature => "wrong_signature",
            Self::NoLiveSecret => "no_live_secret",
        }
    }
}

/// Verifies a message against the opened secrets that are live at `now`.
///
/// Changes nothing, and says the same for the same arguments.
///
/// # Errors
/// When the message does not prove that its sender holds one of the secrets. The reason may be shown to the
/// sender: it tells no secret and no signature.
pub fn verify<'a>(
    verification: &Verification,
    secrets: &[SecretString],
    incoming: Incoming<'a>,
    now: Timestamp,
) -> Result<Verified<'a>, Refused> {
    if secrets.is_empty() {
        return Err(Refused::NoLiveSecret);
    }
    let found = match verification.scheme {
        Scheme::StandardWebhooks => schemes::standard_webhooks(secrets, incoming, now),
        Scheme::HmacHeader => schemes::hmac_header(verification, secrets, incoming),
        Scheme::Stripe => schemes::stripe(verification, secrets, incoming, now),
        Scheme::ApiKey => schemes::api_key(verification, secrets, incoming),
        Scheme::Basic => schemes::basic(verification, secrets, incoming),
    };
    found?.map(|secret| Verified { incoming, secret }).ok_or(Refused::WrongSignature)
}

impl<'a> Verified<'a> {
    /// Its headers. Only a scheme that signs them proves any: the id and time of Standard Webhooks, the time
    /// of Stripe.
    pub fn headers(&self) -> &'a Headers {
        self.incoming.headers
    }

    /// Its body, byte for byte.
    pub fn body(&self) -> &'a [u8] {
        self.incoming.body
    }

    /// Index of the secret that matched, in the list that [`verify`] was given: the first, if several do.
    pub fn secret(&self) -> usize {
        self.secret
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = format_args!("{} bytes", self.body.len());
        f.debug_struct("Incoming").field("headers", self.headers).field("body", &body).finish()
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("incoming", &self.incoming).field("secret", &self.secret).finish()
    }
}

#[cfg(test)]
mod tests;
