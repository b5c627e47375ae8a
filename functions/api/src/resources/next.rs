//! The next times of a schedule, with what a change of the clocks does to them.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    problem::{FieldError, Problem},
    schedule::{Schedule, Shift},
};

use crate::{
    Context,
    caller::Caller,
    http::{Request, Response, bad_query},
};

/// The next times of a schedule.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NextTimes {
    /// Zone of `local`.
    time_zone: String,
    /// In order.
    times: Vec<NextTime>,
}

#[derive(Serialize, JsonSchema)]
struct NextTime {
    /// The instant.
    at: Timestamp,
    /// The same in the schedule's zone, with its offset.
    local: String,
    /// Set where the clocks change: the time runs after the gap, or is the first of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    shift: Option<Shift>,
}

/// Shows the next times, whether or not the schedule is paused.
pub(crate) async fn next_times(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let n = match request.query("n").map(str::parse) {
        None => 10,
        Some(Ok(n @ 1..=100)) => n,
        Some(_) => return Err(bad_query("n", "must be 1 to 100")),
    };
    let found = super::find::<Schedule>(&context, &caller, request.param("id")).await?;
    let schedule = found.resource.settings;
    let now = (context.clock)();
    let times = schedule.times(&found.resource.id).map_err(|e| Problem::invalid(vec![e]))?;
    let zone = TimeZone::get(&schedule.time_zone)
        .map_err(|e| Problem::invalid(vec![FieldError::new("time_zone", e.to_string())]))?;
    // A schedule whose last time has passed has no next times; that is not an error.
    let times = times
        .upcoming(now, n)
        .into_iter()
        .map(|o| NextTime {
            at: o.at,
            local: o.at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            shift: o.shift,
        })
        .collect();
    Response::json(200, &NextTimes { time_zone: schedule.time_zone, times })
}
