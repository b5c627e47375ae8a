//! The source side that takes notifications: of which source, of which types, and under which conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Condition;
use crate::problem::FieldError;

/// The source whose notifications are the hub's own: what happened to this account's targets, deliveries and runs.
pub const HUB: &str = "hub";

/// Notifications of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationsSide {
    /// A source; or `hub` for what the hub has to tell about this account.
    pub source: String,
    /// Types that are taken, each as it stands or as a beginning with `*` behind it: `employee.*`. All without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// What must hold of the payload, all of it. A payload that is not JSON meets no condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A notification, as far as it decides which connections take it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Id of its source.
    pub source: &'a str,
    /// Its type, if it has one.
    pub event_type: Option<&'a str>,
    /// Its payload, where that is JSON; only looked at where there are conditions.
    pub payload: Option<&'a Value>,
}

impl NotificationsSide {
    /// Says whether it takes a notification.
    pub fn takes(&self, incoming: Incoming<'_>) -> bool {
        self.source == incoming.source
            && (self.types.is_empty()
                || incoming.event_type.is_some_and(|t| self.types.iter().any(|pattern| matches(pattern, t))))
            && self.conditions.iter().all(|c| incoming.payload.is_some_and(|payload| c.holds(payload)))
    }

    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        if self.types.len() > 100 {
            errors.push(FieldError::new(
                "source.types",
                "must be 100 at most; use a beginning with * behind it",
            ));
        }
        for (i, pattern) in self.types.iter().enumerate() {
            let fixed = pattern.strip_suffix('*').unwrap_or(pattern);
            if pattern.is_empty() || fixed.contains('*') {
                let detail = "must be a type, or a beginning of types with one * at the end";
                errors.push(FieldError::new(format!("source.types[{i}]"), detail));
            }
        }
        if self.conditions.len() > 20 {
            errors.push(FieldError::new("source.conditions", "must be 20 at most"));
        }
        for (i, condition) in self.conditions.iter().enumerate() {
            condition.check(&format!("source.conditions[{i}]"), errors);
        }
    }
}

fn matches(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => event_type.starts_with(beginning),
        None => event_type == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_taken_as_they_stand_or_by_their_beginning() {
        let takes = |types: &[&str], event_type| {
            let side = NotificationsSide {
                source: "s".into(),
                types: types.iter().map(|t| t.to_string()).collect(),
                conditions: Vec::new(),
            };
            side.takes(Incoming { source: "s", event_type, payload: None })
        };
        assert!(takes(&[], None) && takes(&[], Some("a")));
        assert!(takes(&["a.b"], Some("a.b")) && !takes(&["a.b"], Some("a.bc")));
        assert!(takes(&["a.*"], Some("a.b")) && !takes(&["a.*"], Some("ab")));
        assert!(
            takes(&["x", "*"], Some("a")) && !takes(&["*"], None),
            "a type that is not there matches none"
        );
    }

    #[test]
    fn all_conditions_must_hold_and_only_of_json() {
        let conditions = json!([{"pointer": "/a", "equals": 1}, {"pointer": "/b", "exists": true}]);
        let side = NotificationsSide {
            source: "s".into(),
            types: Vec::new(),
            conditions: serde_json::from_value(conditions).unwrap(),
        };
        let takes = |payload: Option<&Value>| side.takes(Incoming { source: "s", event_type: None, payload });
        assert!(takes(Some(&json!({"a": 1, "b": null}))));
        assert!(!takes(Some(&json!({"a": 1}))));
        assert!(!takes(Some(&json!({"a": 2, "b": 1}))));
        assert!(!takes(None));
        let other = Incoming { source: "other", event_type: None, payload: Some(&json!({"a": 1, "b": 2})) };
        assert!(!side.takes(other));
    }
}
