//! Finds what is wrong with a source, without looking anything up.

use super::{Place, Scheme, Source, Verification, pointer};
use crate::{
    problem::FieldError,
    signature::{LiveSecret, check_secrets},
};

/// Longest prefix, pointer and user name, in bytes.
const MOST_TEXT_BYTES: usize = 500;
/// Longest secret of the schemes that take any text, in characters.
const MOST_SECRET_CHARS: usize = 1_000;

/// Finds what is wrong with the whole source.
pub(super) fn source(source: &Source) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if source.name.trim().is_empty() {
        errors.push(FieldError::new("name", "must not be empty"));
    }
    verification(&source.verification, &mut errors);
    let scheme = source.verification.scheme;
    errors.extend(check_secrets("secrets", &source.secrets, scheme == Scheme::StandardWebhooks));
    free_secrets(scheme, &source.secrets, &mut errors);
    place("event_id", &source.event_id, &mut errors);
    if let Some(event_type) = &source.event_type {
        place("event_type", event_type, &mut errors);
    }
    if source.per_second.is_some_and(|n| !(1..=500).contains(&n)) {
        errors.push(FieldError::new("per_second", "must be 1 to 500"));
    }
    errors
}

fn verification(verification: &Verification, errors: &mut Vec<FieldError>) {
    let Verification { scheme, header, prefix, encoding, user } = verification;
    let fields: &[&str] = match scheme {
        Scheme::StandardWebhooks => &[],
        Scheme::HmacHeader => &["header", "prefix", "encoding"],
        Scheme::Stripe => &["header"],
        Scheme::ApiKey => &["header", "prefix"],
        Scheme::Basic => &["user"],
    };
    let mut wrong = |field: &str, detail: &str| {
        errors.push(FieldError::new(format!("verification.{field}"), detail));
    };
    for (set, field) in [
        (header.is_some(), "header"),
        (prefix.is_some(), "prefix"),
        (encoding.is_some(), "encoding"),
        (user.is_some(), "user"),
    ] {
        if set && !fields.contains(&field) {
            wrong(field, "does not belong to this scheme; leave it out");
        }
    }
    if *scheme == Scheme::HmacHeader && header.is_none() {
        wrong("header", "state the header with the signature, for example x-hub-signature-256");
    }
    if header.as_ref().is_some_and(|name| !is_header_name(name)) {
        wrong("header", "must be a header's name, for example x-hub-signature-256");
    }
    if prefix.as_ref().is_some_and(|p| !is_printable(p) || p.starts_with(' ')) {
        wrong("prefix", "must be printable ASCII that does not begin with a space, for example sha256=");
    }
    match user.as_deref() {
        None if *scheme == Scheme::Basic => wrong("user", "state the user name"),
        Some(user) if user.is_empty() || user.len() > MOST_TEXT_BYTES || user.contains(is_no_user_char) => {
            wrong("user", "must be 1 to 500 bytes without ':' and control characters");
        }
        _ => {}
    }
}

/// Source: RFC 7617, section 2.
fn is_no_user_char(char: char) -> bool {
    char == ':' || char.is_control()
}

fn free_secrets(scheme: Scheme, secrets: &[LiveSecret], errors: &mut Vec<FieldError>) {
    let least = match scheme {
        Scheme::StandardWebhooks => return,
        Scheme::HmacHeader | Scheme::Stripe | Scheme::ApiKey => 16,
        Scheme::Basic => 8,
    };
    for (i, live) in secrets.iter().enumerate() {
        let Some(text) = live.secret.plain_text().filter(|text| !text.is_empty()) else { continue };
        let field = || format!("secrets[{i}].secret");
        if !(least..=MOST_SECRET_CHARS).contains(&text.chars().count()) {
            let detail = format!("must be {least} to {MOST_SECRET_CHARS} characters");
            errors.push(FieldError::new(field(), detail));
        }
        let travels = text.trim() == text && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if scheme == Scheme::ApiKey && !travels {
            let detail = "must be printable ASCII without a space at either end: it travels in a header";
            errors.push(FieldError::new(field(), detail));
        }
    }
}

fn place(field: &str, place: &Place, errors: &mut Vec<FieldError>) {
    match (&place.header, &place.pointer) {
        (Some(_), Some(_)) => errors.push(FieldError::new(field, "state header or pointer, not both")),
        (None, None) => errors.push(FieldError::new(field, "state header or pointer")),
        _ => {}
    }
    if place.header.as_ref().is_some_and(|name| !is_header_name(name)) {
        let detail = "must be a header's name, for example x-github-delivery";
        errors.push(FieldError::new(format!("{field}.header"), detail));
    }
    if place
        .pointer
        .as_ref()
        .is_some_and(|text| text.len() > MOST_TEXT_BYTES || pointer::parse(text).is_none())
    {
        let detail = "must be a JSON pointer of at most 500 bytes, for example /data/id, \
                      where ~1 stands for / and ~0 for ~";
        errors.push(FieldError::new(format!("{field}.pointer"), detail));
    }
}

fn is_printable(text: &str) -> bool {
    text.len() <= MOST_TEXT_BYTES && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Source: RFC 9110, section 5.6.2, `token`.
fn is_header_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
