//! Partial batches: each message in a task of its own, so that neither an error nor a panic of one takes
//! the others along.

use std::future::Future;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use serde::de::DeserializeOwned;

/// Handles every message of an event at once and reports those that failed, to be received again.
///
/// A message that cannot be read fails too: after its receives it goes to the dead-letter queue.
pub async fn handle_each<M, F, Fut, E>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    handle_each_record(event, |record| {
        let message = serde_json::from_str::<M>(record.body.as_deref().unwrap_or_default());
        let handling = message.map(&handle).map_err(Failed::Unreadable);
        async move { handling?.await.map_err(Failed::Handling) }
    })
    .await
}

/// Why a message fails.
#[derive(Debug, thiserror::Error)]
enum Failed<E: std::error::Error> {
    #[error("the message cannot be read: {0}")]
    Unreadable(serde_json::Error),
    #[error("{}", crate::chain(.0))]
    Handling(E),
}

/// As [`handle_each`], with the messages as they came.
pub async fn handle_each_record<F, Fut, E>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(SqsMessage) -> Fut,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let tasks: Vec<_> = event
        .records
        .into_iter()
        .map(|record| (record.message_id.clone().unwrap_or_default(), tokio::spawn(handle(record))))
        .collect();
    let mut failures = Vec::new();
    for (id, task) in tasks {
        match task.await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => {
                let error = crate::chain(&error);
                tracing::error!(message.id = %id, error, "a message failed");
            }
            Err(_) => tracing::error!(message.id = %id, "a message's handler panicked"),
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failures.push(failure);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(i, body)| serde_json::json!({"messageId": format!("m{i}"), "body": body}))
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    #[tokio::test]
    async fn way_06_an_error_and_a_panic_fail_their_own_message_only() {
        let answer = handle_each(event(&["1", "2", "3", "x", "5"]), |n: u32| async move {
            match n {
                2 => Err(std::io::Error::other("two")),
                3 => panic!("three"),
                _ => Ok(()),
            }
        })
        .await;
        let failed: Vec<_> = answer.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        assert_eq!(failed, ["m1", "m2", "m3"]);
    }
}
