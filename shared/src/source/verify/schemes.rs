//! The schemes, each from headers to the index of the secret that matched.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Incoming, MOST_HEADER_BYTES, MOST_SIGNATURES, Refused, TOLERANCE};
use crate::{
    id,
    secret::expose,
    signature::{SigningKey, VERSION, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, hmac_sha256},
    source::{Encoding, Verification},
};

const AUTHORIZATION: &str = "authorization";
const STRIPE_SIGNATURE: &str = "stripe-signature";

type Found = Result<Option<usize>, Refused>;

/// Refuses an id with a full stop: what is signed is joined with full stops, so a stranger could otherwise
/// cut a signed message elsewhere, inside a body that quotes a time.
///
/// Source: Standard Webhooks, "Signature scheme", which warns of it.
pub(super) fn standard_webhooks(secrets: &[SecretString], incoming: Incoming<'_>, now: Timestamp) -> Found {
    let id = header(incoming, WEBHOOK_ID)?;
    let timestamp = header(incoming, WEBHOOK_TIMESTAMP)?;
    let value = header(incoming, WEBHOOK_SIGNATURE)?;
    if id.is_empty() || id.contains('.') {
        return Err(malformed(WEBHOOK_ID, "must be an id without full stops"));
    }
    check_time(WEBHOOK_TIMESTAMP, timestamp, now)?;
    check_count(WEBHOOK_SIGNATURE, value.split(' ').count())?;
    let given = value.split(' ').filter_map(|one| one.strip_prefix(VERSION)).filter_map(from_base64);
    let given = some(given, WEBHOOK_SIGNATURE, "must hold a signature `v1,<base64 of 32 bytes>`")?;
    let keys: Vec<_> = secrets.iter().map(|secret| SigningKey::parse(expose(secret)).ok()).collect();
    if keys.iter().all(Option::is_none) {
        return Err(Refused::NoLiveSecret);
    }
    Ok(first(keys.iter().map(|key| match key {
        Some(key) => any_is(&given, &key.mac(id, timestamp, incoming.body)),
        None => Choice::from(0),
    })))
}

/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
pub(super) fn hmac_header(
    verification: &Verification,
    secrets: &[SecretString],
    incoming: Incoming<'_>,
) -> Found {
    let name = verification.header.as_deref().unwrap_or_default();
    let prefix = verification.prefix.as_deref().unwrap_or_default();
    let value = header(incoming, name)?;
    let text =
        value.strip_prefix(prefix).ok_or_else(|| malformed(name, "must begin with the source's prefix"))?;
    let given = match verification.encoding.unwrap_or_default() {
        Encoding::Hex => some(id::from_hex(text), name, "must be 32 bytes in hex")?,
        Encoding::Base64 => some(from_base64(text), name, "must be 32 bytes in base64")?,
    };
    Ok(first(secrets.iter().map(|secret| any_is(&given, &hmac_sha256(bytes(secret), &[incoming.body])))))
}

/// Source: <https://docs.stripe.com/webhooks/signature>. The key is the secret's text, `whsec_` included.
pub(super) fn stripe(
    verification: &Verification,
    secrets: &[SecretString],
    incoming: Incoming<'_>,
    now: Timestamp,
) -> Found {
    let name = verification.header.as_deref().unwrap_or(STRIPE_SIGNATURE);
    let value = header(incoming, name)?;
    let entries = || value.split(',').filter_map(|entry| entry.trim().split_once('='));
    check_count(name, value.split(',').filter(|entry| !entry.trim().starts_with("t=")).count())?;
    let mut times = entries().filter(|(key, _)| *key == "t").map(|(_, time)| time);
    let (Some(time), None) = (times.next(), times.next()) else {
        return Err(malformed(name, "must hold one time `t=<seconds since 1970>`"));
    };
    check_time(name, time, now)?;
    let given = entries().filter(|(key, _)| *key == "v1").filter_map(|(_, text)| id::from_hex(text));
    let given = some(given, name, "must hold a signature `v1=<32 bytes in hex>`")?;
    let mac = |secret| hmac_sha256(bytes(secret), &[time.as_bytes(), b".", incoming.body]);
    Ok(first(secrets.iter().map(|secret| any_is(&given, &mac(secret)))))
}

/// Compares digests, so that a comparison takes the same time for keys of any length.
pub(super) fn api_key(
    verification: &Verification,
    secrets: &[SecretString],
    incoming: Incoming<'_>,
) -> Found {
    let name = verification.header.as_deref().unwrap_or(AUTHORIZATION);
    let is_authorization = name.eq_ignore_ascii_case(AUTHORIZATION);
    let usual = if is_authorization { "Bearer " } else { "" };
    let prefix = verification.prefix.as_deref().unwrap_or(usual);
    let value = header(incoming, name)?;
    let key = if is_authorization { strip_any_case(value, prefix) } else { value.strip_prefix(prefix) };
    let key = key.ok_or_else(|| malformed(name, "must begin with the source's prefix"))?;
    let given = [digest(&[key.as_bytes()])];
    Ok(first(secrets.iter().map(|secret| any_is(&given, &digest(&[bytes(secret)])))))
}

/// Source: RFC 7617, section 2.
pub(super) fn basic(verification: &Verification, secrets: &[SecretString], incoming: Incoming<'_>) -> Found {
    let user = verification.user.as_deref().unwrap_or_default().as_bytes();
    let encoded = strip_any_case(header(incoming, AUTHORIZATION)?, "Basic ");
    let pair = encoded.and_then(|text| STANDARD.decode(text.trim()).ok());
    let pair = pair.ok_or_else(|| malformed(AUTHORIZATION, "must be `Basic <base64 of user:password>`"))?;
    let given = [digest(&[&pair])];
    Ok(first(secrets.iter().map(|secret| any_is(&given, &digest(&[user, b":", bytes(secret)])))))
}

fn header<'a>(incoming: Incoming<'a>, name: &str) -> Result<&'a str, Refused> {
    let value = incoming.headers.get(name).ok_or_else(|| Refused::MissingHeader(name.into()))?;
    match value.len() > MOST_HEADER_BYTES {
        true => Err(malformed(name, "must not be longer than 8 KiB")),
        false => Ok(value),
    }
}

fn malformed(header: &str, what: &'static str) -> Refused {
    Refused::Malformed { header: header.into(), what }
}

fn check_count(header: &str, signatures: usize) -> Result<(), Refused> {
    match signatures > MOST_SIGNATURES {
        true => Err(malformed(header, "must hold at most 20 signatures")),
        false => Ok(()),
    }
}

fn check_time(header: &str, text: &str, now: Timestamp) -> Result<(), Refused> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let time = text.parse::<i64>().ok().filter(|_| is_number);
    let time = time.ok_or_else(|| malformed(header, "must say whole seconds since 1970"))?;
    match now.as_second().abs_diff(time) > TOLERANCE.as_secs().unsigned_abs() {
        true => Err(Refused::OutsideTolerance),
        false => Ok(()),
    }
}

/// The signatures that can be read, of which there must be one: without it no body need be hashed.
fn some<T>(given: impl IntoIterator<Item = T>, header: &str, what: &'static str) -> Result<Vec<T>, Refused> {
    let given: Vec<T> = given.into_iter().collect();
    if given.is_empty() { Err(malformed(header, what)) } else { Ok(given) }
}

/// The index of the first match, after all were computed.
fn first(matches: impl Iterator<Item = Choice>) -> Option<usize> {
    let all: Vec<bool> = matches.map(bool::from).collect();
    all.iter().position(|is_match| *is_match)
}

fn any_is(given: &[[u8; 32]], expected: &[u8; 32]) -> Choice {
    given.iter().fold(Choice::from(0), |any, one| any | one.ct_eq(expected))
}

fn bytes(secret: &SecretString) -> &[u8] {
    expose(secret).as_bytes()
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |sha, part| sha.chain_update(part)).finalize().into()
}

/// Names of authentication schemes have no case. Source: RFC 9110, section 11.1.
fn strip_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
