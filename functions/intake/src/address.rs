//! Where a client posts: `/v1/sources/{account}.{source}/notifications`, or `…/notifications/batch` for several.
//! A large payload is uploaded first: `…/uploads` says where to, and `…/notifications/uploaded` hands it on.
//!
//! The address carries its account, so that looking a source up crosses no account.

use shared::{http_api::Request, id};

use crate::refusal::Refusal;

/// What a request is posted to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) account: &'a str,
    pub(crate) source: &'a str,
    pub(crate) form: Form,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One notification.
    One,
    /// Several, as a JSON array or as NDJSON.
    Batch,
    /// What is to be known of a payload before it is uploaded.
    Upload,
    /// What belongs to a payload that was uploaded.
    Uploaded,
}

/// Reads a request's address.
pub(crate) fn parse(request: &Request) -> Result<Address<'_>, Refusal> {
    let path = request.path.strip_prefix("/v1/sources/").ok_or(Refusal::NoSuchSource)?;
    let (source, rest) = path.split_once('/').ok_or(Refusal::NoSuchSource)?;
    let form = match rest {
        "notifications" => Form::One,
        "notifications/batch" => Form::Batch,
        "notifications/uploaded" => Form::Uploaded,
        "uploads" => Form::Upload,
        _ => return Err(Refusal::NoSuchSource),
    };
    if request.method != "POST" {
        return Err(Refusal::Method);
    }
    let (account, source) = source.split_once('.').ok_or(Refusal::NoSuchSource)?;
    // What cannot be an id never reaches a key.
    let both = id::is_id(account) && id::is_id(source);
    both.then_some(Address { account, source, form }).ok_or(Refusal::NoSuchSource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let parsed = |method: &str, path: &str| match parse(&Request::new(method, path)) {
            Ok(address) => format!("{} {} {:?}", address.account, address.source, address.form),
            Err(refusal) => refusal.reason().into(),
        };
        assert_eq!(parsed("POST", "/v1/sources/acme.src_1/notifications"), "acme src_1 One");
        assert_eq!(parsed("POST", "/v1/sources/acme.src_1/notifications/batch"), "acme src_1 Batch");
        assert_eq!(parsed("POST", "/v1/sources/acme.src_1/notifications/uploaded"), "acme src_1 Uploaded");
        assert_eq!(parsed("POST", "/v1/sources/acme.src_1/uploads"), "acme src_1 Upload");
        assert_eq!(parsed("GET", "/v1/sources/acme.src_1/notifications"), "method_not_allowed");
        for path in [
            "/v1/sources/acme.src_1",
            "/v1/sources/src_1/notifications",
            "/v1/sources/acme.src#1/notifications",
            "/v1/sources/acme.src.1/notifications",
            "/v1/sources/.src_1/notifications",
            "/v1/sources/acme.src_1/notifications/",
        ] {
            assert_eq!(parsed("POST", path), "not_found", "{path}");
        }
    }
}
