//! A notification whose message was dropped. Where that was the message it came with, the notification is nowhere
//! else: it becomes a row, with its payload in the bucket, before the message is done.

use jiff::Timestamp;
use shared::{
    aws::{
        AwsError,
        notifications::{Known, Last},
    },
    delivery::{DeathCause, DeliveryState, NotificationName, WaitingFor},
    mapping::Mapping,
    notification::{NotificationDelivery, Posted},
};
use tracing::instrument;

use crate::{Context, Decision, LEASE, decide};

/// Makes a row of a notification that was posted and never claimed, to be woken later.
#[instrument(skip_all, fields(account.id = posted.account, connection.id = posted.connection))]
pub(crate) async fn dropped(context: &Context, posted: Posted, now: Timestamp) -> Result<(), AwsError> {
    let Decision::Wake { due, n } = decide(0, None, now) else { return Ok(()) };
    let mut row = NotificationDelivery::posted(&posted, DeliveryState::Waiting);
    row.object = Some(context.bucket.keep_payload(&row, &posted.payload).await?);
    if let Some(mapping) = &row.mapping {
        let found = context.table.find::<Mapping>(&row.account, mapping).await?;
        row.mapping_version = found.map(|f| f.resource.version);
    }
    row.waiting_for = Some(WaitingFor::NextAttempt);
    row.due = Some(due.as_millisecond());
    row.attempt_at = row.due;
    row.dead_letters = n;
    row.last_dead_letter_at = Some(now);
    let (name, object) = (row.name(), row.object.clone().unwrap_or_default());
    let Some(Known { delivery: known, lease_until: held_until }) =
        context.table.claim_first(&row, now, now).await?
    else {
        tracing::warn!(%due, "a notification's message was dropped; it has a row now and is woken");
        return Ok(());
    };
    if known.body_hash != posted.body_hash {
        return context.table.note_conflict(&name.key(&known.account)).await;
    }
    if known.state != DeliveryState::Sending || known.due.is_some() {
        return look_after(context, &posted.account, &name, now).await;
    }
    if held_until.is_some_and(|until| until >= now.as_millisecond()) {
        // The message comes again once its holder's lease has ended.
        return Err(AwsError::LostLease(format!("notification {}", known.notification)));
    }
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let Some(claimed) = context.table.claim_notification(&posted.account, &name, now, until).await? else {
        return Ok(());
    };
    let why = "the function that sent it died, time after time; its log may say why";
    match context.table.notification_returns(&claimed, due, &object, why).await {
        Err(AwsError::LostLease(_)) => Ok(()),
        returned => returned,
    }
}

/// Wakes a notification later, or gives it up.
#[instrument(skip_all, fields(account.id = account, delivery.id = %name))]
pub(crate) async fn look_after(
    context: &Context,
    account: &str,
    name: &NotificationName,
    now: Timestamp,
) -> Result<(), AwsError> {
    let Some(row) = context.table.notification_delivery(account, name).await? else { return Ok(()) };
    // An attempt that is planned, a target's limits, or a person's decision are not the infrastructure's business.
    let planned = row.attempt_at.is_some_and(|at| at > now.as_millisecond());
    let held = matches!(row.waiting_for, Some(WaitingFor::Target | WaitingFor::Flush));
    if row.state.is_final() || row.state == DeliveryState::Unknown || planned || held {
        return Ok(());
    }
    match decide(row.dead_letters, row.last_dead_letter_at, now) {
        Decision::Leave => Ok(()),
        Decision::Wake { due, n } => {
            if context.table.count_dead_letter(&name.key(account), row.dead_letters, due, now).await? {
                tracing::warn!(n, %due, "the notification's message was dropped; it is woken again");
            }
            Ok(())
        }
        Decision::Park => park(context, account, name, now).await,
    }
}

/// Gives up a notification that the hub fails to handle. Where a holder is at work, it is the holder's.
async fn park(
    context: &Context,
    account: &str,
    name: &NotificationName,
    now: Timestamp,
) -> Result<(), AwsError> {
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let Some(claimed) = context.table.claim_notification(account, name, now, until).await? else {
        return Ok(());
    };
    let row = &claimed.delivery;
    let why = format!(
        "the hub failed to send it, and its message was dropped {} times; the function's log says why",
        row.dead_letters + 1
    );
    tracing::error!("the notification is given up");
    // Where an attempt was under way, nobody knows whether it arrived.
    let cause = match claimed.was {
        DeliveryState::Waiting => DeathCause::DeadLetter,
        _ => DeathCause::OutcomeUnknown,
    };
    let object = row.payload_object();
    let last = Last { error: Some(why), ..Last::default() };
    let hears = context.table.hears(account).await?;
    match context.table.notification_dies(row, cause, &object, &last, (hears, now)).await {
        Err(AwsError::LostLease(_)) => Ok(()),
        died => died,
    }
}
