//! Queues: sending hints. What is owed is a row, so a message that is lost or doubled does no harm.

use std::marker::PhantomData;

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use serde::Serialize;

use super::AwsError;

/// A queue of messages of one type.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    client: Client,
    url: String,
    message: PhantomData<fn(M)>,
}

/// Attempts to send what a batch call left out.
const ROUNDS: usize = 4;

impl<M: Serialize> Queue<M> {
    /// Names the queue.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url, message: PhantomData }
    }

    /// Sends a message of an account; it becomes visible after `delay_secs`, 0 to 900.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn send(&self, account: &str, message: &M, delay_secs: i32) -> Result<(), AwsError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body(message)?)
            .message_group_id(account) // fair queues: one account's backlog does not delay another's
            .delay_seconds(delay_secs)
            .send()
            .await
            .map_err(AwsError::call("sqs:SendMessage"))?;
        Ok(())
    }

    /// Sends messages of an account, ten a call, and again those that a call left out.
    ///
    /// # Errors
    /// When a call fails, or when some are left out every time.
    pub async fn send_all(&self, account: &str, messages: &[M]) -> Result<(), AwsError> {
        for chunk in messages.chunks(10) {
            let mut waiting = Vec::with_capacity(chunk.len());
            for (i, message) in chunk.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(i.to_string())
                    .message_body(body(message)?)
                    .message_group_id(account)
                    .build()
                    .map_err(|e| AwsError::damaged("a message", e))?;
                waiting.push(entry);
            }
            for _ in 0..ROUNDS {
                let answer = self
                    .client
                    .send_message_batch()
                    .queue_url(&self.url)
                    .set_entries(Some(waiting.clone()))
                    .send()
                    .await
                    .map_err(AwsError::call("sqs:SendMessageBatch"))?;
                // A 200 may still have left some out.
                waiting.retain(|entry| answer.failed.iter().any(|f| f.id == entry.id));
                if waiting.is_empty() {
                    break;
                }
            }
            if !waiting.is_empty() {
                return Err(AwsError::damaged(
                    "the queue's answer",
                    format!("{} messages not taken", waiting.len()),
                ));
            }
        }
        Ok(())
    }
}

fn body<M: Serialize>(message: &M) -> Result<String, AwsError> {
    serde_json::to_string(message).map_err(|e| AwsError::damaged("a message", e))
}
