//! The failed records of a run as files in the formats of its inputs, to be mended and sent again: links to them.
//!
//! `sftp-pull` wrote them before the run ended.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    aws::objects::Download,
    failed_files::{FailedFile, file_name},
    keys,
    problem::Problem,
};

use super::{
    find::find,
    records::{damaged, expired, index},
};
use crate::{
    Context,
    caller::Caller,
    http::{Request, Response, unavailable},
};

/// Seconds for which a link holds: a download that began goes on.
const LINK_SECS: u32 = 300;

/// The failed records of a run, by input.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FailedLinesView {
    /// One for each input that has failed records, in their order.
    items: Vec<FailedInput>,
}

/// The failed records of one input.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FailedInput {
    /// Which of the run's inputs, from 1.
    input: u32,
    /// Its remote path.
    file: String,
    /// Failed records of it.
    records: u64,
    /// A file of exactly these records in the input's own format, unpacked: encoding, delimiters, quotes and line ends are
    /// as they came, the header first. Absent where the format is not one of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Link>,
    /// The column that `lines` have behind the input's own, with the reason of each record; when the file is sent again it
    /// is passed over, and replaced if the record fails again. Absent without a header: another column would change the
    /// numbers of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_column: Option<String>,
    /// Records that are not in `lines`, since none begins on their line as the mapping reads the file now.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    /// The results of these records with their reasons, NDJSON; there where `lines` do not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Link>,
}

/// Where a file can be fetched.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Link {
    /// Fetches the file with a plain GET, without an API key: whoever has the link has the file.
    url: String,
    /// When the link stops working.
    expires_at: Timestamp,
    /// The name under which it is saved.
    file_name: String,
}

/// Links to the files of a run in the caller's account.
pub(crate) async fn failed_lines(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let run = find(&context, &caller, &request).await?;
    if !run.status.is_final() {
        let detail = "the run has not ended yet; /records?result=error lists what has failed already";
        return Err(Problem::new(409, "run_active", detail));
    }
    if run.counts.errors() == 0 || run.inputs.is_empty() {
        return Response::json(200, &FailedLinesView { items: Vec::new() });
    }
    let key = keys::failed_files(&run.account, &run.id);
    let Some(object) = context.bucket.get(&key).await.map_err(unavailable)? else {
        // Where something of the report is there, these were not written.
        return Err(match index(&context, &run, None).await? {
            Some(_) => {
                let detail = "the failed records could not be written as files; the run's warnings or its failure say \
                              why, and /records?result=error lists them";
                Problem::new(409, "not_written", detail)
            }
            None => expired(),
        });
    };
    let files: Vec<FailedFile> =
        serde_json::from_slice(&object.bytes).map_err(|error| damaged(&key, &error))?;
    let mut items = Vec::with_capacity(files.len());
    for file in files {
        let name = file_name(&file.file);
        let lines = match &file.lines {
            Some(lines) => Some(link(&context, &lines.object, &name, &lines.content_type).await?),
            None => None,
        };
        let reasons = match &file.reasons {
            Some(object) => {
                Some(link(&context, object, &format!("{name}.reasons.ndjson"), "application/x-ndjson").await?)
            }
            None => None,
        };
        items.push(FailedInput {
            input: file.input,
            file: file.file,
            records: file.records,
            lines,
            reason_column: file.lines.as_ref().and_then(|lines| lines.reason_column.clone()),
            missing: file.lines.map(|lines| lines.missing).filter(|missing| *missing > 0),
            reasons,
        });
    }
    Response::json(200, &FailedLinesView { items })
}

async fn link(context: &Context, key: &str, file_name: &str, content_type: &str) -> Result<Link, Problem> {
    let now = (context.clock)();
    let holds = Duration::from_secs(LINK_SECS.into());
    let download = Download { key, file_name, content_type, from: now, holds };
    let url = context.bucket.link(&download).await.map_err(unavailable)?;
    let expires_at = now.saturating_add(SignedDuration::from_secs(LINK_SECS.into())).unwrap_or(now);
    Ok(Link { url, expires_at, file_name: file_name.into() })
}
