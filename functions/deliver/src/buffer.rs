//! What is owed to a target of files: a notification is mapped, and looked at whether the target's format takes it; a
//! batch of a run is mapped already, and whether each of its records fits is seen when its file is made. Both are left
//! as rows that wait for the next flush. Nothing is sent here.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        gates::Of,
        notifications::{Last, Waits},
    },
    delivery::{Batch, DeathCause, WaitingFor},
    export::{Rendering, wants_json},
    keys,
    message::PushMessage,
    notification::{MOST_WHOLE_BYTES, NotificationDelivery, Payload},
    target_server::{TargetServer, TargetServerKind},
};

use crate::{
    Context,
    content::{Content, is_stored},
    notification::{Outcome, content},
    targets::Ready,
};

/// How long after something came into a realtime target's buffer it is pushed: what comes in the same moment goes along.
const PUSHED_AFTER_SECS: i32 = 2;

/// How soon a row is looked at again that is over its time and may be in a file that is on its way.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Maps a notification and looks whether its target's format takes it. What goes into the file is in the bucket before
/// the row waits for it.
pub(crate) async fn take(
    context: &Context,
    row: &NotificationDelivery,
    payload: &Payload,
    ready: Arc<Ready>,
) -> Result<Outcome, AwsError> {
    let Some(export) = &ready.settings.export else {
        return Err(AwsError::damaged("the target server", "it does not say how files are written"));
    };
    if row.mapping.is_none() && is_stored(payload, row.size_bytes) {
        if !wants_json(export.format) {
            return Ok(Outcome::Buffered(ready));
        }
        let why = format!(
            "a payload of {} bytes does not go into a file with others: {MOST_WHOLE_BYTES} at most; use format payload",
            row.size_bytes
        );
        return Ok(Outcome::dies(DeathCause::Unmappable, &why));
    }
    let record = match content(context, row, payload).await? {
        Ok(Some((Content::Whole(record), _))) => record,
        Ok(_) => return Err(AwsError::damaged("a payload", "it is too large to be looked at")), // seen above
        Err(outcome) => return Ok(outcome),
    };
    let rendering = Rendering::of(export).map_err(|e| AwsError::damaged("the target server", e))?;
    if let Err(unfit) = rendering.record(&record) {
        return Ok(Outcome::dies(DeathCause::Unmappable, &unfit.to_string()));
    }
    if row.mapping.is_some() {
        let version = row.mapping_version.unwrap_or_default();
        let key = keys::record_object(&row.account, &row.notification, &row.connection, version);
        context.bucket.put(&key, record).await?;
    }
    Ok(Outcome::Buffered(ready))
}

/// Makes a claimed batch wait for the next flush. No attempt is spent.
pub(crate) async fn keep_batch(
    context: &Context,
    batch: &Batch,
    to: Option<(&Ready, &TargetServer)>,
    until: Timestamp,
) -> Result<(), AwsError> {
    let now = (context.clock)();
    if let Some((ready, settings)) = to {
        note(context, ready, settings, now).await?;
    }
    // Where its time is over and a file has it, that file decides.
    let due = if until > now { until } else { now.saturating_add(LOOK_AGAIN).unwrap_or(now) };
    context.table.batch_buffered(batch, until, due).await
}

/// Makes a claimed notification wait for the next flush. No attempt is spent: a file is tried any number of times.
pub(crate) async fn keep(
    context: &Context,
    row: &NotificationDelivery,
    payload: &Payload,
    ready: &Ready,
) -> Result<(), AwsError> {
    let object = context.bucket.keep_payload(row, payload).await?;
    let now = (context.clock)();
    // Nothing but a flush has to do with it before its time is over.
    let mut due = Timestamp::from_millisecond(row.deliver_until).unwrap_or(Timestamp::MAX);
    if due <= now {
        due = now.saturating_add(LOOK_AGAIN).unwrap_or(now);
    }
    note(context, ready, &ready.settings, now).await?;
    let waits = Waits { due, waits_for: WaitingFor::Flush, object: &object, counts: false };
    context.table.notification_waits(row, &waits, &Last::default()).await
}

/// Notes at a realtime target that something comes into its buffer. Before the row: whoever dies between the two has asked
/// for a push too many, and not for one too few.
async fn note(
    context: &Context,
    ready: &Ready,
    settings: &TargetServer,
    now: Timestamp,
) -> Result<(), AwsError> {
    let is_realtime = settings.export.as_ref().is_some_and(|export| export.realtime);
    if !is_realtime || !ready.should_note_buffered(now) {
        return Ok(());
    }
    let noted = ask_for_push(context, ready.of()).await;
    if noted.is_err() {
        ready.forget_buffered();
    }
    noted
}

/// Has a realtime target pushed to. If the message is lost, `dispatch` finds the target by its push row.
async fn ask_for_push(context: &Context, of: Of<'_>) -> Result<(), AwsError> {
    let now = (context.clock)();
    let look_at = now.saturating_add(SignedDuration::from_secs(PUSHED_AFTER_SECS.into())).unwrap_or(now);
    context.table.note_buffered(of, look_at, now).await?;
    let message = PushMessage::flush(of.account, of.target_server);
    context.pushes.send(of.account, &message, PUSHED_AFTER_SECS).await
}

/// Says whether a row that is over its time may be in a file that is on its way: then that file decides.
pub(crate) async fn may_be_in_a_file(
    context: &Context,
    row: &NotificationDelivery,
    target: &TargetServer,
) -> Result<bool, AwsError> {
    if target.kind != TargetServerKind::SftpExport {
        return Ok(false);
    }
    let of = Of { account: &row.account, target_server: &row.target_server };
    Ok(context.table.push(of).await?.open_batch.is_some_and(|batch| row.accepted_at <= batch.opened_at))
}
