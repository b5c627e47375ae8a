//! The test cases that a mapping carries: a sample in, and what has to come of it.
//!
//! They run when the mapping is saved, and wherever else people check it: a mapping whose cases do not hold is not valid.

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    compile::Compiled,
    document::Mapping,
    duplicates::{Settled, settle},
    file_error::FileError,
    incoming::{Incoming, Provenance},
    outcome::Outcome,
    reading::records,
};
use crate::problem::FieldError;

/// A sample, and what has to come of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The file, as text; it is put into the encoding that the mapping states.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The file's bytes in base64, in place of `in`.
    #[serde(default, rename = "in_base64", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// The file's name, for columns that take a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The records that go out, in the file's order.
    #[serde(default)]
    pub out: Vec<Value>,
    /// The records that do not, in the file's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
}

/// A record that does not go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The reason of its filter, or the code of its error.
    pub reason: String,
}

impl Mapping {
    /// Runs the test cases; what does not hold, each with its field, for example `tests[0].out[2]`.
    pub(super) fn check_cases(&self, compiled: &Compiled) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (at, case) in self.tests.iter().enumerate() {
            let field = |name: &str| format!("tests[{at}].{name}");
            match case.sample(compiled).and_then(|sample| {
                outcomes(&sample, case.file.as_deref(), compiled).map_err(|e| e.to_string())
            }) {
                Ok((out, rejected)) => {
                    compare(&field("out"), &case.out, &out, Value::to_string, &mut errors);
                    compare(&field("rejected"), &case.rejected, &rejected, Rejected::to_text, &mut errors);
                }
                Err(detail) => errors.push(FieldError::new(field("in"), detail)),
            }
        }
        errors
    }
}

impl Case {
    fn sample(&self, compiled: &Compiled) -> Result<Vec<u8>, String> {
        match (&self.text, &self.bytes) {
            (Some(text), None) => encoded(text, compiled),
            (None, Some(bytes)) => {
                STANDARD.decode(bytes).map_err(|e| format!("in_base64 is not base64: {e}"))
            }
            _ => Err("give the sample either as `in` or as `in_base64`".into()),
        }
    }
}

/// Puts a text into the encoding of the mapping's files.
fn encoded(text: &str, compiled: &Compiled) -> Result<Vec<u8>, String> {
    let encoding = compiled.input.encoding();
    let mut bytes = Vec::new();
    encoding
        .encode(text, &mut bytes)
        .map_err(|missing| format!("has {missing:?}, which {} does not have", encoding.name()))?;
    Ok(bytes)
}

fn outcomes(
    sample: &[u8],
    file: Option<&str>,
    compiled: &Compiled,
) -> Result<(Vec<Value>, Vec<Rejected>), FileError> {
    let (mut out, mut rejected) = (Vec::new(), Vec::new());
    let provenance = Provenance { file, ..Provenance::default() };
    let open = || Incoming { reader: sample, provenance };
    let mut winners =
        settle(compiled, &[sample.len() as u64], |_| Ok::<_, FileError>(open()), |_, e| Err(e))?;
    let mut records = records(open(), compiled)?;
    while let Some(settled) = winners.read(0, &mut records) {
        match settled? {
            Settled::Mapped(record) => {
                out.push(serde_json::from_str(record.data()).expect("the engine writes JSON"));
            }
            Settled::Other(Outcome::Filtered(record)) => {
                rejected.push(Rejected { line: record.line, reason: record.reason });
            }
            Settled::Other(Outcome::Error(record)) => {
                rejected.push(Rejected { line: record.line, reason: record.reason.to_string() });
            }
            Settled::Other(Outcome::Record(_)) => {}
        }
    }
    Ok((out, rejected))
}

impl Rejected {
    fn to_text(&self) -> String {
        format!("line {}, {}", self.line, self.reason)
    }
}

/// Names the first place at which two lists part.
fn compare<T: PartialEq>(
    field: &str,
    expected: &[T],
    found: &[T],
    show: impl Fn(&T) -> String,
    errors: &mut Vec<FieldError>,
) {
    let longest = expected.len().max(found.len());
    let Some(at) = (0..longest).find(|at| expected.get(*at) != found.get(*at)) else { return };
    let show = |item: Option<&T>| item.map_or("nothing".into(), &show);
    let detail = format!(
        "the mapping makes {}, and {} is expected; mend the mapping or the test",
        show(found.get(at)),
        show(expected.get(at))
    );
    errors.push(FieldError::new(format!("{field}[{at}]"), detail));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(encoding: &str, case: Value) -> Vec<String> {
        let mapping: Mapping = serde_json::from_value(json!({
            "name": "hours",
            "input": { "format": "csv", "encoding": encoding, "delimiter": ";" },
            "columns": [
                { "name": "id", "from": "Nr", "type": "text" },
                { "name": "hours", "from": "Timer", "type": "decimal", "decimal_mark": "," },
            ],
            "key": ["id"],
            "filters": [{ "column": "Nr", "equals": "sum", "reason": "total" }],
            "tests": [case],
        }))
        .unwrap();
        mapping.validate().iter().map(|error| format!("{} {}", error.field, error.detail)).collect()
    }

    #[test]
    fn what_holds_is_valid_and_what_does_not_is_named() {
        let file = "Nr;Timer\nå;7,50\nb;x\nsum;7,50\nå;1,00\n";
        let out = json!([{ "hours": "7.50", "id": "å" }]);
        let rejected = json!([
            { "line": 3, "reason": "not_a_decimal" },
            { "line": 4, "reason": "total" },
            { "line": 5, "reason": "duplicate_key" },
        ]);
        let holds = json!({ "name": "one of each", "in": file, "out": out, "rejected": rejected });
        assert_eq!(errors("utf-8", holds.clone()), [""; 0]);
        assert_eq!(errors("iso-8859-1", holds.clone()), [""; 0]);
        let (mut other, mut less) = (holds.clone(), holds);
        other["out"][0]["hours"] = json!("7.5");
        less["rejected"].as_array_mut().unwrap().pop();
        for (case, expected) in [
            (
                other,
                r#"tests[0].out[0] the mapping makes {"id":"å","hours":"7.50"}, and {"hours":"7.5","id":"å"} is"#,
            ),
            (less, "tests[0].rejected[2] the mapping makes line 5, duplicate_key, and nothing is expected"),
            (json!({ "name": "n", "in": "Nr\n" }), "tests[0].in the file has no column Timer"),
            (json!({ "name": "n" }), "tests[0].in give the sample either"),
            (json!({ "name": "n", "in": "", "in_base64": "" }), "tests[0].in give the sample either"),
            (json!({ "name": "n", "in_base64": "?" }), "tests[0].in in_base64 is not base64"),
        ] {
            let errors = errors("utf-8", case);
            assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
        }
        let greek = errors("iso-8859-1", json!({ "name": "n", "in": "Nr;Timer\nα;1\n" }));
        assert!(greek[0].contains("'α', which iso-8859-1 does not have"), "{greek:?}");
        assert_eq!(errors("utf-8", json!({ "name": "empty", "in_base64": "" })), [""; 0]);
    }
}
