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

/// Makes one attempt with a claimed batch; answers the state that it ends in.
pub(crate) async fn attempt(context: &Context, batch: &Batch) -> Result<DeliveryState, AwsError> {
    let found = context.table.find::<TargetServer>(&batch.account, &batch.target_server).await?;
    let Some(target) = found.map(|f| f.resource.settings) else {
        context.table.batch_dies(batch, "the target server has been removed", (context.clock)()).await?;
        return Ok(DeliveryState::Dead);
    };
    let retry_secs = target.retry_secs.as_deref().unwrap_or(DEFAULT_RETRY_SECS);
    // A function that dies while sending leaves the row claimed; that must not go on for ever either.
    if usize::try_from(batch.attempts).unwrap_or(usize::MAX) > retry_secs.len() + 1 {
        context.table.batch_dies(batch, "every attempt ended without a result", (context.clock)()).await?;
        return Ok(DeliveryState::Dead);
    }
    let staged = load(context, batch).await?;
    let started = (context.clock)();
    let failed = match post(context, batch, &target, &staged).await {
        Err(NotSent::Aws(error)) => return Err(error), // ours, not the target's: the row is due at its lease's end
        Err(not_sent) => not_sent.to_string(),
        Ok(answer) => match take(context, batch, retry_secs, &staged, &answer).await? {
            Taken::Final(state) => return Ok(state),
            Taken::Failed(why) => why,
        },
    };
    let now = (context.clock)();
    tracing::warn!(
        error = failed,
        duration_ms = now.duration_since(started).as_millis(),
        "an attempt failed"
    );
    let Some(due) = next_attempt(batch.attempts, retry_secs, (context.jitter)(), now) else {
        context.table.batch_dies(batch, &failed, (context.clock)()).await?;
        return Ok(DeliveryState::Dead);
    };
    context.table.batch_waits(batch, due, &failed).await?;
    wake(context, batch, due).await?;
    Ok(DeliveryState::Waiting)
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
