//! One account with a source, a connection and a target, as their rows are stored, and the notifications that come.
//!
//! Everything is fixed, keys and nonces too: the stand-in for AWS and the bench are two processes that must agree.

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use shared::{
    connection::Connection,
    keys::{self, Key},
    message::DeliveryMessage,
    notification::{Payload, Posted, content_hash, deliver_until, notification_id},
    resource::Settings,
    secret::Owner,
    signature::{SigningKey, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign},
    source::Source,
    target_server::TargetServer,
};

/// What the stand-in for the key service opens every data key to. Of a bench only.
pub(super) const DATA_KEY: [u8; 32] = [7; 32];

/// Bytes of a notification's body.
pub(super) const BODY_BYTES: usize = 1024;

pub(super) const ACCOUNT: &str = "bench";
const SOURCE: &str = "src_00000000000000000000000000000001";
const CONNECTION: &str = "con_00000000000000000000000000000001";
const TARGET: &str = "tgt_00000000000000000000000000000001";
const CONTENT_TYPE: &str = "application/json";
const MADE_AT: &str = "2026-01-01T00:00:00Z";

/// The secrets of tests: clients sign with the first, the hub with the second.
use ::tests::webhooks::{INBOUND, OUTBOUND};

/// The rows that the functions read, by key.
///
/// # Errors
/// When they are not what the hub would store.
pub(super) fn rows(target_url: &str) -> Result<Vec<(Key, Value)>> {
    let account = json!({
        "id": ACCOUNT, "name": "Bench", "time_zone": "Europe/Oslo", "allowed_networks": ["127.0.0.0/8"],
        "created_at": MADE_AT, "data_key": STANDARD.encode([1u8; 184]),
    });
    let source = json!({
        "name": "client", "verification": { "scheme": "standard_webhooks" },
        "secrets": [{ "name": "first", "secret": INBOUND }],
        "event_id": { "header": WEBHOOK_ID }, "event_type": { "pointer": "/type" },
    });
    let connection = json!({
        "name": "hooks", "source": { "source": SOURCE }, "target": { "target_server": TARGET },
    });
    let target = json!({
        "name": "endpoint", "kind": "webservice", "address": target_url,
        "signing_secrets": [{ "name": "first", "secret": OUTBOUND }],
    });
    Ok(vec![
        (keys::account(ACCOUNT), account),
        stored::<Source>(SOURCE, source)?,
        stored::<Connection>(CONNECTION, connection)?,
        stored::<TargetServer>(TARGET, target)?,
    ])
}

/// Settings as their row has them: complete, with their secrets sealed.
fn stored<T: Settings>(id: &str, settings: Value) -> Result<(Key, Value)> {
    let mut settings: T = serde_json::from_value(settings)?;
    for (field, secret) in settings.secrets() {
        secret.seal(&DATA_KEY, [3; 12], Owner { account: ACCOUNT, id, field: &field })?;
    }
    let mut row = json!({ "id": id, "version": 1, "created_at": MADE_AT, "updated_at": MADE_AT });
    if let (Some(row), Value::Object(settings)) = (row.as_object_mut(), serde_json::to_value(settings)?) {
        row.extend(settings);
    }
    Ok((keys::resource(ACCOUNT, T::KIND, id), row))
}

/// A row as DynamoDB writes it.
pub(super) fn item(key: &Key, row: &Value) -> Value {
    let mut item: Map<String, Value> = [("pk", &key.pk), ("sk", &key.sk)]
        .map(|(name, text)| (name.to_string(), json!({ "S": text })))
        .into_iter()
        .collect();
    item.extend(row.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), attribute(value))));
    Value::Object(item)
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            let fields: Map<_, _> = fields.iter().map(|(name, v)| (name.clone(), attribute(v))).collect();
            json!({ "M": fields })
        }
    }
}

/// A body of exactly [`BODY_BYTES`], another for each event.
fn body(event: &str) -> String {
    let with = |note: &str| {
        json!({
            "type": "employee.updated", "timestamp": MADE_AT,
            "data": {
                "event": event, "employee": { "id": "00012345", "name": "Åse Nordmann", "department": "4711" },
                "valid_from": "2026-02-01", "note": note,
            },
        })
        .to_string()
    };
    let room = BODY_BYTES - with("").len();
    with(&"All hours of the week were approved. ".repeat(room / 37 + 1)[..room])
}

/// Where the fixture's source takes notifications.
pub(super) fn path() -> String {
    format!("/v1/sources/{ACCOUNT}.{SOURCE}/notifications")
}

/// A client's request to `path` as the HTTP API hands it to Lambda, signed at `now` with the secret of tests.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// payload format 2.0.
///
/// # Errors
/// When the secret is none.
pub(crate) fn request(path: &str, event: &str, now: Timestamp) -> Result<String> {
    let body = body(event);
    let signature = sign([&SigningKey::parse(INBOUND)?], event, now, body.as_bytes());
    let route = "POST /v1/sources/{source}/notifications";
    Ok(json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "",
        "headers": {
            "accept": "*/*", "content-length": body.len().to_string(), "content-type": CONTENT_TYPE,
            "host": "0123456789.execute-api.us-east-1.amazonaws.com", "user-agent": "client/1.0",
            WEBHOOK_ID: event, WEBHOOK_TIMESTAMP: now.as_second().to_string(), WEBHOOK_SIGNATURE: signature,
            "x-amzn-trace-id": "Root=1-67880000-000000000000000000000000", "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "pathParameters": { "source": path.split('/').nth(3) },
        "requestContext": {
            "accountId": "000000000000", "apiId": "0123456789",
            "domainName": "0123456789.execute-api.us-east-1.amazonaws.com", "domainPrefix": "0123456789",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "client/1.0",
            },
            "requestId": "AAAAAAAAAAAAAAA=", "routeKey": route, "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_i64,
        },
        "body": body, "isBase64Encoded": false,
    })
    .to_string())
}

/// Events as SQS hands them to Lambda: each a batch of notifications that were accepted just now.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>, "Example standard queue message event".
///
/// # Errors
/// When a message cannot be written.
pub(super) fn batch(events: &[String], now: Timestamp) -> Result<String> {
    let records = events.iter().map(|event| {
        let body = body(event);
        let posted = DeliveryMessage::Posted(Box::new(Posted {
            v: 1,
            account: ACCOUNT.into(),
            notification: notification_id(ACCOUNT, SOURCE, event),
            connection: CONNECTION.into(),
            target_server: TARGET.into(),
            mapping: None,
            source: SOURCE.into(),
            event_id: event.clone(),
            event_type: Some("employee.updated".into()),
            accepted_at: now.as_millisecond(),
            deliver_until: deliver_until(None, now),
            content_type: CONTENT_TYPE.into(),
            body_hash: content_hash(CONTENT_TYPE, body.as_bytes()),
            size_bytes: body.len() as u64,
            payload: Payload::inline(body.as_bytes()),
        }));
        Ok(json!({
            "messageId": format!("{event}-message"), "receiptHandle": "A".repeat(180),
            "body": serde_json::to_string(&posted)?,
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": now.as_millisecond().to_string(),
                "SenderId": "AROAEXAMPLE:intake", "MessageGroupId": ACCOUNT,
                "ApproximateFirstReceiveTimestamp": now.as_millisecond().to_string(),
            },
            "messageAttributes": {}, "md5OfBody": "00000000000000000000000000000000", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:deliveries", "awsRegion": "us-east-1",
        }))
    });
    Ok(json!({ "Records": records.collect::<Result<Vec<_>>>()? }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_has_its_bytes_and_is_json() {
        for event in ["a", "evt-1-4999"] {
            let body = body(event);
            assert_eq!(body.len(), BODY_BYTES);
            assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["data"]["event"], event);
        }
    }

    #[test]
    fn rows_are_what_the_hub_would_read() {
        let rows = rows("http://127.0.0.1:1/hooks").unwrap();
        let (key, source) = &rows[1];
        assert_eq!(key.sk, format!("SOURCE#{SOURCE}"));
        assert!(source["secrets"][0]["secret"].as_str().unwrap().starts_with("sealed:"));
        assert_eq!(item(key, source)["version"], json!({ "N": "1" }));
    }
}
