//! What a target's answer does to a batch.

use jiff::Timestamp;
use shared::{
    aws::AwsError,
    counts::Settled,
    delivery::{Attempts, Batch, DeliveryState, Next, Outcome, WaitingFor},
    id, keys,
    wire::{self, Answers, Meaning, StagedBatch},
};

use super::{send::until, wake};
use crate::{Context, hears::hears, http::Answer};

/// What became of an attempt that was answered.
pub(crate) enum Taken {
    /// The batch is final in this state.
    Final(DeliveryState),
    /// The answer says no, or nothing usable.
    Failed(Failed),
}

/// An attempt that did not get the batch through.
pub(crate) struct Failed {
    /// What is wrong.
    pub(crate) why: String,
    /// The beginning of the answer's body, for the report; not for a log.
    pub(crate) excerpt: String,
    /// When the target wants to be asked again, at the earliest.
    pub(crate) retry_after: Option<Timestamp>,
    /// Whether the target may have taken the batch all the same.
    pub(crate) may_have_arrived: bool,
}

/// Reads an answer and writes down what the target took.
pub(crate) async fn take(
    context: &Context,
    batch: &Batch,
    retry_secs: &[u32],
    staged: &StagedBatch,
    answer: &Answer,
) -> Result<Taken, AwsError> {
    if !(200..300).contains(&answer.status) {
        // A gateway in front of the target does not know what the target did.
        let may_have_arrived = matches!(answer.status, 502 | 504);
        return Ok(failed(format!("the target answered {}", answer.status), answer, may_have_arrived));
    }
    let answers = match wire::read_answer(&answer.body, &staged.records) {
        Meaning::All => {
            context.table.batch_delivered(batch, everything(staged), None, (context.clock)()).await?;
            return Ok(Taken::Final(DeliveryState::Delivered));
        }
        Meaning::Each(answers) => answers,
    };
    let left_out = answers.left_out();
    if left_out.len() == staged.records.len() {
        let why = format!(
            "the target answered {} with results that name none of the batch's {} records",
            answer.status,
            staged.records.len()
        );
        return Ok(failed(why, answer, true));
    }
    let object = keys::answer_object(&batch.account, &batch.run, &batch.id);
    context.bucket.put(&object, json(&answers)?).await?;
    if left_out.is_empty() {
        context.table.batch_delivered(batch, answers.outcome(), Some(&object), (context.clock)()).await?;
        return Ok(Taken::Final(DeliveryState::Delivered));
    }
    split(context, batch, retry_secs, staged, answer, &answers).await
}

fn failed(why: String, answer: &Answer, may_have_arrived: bool) -> Taken {
    let (excerpt, retry_after) = (excerpt(&answer.body), answer.retry_after);
    Taken::Failed(Failed { why, excerpt, retry_after, may_have_arrived })
}

/// Settles what the target answered and makes a batch of its own for what it left out.
async fn split(
    context: &Context,
    batch: &Batch,
    retry_secs: &[u32],
    staged: &StagedBatch,
    answer: &Answer,
    answers: &Answers,
) -> Result<Taken, AwsError> {
    let answer_object = keys::answer_object(&batch.account, &batch.run, &batch.id);
    let left_out = answers.left_out();
    let outcome = answers.outcome();
    let now = (context.clock)();
    let attempts = Attempts { retry_secs, until: until(context, batch).await? };
    let (due, died_of) = match attempts.next(batch.attempts, answer.retry_after, (context.jitter)(), now) {
        Next::At(due) => (Some(due), None),
        Next::Never(cause) => (None, Some(cause)),
    };
    let id = id::derived("bat", &[&batch.id, "rest"]);
    let records = left_out.len() as u64;
    let why = format!("the target's answer left out {records} of {} records", staged.records.len());
    let rest = Batch {
        object: keys::batch_object(&batch.account, &batch.run, &id),
        id,
        part: batch.part + 1,
        state: if due.is_some() { DeliveryState::Waiting } else { DeliveryState::Dead },
        waiting_for: due.map(|_| WaitingFor::NextAttempt),
        due: due.map(|t| t.as_millisecond()),
        attempt_at: due.map(|t| t.as_millisecond()),
        records,
        epoch: 0,
        outcome: Outcome { errors: if due.is_some() { 0 } else { records }, ..Outcome::default() },
        last_error: Some(why.clone()),
        died_of,
        answer_object: None,
        hub_failures: 0,
        dead_letters: 0,
        last_dead_letter_at: None,
        ..batch.clone()
    };
    let payload = wire::split(staged, &left_out, &rest.id, &batch.run)
        .map_err(|e| AwsError::damaged(format!("batch {}", batch.object), e))?;
    context.bucket.put(&rest.object, json(&payload)?).await?;
    let hears = died_of.is_some() && hears(context, &batch.account).await?;
    let announced = (hears, now);
    context.table.batch_splits(batch, outcome.records(), outcome, &answer_object, &rest, announced).await?;
    tracing::warn!(error = why, "the rest goes again under its own id");
    match due {
        Some(due) => wake(context, &rest, due).await?,
        None => {
            context.table.count_final_batch(&batch.account, &batch.run).await?;
        }
    }
    Ok(Taken::Final(DeliveryState::Delivered))
}

/// What a batch comes to of which the target took every record.
pub(crate) fn everything(staged: &StagedBatch) -> Outcome {
    let mut outcome = Outcome::default();
    for record in &staged.records {
        match record.action.settled() {
            Settled::Updated => outcome.updated += 1,
            Settled::Deleted => outcome.deleted += 1,
            _ => outcome.created += 1,
        }
    }
    outcome
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, AwsError> {
    serde_json::to_vec(value).map_err(|e| AwsError::damaged("an object", e))
}

/// The beginning of an error page, for the report. Bodies are shown to the account's own people only.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { String::new() } else { format!(": {text}") }
}
