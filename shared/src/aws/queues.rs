//! Queues: sending messages, which name rows or become one.

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

/// Most messages that one call takes.
///
/// Source: Amazon SQS API reference, "SendMessageBatch".
pub const MESSAGES_PER_CALL: usize = 10;

/// Most bytes that are sent in one call, which takes 1 MiB: with room for what counts beside the bodies.
const BYTES_PER_CALL: usize = 1_000_000;

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

    /// Sends messages of an account, as many a call as one takes, and again those that a call left out.
    ///
    /// # Errors
    /// When a call fails, or when some are left out every time.
    pub async fn send_all(&self, account: &str, messages: &[M]) -> Result<(), AwsError> {
        let bodies = messages.iter().map(body).collect::<Result<Vec<_>, _>>()?;
        for chunk in by_room(bodies) {
            self.send_bodies(chunk.into_iter().map(|body| (account, body)).collect()).await?;
        }
        Ok(())
    }

    /// Sends small messages of several accounts in one call, [`MESSAGES_PER_CALL`] at most, and again those that the
    /// call left out.
    ///
    /// # Errors
    /// When a call fails, or when some are left out every time.
    pub async fn send_chunk(&self, messages: &[(&str, &M)]) -> Result<(), AwsError> {
        let with_body = |(account, message): &(_, &M)| Ok((*account, body(*message)?));
        self.send_bodies(messages.iter().map(with_body).collect::<Result<_, AwsError>>()?).await
    }

    /// Sends messages of an account, each to become visible after so many seconds.
    ///
    /// # Errors
    /// When a call fails, or when some are left out every time.
    pub async fn send_delayed(&self, account: &str, messages: &[(M, i32)]) -> Result<(), AwsError> {
        for chunk in messages.chunks(MESSAGES_PER_CALL) {
            let with_body = |(message, delay): &(M, i32)| Ok((account, body(message)?, *delay));
            self.send_entries(chunk.iter().map(with_body).collect::<Result<_, AwsError>>()?).await?;
        }
        Ok(())
    }

    async fn send_bodies(&self, bodies: Vec<(&str, String)>) -> Result<(), AwsError> {
        self.send_entries(bodies.into_iter().map(|(account, body)| (account, body, 0)).collect()).await
    }

    async fn send_entries(&self, bodies: Vec<(&str, String, i32)>) -> Result<(), AwsError> {
        let entry = |(i, (account, body, delay)): (usize, (&str, String, i32))| {
            SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(body)
                .message_group_id(account)
                .delay_seconds(delay)
                .build()
                .map_err(|e| AwsError::damaged("a message", e))
        };
        let mut waiting = bodies.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
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

/// Packs bodies into calls: ten each at most, and no more bytes than a call takes.
fn by_room(bodies: Vec<String>) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for body in bodies {
        match calls.last_mut() {
            Some(call) if call.len() < MESSAGES_PER_CALL && body.len() <= room => {
                room -= body.len();
                call.push(body);
            }
            _ => {
                room = BYTES_PER_CALL.saturating_sub(body.len());
                calls.push(vec![body]);
            }
        }
    }
    calls
}

fn body<M: Serialize>(message: &M) -> Result<String, AwsError> {
    serde_json::to_string(message).map_err(|e| AwsError::damaged("a message", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_filled_by_number_and_by_bytes() {
        let packed = |sizes: &[usize]| -> Vec<usize> {
            by_room(sizes.iter().map(|n| "x".repeat(*n)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(packed(&[]), Vec::<usize>::new());
        assert_eq!(packed(&[1; 21]), [10, 10, 1]);
        assert_eq!(packed(&[BYTES_PER_CALL / 2, BYTES_PER_CALL / 2, 1]), [2, 1]);
        assert_eq!(packed(&[BYTES_PER_CALL, BYTES_PER_CALL]), [1, 1]);
    }
}
