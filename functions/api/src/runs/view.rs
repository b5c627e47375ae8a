//! A run's report, with times in UTC and in the account's zone.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    account::Account,
    aws::runs::{RunCursor, RunList},
    delivery::{Batch, DeliveryState},
    keys,
    problem::Problem,
    reasons::ReasonCount,
    run::{Run, RunStatus},
};

use super::{find::find, records::damaged};
use crate::{
    Context, accounts,
    caller::Caller,
    http::{self, Request, Response, bad_query, unavailable},
};

/// A run's report.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunView {
    #[serde(flatten)]
    run: Run,
    /// The run's times in the account's zone.
    local: LocalTimes,
    /// The batches owed to the target, while the run delivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<Deliveries>,
    /// Why records of it were left out or failed, each reason counted, with the first records of it; where one run is
    /// shown that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<ReasonCount>>,
}

/// A run's times as the account's people read them.
#[derive(Serialize, JsonSchema)]
struct LocalTimes {
    /// The account's IANA zone.
    time_zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<LocalMissed>,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

/// First and last of the due times that a MISSED run stands for.
#[derive(Serialize, JsonSchema)]
struct LocalMissed {
    first: String,
    last: String,
}

/// Where the batches of a run stand.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Deliveries {
    waiting: u64,
    sending: u64,
    delivered: u64,
    /// Sent, with nothing known of what came of it: a person decides.
    unknown: u64,
    dead: u64,
    /// Attempts begun, over all batches.
    attempts: u64,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    /// How the last failed attempt of the first batch that still waits failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// One page of runs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunPageView {
    /// Newest first.
    items: Vec<RunView>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

impl RunView {
    pub(crate) fn new(run: Run, account: &Account, deliveries: Option<Deliveries>) -> Self {
        let mut run = run;
        if let Some(partial) = &mut run.partial_input {
            // The hub's own; the state of a hash may have some bytes of the file in it.
            (partial.upload, partial.sha256_state) = (String::new(), String::new());
        }
        let zone = TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
        let local = |t: Timestamp| t.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
        let local = LocalTimes {
            time_zone: account.time_zone.clone(),
            scheduled_for: run.scheduled_for.map(local),
            missed: run.missed.as_ref().map(|m| LocalMissed { first: local(m.first), last: local(m.last) }),
            requested_at: local(run.requested_at),
            started_at: run.started_at.map(local),
            ended_at: run.ended_at.map(local),
        };
        Self { run, local, deliveries, reasons: None }
    }
}

impl Deliveries {
    fn of(batches: &[Batch]) -> Self {
        let mut sum = Self::default();
        for batch in batches {
            *match batch.state {
                DeliveryState::Waiting => &mut sum.waiting,
                DeliveryState::Sending => &mut sum.sending,
                DeliveryState::Delivered => &mut sum.delivered,
                DeliveryState::Unknown => &mut sum.unknown,
                DeliveryState::Dead => &mut sum.dead,
            } += 1;
            sum.attempts += u64::from(batch.attempts);
        }
        let waiting = || batches.iter().filter(|b| b.state == DeliveryState::Waiting);
        let next = waiting().filter_map(|b| b.attempt_at).min();
        sum.next_attempt_at = next.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        sum.last_error = waiting().find_map(|b| b.last_error.clone());
        sum
    }
}

/// Shows a run of the caller's account.
pub(crate) async fn show(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let run = find(&context, &caller, &request).await?;
    let account = accounts::of_caller(&context, &caller.account).await?;
    let deliveries = match run.status {
        RunStatus::Delivering => {
            let batches = context.table.batches(&caller.account, &run.id).await.map_err(unavailable)?;
            Some(Deliveries::of(&batches))
        }
        _ => None,
    };
    let reasons = reasons(&context, &run).await?;
    Response::json(200, &RunView { reasons, ..RunView::new(run, &account, deliveries) })
}

/// Reads the reasons of a run that has ended; none where it has none, or they are no longer kept.
async fn reasons(context: &Context, run: &Run) -> Result<Option<Vec<ReasonCount>>, Problem> {
    let counts = &run.counts;
    let is_there = run.status.is_final() && counts.errors() + counts.filtered() + counts.not_sent() > 0;
    if !is_there || run.target_server.is_some() {
        return Ok(None);
    }
    let key = keys::reasons_object(&run.account, &run.id);
    match context.bucket.get(&key).await.map_err(unavailable)? {
        Some(object) => serde_json::from_slice(&object.bytes).map(Some).map_err(|e| damaged(&key, &e)),
        None => Ok(None),
    }
}

#[derive(Serialize, Deserialize)]
struct Place {
    run: String,
    created_at: i64,
}

/// Lists runs of the caller's account, newest first.
pub(crate) async fn list(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let limit = http::limit(&request)?;
    let status = match request.query("status") {
        None => None,
        Some(text) => Some(
            serde_json::from_value::<RunStatus>(text.into())
                .map_err(|_| bad_query("status", "is not a status of runs, for example COMPLETE"))?,
        ),
    };
    let place: Option<Place> = http::decode("runs", &request)?;
    let connection = request.query("connection");
    if connection.is_some_and(|c| !shared::id::is_id(c)) {
        return Err(bad_query("connection", "is not the id of a connection"));
    }
    let target_server = request.query("target");
    if target_server.is_some_and(|t| !shared::id::is_id(t)) {
        return Err(bad_query("target", "is not the id of a target server"));
    }
    if connection.is_some() && target_server.is_some() {
        return Err(bad_query("target", "does not go together with connection"));
    }
    let (from, to) = (http::time(&request, "from")?, http::time(&request, "to")?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(bad_query("from", "must not be after to"));
    }
    let mut after = place.filter(|p| shared::id::is_id(&p.run)).map(|p| RunCursor {
        // The account is the caller's, whatever account the cursor was made for.
        key: keys::run(&caller.account, &p.run),
        requested_ms: p.created_at,
    });
    let mut runs: Vec<Run> = Vec::new();
    // A filter by status is applied after rows are read, so one read may give few or none.
    for _ in 0..10 {
        let wanted = i32::try_from(limit - runs.len()).unwrap_or(1);
        let account = &caller.account;
        let query = RunList { account, connection, target_server, status, from, to, limit: wanted, after };
        let page = context.table.runs(&query).await.map_err(unavailable)?;
        runs.extend(page.runs);
        after = page.after;
        if after.is_none() || runs.len() >= limit {
            break;
        }
    }
    let account = accounts::of_caller(&context, &caller.account).await?;
    let next_cursor = after.and_then(|last| {
        let run = last.key.pk.rsplit('#').next()?.to_string();
        Some(http::encode("runs", &Place { run, created_at: last.requested_ms }))
    });
    // The list of files and the pinned settings are in the report of each run.
    let brief = |run: Run| Run { inputs: Vec::new(), outputs: Vec::new(), settings: None, ..run };
    let items = runs.into_iter().map(|run| RunView::new(brief(run), &account, None)).collect();
    Response::json(200, &RunPageView { items, next_cursor })
}
