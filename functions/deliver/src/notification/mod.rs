//! One notification that is owed to the target of a connection: claimed, sent, and what came of it written down.
//!
//! A notification that was just posted is known from its message alone; the first claim makes its row. Where that
//! claim cannot be followed by an attempt right away, the row waits, with the payload in the bucket, and the message
//! is done. Until then the message stays in the queue: what it says is nowhere else.

mod attempt;
mod decide;
mod outcome;

pub(crate) use attempt::content;
pub(crate) use outcome::Outcome;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        notifications::{ClaimedNotification, Known},
    },
    delivery::{DeathCause, DeliveryState, NotificationName, WaitingFor},
    gate::Coming,
    metrics,
    notification::{NotificationDelivery, Payload, Posted, looked_at_again},
};
use tracing::instrument;

use crate::{
    Context,
    content::is_stored,
    gate, mappings,
    request::NotSent,
    tally,
    targets::{self, Ready},
};

/// A message that is older than this is not sent any more: soon after, its row may be gone, and it would be taken for
/// a new one.
const MOST_AGE: SignedDuration = SignedDuration::from_hours(28 * 24);

/// Takes a notification that was posted: its first attempt.
#[instrument(skip_all, fields(account.id = posted.account, connection.id = posted.connection, delivery.id, attempt))]
pub(crate) async fn take(context: &Context, posted: Posted, lease_until: Timestamp) -> Result<(), AwsError> {
    let now = (context.clock)();
    let mut row = NotificationDelivery::posted(&posted, DeliveryState::Sending);
    row.attempts = 1;
    if now.as_millisecond() - posted.accepted_at > MOST_AGE.as_millis() as i64 {
        return bury(context, row, posted, now).await;
    }
    // Every attempt maps with the version that the first one found.
    if let Some(mapping) = &row.mapping {
        row.mapping_version = mappings::latest(context, &row.account, mapping).await?;
    }
    // Leave is asked for before the claim, so that what has to wait is one write.
    let ready = match targets::get(context, &row.account, &row.target_server).await {
        Ok(ready) => ready,
        Err(NotSent::Aws(error)) => return Err(error),
        Err(_) => None, // said by the attempt, which reads it again
    };
    let leave = match &ready {
        None => None,
        // It is signed before it asks, which takes a while: for that it is claimed.
        Some(_) if is_stored(&posted.payload, posted.size_bytes) => None,
        Some(ready) => match gate::ask(context, ready, Coming::ByItself, &row.name().to_string()).await? {
            None => return hold(context, row, posted, ready, lease_until).await,
            leave => leave,
        },
    };
    match context.table.claim_first(&row, now, lease_until).await? {
        None => {
            tally::add(context, &metrics::first_claim());
            let claimed = ClaimedNotification { delivery: row, was: DeliveryState::Waiting };
            attempt::make(context, &claimed, &posted.payload, Coming::ByItself, leave).await
        }
        Some(row) => {
            if let (Some(leave), Some(ready)) = (leave, &ready) {
                leave.give_back(context, ready).await;
            }
            known(context, posted, row, lease_until).await
        }
    }
}

/// Makes the row of a notification that has to wait for its target.
async fn hold(
    context: &Context,
    mut row: NotificationDelivery,
    posted: Posted,
    ready: &Ready,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    let now = (context.clock)();
    row.state = DeliveryState::Waiting;
    row.waiting_for = Some(WaitingFor::Target);
    row.attempts = 0;
    row.due = Some(looked_at_again(row.deliver_until, now).as_millisecond());
    row.object = Some(context.bucket.keep_payload(&row, &posted.payload).await?);
    if let Some(known) = context.table.claim_first(&row, now, now).await? {
        return self::known(context, posted, known, lease_until).await;
    }
    tally::add(context, &metrics::first_claim());
    gate::note_held(context, ready).await
}

/// What a message means whose row is there.
async fn known(
    context: &Context,
    posted: Posted,
    Known { delivery: row, lease_until: held_until }: Known,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    if row.body_hash != posted.body_hash {
        tracing::warn!("the event came again with another payload, which is not sent");
        tally::add(context, &metrics::refused("conflict"));
        return context.table.note_conflict(&row.name().key(&row.account)).await;
    }
    // A row that is final, or that is due by itself, needs no message.
    if row.state != DeliveryState::Sending || row.due.is_some() {
        tracing::debug!("nothing to do: the notification is known");
        return Ok(());
    }
    let now = (context.clock)();
    if held_until.is_some_and(|until| until >= now.as_millisecond()) {
        // Its holder may be gone. Until the lease ends nobody knows, and nothing else wakes this row.
        return Err(AwsError::LostLease(format!("notification {}", row.notification)));
    }
    // From this claim on the row is due by itself, and its message is done with: the payload may not be in it alone.
    context.bucket.keep_payload(&row, &posted.payload).await?;
    match context.table.claim_notification(&row.account, &row.name(), now, lease_until).await? {
        Some(claimed) => attempt::make(context, &claimed, &posted.payload, Coming::ByItself, None).await,
        None => Ok(()), // someone else's by now, and due at the end of their lease
    }
}

/// Goes on with a notification whose row is there.
#[instrument(skip_all, fields(account.id = account, connection.id = name.connection, delivery.id, attempt))]
pub(crate) async fn go_on(
    context: &Context,
    account: &str,
    name: &NotificationName,
    coming: Coming,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    let now = (context.clock)();
    match context.table.claim_notification(account, name, now, lease_until).await? {
        Some(claimed) => {
            let body = Payload::Object(claimed.delivery.payload_object());
            attempt::make(context, &claimed, &body, coming, None).await
        }
        None => {
            tracing::debug!("nothing to do: the notification is final, held, or not due");
            Ok(())
        }
    }
}

/// Keeps a notification that comes too late to be sent.
async fn bury(
    context: &Context,
    mut row: NotificationDelivery,
    posted: Posted,
    now: Timestamp,
) -> Result<(), AwsError> {
    let object = context.bucket.keep_payload(&row, &posted.payload).await?;
    row.state = DeliveryState::Dead;
    row.died_of = Some(DeathCause::Expired);
    row.attempts = 0;
    row.object = Some(object);
    row.last_error = Some("its message came more than 28 days after it was accepted".into());
    tracing::error!("a notification came too late to be sent");
    context.table.claim_first(&row, now, now).await.map(|_| ())
}
