//! One attempt: load, send, and write down what came of it.

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        batches::{Claimed, NotMade},
        gates::Of,
        runs::CancelledBy,
    },
    delivery::{Attempts, Batch, DEFAULT_RETRY_SECS, DeathCause, DeliveryState, Next, why_cancelled},
    gate::{Coming, GONE, GateState},
    metrics,
    target_server::{OnUnknown, TargetServer, TargetServerKind},
    wire::StagedBatch,
};

use super::{
    answer::{Failed, Taken, everything, take},
    hub_failure::{HubFailure, cause},
    wake,
};
use crate::{
    Context, buffer,
    content::Content,
    gate,
    hears::hears,
    http::Answer,
    request::{self, Credentials, NotSent, Outgoing, To},
    tally,
    targets::{self, Ready},
};

/// After this long a batch is given up, whatever its schedule: its payload is kept for 35 days.
const MOST_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Makes one attempt with a claimed batch; answers the state that it ends in.
pub(crate) async fn attempt(context: &Context, claimed: &Claimed) -> Result<DeliveryState, HubFailure> {
    use HubFailure::BeforeSending;
    let batch = &claimed.batch;
    let found = context.table.find::<TargetServer>(&batch.account, &batch.target_server).await;
    let found = found.map_err(BeforeSending)?.map(|f| f.resource.settings);
    let is_in_file = context.table.is_in_open_file(batch).await.map_err(BeforeSending)?;
    if is_in_file && found.is_some() {
        return in_file(context, batch).await;
    }
    if context.table.is_cancelled(&batch.account, &batch.run).await.map_err(BeforeSending)? {
        let last = batch.last_error.as_deref();
        return cancelled(context, batch, CancelledBy::HolderBeforeSending, last).await;
    }
    let Some(target) = found else {
        let why = "the target server has been removed";
        let cause = match is_in_file {
            true => DeathCause::OutcomeUnknown,
            false => cause(claimed, DeathCause::Undeliverable),
        };
        return die(context, batch, cause, why).await;
    };
    if claimed.was == DeliveryState::Unknown {
        let why = "nobody said in time whether the target took it";
        return die(context, batch, DeathCause::OutcomeUnknown, why).await;
    }
    if target.kind == TargetServerKind::SftpExport {
        return buffer(context, claimed, &target).await;
    }
    let staged = load(context, batch).await.map_err(BeforeSending)?;
    let parks = target.on_unknown == Some(OnUnknown::Park);
    if claimed.was == DeliveryState::Sending && parks {
        return park(context, batch, &staged, "the function that sent it died before it could say more")
            .await;
    }
    let retry_secs = target.retry_secs.as_deref().unwrap_or(DEFAULT_RETRY_SECS);
    // A function that dies while sending leaves the row claimed: that may not go on for ever.
    if usize::try_from(batch.attempts).unwrap_or(usize::MAX) > retry_secs.len() + 1 {
        let why = "every attempt ended without a result";
        return die(context, batch, cause(claimed, DeathCause::Undeliverable), why).await;
    }
    let ready = match targets::get(context, &batch.account, &batch.target_server).await {
        Ok(ready) => ready,
        Err(NotSent::Aws(error)) => return Err(BeforeSending(error)),
        Err(_) => None, // what is wrong with its secrets, sending says
    };
    let leave = match &ready {
        None => None,
        Some(ready) => {
            match gate::ask(context, ready, Coming::ByItself, &batch.id).await.map_err(BeforeSending)? {
                None => return no_room(context, claimed).await,
                leave => leave,
            }
        }
    };
    let started = (context.clock)();
    let sent = post(context, batch, &target, &staged, parks).await;
    if let (Some(leave), Some(ready)) = (leave, &ready) {
        leave.give_back(context, ready).await;
        tell(context, ready, &sent, started).await;
    }
    let failed = match sent {
        Ok(answer) if answer.status == GONE => return gone(context, claimed).await,
        Err(NotSent::Aws(error)) => return Err(BeforeSending(error)),
        Err(not_sent) => Failed {
            why: not_sent.to_string(),
            excerpt: String::new(),
            retry_after: None,
            may_have_arrived: matches!(&not_sent, NotSent::NoAnswer(e) if e.may_have_arrived()),
        },
        Ok(answer) => match take(context, batch, retry_secs, &staged, &answer).await? {
            Taken::Final(state) => return Ok(state),
            Taken::Failed(failed) => failed,
        },
    };
    let now = (context.clock)();
    let duration_ms = now.duration_since(started).as_millis();
    // Of the answer only the status: its text may repeat the records.
    tracing::warn!(error = failed.why, duration_ms, "an attempt failed");
    let error = failed.why + &failed.excerpt;
    if context.table.is_cancelled(&batch.account, &batch.run).await? {
        return cancelled(context, batch, CancelledBy::HolderAfterSending, Some(&error)).await;
    }
    if failed.may_have_arrived && parks {
        return park(context, batch, &staged, &error).await;
    }
    let attempts = Attempts { retry_secs, until: until(context, batch).await? };
    match attempts.next(batch.attempts, failed.retry_after, (context.jitter)(), now) {
        Next::Never(cause) => die(context, batch, cause, &error).await,
        Next::At(due) => {
            context.table.batch_waits(batch, due, &error).await?;
            wake(context, batch, due).await?;
            Ok(DeliveryState::Waiting)
        }
    }
}

/// Leaves a batch to the file that has it.
async fn in_file(context: &Context, batch: &Batch) -> Result<DeliveryState, HubFailure> {
    let until = until(context, batch).await.map_err(HubFailure::BeforeSending)?;
    buffer::keep_batch(context, batch, None, until).await.map_err(HubFailure::BeforeSending)?;
    Ok(DeliveryState::Waiting)
}

/// Puts a batch into its target's buffer, or gives it up where its run's time is over.
async fn buffer(
    context: &Context,
    claimed: &Claimed,
    target: &TargetServer,
) -> Result<DeliveryState, HubFailure> {
    use HubFailure::BeforeSending;
    let batch = &claimed.batch;
    let until = until(context, batch).await.map_err(BeforeSending)?;
    if (context.clock)() >= until {
        // Nothing was sent, whatever became of earlier claims.
        let unsent = Batch { attempts: batch.attempts.saturating_sub(1), ..batch.clone() };
        let why = "its target's buffer was not flushed until its time was over";
        return die(context, &unsent, DeathCause::Expired, why).await;
    }
    let ready = match targets::get(context, &batch.account, &batch.target_server).await {
        Ok(Some(ready)) => ready,
        Ok(None) => return Err(BeforeSending(AwsError::damaged("the target server", "it has been removed"))),
        Err(NotSent::Aws(error)) => return Err(BeforeSending(error)),
        Err(other) => {
            let error = AwsError::damaged("the target server", shared::chain(&other));
            return Err(BeforeSending(error));
        }
    };
    buffer::keep_batch(context, batch, Some((&ready, target)), until).await.map_err(BeforeSending)?;
    Ok(DeliveryState::Waiting)
}

/// How long a batch waits before it is looked at again whose target has no room for it.
const NO_ROOM_WAIT: SignedDuration = SignedDuration::from_secs(45);

/// Gives a batch back whose target has no room for it, or is not sent to at present. No attempt is spent; at the end
/// of its run's time it is given up.
async fn no_room(context: &Context, claimed: &Claimed) -> Result<DeliveryState, HubFailure> {
    let batch = &claimed.batch;
    let (now, until) = ((context.clock)(), until(context, batch).await?);
    if now >= until {
        let why = "its target was not sent to until its time was over";
        return die(context, batch, cause(claimed, DeathCause::Expired), why).await;
    }
    let due = now.saturating_add(NO_ROOM_WAIT).unwrap_or(until).min(until);
    context.table.batch_returns(claimed, due, NotMade::NoRoom).await?;
    Ok(claimed.was)
}

/// Shuts the gate of a target that wants nothing more. The batch waits until a person has looked at the target.
async fn gone(context: &Context, claimed: &Claimed) -> Result<DeliveryState, HubFailure> {
    let batch = &claimed.batch;
    let of = Of { account: &batch.account, target_server: &batch.target_server };
    let why = "the target answered 410: it wants nothing more";
    let hears = hears(context, &batch.account).await?;
    if context.table.shut_gate(of, GateState::Disabled, why, hears, (context.clock)()).await? {
        tracing::warn!(target_server.id = batch.target_server, "{why}");
        tally::add(context, &metrics::target_disabled());
    }
    context.targets.forget(of);
    no_room(context, claimed).await
}

async fn tell(context: &Context, ready: &Ready, sent: &Result<Answer, NotSent>, started: Timestamp) {
    let duration_ms = (context.clock)().duration_since(started).as_millis().try_into().unwrap_or(0);
    match sent {
        Ok(answer) => {
            let error = (!(200..300).contains(&answer.status))
                .then(|| format!("the target answered {}", answer.status));
            gate::tell(context, ready, Some(answer.status), error.as_deref(), duration_ms, false).await;
        }
        Err(NotSent::Aws(_)) => {}
        Err(error) => gate::tell(context, ready, None, Some(&error.to_string()), duration_ms, false).await,
    }
}

/// Until when a batch is tried: until its run's time is over, or as long as its payload is sure to be there.
pub(crate) async fn until(context: &Context, batch: &Batch) -> Result<Timestamp, AwsError> {
    let run = context.table.run(&batch.account, &batch.run).await?;
    let accepted = Timestamp::from_millisecond(batch.accepted_at).unwrap_or(Timestamp::MIN);
    let oldest = accepted.saturating_add(MOST_AGE).unwrap_or(Timestamp::MAX);
    Ok(run.and_then(|r| r.deliver_until).map_or(oldest, |until| until.min(oldest)))
}

async fn park(
    context: &Context,
    batch: &Batch,
    staged: &StagedBatch,
    why: &str,
) -> Result<DeliveryState, HubFailure> {
    let until = until(context, batch).await?;
    tracing::warn!("what became of the batch is not known; a person decides");
    context.table.batch_parks(batch, everything(staged), until, why).await?;
    Ok(DeliveryState::Unknown)
}

/// Gives a batch up.
pub(crate) async fn die(
    context: &Context,
    batch: &Batch,
    cause: DeathCause,
    why: &str,
) -> Result<DeliveryState, HubFailure> {
    tracing::warn!(cause = cause.code(), "the batch is not sent any more");
    let hears = hears(context, &batch.account).await?;
    context.table.batch_dies(batch, cause, why, (hears, (context.clock)())).await?;
    Ok(DeliveryState::Dead)
}

/// Ends a batch whose run a person has cancelled.
async fn cancelled(
    context: &Context,
    batch: &Batch,
    by: CancelledBy,
    last_error: Option<&str>,
) -> Result<DeliveryState, HubFailure> {
    let why = why_cancelled(last_error);
    match context.table.batch_cancelled(batch, by, &why, (context.clock)()).await? {
        true => Ok(DeliveryState::Dead),
        false => Err(AwsError::LostLease(format!("batch {}", batch.id)).into()),
    }
}

async fn load(context: &Context, batch: &Batch) -> Result<StagedBatch, AwsError> {
    let what = || format!("batch {}", batch.object);
    let object = context.bucket.get(&batch.object).await?;
    let object = object.ok_or_else(|| AwsError::damaged(what(), "the object is not there"))?;
    serde_json::from_slice(&object.bytes).map_err(|e| AwsError::damaged(what(), e))
}

async fn post(
    context: &Context,
    batch: &Batch,
    target: &TargetServer,
    staged: &StagedBatch,
    alone: bool,
) -> Result<Answer, NotSent> {
    let account = context.table.account(&batch.account).await?;
    let account = account.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let key = context.vault.open(&batch.account, &account.data_key).await?;
    let credentials = Credentials::open(&batch.account, &batch.target_server, target, &key)?;
    let outgoing = Outgoing {
        id: &batch.id,
        content_type: "application/json",
        content: Content::Whole(staged.body.get().to_owned().into()),
        alone,
    };
    let to = To {
        of: Of { account: &batch.account, target_server: &batch.target_server },
        settings: target,
        credentials: &credentials,
        networks: &account.account.allowed_networks,
    };
    request::post(context, to, outgoing).await
}
