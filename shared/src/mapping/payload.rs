//! Maps the payload of a notification: all of it or nothing, since an event is one thing.
//!
//! A payload is read as a file of one format would be, JSON or another.

use super::{Compiled, FileError, Outcome, RecordError, compile::CompiledInput, records};

/// What a payload comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappedPayload {
    /// A JSON object for a payload that is one; otherwise an array of what was not filtered.
    Mapped(String),
    /// All of it was filtered, for this reason.
    Filtered(String),
}

/// Why a payload cannot be mapped.
#[derive(Debug, thiserror::Error)]
pub enum Unmappable {
    /// It cannot be read as the mapping states.
    #[error("{}", .0.to_string().replace("the file", "the payload"))]
    Unreadable(#[from] FileError),
    /// A record of it does not fit.
    #[error("record {at}, {}: {}", .error.field.as_deref().unwrap_or("the record"), .error.detail)]
    Record {
        /// Which, from 1.
        at: usize,
        /// How it does not fit.
        error: Box<RecordError>,
    },
}

impl Compiled {
    /// Maps a payload.
    ///
    /// # Errors
    /// When any of its records does not fit: nothing of it goes out then.
    pub fn map_payload(&self, payload: &[u8]) -> Result<MappedPayload, Unmappable> {
        let is_object = self.is_one_object(payload);
        let (mut mapped, mut filtered) = (Vec::new(), None);
        for (i, outcome) in records(payload, self)?.enumerate() {
            match outcome? {
                Outcome::Record(record) => mapped.push(record.data),
                Outcome::Filtered(record) => filtered = Some(record.reason),
                Outcome::Error(error) => {
                    return Err(Unmappable::Record { at: i + 1, error: Box::new(error) });
                }
            }
        }
        Ok(match (mapped.len(), filtered) {
            (0, Some(reason)) => MappedPayload::Filtered(reason),
            (1, _) if is_object => MappedPayload::Mapped(mapped.remove(0)),
            _ => MappedPayload::Mapped(format!("[{}]", mapped.join(","))),
        })
    }
}

impl Compiled {
    /// Whether a payload has its record as one object, not as an array.
    fn is_one_object(&self, payload: &[u8]) -> bool {
        let payload = payload.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(payload);
        match &self.input {
            CompiledInput::Json { records: None } => {
                payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
            }
            CompiledInput::Json { records: Some(pointer) } => {
                let payload = serde_json::from_slice::<serde_json::Value>(payload).unwrap_or_default();
                payload.pointer(pointer).is_some_and(serde_json::Value::is_object)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;
    use serde_json::{Value, json};

    fn compiled() -> Compiled {
        let mapping: Mapping = serde_json::from_value(json!({
            "name": "hired", "input": { "format": "json" },
            "columns": [
                { "name": "id", "from": "/employee/id", "type": "text", "required": true },
                { "name": "name", "from": "/employee/name", "type": "text" },
                { "name": "hours", "from": "hours", "type": "decimal", "decimal_mark": "." },
                { "name": "active", "from": "active", "type": "boolean", "true_values": ["true"], "false_values": ["false"] },
            ],
            "filters": [{ "column": "kind", "equals": "test", "reason": "test_event" }],
        }))
        .unwrap();
        mapping.compile().unwrap()
    }

    fn map(payload: Value) -> Result<MappedPayload, Unmappable> {
        compiled().map_payload(payload.to_string().as_bytes())
    }

    #[test]
    fn an_object_becomes_an_object_and_an_array_an_array() {
        let ase =
            json!({ "employee": { "id": "0042", "name": "Åse \"Ø\", B\nC" }, "hours": 7.5, "active": true });
        let mapped = r#"{"id":"0042","name":"Åse \"Ø\", B\nC","hours":"7.5","active":true}"#;
        assert_eq!(map(ase.clone()).unwrap(), MappedPayload::Mapped(mapped.into()));
        let two = map(json!([ase.clone(), ase])).unwrap();
        assert_eq!(two, MappedPayload::Mapped(format!("[{mapped},{mapped}]")));
        assert_eq!(map(json!([])).unwrap(), MappedPayload::Mapped("[]".into()));
    }

    #[test]
    fn what_is_not_there_is_empty_and_what_is_filtered_says_why() {
        let mapped = r#"{"id":"1","name":null,"hours":null,"active":null}"#;
        assert_eq!(
            map(json!({ "employee": { "id": 1 }, "hours": null })).unwrap(),
            MappedPayload::Mapped(mapped.into())
        );
        let test = json!({ "employee": { "id": "1" }, "kind": "test" });
        assert_eq!(map(test.clone()).unwrap(), MappedPayload::Filtered("test_event".into()));
        let real = json!({ "employee": { "id": "2" } });
        let left = map(json!([test, real])).unwrap();
        assert_eq!(left, MappedPayload::Mapped(format!("[{}]", mapped.replace("\"1\"", "\"2\""))));
    }

    #[test]
    fn nothing_goes_out_of_a_payload_that_does_not_fit() {
        let good = json!({ "employee": { "id": "1" } });
        let error = map(json!([good, { "employee": {}, "hours": 1 }])).unwrap_err().to_string();
        assert!(error.starts_with("record 2, /employee/id:"), "{error}");
        let error = map(json!({ "employee": { "id": "1" }, "hours": "a lot" })).unwrap_err().to_string();
        assert!(error.starts_with("record 1, hours:"), "{error}");
        for (payload, named) in [("[1]", "neither"), ("7", "neither"), ("{", "not JSON"), ("", "not JSON")] {
            let error = compiled().map_payload(payload.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{payload}: {error}");
        }
    }
}
