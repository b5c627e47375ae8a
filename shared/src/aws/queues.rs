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

/// Most messages that one call takes; ten of ours are far below its 1 MiB.
///
/// Source: Amazon SQS API reference, "SendMessageBatch".
pub const MESSAGES_PER_CALL: usize = 10;

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
        for chunk in messages.chunks(MESSAGES_PER_CALL) {
            let chunk: Vec<_> = chunk.iter().map(|message| (account, message)).collect();
            self.send_chunk(&chunk).await?;
        }
        Ok(())
    }

    /// Sends messages of several accounts in one call, [`MESSAGES_PER_CALL`] at most, and again those that the
    /// call left out.
    ///
    /// # Errors
    /// When a call fails, or when some are left out every time.
    pub async fn send_chunk(&self, messages: &[(&str, &M)]) -> Result<(), AwsError> {
        let entry = |(i, (account, message)): (usize, &(&str, &M))| {
            SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(body(*message)?)
                .message_group_id(*account)
                .build()
                .map_err(|e| AwsError::damaged("a message", e))
        };
        let mut waiting = messages.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..ROUNDS {
            if waiting.is_empty() {
                return Ok(());
            }
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
        }
        match waiting.len() {
            0 => Ok(()),
            left => Err(AwsError::damaged("the queue's answer", format!("{left} messages not taken"))),
        }
    }
}

fn body<M: Serialize>(message: &M) -> Result<String, AwsError> {
    serde_json::to_string(message).map_err(|e| AwsError::damaged("a message", e))
}
