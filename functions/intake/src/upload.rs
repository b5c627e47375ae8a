//! Payloads that are too large for a request: the client says what it has, uploads it to the bucket, and posts the
//! notification, which names it.
//!
//! An upload is named by the SHA-256 of its bytes, which the client signs with the first request and with the last one;
//! S3 holds the bytes against it. So what is handed on is what its sender signed, though it never went through here.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{
    aws::objects::UploadLink,
    http_api::{Request, Response},
    id, keys,
};

use crate::{
    Context,
    accept::{content_type, event_id, event_type, one, verified},
    address::Address,
    fan_out::Event,
    rate,
    refusal::Refusal,
};

/// Largest payload of a notification, in bytes: `deliver` reads it twice and sends it once within one invocation.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Most bytes of what is posted beside an upload: it stands in a row where no connection wants it.
const MOST_POSTED_BYTES: usize = 16 * 1024;

/// How long an upload may begin after it was announced.
const LINK_HOLDS: SignedDuration = SignedDuration::from_hours(1);

const PREFIX: &str = "upl_";

/// What a client says of a payload before it uploads it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announced {
    size_bytes: u64,
    /// 64 hex digits.
    sha256: String,
}

/// Where it is to go.
#[derive(Serialize)]
struct Begun {
    /// Id, for the notification.
    upload: String,
    method: &'static str,
    url: String,
    /// Headers that the upload must have.
    headers: BTreeMap<String, String>,
    /// Until when it may begin.
    expires_at: Timestamp,
}

/// What a notification says of its upload, beside what its source looks for.
#[derive(Deserialize)]
struct Names {
    upload: String,
    #[serde(default)]
    content_type: Option<String>,
}

/// A payload that was uploaded, by its SHA-256.
pub(crate) struct Upload([u8; 32]);

impl Upload {
    fn name(&self) -> String {
        format!("{PREFIX}{}", id::hex(&self.0))
    }

    fn object(&self, address: &Address<'_>) -> String {
        keys::upload_object(address.account, address.source, &id::hex(&self.0))
    }

    pub(crate) fn sha256(&self) -> &[u8; 32] {
        &self.0
    }

    /// Copies it to where its notification's payload is kept, and says how large it is. Doing it again writes the same
    /// bytes.
    pub(crate) async fn keep_as(
        &self,
        context: &Context,
        address: &Address<'_>,
        object: &str,
    ) -> Result<u64, Refusal> {
        let from = self.object(address);
        let found = context.bucket.uploaded(&from).await.map_err(Refusal::Unavailable)?;
        let found = found.filter(|f| f.sha256 == Some(self.0) && f.size_bytes <= MOST_BYTES);
        let found = found.ok_or_else(|| Refusal::NoUpload(self.name()))?;
        match context.bucket.copy(&from, &found.etag, object).await.map_err(Refusal::Unavailable)? {
            true => Ok(found.size_bytes),
            false => Err(Refusal::NoUpload(self.name())),
        }
    }
}

/// Says where a payload is to be uploaded.
pub(crate) async fn begin(
    context: &Context,
    address: &Address<'_>,
    request: &Request,
) -> Result<Response, Refusal> {
    let now = (context.clock)();
    let (ready, verified) = verified(context, address, request, now).await?;
    rate::keep_to(context, address, &ready.source, 1, now).await?;
    let announced: Announced = serde_json::from_slice(verified.body()).map_err(|e| {
        Refusal::Upload(format!("the body must be {{\"size_bytes\": …, \"sha256\": \"…\"}}: {e}"))
    })?;
    let upload = id::from_hex(&announced.sha256)
        .map(Upload)
        .ok_or_else(|| Refusal::Upload("sha256 must be 64 hex digits".into()))?;
    if !(1..=MOST_BYTES).contains(&announced.size_bytes) {
        return Err(Refusal::Upload(format!("size_bytes must be 1 to {MOST_BYTES}")));
    }
    let link = UploadLink {
        key: &upload.object(address),
        size_bytes: i64::try_from(announced.size_bytes).unwrap_or(i64::MAX),
        sha256: Some(upload.sha256()),
        from: now,
        holds: Duration::from_secs(LINK_HOLDS.as_secs().unsigned_abs()),
    };
    let put = context.bucket.upload_link(&link).await.map_err(Refusal::Unavailable)?;
    let begun = Begun {
        upload: upload.name(),
        method: "PUT",
        url: put.url,
        headers: put.headers,
        expires_at: now.saturating_add(LINK_HOLDS).unwrap_or(now),
    };
    Response::json(201, &begun).map_err(|_| Refusal::Unwritable)
}

/// Takes a notification whose payload was uploaded.
pub(crate) async fn accept(
    context: &Context,
    address: &Address<'_>,
    request: &Request,
) -> Result<Response, Refusal> {
    let now = (context.clock)();
    let (ready, verified) = verified(context, address, request, now).await?;
    if verified.body().len() > MOST_POSTED_BYTES {
        let why = format!("what names an upload may have {MOST_POSTED_BYTES} bytes at most");
        return Err(Refusal::Upload(why));
    }
    let named: Names = serde_json::from_slice(verified.body())
        .map_err(|e| Refusal::Upload(format!("the body must be JSON that names its upload: {e}")))?;
    let upload = named.upload.strip_prefix(PREFIX).and_then(id::from_hex).map(Upload).ok_or_else(|| {
        Refusal::Upload(format!("upload must be what POST …/uploads answered: {PREFIX} and 64 hex digits"))
    })?;
    let event = Event {
        id: event_id(&ready.source, &verified)?,
        event_type: event_type(&ready.source, &verified)?,
        content_type: content_type(named.content_type.as_deref()),
        body: verified.body(),
        upload: Some(upload),
    };
    one(context, address, &ready, event, now).await
}
