//! What became of each record of a run, page by page.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    keys,
    problem::Problem,
    record::{RecordResult, RecordsIndex, Writer, read_part},
    run::{Run, RunStatus},
};

use super::find::find;
use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, bad_query, unavailable},
};

/// One page of record results.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RecordPage {
    /// In the order in which the records were read.
    items: Vec<RecordResult>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
    /// Whether this is the final report. While the run goes on it lists only what is settled already:
    /// unchanged, filtered and erroneous records.
    complete: bool,
}

#[derive(Serialize, Deserialize)]
struct Place {
    stage: String,
    part: usize,
    /// Records of the part that have been seen.
    offset: usize,
}

/// Lists what became of the records of a run in the caller's account.
pub(crate) async fn records(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let run = find(&context, &caller, &request).await?;
    let limit = http::limit(&request)?;
    let errors_only = errors_only(&request)?;
    let place: Option<Place> = http::decode("records", &request)?;
    let wanted = place.as_ref().map(|p| p.stage.as_str());
    // A run that was cancelled before its release counts nothing, whatever it had mapped by then.
    let found = match run.status == RunStatus::Cancelled && run.counts.read() == 0 {
        true => None,
        false => index(&context, &run, wanted).await?,
    };
    let Some((stage, index)) = found else {
        if run.status.is_final() && run.counts.read() > 0 {
            return Err(expired());
        }
        return Response::json(
            200,
            &RecordPage { items: Vec::new(), next_cursor: None, complete: run.status.is_final() },
        );
    };
    let mut place = place.unwrap_or(Place { stage: stage.into(), part: 0, offset: 0 });
    let mut items = Vec::new();
    while let Some(part) = index.parts.get(place.part) {
        if errors_only && part.errors == 0 {
            (place.part, place.offset) = (place.part + 1, 0);
            continue;
        }
        let object = context.bucket.get(&part.object).await.map_err(unavailable)?;
        let object = object.ok_or_else(expired)?;
        let results = read_part(&object.bytes).map_err(|error| damaged(&part.object, &error))?;
        for result in results.into_iter().skip(place.offset) {
            if items.len() == limit {
                let next_cursor = Some(http::encode("records", &place));
                return Response::json(
                    200,
                    &RecordPage { items, next_cursor, complete: is_complete(&run, stage) },
                );
            }
            place.offset += 1;
            if !errors_only || result.writer == Writer::Error {
                items.push(result);
            }
        }
        (place.part, place.offset) = (place.part + 1, 0);
    }
    Response::json(200, &RecordPage { items, next_cursor: None, complete: is_complete(&run, stage) })
}

/// Whether a request wants the errors only.
pub(super) fn errors_only(request: &Request) -> Result<bool, Problem> {
    match request.query("result") {
        None => Ok(false),
        Some("error") => Ok(true),
        Some(_) => Err(bad_query("result", "can be 'error'")),
    }
}

/// A run that sent nothing has no final parts: what was settled while reading is all.
pub(super) fn is_complete(run: &Run, stage: &str) -> bool {
    run.status.is_final() && (stage == "final" || run.batches_total == 0)
}

pub(super) fn expired() -> Problem {
    Problem::new(410, "expired", "the record results of this run are no longer kept")
}

pub(super) fn damaged(object: &str, error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, object, "stored record results are damaged");
    Problem::new(500, "internal", "the record results cannot be read; the hub's log says why")
}

/// The list of parts: the final one, or what was settled while reading. A cursor stays with its own.
pub(super) async fn index(
    context: &Context,
    run: &Run,
    wanted: Option<&str>,
) -> Result<Option<(&'static str, RecordsIndex)>, Problem> {
    for stage in ["final", "read"] {
        if wanted.is_some_and(|w| w != stage) {
            continue;
        }
        let key = keys::records_index(&run.account, &run.id, stage);
        if let Some(object) = context.bucket.get(&key).await.map_err(unavailable)? {
            let index = serde_json::from_slice(&object.bytes).map_err(|error| damaged(&key, &error))?;
            return Ok(Some((stage, index)));
        }
    }
    Ok(None)
}
