//! Writing down what an attempt came to. The payload is in the bucket before a row waits for anything.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        gates::Of,
        notifications::{Attempt, ClaimedNotification, Last, Waits},
    },
    connection::HUB,
    delivery::{DeathCause, DeliveryName, DeliveryState, WaitingFor, hub_wait_secs},
    gate::GateState,
    message::DeliveryMessage,
    metrics,
    notification::{Payload, looked_at_again},
};

use super::{
    attempt::cause,
    decide::{Decision, Ended},
};
use crate::{Context, buffer, gate, hears::hears, tally, targets::Ready, wake::wake};

/// What an attempt came to.
pub(crate) enum Outcome {
    /// It was made.
    Made { ended: Ended, decision: Decision, duration_ms: u64, at: Timestamp },
    /// Nothing was sent, and something else than an attempt decides.
    Without { decision: Decision, why: String },
    /// Nothing was sent: its target has no room for it, or is not sent to at present.
    Held(Arc<Ready>),
    /// It is in its target's buffer.
    Buffered(Arc<Ready>),
    /// The hub itself failed before anything was sent.
    NotMade(AwsError),
}

impl Outcome {
    pub(crate) fn dies(cause: DeathCause, why: &str) -> Self {
        Self::Without { decision: Decision::Die(cause), why: why.into() }
    }

    pub(super) fn parks(why: &str) -> Self {
        Self::Without { decision: Decision::Park, why: why.into() }
    }
}

pub(super) async fn write_down(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    outcome: Outcome,
) -> Result<(), AwsError> {
    let row = &claimed.delivery;
    let (decision, last) = match outcome {
        Outcome::Held(ready) => return held(context, claimed, body, &ready).await,
        Outcome::Buffered(ready) => return buffer::keep(context, row, body, &ready).await,
        Outcome::NotMade(error) => return not_made(context, claimed, body, &error).await,
        Outcome::Without { decision, why } => (decision, Last { error: Some(why), ..Last::default() }),
        Outcome::Made { ended, decision, duration_ms, at } => {
            if let Some(error) = &ended.error {
                let attempt = Attempt {
                    n: row.attempts,
                    at,
                    duration_ms,
                    status: ended.status,
                    error: error.clone(),
                    answer: ended.answer,
                };
                context.table.record_attempt(row, &attempt).await?;
            }
            let last =
                Last { status: ended.status, duration_ms, at: at.as_millisecond(), error: ended.error };
            (decision, last)
        }
    };
    match decision {
        Decision::Delivered => {
            context.table.notification_delivered(row, &last).await?;
            let latency = last.at.saturating_sub(row.accepted_at);
            tally::add(context, &metrics::notification_delivered(latency.try_into().unwrap_or(0)));
        }
        Decision::Again(due) => {
            let object = context.bucket.keep_payload(row, body).await?;
            let waits = Waits { due, waits_for: WaitingFor::NextAttempt, object: &object, counts: true };
            context.table.notification_waits(row, &waits, &last).await?;
            tally::add(context, &metrics::notification(DeliveryState::Waiting));
            let age_ms = last.at.saturating_sub(row.accepted_at).max(0);
            tally::add(context, &metrics::oldest_owed(age_ms.unsigned_abs() / 1000));
            let message = DeliveryMessage::of(&row.account, &DeliveryName::Notification(row.name()));
            wake(context, &message, row.attempts, due).await?;
        }
        Decision::Disable => {
            let object = context.bucket.keep_payload(row, body).await?;
            let of = Of { account: &row.account, target_server: &row.target_server };
            let now = (context.clock)();
            // The gate first: if it stops here, the row is claimed again, and finds the gate shut.
            let why = "the target answered 410: it wants nothing more";
            let hears = row.source != HUB && hears(context, &row.account).await?;
            if context.table.shut_gate(of, GateState::Disabled, why, hears, now).await? {
                tracing::warn!(target_server.id = row.target_server, "{why}");
                tally::add(context, &metrics::target_disabled());
            }
            context.targets.forget(of);
            let waits = Waits {
                due: looked_at_again(row.deliver_until, now),
                waits_for: WaitingFor::Target,
                object: &object,
                counts: true,
            };
            context.table.notification_waits(row, &waits, &last).await?;
            tally::add(context, &metrics::notification(DeliveryState::Waiting));
        }
        Decision::Park => {
            let object = context.bucket.keep_payload(row, body).await?;
            tracing::warn!("what became of the notification is not known; a person decides");
            context.table.notification_parks(row, &object, &last).await?;
            tally::add(context, &metrics::notification(DeliveryState::Unknown));
        }
        Decision::Die(cause) => die(context, claimed, body, cause, &last).await?,
    }
    Ok(())
}

/// Makes a claimed notification wait for its target. No attempt is spent.
async fn held(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    ready: &Ready,
) -> Result<(), AwsError> {
    let row = &claimed.delivery;
    let object = context.bucket.keep_payload(row, body).await?;
    let due = looked_at_again(row.deliver_until, (context.clock)());
    let waits = Waits { due, waits_for: WaitingFor::Target, object: &object, counts: false };
    context.table.notification_waits(row, &waits, &Last::default()).await?;
    gate::note_held(context, ready).await
}

async fn die(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    cause: DeathCause,
    last: &Last,
) -> Result<(), AwsError> {
    let row = &claimed.delivery;
    let object = context.bucket.keep_payload(row, body).await?;
    tracing::warn!(cause = cause.code(), "the notification is not sent any more");
    let hears = hears(context, &row.account).await?;
    context.table.notification_dies(row, cause, &object, last, (hears, (context.clock)())).await?;
    tally::add(context, &metrics::notification(DeliveryState::Dead));
    Ok(())
}

/// Gives a notification back whose attempt was not made, to be woken by `dispatch`; or gives it up where its time is
/// over, or where what is stored of it cannot be read.
async fn not_made(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    error: &AwsError,
) -> Result<(), AwsError> {
    let row = &claimed.delivery;
    let now = (context.clock)();
    let until = Timestamp::from_millisecond(row.deliver_until).unwrap_or(Timestamp::MAX);
    let why = "the hub itself could not send it; the function's log says why";
    let last = Last { error: Some(why.into()), ..Last::default() };
    if !error.is_retryable() {
        let last = Last { error: Some(format!("the hub cannot send it: {error}")), ..Last::default() };
        return die(context, claimed, body, cause(claimed, DeathCause::DeadLetter), &last).await;
    }
    if now >= until {
        return die(context, claimed, body, cause(claimed, DeathCause::Expired), &last).await;
    }
    let object = context.bucket.keep_payload(row, body).await?;
    let wait = SignedDuration::from_secs(hub_wait_secs(row.hub_failures + 1));
    let due = now.saturating_add(wait).unwrap_or(Timestamp::MAX).min(until);
    context.table.notification_returns(claimed, due, &object, why).await
}
