//! One attempt: load, send, and write down what came of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{AwsError, batches::Claimed},
    delivery::{Attempts, Batch, DEFAULT_RETRY_SECS, DeathCause, DeliveryState, Next},
    secret::{Owner, expose},
    target_server::{OnUnknown, TargetServer},
    wire::StagedBatch,
};

use crate::{
    Context,
    answer::{Taken, everything, take},
    http,
    wake::wake,
};

const DEFAULT_TIMEOUT_SECS: u32 = 15;

/// After this long a batch is given up, whatever its schedule: its payload is kept for 35 days.
const MOST_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A failure of the hub itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubFailure {
    /// Nothing was sent: the attempt was not made.
    #[error(transparent)]
    BeforeSending(AwsError),
    /// The batch was sent, and what came of it could not be written down.
    #[error(transparent)]
    AfterSending(#[from] AwsError),
}

/// Makes one attempt with a claimed batch; answers the state that it ends in.
pub(crate) async fn attempt(context: &Context, claimed: &Claimed) -> Result<DeliveryState, HubFailure> {
    use HubFailure::BeforeSending;
    let batch = &claimed.batch;
    let found = context.table.find::<TargetServer>(&batch.account, &batch.target_server).await;
    let Some(target) = found.map_err(BeforeSending)?.map(|f| f.resource.settings) else {
        let why = "the target server has been removed";
        return die(context, batch, DeathCause::Undeliverable, why).await;
    };
    if claimed.was == DeliveryState::Unknown {
        let why = "nobody said in time whether the target took it";
        return die(context, batch, DeathCause::OutcomeUnknown, why).await;
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
        return die(context, batch, DeathCause::Undeliverable, why).await;
    }
    let started = (context.clock)();
    let failed = match post(context, batch, &target, &staged).await {
        Err(NotSent::Aws(error)) => return Err(BeforeSending(error)),
        Err(NotSent::NoAnswer(e)) if e.may_have_arrived() && parks => {
            return park(context, batch, &staged, &e.to_string()).await;
        }
        Err(not_sent) => Failed { why: not_sent.to_string(), excerpt: String::new(), retry_after: None },
        // A gateway in front of the target does not know either.
        Ok(answer) if matches!(answer.status, 502 | 504) && parks => {
            let why = format!("the target's gateway answered {}", answer.status);
            return park(context, batch, &staged, &why).await;
        }
        Ok(answer) => match take(context, batch, retry_secs, &staged, &answer).await? {
            Taken::Final(state) => return Ok(state),
            Taken::Failed { why, excerpt } => Failed { why, excerpt, retry_after: answer.retry_after },
        },
    };
    let now = (context.clock)();
    let duration_ms = now.duration_since(started).as_millis();
    // Of the answer only the status: its text may repeat the records.
    tracing::warn!(error = failed.why, duration_ms, "an attempt failed");
    let error = failed.why + &failed.excerpt;
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

struct Failed {
    why: String,
    /// The beginning of the answer's body, for the report; not for a log.
    excerpt: String,
    retry_after: Option<Timestamp>,
}

/// Until when the batch's run waits for its target.
pub(crate) async fn until(context: &Context, batch: &Batch) -> Result<Option<Timestamp>, AwsError> {
    let run = context.table.run(&batch.account, &batch.run).await?;
    Ok(run.and_then(|r| r.deliver_until))
}

/// Gives up a batch that the hub itself could not send before its time was over; `None` while there is time.
pub(crate) async fn expire(context: &Context, batch: &Batch) -> Result<Option<DeliveryState>, HubFailure> {
    let end = until(context, batch).await?.unwrap_or_else(|| oldest(batch));
    if (context.clock)() < end {
        return Ok(None);
    }
    let why = "the hub itself could not send it in time; the function's log says why";
    die(context, batch, DeathCause::Expired, why).await.map(Some)
}

fn oldest(batch: &Batch) -> Timestamp {
    let accepted = Timestamp::from_millisecond(batch.accepted_at).unwrap_or(Timestamp::MIN);
    accepted.saturating_add(MOST_AGE).unwrap_or(Timestamp::MAX)
}

async fn park(
    context: &Context,
    batch: &Batch,
    staged: &StagedBatch,
    why: &str,
) -> Result<DeliveryState, HubFailure> {
    let until = until(context, batch).await?.unwrap_or_else(|| oldest(batch));
    tracing::warn!(error = why, "what became of the batch is not known; a person decides");
    context.table.batch_parks(batch, everything(staged), until, why).await?;
    Ok(DeliveryState::Unknown)
}

async fn die(
    context: &Context,
    batch: &Batch,
    cause: DeathCause,
    why: &str,
) -> Result<DeliveryState, HubFailure> {
    tracing::warn!(cause = cause.code(), "the batch is not sent any more");
    context.table.batch_dies(batch, cause, why, (context.clock)()).await?;
    Ok(DeliveryState::Dead)
}

async fn load(context: &Context, batch: &Batch) -> Result<StagedBatch, AwsError> {
    let what = || format!("batch {}", batch.object);
    let object = context.bucket.get(&batch.object).await?;
    let object = object.ok_or_else(|| AwsError::damaged(what(), "the object is not there"))?;
    serde_json::from_slice(&object.bytes).map_err(|e| AwsError::damaged(what(), e))
}

/// Why a batch was not sent, or not answered.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    NoAnswer(#[from] http::NoAnswer),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Secret(#[from] shared::secret::SecretError),
}

async fn post(
    context: &Context,
    batch: &Batch,
    target: &TargetServer,
    staged: &StagedBatch,
) -> Result<http::Answer, NotSent> {
    let account = context.table.account(&batch.account).await?;
    let account = account.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let key = context.vault.open(&batch.account, &account.data_key).await?;
    let open = |field, secret: &Option<shared::secret::SecretField>| {
        let owner = Owner { account: &batch.account, id: &batch.target_server, field };
        secret.as_ref().map(|s| s.open(key.bytes(), owner)).transpose()
    };
    let auth = &target.auth;
    let mut request = context.http.post(&target.address, &account.account.allowed_networks)?;
    if let Some(token) = open("bearer_token", &auth.bearer_token)? {
        request = request.bearer_auth(expose(&token));
    }
    if let (Some(user), Some(password)) = (&auth.user, open("password", &auth.password)?) {
        request = request.basic_auth(user, Some(expose(&password)));
    }
    if let (Some(name), Some(value)) = (&auth.header_name, open("header_value", &auth.header_value)?) {
        request = request.header(name, expose(&value));
    }
    let timeout = Duration::from_secs(target.timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS).into());
    let request = request
        .header("content-type", "application/json")
        .header("idempotency-key", &batch.id)
        .body(staged.body.get().to_owned());
    Ok(http::send(request, timeout, context.clock).await?)
}
