//! A condition on a field of a JSON payload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::FieldError;

/// What must hold of one field. Exactly one of `equals`, `one_of`, `not` and `exists` is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// JSON pointer to the field (RFC 6901), for example `/employee/country`.
    pub pointer: String,
    /// It is this text, number, boolean or null. `1` and `"1"` differ.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    pub equals: Option<Value>,
    /// It is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// It is there, and is not this.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    pub not: Option<Value>,
    /// It is there, whatever it is; or it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// `null` is a value to compare with, not one that is left out.
fn stated<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Condition {
    /// Says whether it holds of a payload.
    pub fn holds(&self, payload: &Value) -> bool {
        let found = payload.pointer(&self.pointer);
        match (&self.equals, &self.one_of, &self.not, self.exists) {
            (Some(value), ..) => found == Some(value),
            (_, Some(values), ..) => found.is_some_and(|f| values.contains(f)),
            (_, _, Some(value), _) => found.is_some_and(|f| f != value),
            (.., Some(exists)) => found.is_some() == exists,
            (None, None, None, None) => false,
        }
    }

    pub(super) fn check(&self, path: &str, errors: &mut Vec<FieldError>) {
        if !self.pointer.starts_with('/') {
            errors.push(FieldError::new(
                format!("{path}.pointer"),
                "must be a JSON pointer, for example /employee/country",
            ));
        }
        let stated =
            [self.equals.is_some(), self.one_of.is_some(), self.not.is_some(), self.exists.is_some()];
        if stated.iter().filter(|s| **s).count() != 1 {
            errors.push(FieldError::new(path, "state exactly one of equals, one_of, not and exists"));
        }
        let values = self.equals.iter().chain(self.not.iter()).chain(self.one_of.iter().flatten());
        if values.clone().any(|v| v.is_array() || v.is_object()) {
            errors.push(FieldError::new(path, "compares with texts, numbers, booleans and null only"));
        }
        if self.one_of.as_ref().is_some_and(|v| v.is_empty() || v.len() > 100) {
            errors.push(FieldError::new(format!("{path}.one_of"), "must be 1 to 100 values"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(json: Value) -> Condition {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn each_kind_holds_where_it_should() {
        let payload = json!({"a": {"b": "NO", "n": 1, "z": null}, "list": [5]});
        for (json, holds) in [
            (json!({"pointer": "/a/b", "equals": "NO"}), true),
            (json!({"pointer": "/a/n", "equals": "1"}), false),
            (json!({"pointer": "/a/z", "equals": null}), true),
            (json!({"pointer": "/a/missing", "equals": null}), false),
            (json!({"pointer": "/list/0", "one_of": [4, 5]}), true),
            (json!({"pointer": "/a/b", "not": "SE"}), true),
            (json!({"pointer": "/a/missing", "not": "SE"}), false),
            (json!({"pointer": "/a/z", "exists": true}), true),
            (json!({"pointer": "/a/missing", "exists": false}), true),
        ] {
            let it = condition(json.clone());
            assert_eq!(it.holds(&payload), holds, "{json}");
            assert_eq!(condition(serde_json::to_value(&it).unwrap()), it, "it reads as it was written");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, named) in [
            (json!({"pointer": "a", "exists": true}), "c.pointer"),
            (json!({"pointer": "/a"}), "c"),
            (json!({"pointer": "/a", "equals": 1, "exists": true}), "c"),
            (json!({"pointer": "/a", "equals": [1]}), "c"),
            (json!({"pointer": "/a", "one_of": []}), "c.one_of"),
        ] {
            let mut errors = Vec::new();
            condition(json.clone()).check("c", &mut errors);
            let fields: Vec<_> = errors.into_iter().map(|e| e.field).collect();
            assert_eq!(fields, [named], "{json}");
        }
    }
}
