//! The table: reading and writing rows by key.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    operation::{query::builders::QueryFluentBuilder, update_item::builders::UpdateItemFluentBuilder},
    types::{AttributeValue, KeysAndAttributes},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{AwsError, error::is_condition};
use crate::keys::Key;

/// A row as the SDK sees it.
pub type Item = HashMap<String, AttributeValue>;

/// Keys that one call reads.
///
/// Source: Amazon DynamoDB API reference, "BatchGetItem".
const KEYS_PER_CALL: usize = 100;

/// How long what came back as unprocessed is left alone.
const UNPROCESSED_WAIT: Duration = Duration::from_millis(50);

/// The table and the client that reaches it.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

impl Table {
    /// Names the table.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Reads a row, consistently.
    ///
    /// # Errors
    /// When the call fails or the row cannot be read.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, AwsError> {
        self.get_item(key).await?.map(|item| read(item)).transpose()
    }

    pub(super) async fn get_item(&self, key: &Key) -> Result<Option<Item>, AwsError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:GetItem"))?;
        Ok(answer.item)
    }

    /// Reads those of many rows that are there, consistently, in no particular order.
    ///
    /// # Errors
    /// When a call fails or a row cannot be read.
    pub(super) async fn get_many<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Vec<T>, AwsError> {
        self.get_many_items(keys).await?.into_iter().map(read).collect()
    }

    /// As [`Self::get_many`], rows as they are.
    pub(super) async fn get_many_items(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Vec<Item>, AwsError> {
        let keys: Vec<Item> = keys.into_iter().map(|key| key_item(&key)).collect();
        let mut rows = Vec::new();
        for chunk in keys.chunks(KEYS_PER_CALL) {
            let mut keys = chunk.to_vec();
            // DynamoDB answers with what it got round to; the rest comes back as unprocessed.
            while !keys.is_empty() {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(true)
                    .build()
                    .map_err(|e| AwsError::damaged("a request", e))?;
                let call = self.client.batch_get_item().request_items(&self.name, request);
                let answer = call.send().await.map_err(AwsError::call("dynamodb:BatchGetItem"))?;
                for row in answer.responses.unwrap_or_default().into_values().flatten() {
                    rows.push(row);
                }
                let mut rest = answer.unprocessed_keys.unwrap_or_default();
                keys = rest.remove(&self.name).map(|k| k.keys).unwrap_or_default();
                if !keys.is_empty() {
                    tokio::time::sleep(UNPROCESSED_WAIT).await;
                }
            }
        }
        Ok(rows)
    }

    /// Writes a row unless one is there; says whether it was written. A row that is there already and is
    /// this very one was written by a call whose answer was lost: it counts as written.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_new<T: Serialize>(&self, key: &Key, row: &T) -> Result<bool, AwsError> {
        let row = item(key, row)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row.clone()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(e) if is_condition(&e) => Ok(self.get_item(key).await? == Some(row)),
            Err(e) => Err(AwsError::call("dynamodb:PutItem")(e)),
        }
    }
}

/// Sends a conditional update; `false` when its condition does not hold.
pub(super) async fn update_if(update: UpdateItemFluentBuilder) -> Result<bool, AwsError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(e) if is_condition(&e) => Ok(false),
        Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
    }
}

/// Every row of a query, page by page.
pub(super) async fn every<T: DeserializeOwned>(query: QueryFluentBuilder) -> Result<Vec<T>, AwsError> {
    every_item(query).await?.into_iter().map(read).collect()
}

/// Every row of a query as it is, page by page.
pub(super) async fn every_item(query: QueryFluentBuilder) -> Result<Vec<Item>, AwsError> {
    let mut pages = query.into_paginator().items().send();
    let mut rows = Vec::new();
    while let Some(row) = pages.next().await {
        rows.push(row.map_err(AwsError::call("dynamodb:Query"))?);
    }
    Ok(rows)
}

/// Reads a row's attributes; those that the type does not know (keys, indexes) are passed over.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, AwsError> {
    let what = string(&item, "pk").map_or("a row".into(), |pk| format!("row {pk}"));
    serde_dynamo::from_item(item).map_err(|e| AwsError::damaged(what, e))
}

/// Writes a row's attributes with its key.
pub(super) fn item<T: Serialize>(key: &Key, row: &T) -> Result<Item, AwsError> {
    let mut item: Item = serde_dynamo::to_item(row).map_err(|e| AwsError::damaged(key.pk.clone(), e))?;
    item.extend(key_item(key));
    Ok(item)
}

/// One attribute's value from anything that can be written as one.
pub(super) fn value<T: Serialize>(value: &T) -> Result<AttributeValue, AwsError> {
    serde_dynamo::to_attribute_value(value).map_err(|e| AwsError::damaged("a value", e))
}

pub(super) fn key_item(key: &Key) -> Item {
    [("pk".into(), s(&key.pk)), ("sk".into(), s(&key.sk))].into()
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn string(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

pub(super) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
