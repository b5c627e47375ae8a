//! Queues of the bench's own, so that the deployed functions do not take its messages; and the event source's part.

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::{
    Client,
    types::{DeleteMessageBatchRequestEntry, Message},
};
use serde_json::{Value, json};
use tests::{rows::now, stack::Stack};

use super::{
    bill::{Amounts, Line},
    worker::Worker,
};

/// Bytes of a request to a queue that are billed as one.
const CHUNK: usize = 64 * 1024;

/// The queues `deliveries` and `pulls`.
pub(super) struct Queues {
    client: Client,
    pub(super) deliveries: String,
    pub(super) pulls: String,
}

impl Queues {
    /// Makes them.
    ///
    /// # Errors
    /// When the local cloud refuses.
    pub(super) async fn make(stack: &Stack) -> Result<Self> {
        let (client, _) = stack.queue("deliveries").await?;
        let made_at = now().as_microsecond();
        let make = async |name: &str| {
            let queue = client.create_queue().queue_name(format!("cost-{made_at}-{name}"));
            queue.send().await?.queue_url.context("a queue has a URL")
        };
        let (deliveries, pulls) = (make("deliveries").await?, make("pulls").await?);
        Ok(Self { client, deliveries, pulls })
    }

    /// The variables that point a function to them, and to the stack's table and bucket.
    ///
    /// # Errors
    /// When the stack does not say what they are called.
    pub(super) fn variables(&self) -> Result<Vec<(String, String)>> {
        Ok(vec![
            ("CROSSDOCK_TABLE".into(), Stack::table_name()?),
            ("CROSSDOCK_BUCKET".into(), Stack::bucket_name()?),
            ("CROSSDOCK_DELIVERIES_QUEUE_URL".into(), self.deliveries.clone()),
            ("CROSSDOCK_PULLS_QUEUE_URL".into(), self.pulls.clone()),
            ("CROSSDOCK_PUSHES_QUEUE_URL".into(), self.pulls.clone()), // nothing is sent to it
            ("RUST_LOG".into(), "info".into()),
        ])
    }

    /// Hands a function up to `most` messages of a queue in one event, and deletes them; how many there were. What
    /// Lambda's event source would be billed for receiving and deleting goes into `amounts`; an empty answer is not
    /// billed here.
    ///
    /// # Errors
    /// When the function fails a message.
    pub(super) async fn hand_on(
        &self,
        queue: &str,
        most: i32,
        to: &mut Worker,
        amounts: &mut Amounts,
    ) -> Result<u64> {
        let receive = self.client.receive_message().queue_url(queue).max_number_of_messages(most);
        let messages = receive.send().await?.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(0);
        }
        let event = json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() }).to_string();
        let received = event.len().div_ceil(CHUNK) as f64;
        let answer = to.invoke(event).await?;
        ensure!(answer["batchItemFailures"] == json!([]), "messages failed: {answer}");
        let entry = |(i, message): (usize, &Message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .receipt_handle(message.receipt_handle.clone().unwrap_or_default())
                .build()
        };
        let entries = messages.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let deleted = self.client.delete_message_batch().queue_url(queue).set_entries(Some(entries));
        ensure!(deleted.send().await?.failed.is_empty(), "messages were not deleted");
        amounts.add(Line::SqsRequests, received + 1.0);
        Ok(messages.len() as u64)
    }

    /// Removes them.
    ///
    /// # Errors
    /// When the local cloud refuses.
    pub(super) async fn remove(self) -> Result<()> {
        for url in [self.deliveries, self.pulls] {
            self.client.delete_queue().queue_url(url).send().await?;
        }
        Ok(())
    }
}

fn record(message: &Message) -> Value {
    json!({
        "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
        "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}, "awsRegion": "us-east-1",
    })
}
