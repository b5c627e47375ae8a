//! Rows and objects under the hub's feet: to look at them, and to write the state that a death would leave.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::keys::{self, Key};

/// The stack's table and bucket, without the hub's rules.
#[derive(Clone, Debug)]
pub struct Rows {
    table: Client,
    table_name: String,
    bucket: aws_sdk_s3::Client,
    bucket_name: String,
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "tests write times into rows")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A moment ago, as rows keep times.
pub fn past_ms() -> i64 {
    now().as_millisecond() - 1000
}

/// Some seconds from now, as rows keep times.
pub fn future_ms(secs: i64) -> i64 {
    now().saturating_add(SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MAX).as_millisecond()
}

impl Rows {
    pub(crate) fn new(
        table: Client,
        table_name: String,
        bucket: aws_sdk_s3::Client,
        bucket_name: String,
    ) -> Self {
        Self { table, table_name, bucket, bucket_name }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// When the call fails, or when there is none.
    pub async fn get(&self, key: &Key) -> Result<Value> {
        let get = self.table.get_item().table_name(&self.table_name).set_key(Some(key_item(key)));
        let row = get.consistent_read(true).send().await?.item;
        Ok(serde_dynamo::from_item(row.with_context(|| format!("there is no row {key:?}"))?)?)
    }

    /// Changes a row that is there: each member of `change` is set, or removed where it is null.
    ///
    /// # Errors
    /// When the call fails, or when there is no such row.
    pub async fn edit(&self, key: &Key, change: Value) -> Result<()> {
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let mut update = self
            .table
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key_item(key)))
            .condition_expression("attribute_exists(pk)");
        for (i, (name, value)) in change.as_object().context("a change is an object")?.iter().enumerate() {
            update = update.expression_attribute_names(format!("#{i}"), name);
            if value.is_null() {
                remove.push(format!("#{i}"));
            } else {
                set.push(format!("#{i} = :{i}"));
                let value: AttributeValue = serde_dynamo::to_attribute_value(value)?;
                update = update.expression_attribute_values(format!(":{i}"), value);
            }
        }
        let clause = |word: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{word} {} ", parts.join(", ")),
        };
        let expression = clause("SET", &set) + &clause("REMOVE", &remove);
        update.update_expression(expression).send().await.with_context(|| format!("editing {key:?}"))?;
        Ok(())
    }

    /// Makes a row due at `due_ms`, as `dispatch` looks for it.
    ///
    /// # Errors
    /// When the call fails, or when there is no such row.
    pub async fn set_due(&self, key: &Key, due_ms: i64) -> Result<()> {
        self.edit(key, json!({ "due": due_ms, "due_shard": keys::due_shard(key) })).await
    }

    /// Every row of a partition.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn partition(&self, pk: &str) -> Result<Vec<Value>> {
        let query = self.table.query().table_name(&self.table_name).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.into()));
        let mut pages = query.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(row) = pages.next().await {
            rows.push(serde_dynamo::from_item(row?)?);
        }
        Ok(rows)
    }

    /// Every row of the table, which on a machine of long standing are many.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn all(&self) -> Result<Vec<Value>> {
        let scan = self.table.scan().table_name(&self.table_name).consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(row) = pages.next().await {
            rows.push(serde_dynamo::from_item(row?)?);
        }
        Ok(rows)
    }

    /// Removes an object, as a lifecycle rule does.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn remove_object(&self, key: &str) -> Result<()> {
        self.bucket.delete_object().bucket(&self.bucket_name).key(key).send().await?;
        Ok(())
    }

    /// Writes an object with its SHA-256, as one who has a link does.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_hashed(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let hash = STANDARD.encode(Sha256::digest(&bytes));
        let put = self.bucket.put_object().bucket(&self.bucket_name).key(key).checksum_sha256(hash);
        put.body(bytes.into()).send().await?;
        Ok(())
    }

    /// The key of every object of the bucket.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn objects(&self) -> Result<Vec<String>> {
        let list = self.bucket.list_objects_v2().bucket(&self.bucket_name);
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page?.contents.unwrap_or_default().into_iter().filter_map(|o| o.key));
        }
        Ok(found)
    }
}

fn key_item(key: &Key) -> std::collections::HashMap<String, AttributeValue> {
    [("pk".into(), AttributeValue::S(key.pk.clone())), ("sk".into(), AttributeValue::S(key.sk.clone()))]
        .into()
}
