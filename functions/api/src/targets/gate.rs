//! A target's gate: whether it is sent to, pausing, resuming.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::try_join_all;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::{
        gates::Of,
        owed::{Owed, OwedList},
    },
    delivery::DeliveryState,
    gate::{Gate, GateState},
    keys::OWED_SHARDS,
    message::DeliveryMessage,
    problem::Problem,
};

use super::find;
use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// How a target does.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TargetStatus {
    /// Whether it is sent to.
    state: GateState,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Failures one after another.
    failures: u32,
    /// Whether what has waited goes first at present.
    draining: bool,
    /// What it is owed, where that was asked for.
    #[serde(flatten)]
    owed: Option<TargetOwed>,
    /// When the oldest of what waits for it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_waiting: Option<Timestamp>,
}

/// What a target is owed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TargetOwed {
    /// Deliveries by state: those that wait or are being sent again, those of which nobody knows whether they arrived, and
    /// dead ones. What was accepted and not tried yet is in the queue, and not counted.
    owed: BTreeMap<DeliveryState, u64>,
    /// Whether `owed` is all of it. Of a long list only the beginning is counted: some thousands.
    owed_is_all: bool,
}

/// Why a person pauses it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    /// For others who wonder.
    #[serde(default)]
    reason: Option<String>,
}

/// Shows how a target does.
pub(crate) async fn status(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let shards = (0..OWED_SHARDS).map(|shard| context.table.owed_states(of.account, of.target_server, shard));
    let (mut owed, mut owed_is_all) = (BTreeMap::new(), true);
    for (states, is_end) in try_join_all(shards).await.map_err(unavailable)? {
        states.into_iter().for_each(|state| *owed.entry(state).or_default() += 1);
        owed_is_all &= is_end;
    }
    show(&context, of, Some(TargetOwed { owed, owed_is_all })).await
}

async fn show(context: &Context, of: Of<'_>, owed: Option<TargetOwed>) -> Result<Response, Problem> {
    let Gate { gate_state, since, reason, failures, draining, .. } =
        context.table.gate(of).await.map_err(unavailable)?;
    let list = OwedList {
        account: of.account,
        target_server: of.target_server,
        state: Some(DeliveryState::Waiting),
        waiting_for: None,
        connection: None,
        from_ms: 0,
        to_ms: i64::MAX / 2,
        limit: 1,
    };
    let oldest = context.table.owed(list).await.map_err(unavailable)?;
    let oldest = oldest.first().map(Owed::place);
    let status = TargetStatus {
        state: gate_state,
        since: Timestamp::from_millisecond(since).ok().filter(|_| since > 0),
        reason,
        failures,
        draining,
        owed,
        oldest_waiting: oldest.and_then(|(at, _)| Timestamp::from_millisecond(at).ok()),
    };
    Response::json(200, &status)
}

/// Stops sending to a target. What is owed to it waits, and no attempt is spent.
pub(crate) async fn pause(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: Pause = match request.body.is_empty() {
        true => Pause::default(),
        false => http::parse(&request.body)?,
    };
    let of = find(&context, &caller, &request).await?;
    let why = body.reason.unwrap_or_else(|| "paused by an administrator".into());
    let why: String = why.chars().take(200).collect();
    let now = (context.clock)();
    context.table.shut_gate(of, GateState::Paused, &why, false, now).await.map_err(unavailable)?;
    show(&context, of, None).await
}

/// Sends to a target again, beginning with what has waited for it.
pub(crate) async fn resume(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    open(&context, of).await?;
    show(&context, of, None).await
}

/// Opens a target's gate and has what waits for it looked at.
pub(super) async fn open(context: &Context, of: Of<'_>) -> Result<(), Problem> {
    context.table.open_gate(of, None, (context.clock)()).await.map_err(unavailable)?;
    // What is lost here is looked at by the next tick: the gate is due.
    let message = DeliveryMessage::target(of.account, of.target_server);
    if let Err(error) = context.deliveries.send(of.account, &message, 0).await {
        tracing::warn!(error = shared::chain(&error), "the target was not woken; its gate is due");
    }
    Ok(())
}
