//! The two events of EventBridge that `dispatch` takes.

use serde::Deserialize;

/// A tick of the minute rule, or a request for a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Envelope")]
pub enum Event {
    /// The minute rule.
    Tick,
    /// Somebody with the right to put events on the deployment's bus wants a run.
    RunRequested {
        /// Id of the event: the same when EventBridge delivers it twice.
        id: String,
        /// What is wanted.
        detail: RunRequested,
    },
}

/// What a `RunRequested` event says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunRequested {
    /// Account.
    pub account: String,
    /// Connection of that account.
    pub connection: String,
    /// What part of the source is wanted.
    #[serde(default)]
    pub scope: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    detail: serde_json::Value,
}

impl TryFrom<Envelope> for Event {
    type Error = String;

    fn try_from(envelope: Envelope) -> Result<Self, String> {
        match (envelope.source.as_str(), envelope.detail_type.as_str()) {
            ("aws.events", "Scheduled Event") => Ok(Self::Tick),
            ("crossdock", "RunRequested") => {
                let detail = serde_json::from_value(envelope.detail).map_err(|e| format!("detail: {e}"))?;
                Ok(Self::RunRequested { id: envelope.id, detail })
            }
            (source, kind) => Err(format!("unexpected event '{kind}' from '{source}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As EventBridge sends it; the account is AWS's documentation example.
    const TICK: &str = r#"{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event",
        "source":"aws.events","account":"123456789012","time":"2026-10-08T16:53:06Z","region":"us-east-1",
        "resources":["arn:aws:events:us-east-1:123456789012:rule/minute"],"detail":{}}"#;

    #[test]
    fn ticks_and_requests_are_told_apart() {
        assert_eq!(serde_json::from_str::<Event>(TICK).unwrap(), Event::Tick);
        let request = TICK
            .replace("Scheduled Event", "RunRequested")
            .replace("aws.events", "crossdock")
            .replace(r#""detail":{}"#, r#""detail":{"account":"a","connection":"c"}"#);
        let detail = RunRequested { account: "a".into(), connection: "c".into(), scope: None };
        let id = "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa".into();
        assert_eq!(serde_json::from_str::<Event>(&request).unwrap(), Event::RunRequested { id, detail });
        assert!(serde_json::from_str::<Event>(&TICK.replace("aws.events", "other")).is_err());
    }
}
