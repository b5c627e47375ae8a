//! DynamoDB, SQS and the key service, as far as a notification's plain path needs them.
//!
//! Reads are answered from the fixture's rows, writes go through and are forgotten, and nothing is known of any
//! notification. Whatever else is asked for is refused and counted as such.

use std::collections::HashMap;

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::fixture::{self, DATA_KEY},
    serving::{Answer, Answers},
};

/// The stand-in.
pub(super) struct Aws {
    /// Answers to `GetItem`, by the key's parts.
    rows: HashMap<(String, String), Bytes>,
    /// The answer to a query for an account's connections.
    connections: Bytes,
    opened: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    /// The bare function names none.
    key: Option<KeyOf>,
}

#[derive(Deserialize)]
struct KeyOf {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    expression_attribute_values: HashMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendBatch {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
}

const EMPTY: &[u8] = b"{}";
const NONE_FOUND: &[u8] = br#"{"Count":0,"Items":[],"ScannedCount":0}"#;

impl Aws {
    /// With the fixture's rows.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(super) fn new(target_url: &str) -> Result<Self> {
        let rows = fixture::rows(target_url)?;
        let items = rows.iter().filter(|(key, _)| key.sk.starts_with("CONNECTION#"));
        let items: Vec<Value> = items.map(|(key, row)| fixture::item(key, row)).collect();
        let found = json!({ "Count": items.len(), "Items": items, "ScannedCount": items.len() });
        let got = rows.iter().map(|(key, row)| {
            let answer = json!({ "Item": fixture::item(key, row) }).to_string();
            ((key.pk.clone(), key.sk.clone()), answer.into())
        });
        let opened = json!({ "KeyId": "bench", "Plaintext": STANDARD.encode(DATA_KEY) });
        Ok(Self {
            rows: got.collect(),
            connections: found.to_string().into(),
            opened: opened.to_string().into(),
        })
    }

    /// The answer, or `None` where the request is not one that this knows.
    fn known(&self, operation: &str, body: &[u8]) -> Option<(&'static str, Bytes)> {
        Some(match operation {
            "GetItem" => {
                let Get { key } = serde_json::from_slice(body).ok()?;
                let row = key.and_then(|key| self.rows.get(&(key.pk.text, key.sk.text)).cloned());
                ("GetItem", row.unwrap_or(Bytes::from_static(EMPTY)))
            }
            "Query" => {
                let query: Query = serde_json::from_slice(body).ok()?;
                let is_list = query.expression_attribute_values.contains_key(":sk");
                let none = Bytes::from_static(NONE_FOUND);
                if is_list { ("Query (connections)", self.connections.clone()) } else { ("Query", none) }
            }
            "PutItem" => ("PutItem", Bytes::from_static(EMPTY)),
            "UpdateItem" => ("UpdateItem", Bytes::from_static(EMPTY)),
            "SendMessageBatch" => {
                let SendBatch { entries } = serde_json::from_slice(body).ok()?;
                let sent =
                    |entry: Entry| json!({ "Id": entry.id, "MessageId": entry.id, "MD5OfMessageBody": "0" });
                let sent: Vec<Value> = entries.into_iter().map(sent).collect();
                ("SendMessageBatch", json!({ "Successful": sent, "Failed": [] }).to_string().into())
            }
            // Only the bare function sends one by one.
            "SendMessage" => {
                ("SendMessage", Bytes::from_static(br#"{"MessageId":"0","MD5OfMessageBody":"0"}"#))
            }
            "Decrypt" => ("Decrypt", self.opened.clone()),
            _ => return None,
        })
    }
}

impl Answers for Aws {
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.0";

    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
        let (_, operation) = target.rsplit_once('.').unwrap_or_default();
        match self.known(operation, body) {
            Some((operation, body)) => Answer { operation, status: 200, body },
            None => {
                let refused =
                    json!({ "__type": "UnknownOperationException", "message": "not in this bench" });
                Answer { operation: "anything else", status: 400, body: refused.to_string().into() }
            }
        }
    }
}
