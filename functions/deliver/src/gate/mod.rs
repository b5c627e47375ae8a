//! Whether a delivery may go to its target now: the target's gate, its rate, and its places for requests in flight.
//!
//! What may not go is made to wait as a row, without an attempt being spent, and without filling the queue. The
//! target's gate sees to it that the oldest goes first when there is room again (`drain`).

mod drain;
mod places;
mod rate;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{AwsError, gates::Of},
    gate::{Coming, GateState, is_trouble},
    message::DeliveryMessage,
    metrics,
};

use crate::{Context, hears::hears, tally, targets::Ready};

pub(crate) use drain::drain;
pub(crate) use places::Place;
pub(crate) use rate::Rates;

/// How long an invocation waits for a target's limits before what it has is made to wait as a row.
const MOST_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// How long after something was made to wait its target's backlog is looked at, where nothing had waited before.
const LOOK_AFTER_SECS: i32 = 2;

/// By then `dispatch` has it looked at, if the message that asks for it is lost.
const LOOK_AT_LATEST: SignedDuration = SignedDuration::from_mins(1);

/// Leave to send one request to a target, until it is dropped by [`Leave::give_back`].
pub(crate) struct Leave {
    place: Option<Place>,
}

/// Asks for leave to send a request now; `None` where it has to wait as a row.
pub(crate) async fn ask(
    context: &Context,
    ready: &Ready,
    coming: Coming,
    holder: &str,
) -> Result<Option<Leave>, AwsError> {
    if !ready.gate.admits(coming) {
        return Ok(None);
    }
    if let Some(per_second) = ready.settings.limits.per_second
        && !rate::wait_for_slot(context, ready, per_second).await?
    {
        return Ok(None);
    }
    let most =
        ready.settings.limits.in_flight.or_else(|| ready.is_slow().then_some(places::OF_A_SLOW_TARGET));
    let place = match most {
        None => None,
        Some(most) => match places::wait_for_one(context, ready, most, holder).await? {
            None => return Ok(None),
            place => place,
        },
    };
    Ok(Some(Leave { place }))
}

impl Leave {
    /// Says that the request has ended.
    pub(crate) async fn give_back(self, context: &Context, ready: &Ready) {
        if let Some(place) = self.place {
            place.give_back(context, ready).await;
        }
    }
}

/// Sees to it that what was just made to wait is looked at. Its row is written: what is lost here is found by the
/// row's own `due`, some hours later, and by whatever else is made to wait.
pub(crate) async fn note_held(context: &Context, ready: &Ready) -> Result<(), AwsError> {
    let now = (context.clock)();
    if !ready.should_note_held(now) {
        return Ok(());
    }
    let look_at = now.saturating_add(LOOK_AT_LATEST).unwrap_or(Timestamp::MAX);
    if context.table.note_held(ready.of(), look_at, now).await? {
        let Of { account, target_server } = ready.of();
        let message = DeliveryMessage::target(account, target_server);
        context.deliveries.send(account, &message, LOOK_AFTER_SECS).await?;
    }
    ready.noted_held(now);
    Ok(())
}

/// Tells a target's gate how an attempt ended. Nothing of the delivery depends on it. What becomes of the hub's own
/// announcements (`quietly`) is announced to no one.
pub(crate) async fn tell(
    context: &Context,
    ready: &Ready,
    status: Option<u16>,
    error: Option<&str>,
    duration_ms: u64,
    quietly: bool,
) {
    ready.note_duration(duration_ms);
    if let Err(error) = told(context, ready, status, error, quietly).await {
        tracing::warn!(
            error = shared::chain(&error),
            "a target's gate could not be told how an attempt ended"
        );
    }
}

async fn told(
    context: &Context,
    ready: &Ready,
    status: Option<u16>,
    error: Option<&str>,
    quietly: bool,
) -> Result<(), AwsError> {
    let (of, now) = (ready.of(), (context.clock)());
    if let Some(why) = error.filter(|_| is_trouble(status)) {
        ready.note_trouble();
        let hears = !quietly && hears(context, of.account).await?;
        if context.table.target_failed(of, why, hears, now).await? {
            tracing::warn!(
                target_server.id = of.target_server,
                "the target fails time after time: its breaker is open"
            );
            tally::add(context, &metrics::breaker(true));
            context.targets.forget(of);
        }
        return Ok(());
    }
    let failing = ready.gate.gate_state == GateState::Failing;
    if !failing && !ready.has_trouble() {
        return Ok(());
    }
    let hears = !quietly && hears(context, of.account).await?;
    if context.table.target_answered(of, &ready.gate, hears, now).await? {
        tracing::info!(target_server.id = of.target_server, "the target is back: its breaker is closed");
        tally::add(context, &metrics::breaker(false));
        let message = DeliveryMessage::target(of.account, of.target_server);
        context.deliveries.send(of.account, &message, 0).await?;
        context.targets.forget(of);
    }
    ready.forget_trouble();
    Ok(())
}
