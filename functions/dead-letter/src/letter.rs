//! What a dead letter says: a message of one of the queues, or an event that a function failed to take.

use serde::Deserialize;
use shared::{
    event::Event,
    message::{DeliveryMessage, PullMessage, PushMessage},
};

/// What can end in a dead-letter queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A run has work.
    Pull(PullMessage),
    /// A batch is to be sent.
    Delivery(DeliveryMessage),
    /// A target has something to be pushed.
    Push(PushMessage),
    /// An event that `dispatch` failed to take.
    Event(Event),
}

/// What Lambda sends to the destination of an asynchronous invocation that failed for good.
///
/// Source: "Capturing records of Lambda asynchronous invocations".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    request_payload: Event,
}

impl Letter {
    /// Reads a message's body; `None` when it is nothing that the hub sends.
    pub(crate) fn read(body: &str) -> Option<Self> {
        let pull = serde_json::from_str(body).map(Self::Pull);
        let delivery = || serde_json::from_str(body).map(Self::Delivery);
        let event = || serde_json::from_str(body).map(|i: Invocation| Self::Event(i.request_payload));
        let push = || serde_json::from_str(body).map(Self::Push);
        pull.or_else(|_| delivery()).or_else(|_| push()).or_else(|_| event()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::RunRequested;

    #[test]
    fn messages_and_failed_invocations_are_told_apart() {
        let pull = PullMessage::run("acme", "run_1");
        assert_eq!(Letter::read(&serde_json::to_string(&pull).unwrap()), Some(Letter::Pull(pull)));
        let delivery = DeliveryMessage::batch("acme", "run_1", 1, 0);
        let text = serde_json::to_string(&delivery).unwrap();
        assert_eq!(Letter::read(&text), Some(Letter::Delivery(delivery)));
        let push = PushMessage::flush("acme", "tgt_1");
        assert_eq!(Letter::read(&serde_json::to_string(&push).unwrap()), Some(Letter::Push(push)));
        // As Lambda sends it, shortened; the account is AWS's documentation example.
        let invocation = r#"{"version":"1.0","timestamp":"2026-11-14T18:16:05.568Z",
            "requestContext":{"requestId":"e4b46cbf","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f:$LATEST",
            "condition":"RetriesExhausted","approximateInvokeCount":3},
            "requestPayload":{"id":"e-1","source":"crossdock","detail-type":"RunRequested",
            "detail":{"account":"acme","connection":"con_1"}},
            "responseContext":{"statusCode":200,"functionError":"Unhandled"},"responsePayload":{}}"#;
        let detail = RunRequested { account: "acme".into(), connection: "con_1".into(), scope: None };
        let event = Event::RunRequested { id: "e-1".into(), detail };
        assert_eq!(Letter::read(invocation), Some(Letter::Event(event)));
        for rubbish in ["", "{}", "not json", r#"{"kind":"run"}"#, r#"{"kind":"other","account":"acme"}"#] {
            assert_eq!(Letter::read(rubbish), None, "{rubbish}");
        }
    }
}
