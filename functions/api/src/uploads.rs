//! Files that a person uploads for a connection: the link to put one into the bucket, and what a run of it needs.
//!
//! The bytes never go through here, so neither the API's nor the function's limits hold for them. `sftp-pull` takes them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    aws::objects::UploadLink,
    connection::Connection,
    file_upload::{FileUpload, NewFileUpload},
    id,
    problem::Problem,
    run::Run,
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// How long an upload may begin after it was announced.
const LINK_HOLDS: SignedDuration = SignedDuration::from_hours(1);

/// Where a file is to go.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UploadView {
    /// Id, for the run.
    id: String,
    /// What the file is called in reports.
    name: String,
    /// Its bytes.
    size_bytes: u64,
    /// How it is sent: `PUT`.
    method: &'static str,
    /// Where it is sent, without an API key: whoever has the link can write this one file.
    url: String,
    /// Headers that the request must have; browsers set `content-length` themselves.
    headers: BTreeMap<String, String>,
    /// Until when it may begin.
    expires_at: Timestamp,
}

/// Says where a file is to be uploaded. Asking again makes another upload; one of which nothing comes is nobody's harm.
pub(crate) async fn announce(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let connection = request.param("id");
    let found = context.table.find::<Connection>(&caller.account, connection).await.map_err(unavailable)?;
    let found = found.ok_or_else(|| Problem::not_found("connection"))?;
    if found.resource.settings.files().is_none() {
        let detail =
            "the connection takes notifications; upload files for one whose source is a target server";
        return Err(Problem::new(409, "no_files", detail));
    }
    let new: NewFileUpload = http::parse(&request.body)?;
    let errors = new.validate();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let now = (context.clock)();
    let upload = FileUpload::new(context.new_id("upl"), &caller.account, connection, new, now);
    let sha256 = upload.sha256.as_deref().and_then(id::from_hex);
    let link = UploadLink {
        key: &upload.object(),
        size_bytes: i64::try_from(upload.size_bytes).unwrap_or(i64::MAX),
        sha256: sha256.as_ref(),
        from: now,
        holds: Duration::from_secs(LINK_HOLDS.as_secs().unsigned_abs()),
    };
    let put = context.bucket.upload_link(&link).await.map_err(unavailable)?;
    if !context.table.announce_upload(&upload).await.map_err(unavailable)? {
        return Err(Problem::new(503, "unavailable", "the hub cannot answer just now; try again"));
    }
    let view = UploadView {
        id: upload.id,
        name: upload.name,
        size_bytes: upload.size_bytes,
        method: "PUT",
        url: put.url,
        headers: put.headers,
        expires_at: now.saturating_add(LINK_HOLDS).unwrap_or(now),
    };
    Response::json(201, &view)
}

/// Holds that a run can take its upload: there is one of this connection, it has come, and no other run has it.
///
/// A run that was admitted before, under the same `Idempotency-Key`, is the answer whatever became of its upload.
pub(crate) async fn check(context: &Context, run: &Run, upload: &str) -> Result<(), Problem> {
    let (account, connection) = (&run.account, &run.connection);
    if context.table.run(account, &run.id).await.map_err(unavailable)?.is_some() {
        return Ok(());
    }
    let not_found = || Problem::not_found("upload of this connection");
    if !id::is_id(upload) {
        return Err(not_found());
    }
    let found = context.table.upload(account, connection, upload).await.map_err(unavailable)?;
    let upload = found.ok_or_else(not_found)?;
    let conflict = |code, detail: String| Err(Problem::new(409, code, detail));
    if let Some(by) = upload.taken_by_another(&run.id).filter(|_| !run.validate_only) {
        let detail = format!("run {by} has taken this upload; rerun that one, or upload the file once more");
        return conflict("upload_taken", detail);
    }
    match context.bucket.uploaded(&upload.object()).await.map_err(unavailable)? {
        None => {
            let detail =
                "the file is not there: put it to the link first, or, after an hour, announce it anew";
            conflict("not_uploaded", detail.into())
        }
        Some(there) if there.size_bytes != upload.size_bytes => {
            let (is, stated) = (there.size_bytes, upload.size_bytes);
            let detail = format!("what was uploaded has {is} bytes and not {stated}; announce it anew");
            conflict("upload_changed", detail)
        }
        Some(_) => Ok(()),
    }
}
