//! One attempt: load, send, and write down what came of it.

use std::time::Duration;

use shared::{
    aws::AwsError,
    delivery::{Batch, DEFAULT_RETRY_SECS, DeliveryState, next_attempt},
    secret::{Owner, expose},
    target_server::TargetServer,
    wire::StagedBatch,
};

use crate::{
    Context,
    answer::{Taken, take},
    http,
    wake::wake,
};

const DEFAULT_TIMEOUT_SECS: u32 = 15;

/// After this long a batch is given up, whatever its schedule: its payload is kept for 35 days.
const MOST_AGE_MS: i64 = 31 * 86_400_000;

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
pub(crate) async fn attempt(context: &Context, batch: &Batch) -> Result<DeliveryState, HubFailure> {
    use HubFailure::BeforeSending;
    let found = context.table.find::<TargetServer>(&batch.account, &batch.target_server).await;
    let Some(target) = found.map_err(BeforeSending)?.map(|f| f.resource.settings) else {
        return die(context, batch, "the target server has been removed").await;
    };
    let retry_secs = target.retry_secs.as_deref().unwrap_or(DEFAULT_RETRY_SECS);
    // A function that dies while sending leaves the row claimed, and a hub that fails before sending spends
    // no attempt; neither may go on for ever.
    let age_ms = (context.clock)().as_millisecond() - batch.accepted_at;
    if usize::try_from(batch.attempts).unwrap_or(usize::MAX) > retry_secs.len() + 1 || age_ms > MOST_AGE_MS {
        return die(context, batch, "every attempt ended without a result").await;
    }
    let staged = load(context, batch).await.map_err(BeforeSending)?;
    let started = (context.clock)();
    let (why, excerpt) = match post(context, batch, &target, &staged).await {
        Err(NotSent::Aws(error)) => return Err(BeforeSending(error)),
        Err(not_sent) => (not_sent.to_string(), String::new()),
        Ok(answer) => match take(context, batch, retry_secs, &staged, &answer).await? {
            Taken::Final(state) => return Ok(state),
            Taken::Failed { why, excerpt } => (why, excerpt),
        },
    };
    let now = (context.clock)();
    // Of the answer only the status: its text may repeat the records.
    tracing::warn!(error = why, duration_ms = now.duration_since(started).as_millis(), "an attempt failed");
    let error = why + &excerpt;
    let Some(due) = next_attempt(batch.attempts, retry_secs, (context.jitter)(), now) else {
        return die(context, batch, &error).await;
    };
    context.table.batch_waits(batch, due, &error).await?;
    wake(context, batch, due).await?;
    Ok(DeliveryState::Waiting)
}

async fn die(context: &Context, batch: &Batch, why: &str) -> Result<DeliveryState, HubFailure> {
    context.table.batch_dies(batch, why, (context.clock)()).await?;
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
    Ok(http::send(request, timeout).await?)
}
