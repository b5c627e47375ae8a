//! The event sources: receiving, handing over, and deleting what the answer does not fail.

use std::time::Duration;

use anyhow::{Result, bail};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::{Value, json};
use shared::message::DeliveryMessage;

use super::{cloud::Queue, world::World};
use crate::runtime_api::Outcome;

impl World {
    /// Hands `sftp-pull` its next message; `false` when there is none.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn pull_next(&mut self) -> Result<bool> {
        let queue = self.pulls.clone();
        self.next("sftp-pull", &queue, 1, Duration::from_secs(120)).await
    }

    /// Hands `deliver` up to `most` messages in one event; `false` when there is none.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn deliver_next(&mut self, most: i32) -> Result<bool> {
        let queue = self.deliveries.clone();
        self.next("deliver", &queue, most, Duration::from_secs(60)).await
    }

    /// Hands `sftp-push` its next message; `false` when there is none.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn push_next(&mut self) -> Result<bool> {
        let queue = self.pushes.clone();
        self.next("sftp-push", &queue, 1, Duration::from_secs(120)).await
    }

    async fn next(
        &mut self,
        function: &'static str,
        queue: &Queue,
        most: i32,
        time_left: Duration,
    ) -> Result<bool> {
        let messages = self.receive(queue, most).await?;
        if messages.is_empty() {
            return Ok(false);
        }
        let event = sqs_event(&messages);
        let outcome = self.function(function).await?.invoke(event.to_string(), time_left).await?;
        let failed = failed_items(&outcome);
        let is_again = |m: &Message| failed.as_ref().is_none_or(|ids| ids.contains(&m.message_id));
        let (again, done): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_again);
        if again.iter().any(is_posted) {
            self.visibility_ends().await?;
        }
        self.give_back(queue, again).await?;
        self.lose_received(queue, done).await?;
        Ok(true)
    }

    /// The answer of `deliver` or `sftp-pull` to messages of these bodies, handed over in one event under the ids
    /// `0`, `1`, …
    ///
    /// # Errors
    /// When the function does not answer.
    pub async fn hand_over(&mut self, function: &'static str, bodies: &[String]) -> Result<Vec<String>> {
        let record = |(i, body): (usize, &String)| json!({ "messageId": i.to_string(), "body": body, "eventSource": "aws:sqs" });
        let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
        let event = json!({ "Records": records }).to_string();
        let outcome = self.function(function).await?.invoke(event, Duration::from_secs(120)).await?;
        match failed_items(&outcome) {
            Some(ids) => Ok(ids.into_iter().flatten().collect()),
            None => bail!("{function}: {outcome:?}"),
        }
    }

    /// Receives messages.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn receive(&self, queue: &Queue, most: i32) -> Result<Vec<Message>> {
        let receive = self.setting.sqs.receive_message().queue_url(&queue.url);
        Ok(receive.max_number_of_messages(most).send().await?.messages.unwrap_or_default())
    }

    /// Makes messages that were received visible again at once.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn give_back(&self, queue: &Queue, messages: Vec<Message>) -> Result<()> {
        for message in messages {
            let visible = self.setting.sqs.change_message_visibility().queue_url(&queue.url);
            let visible = visible.set_receipt_handle(message.receipt_handle).visibility_timeout(0);
            visible.send().await?;
        }
        Ok(())
    }

    /// Deletes messages that were received.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn lose_received(&self, queue: &Queue, messages: Vec<Message>) -> Result<()> {
        for message in messages {
            let delete = self.setting.sqs.delete_message().queue_url(&queue.url);
            delete.set_receipt_handle(message.receipt_handle).send().await?;
        }
        Ok(())
    }

    /// Takes every message away that is to be had, as if it had been lost; how many.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn lose_messages(&self) -> Result<usize> {
        let mut lost = 0;
        for queue in [&self.pulls, &self.deliveries, &self.pushes] {
            loop {
                let messages = self.receive(queue, 10).await?;
                if messages.is_empty() {
                    break;
                }
                lost += messages.len();
                self.lose_received(queue, messages).await?;
            }
        }
        Ok(lost)
    }

    /// Messages that are to be had or are being worked on; those with a delay are left out, since every row is final
    /// long before they come.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn messages(&self) -> Result<u64> {
        let mut count = 0;
        for queue in [&self.pulls, &self.deliveries, &self.pushes] {
            count += self.depth(&queue.url).await?;
        }
        Ok(count)
    }

    /// Messages of one queue.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn depth(&self, url: &str) -> Result<u64> {
        let get = self.setting.sqs.get_queue_attributes().queue_url(url);
        let found = get.attribute_names(QueueAttributeName::All).send().await?.attributes.unwrap_or_default();
        let mut count = 0;
        for (name, value) in found {
            let name = name.as_str();
            if name.starts_with("ApproximateNumberOfMessages") && !name.ends_with("Delayed") {
                count += value.parse::<u64>()?;
            }
        }
        Ok(count)
    }
}

/// Whether a message is a notification, and no mere hint at a row.
fn is_posted(message: &Message) -> bool {
    let body = message.body.as_deref().map(serde_json::from_str);
    matches!(body, Some(Ok(DeliveryMessage::Posted(_))))
}

fn sqs_event(messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {},
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

/// Ids of the messages that an answer fails; `None` where all count as failed.
fn failed_items(outcome: &Outcome) -> Option<Vec<Option<String>>> {
    let answer = outcome.answer().ok()?;
    let failures = answer["batchItemFailures"].as_array()?;
    Some(failures.iter().map(|f| f["itemIdentifier"].as_str().map(str::to_string)).collect())
}
