//! A server defined once and used by many connections: one per remote folder or address.

mod sftp;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    export::Export,
    problem::FieldError,
    resource::Settings,
    secret::SecretField,
    signature::{self, LiveSecret},
};

pub use sftp::SftpSettings;

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetServerKind {
    /// Files are pulled from it over SFTP.
    SftpImport,
    /// Files are pushed to it over SFTP.
    SftpExport,
    /// Records are posted to it over HTTP.
    Webservice,
    /// A folder that an agent writes to. Not available yet.
    AgentFolder,
}

/// A server that files come from or records go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetServer {
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What kind of server it is.
    pub kind: TargetServerKind,
    /// `host` or `host:port` for SFTP; an `http://` or `https://` URL for a webservice.
    pub address: String,
    /// Remote folder, for SFTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How the hub proves who it is.
    #[serde(default)]
    pub auth: Auth,
    /// For SFTP: the server's public keys as `ssh-keyscan` prints them, without the host's name. Nothing is sent to a
    /// server that shows none of them; without any, only `POST …/test` connects, and tells the server's key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_keys: Vec<String>,
    /// For SFTP: how the server is talked to.
    #[serde(default, skip_serializing_if = "SftpSettings::is_default")]
    pub sftp: SftpSettings,
    /// For `sftp_export`: how files are named and written, and whether they are pushed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Export>,
    /// For a webservice: secrets with which requests are signed by Standard Webhooks (`webhook-signature`): each that
    /// has not ended signs, so that one can be replaced without a gap. Without any, requests are not signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_secrets: Vec<LiveSecret>,
    /// For a webservice: further headers of every request. Shown to administrators: for secrets there is `auth`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// For a webservice: how much of it at once.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// For a webservice: seconds to wait before each next attempt. Without it, the default over about three days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_secs: Option<Vec<u32>>,
    /// For a webservice: seconds for a whole request, 1 to 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_secs: Option<u32>,
    /// For a webservice: what happens to a batch that was sent and whose answer never came. `resend` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
}

/// How much a target is sent at once, over all functions that send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests a second, 1 to 1000. Without it, as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// Requests in flight, 1 to 100. Without it, as many as come; of a target that answers slowly, ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
}

impl Limits {
    /// Says whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to a batch that was sent and whose answer never came: the target may have taken it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It goes again under the same Idempotency-Key: for targets that take a key once.
    #[default]
    Resend,
    /// It waits as UNKNOWN until a person says what became of it.
    Park,
}

/// Credentials. For SFTP: `user` with `private_key`, `password`, or both in sequence. For a webservice:
/// `user` with `password` (basic), `bearer_token`, `oauth2`, or `header_name` with `header_value`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretField>,
    /// Private key, PEM or OpenSSH form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretField>,
    /// Passphrase of the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretField>,
    /// Token for `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretField>,
    /// Name of a header that carries a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_name: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_value: Option<SecretField>,
    /// OAuth2 client credentials, whose token goes out as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
}

/// OAuth2 client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are fetched: an `http://` or `https://` URL.
    pub token_url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: SecretField,
    /// Scopes, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Audience, where the token server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How the client shows who it is.
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// How a client shows a token server who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By `Authorization: Basic`.
    #[default]
    Basic,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// Longest time over which a batch is tried, in seconds: with 20% on top still shorter than its payload is kept.
const MOST_RETRY_SECS: u64 = 25 * 86_400;

/// Headers of a request that are the hub's or the protocol's own.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Ports at which something else than HTTP listens, which a request could be made to talk to.
///
/// Source: the Fetch standard, "Port blocking", as far as these are services of servers.
const REFUSED_PORTS: &[u16] = &[
    7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    9200, 10080, 11211, 27017,
];

/// Key types that can be pinned, with what the server must then sign with.
pub const HOST_KEY_TYPES: &[&str] =
    &["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/// How often it is looked how long the oldest in a buffer has waited.
const LOOKED_AT_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_hours(6);

impl TargetServer {
    /// When it is looked how long the oldest in its buffer has waited, if it has a buffer: there may be nobody and no
    /// schedule that flushes it.
    pub fn looked_at_next(&self, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let has_buffer = self.kind == TargetServerKind::SftpExport;
        has_buffer.then(|| now.saturating_add(LOOKED_AT_EVERY).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Host and port of an SFTP server.
    pub fn host_port(&self) -> Option<(&str, u16)> {
        let (host, port) = match self.address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.starts_with('[') => (host, port.parse().ok()?),
            _ => (self.address.as_str(), 22),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty() && !host.contains('/') && port != 0).then_some((host, port))
    }

    fn check_sftp(&self, errors: &mut Vec<FieldError>) {
        if self.host_port().is_none() {
            errors.push(FieldError::new("address", "must be host or host:port, without a scheme"));
        }
        if self.auth.user.as_deref().unwrap_or_default().is_empty() {
            errors.push(FieldError::new("auth.user", "is required for SFTP"));
        }
        if self.auth.password.is_none() && self.auth.private_key.is_none() {
            errors.push(FieldError::new("auth", "state private_key, password, or both in sequence"));
        }
        if self.auth.passphrase.is_some() && self.auth.private_key.is_none() {
            errors.push(FieldError::new("auth.passphrase", "needs private_key"));
        }
        for (set, field) in [
            (self.auth.bearer_token.is_some(), "auth.bearer_token"),
            (self.auth.header_name.is_some(), "auth.header_name"),
            (self.auth.header_value.is_some(), "auth.header_value"),
            (self.auth.oauth2.is_some(), "auth.oauth2"),
            (self.retry_secs.is_some(), "retry_secs"),
            (self.timeout_secs.is_some(), "timeout_secs"),
            (self.on_unknown.is_some(), "on_unknown"),
            (!self.signing_secrets.is_empty(), "signing_secrets"),
            (!self.headers.is_empty(), "headers"),
            (!self.limits.is_none(), "limits"),
        ] {
            if set {
                errors.push(FieldError::new(field, "is for a webservice only"));
            }
        }
        if self.path.as_deref().unwrap_or_default().is_empty() {
            errors.push(FieldError::new("path", "state the remote folder, for example /out"));
        }
        if self.path.iter().flat_map(|path| path.split('/')).any(|name| name == "..") {
            errors.push(FieldError::new("path", "must not lead up by '..': state the folder itself"));
        }
        self.sftp.check(errors);
        for (i, key) in self.host_keys.iter().enumerate() {
            if parse_host_key(key).is_none() {
                let types = HOST_KEY_TYPES.join(", ");
                let detail = format!("must be '<type> <base64>' with a type of {types}");
                errors.push(FieldError::new(format!("host_keys[{i}]"), detail));
            }
        }
    }

    fn check_webservice(&self, errors: &mut Vec<FieldError>) {
        errors.extend(wrong_url("address", &self.address));
        if let Some(oauth2) = &self.auth.oauth2 {
            errors.extend(wrong_url("auth.oauth2.token_url", &oauth2.token_url));
            if oauth2.client_id.trim().is_empty() {
                errors.push(FieldError::new("auth.oauth2.client_id", "must not be empty"));
            }
        }
        let auth = &self.auth;
        let ways = [
            auth.user.is_some() || auth.password.is_some(),
            auth.bearer_token.is_some(),
            auth.header_name.is_some() || auth.header_value.is_some(),
            auth.oauth2.is_some(),
        ];
        if ways.iter().filter(|w| **w).count() > 1 {
            errors.push(FieldError::new(
                "auth",
                "state one of basic (user, password), bearer_token, oauth2, or header",
            ));
        }
        if auth.user.is_some() != auth.password.is_some() {
            errors.push(FieldError::new("auth", "basic needs both user and password"));
        }
        if auth.header_name.is_some() != auth.header_value.is_some() {
            errors.push(FieldError::new("auth", "a header needs both header_name and header_value"));
        }
        if let Some(name) = &auth.header_name {
            errors.extend(wrong_header("auth.header_name", name));
        }
        if self.headers.len() > 20 {
            errors.push(FieldError::new("headers", "must be 20 at most"));
        }
        for (name, value) in &self.headers {
            let field = format!("headers.{name}");
            errors.extend(wrong_header(&field, name));
            if name.eq_ignore_ascii_case("authorization") {
                errors.push(FieldError::new(&field, "carries a secret: put it in auth"));
            }
            if value.len() > 1000 || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
                errors.push(FieldError::new(
                    field,
                    "must be up to 1000 printable ASCII characters on one line",
                ));
            }
        }
        if !self.signing_secrets.is_empty() {
            errors.extend(signature::check_secrets("signing_secrets", &self.signing_secrets, true));
        }
        for (set, field) in [
            (auth.private_key.is_some(), "auth.private_key"),
            (auth.passphrase.is_some(), "auth.passphrase"),
            (!self.host_keys.is_empty(), "host_keys"),
            (!self.sftp.is_default(), "sftp"),
            (self.path.is_some(), "path"),
        ] {
            if set {
                errors.push(FieldError::new(field, "is for SFTP only"));
            }
        }
        if let Some(secs) = &self.retry_secs {
            let total: u64 = secs.iter().map(|s| u64::from(*s)).sum();
            if secs.is_empty() || secs.len() > 50 || secs.contains(&0) || total > MOST_RETRY_SECS {
                let detail = "must be 1 to 50 waits of at least 1 second, 25 days in all";
                errors.push(FieldError::new("retry_secs", detail));
            }
        }
        if self.limits.per_second.is_some_and(|n| !(1..=1000).contains(&n)) {
            errors.push(FieldError::new("limits.per_second", "must be 1 to 1000"));
        }
        if self.limits.in_flight.is_some_and(|n| !(1..=100).contains(&n)) {
            errors.push(FieldError::new("limits.in_flight", "must be 1 to 100"));
        }
        if self.timeout_secs.is_some_and(|s| !(1..=30).contains(&s)) {
            errors.push(FieldError::new("timeout_secs", "must be 1 to 30"));
        }
    }
}

fn wrong_url(field: &str, address: &str) -> Option<FieldError> {
    match url::Url::parse(address) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            Some(FieldError::new(field, "must be an http:// or https:// URL"))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some(FieldError::new(field, "must not carry credentials; put them in auth"))
        }
        Ok(url) if url.port().is_some_and(|port| REFUSED_PORTS.contains(&port)) => {
            Some(FieldError::new(field, "names a port of another protocol than HTTP"))
        }
        Ok(_) => None,
        Err(e) => Some(FieldError::new(field, format!("must be an http:// or https:// URL: {e}"))),
    }
}

fn wrong_header(field: &str, name: &str) -> Option<FieldError> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Some(FieldError::new(field, "must be a header's name: letters, digits, '-' and '_'"));
    }
    let is_own = OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    is_own.then(|| FieldError::new(field, "is a header that the hub sets itself"))
}

impl Settings for TargetServer {
    const KIND: &'static str = "TARGET";
    const PREFIX: &'static str = "tgt";
    const WORD: &'static str = "target server";

    fn validate(&self, _now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.name.trim().is_empty() {
            errors.push(FieldError::new("name", "must not be empty"));
        }
        match self.kind {
            TargetServerKind::SftpImport | TargetServerKind::SftpExport => self.check_sftp(&mut errors),
            TargetServerKind::Webservice => self.check_webservice(&mut errors),
            TargetServerKind::AgentFolder => {
                let detail = "is not available yet; use sftp_import, sftp_export or webservice";
                errors.push(FieldError::new("kind", detail));
            }
        }
        match (self.kind, &self.export) {
            (TargetServerKind::SftpExport, None) => {
                errors.push(FieldError::new("export", "state file_name and format, for example ndjson"));
            }
            (TargetServerKind::SftpExport, Some(export)) => export.check(&mut errors),
            (_, Some(_)) => errors.push(FieldError::new("export", "is for kind sftp_export only")),
            (_, None) => {}
        }
        let mut copy = self.clone();
        for (field, secret) in copy.secrets() {
            if secret.is_empty() {
                errors.push(FieldError::new(field, "must not be empty"));
            }
        }
        errors
    }

    fn secrets(&mut self) -> Vec<(String, &mut SecretField)> {
        let auth = &mut self.auth;
        let signing = self.signing_secrets.iter_mut();
        let signing = signing.map(|s| (format!("signing_secrets.{}", s.name), &mut s.secret));
        let of_auth = [
            ("auth.password", auth.password.as_mut()),
            ("auth.private_key", auth.private_key.as_mut()),
            ("auth.passphrase", auth.passphrase.as_mut()),
            ("auth.bearer_token", auth.bearer_token.as_mut()),
            ("auth.header_value", auth.header_value.as_mut()),
            ("auth.oauth2.client_secret", auth.oauth2.as_mut().map(|o| &mut o.client_secret)),
        ]
        .into_iter()
        .filter_map(|(field, secret)| Some((field.to_string(), secret?)));
        of_auth.chain(signing).collect()
    }
}

/// Reads `<type> <base64> [comment]` into the type and the key's bytes.
///
/// Source: RFC 4253, section 6.6: the bytes begin with the type again.
pub fn parse_host_key(line: &str) -> Option<(&'static str, Vec<u8>)> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let kind = HOST_KEY_TYPES.iter().find(|k| **k == name)?;
    let blob = STANDARD.decode(words.next()?).ok()?;
    let length = u32::try_from(kind.len()).ok()?.to_be_bytes();
    (blob.starts_with(&length) && blob[4..].starts_with(kind.as_bytes())).then_some((*kind, blob))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJg9zU0XvPoHYxCYfGFeBXBMfHGHjVjI3rVUWLTKWIHF comment";

    fn sftp() -> serde_json::Value {
        serde_json::json!({"name": "n", "kind": "sftp_import", "address": "files.example:2222", "path": "/out",
            "auth": {"user": "u", "password": "p"}, "host_keys": [HOST_KEY], "sftp": {}})
    }

    fn fields(value: serde_json::Value) -> Vec<String> {
        let target: TargetServer = serde_json::from_value(value).unwrap();
        target.validate(Timestamp::UNIX_EPOCH).into_iter().map(|e| e.field).collect()
    }

    fn with(mut base: serde_json::Value, field: &str, value: serde_json::Value) -> serde_json::Value {
        *base.pointer_mut(field).unwrap() = value;
        base
    }

    #[test]
    fn each_wrong_field_is_named() {
        assert!(fields(sftp()).is_empty());
        for (field, value, named) in [
            ("/address", "sftp://x".into(), "address"),
            ("/path", "".into(), "path"),
            ("/auth", serde_json::json!({"user": "u"}), "auth"),
            ("/auth/user", "".into(), "auth.user"),
            ("/auth/password", "".into(), "auth.password"),
            ("/host_keys/0", "ssh-ed25519 AAAA".into(), "host_keys[0]"),
            ("/path", "/out/../etc".into(), "path"),
            ("/sftp", serde_json::json!({"connections": 0}), "sftp.connections"),
            (
                "/sftp",
                serde_json::json!({"connections": 1, "upload_connections": 2}),
                "sftp.upload_connections",
            ),
            ("/kind", "sftp_export".into(), "export"),
            ("/kind", "agent_folder".into(), "kind"),
            ("/kind", "webservice".into(), "address"),
        ] {
            assert!(fields(with(sftp(), field, value)).contains(&named.to_string()), "{field}");
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let target = |address: &str| -> TargetServer {
            serde_json::from_value(with(sftp(), "/address", address.into())).unwrap()
        };
        for (address, expected) in [
            ("host", Some(("host", 22))),
            ("host:2222", Some(("host", 2222))),
            ("[::1]:2222", Some(("::1", 2222))),
            ("::1", Some(("::1", 22))),
            ("host:0", None),
            ("host:x", None),
            ("", None),
        ] {
            assert_eq!(target(address).host_port(), expected, "{address}");
        }
    }
}
