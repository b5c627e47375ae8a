//! The buffer of a target of files: what is in it, pushing it now, and what a person decides about a file that does not
//! get through.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::{
        gates::Of,
        owed::Owed,
        pushes::{Decided, Which},
    },
    export::{Decision, OpenBatch, Phase, VoidNumber, valid_name},
    message::PushMessage,
    problem::{FieldError, Problem},
    run::{Run, Trigger},
    target_server::{TargetServer, TargetServerKind},
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
    runs,
};

/// Most rows, notifications and batches, whose records are counted.
const MOST_COUNTED: usize = 1000;

/// What is in the buffer of a target of files.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Buffer {
    /// Records that wait for the next flush: those of the first 1000 notifications and batches.
    waiting: u64,
    /// Whether there are more than were counted.
    more: bool,
    /// When the oldest of them was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_waiting: Option<Timestamp>,
    /// The run that pushes, or waits for a function to.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_run: Option<String>,
    /// The file that is on its way; nothing else is sent before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_batch: Option<OpenBatchView>,
    /// Files that were begun.
    files: u64,
    /// Numbers of which no file is on the server, and why: the last 50, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    void_numbers: Vec<VoidNumber>,
    /// Pushes that failed, one after another.
    failures: u32,
    /// Since when its breaker is open: a server showed another key, or ten pushes failed one after another. Each push is a
    /// probe; the first that goes through closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker_open_since: Option<Timestamp>,
    /// How the last of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When it is tried again by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<Timestamp>,
}

/// A file that is on its way.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OpenBatchView {
    /// Id.
    id: String,
    /// Its number among the target's files.
    number: u64,
    /// Its name.
    name: String,
    /// How far it is.
    phase: Phase,
    /// Whether its name is taken: a person decides, or the name becomes free.
    blocked: bool,
    /// Records in it.
    records: u64,
    /// Bytes.
    size_bytes: u64,
    /// SHA-256 of the content, hex.
    sha256: String,
    /// Uploads begun.
    attempts: u32,
}

impl From<OpenBatch> for OpenBatchView {
    fn from(batch: OpenBatch) -> Self {
        let OpenBatch { id, number, name, phase, is_blocked, records, size_bytes, sha256, attempts, .. } =
            batch;
        Self { id, number, name, phase, blocked: is_blocked, records, size_bytes, sha256, attempts }
    }
}

/// A decision about the open batch: exactly one of `rename_to` and `discard`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// The open batch, as the buffer shows it.
    batch: String,
    /// The file gets this name.
    #[serde(default)]
    rename_to: Option<String>,
    /// The file is not sent; its records end as dead, and can be retried one by one.
    #[serde(default)]
    discard: bool,
}

/// The target of files that a request names, in the caller's account.
async fn find<'a>(context: &Context, caller: &'a Caller, request: &'a Request) -> Result<Of<'a>, Problem> {
    let of = Of { account: &caller.account, target_server: request.param("id") };
    let found =
        context.table.find::<TargetServer>(of.account, of.target_server).await.map_err(unavailable)?;
    match found.map(|f| f.resource.settings.kind) {
        None => Err(Problem::not_found("target server")),
        Some(TargetServerKind::SftpExport) => Ok(of),
        Some(_) => {
            Err(Problem::new(409, "not_an_sftp_export", "this is for a target server of kind sftp_export"))
        }
    }
}

/// Shows what is in the buffer.
pub(crate) async fn buffer(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    show(&context, of, 200).await
}

async fn show(context: &Context, of: Of<'_>, status: u16) -> Result<Response, Problem> {
    let push = context.table.push(of).await.map_err(unavailable)?;
    let mut rows = context
        .table
        .buffered(of, Which::All, MOST_COUNTED + 1, (context.clock)())
        .await
        .map_err(unavailable)?;
    let more = rows.len() > MOST_COUNTED;
    rows.truncate(MOST_COUNTED);
    let at = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let shown = Buffer {
        waiting: rows.iter().map(Owed::records).sum(),
        more,
        oldest_waiting: rows.first().and_then(|row| at(row.accepted_at())),
        active_run: push.active_run,
        open_batch: push.open_batch.map(OpenBatchView::from),
        files: push.files,
        void_numbers: push.void_numbers,
        failures: push.failures,
        breaker_open_since: push.breaker_since.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        last_error: push.last_error,
        next_try_at: push.try_at.and_then(at),
    };
    Response::json(status, &shown)
}

/// Pushes what is in the buffer now. It takes the same admission as a scheduled flush, and moves no schedule.
pub(crate) async fn flush(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let id = runs::run_id(&context, &caller, &request, of.target_server);
    let run = Run::push(id, of.account, of.target_server, Trigger::Manual, (context.clock)());
    runs::admit(&context, &caller, run).await
}

/// Writes down what a person decides about a file that does not get through.
pub(crate) async fn decide(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let body: Decide = http::parse(&request.body)?;
    let decision = match (body.rename_to, body.discard) {
        (Some(name), false) if valid_name(&name) => Decision::Rename(name),
        (Some(_), false) => {
            let detail =
                "must be the name of a file, up to 200 bytes, without / or \\, not beginning with a dot";
            return Err(Problem::invalid(vec![FieldError::new("rename_to", detail)]));
        }
        (None, true) => Decision::Discard,
        _ => {
            let error = FieldError::new("rename_to", "state either rename_to, or discard: true");
            return Err(Problem::invalid(vec![error]));
        }
    };
    let now = (context.clock)();
    match context.table.decide_batch(of, &body.batch, &decision, now).await.map_err(unavailable)? {
        Decided::MovedOn => {
            let detail =
                "that batch is not open any more, or is being pushed just now; look at the buffer again";
            Err(Problem::new(409, "moved_on", detail))
        }
        Decided::Yes => {
            // What is lost here is found by the next tick: the target's push row is due.
            let message = PushMessage::flush(of.account, of.target_server);
            if let Err(error) = context.pushes.send(of.account, &message, 0).await {
                tracing::warn!(
                    error = shared::chain(&error),
                    "the target was not woken; its push row is due"
                );
            }
            show(&context, of, 202).await
        }
    }
}
