//! A run's record results as one CSV file, to be fetched by a link that holds for a few minutes.
//!
//! The file is made when it is first asked for, part by part, and kept beside the parts: a report does not change
//! once its run has ended. It does not go through this function, whose answers have 6 MB at most.

mod lines;
mod render;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{aws::objects::Download, keys, problem::Problem, record::RecordsPart};

use super::{
    find::find,
    records::{errors_only, expired, index, is_complete},
};
use crate::{
    Context,
    caller::Caller,
    http::{Request, Response, unavailable},
};

/// Seconds for which a link holds.
const LINK_SECS: u32 = 300;

/// Most records that are read for a file: the HTTP API gives up after 30 s. ARCHITECTURE.md says what is known of
/// the time that it takes.
const MOST_RECORDS: u64 = 100_000;

/// Where a file can be fetched.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CsvLink {
    /// Fetches the file with a plain GET, without an API key: whoever has the link has the file.
    url: String,
    /// When the link stops working.
    expires_at: Timestamp,
    /// The name under which it is saved.
    file_name: String,
    /// Lines of it, the header apart.
    records: u64,
}

/// Makes the file of a run in the caller's account, if it is not there yet, and a link to it.
pub(crate) async fn records_csv(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let run = find(&context, &caller, &request).await?;
    let errors_only = errors_only(&request)?;
    if !run.status.is_final() {
        let detail = "the run has not ended yet; /records lists what is settled already";
        return Err(Problem::new(409, "run_active", detail));
    }
    let parts = match index(&context, &run, None).await? {
        Some((stage, index)) if is_complete(&run, stage) => index.parts,
        Some(_) => {
            let detail = "the hub could not write the whole report of this run; /records lists what there is";
            return Err(Problem::new(409, "report_not_written", detail));
        }
        None if run.counts.read() > 0 => return Err(expired()),
        None => Vec::new(),
    };
    let parts: Vec<RecordsPart> = parts.into_iter().filter(|p| !errors_only || p.errors > 0).collect();
    let to_read: u64 = parts.iter().map(|p| p.records).sum();
    if to_read > MOST_RECORDS {
        return Err(too_many(to_read, errors_only));
    }
    let key = keys::records_csv(&run.account, &run.id, errors_only);
    if !context.bucket.exists(&key).await.map_err(unavailable)? {
        render::render(&context.bucket, &key, &parts, errors_only).await?;
    }
    let now = (context.clock)();
    let file_name = format!("{}-{}.csv", run.id, if errors_only { "errors" } else { "records" });
    let download = Download {
        key: &key,
        file_name: &file_name,
        content_type: "text/csv; charset=utf-8; header=present",
        from: now,
        holds: Duration::from_secs(LINK_SECS.into()),
    };
    let url = context.bucket.link(&download).await.map_err(unavailable)?;
    let expires_at = now.saturating_add(SignedDuration::from_secs(LINK_SECS.into())).unwrap_or(now);
    let records = parts.iter().map(|p| if errors_only { p.errors } else { p.records }).sum();
    Response::json(200, &CsvLink { url, expires_at, file_name, records })
}

fn too_many(records: u64, errors_only: bool) -> Problem {
    let instead = match errors_only {
        true => "/records?result=error lists the errors page by page",
        false => "ask for result=error, or read /records page by page",
    };
    let detail =
        format!("{records} records would have to be read for one file, {MOST_RECORDS} can be; {instead}");
    Problem::new(422, "too_many_records", detail)
}
