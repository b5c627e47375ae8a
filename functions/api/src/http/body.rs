//! Reading a request's body, with the field named that is wrong.

use serde::de::DeserializeOwned;
use shared::{
    problem::{FieldError, Problem},
    yaml,
};

use super::Request;

/// Most bytes of a body: settings are small, and a mapping with a thousand columns is below this.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Reads settings, in JSON or, where the request says so, in YAML.
///
/// # Errors
/// As [`parse`]; 400 for what is not YAML, or not such settings.
pub(crate) fn settings<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    let media_type = request.header("content-type").and_then(|value| value.split(';').next());
    if !media_type.is_some_and(|value| value.trim().eq_ignore_ascii_case(yaml::MEDIA_TYPE)) {
        return parse(&request.body);
    }
    check_size(&request.body, MAX_BODY_BYTES)?;
    yaml::parse(&request.body).map_err(|detail| Problem::new(400, "invalid_yaml", detail))
}

/// Reads a JSON body.
///
/// # Errors
/// 413, 400 for what is not JSON, 422 with the field for what is not as it should be.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    parse_up_to(body, MAX_BODY_BYTES)
}

/// Reads a JSON body of so many bytes at most.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_up_to<T: DeserializeOwned>(body: &[u8], most_bytes: usize) -> Result<T, Problem> {
    check_size(body, most_bytes)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let inner = e.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return Problem::new(400, "invalid_json", format!("the body is not JSON: {inner}"));
        }
        let detail = without_position(&inner.to_string());
        Problem::invalid(vec![FieldError::new(field(&path, &detail), detail)])
    })?;
    json.end().map_err(|e| Problem::new(400, "invalid_json", format!("the body is not JSON: {e}")))?;
    Ok(value)
}

fn check_size(body: &[u8], most_bytes: usize) -> Result<(), Problem> {
    let too_large = || Problem::new(413, "too_large", format!("a body may have {most_bytes} bytes at most"));
    (body.len() <= most_bytes).then_some(()).ok_or_else(too_large)
}

/// The field at fault: an unknown or missing one is named by the message, not by the path.
fn field(path: &str, detail: &str) -> String {
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next());
    match (path, named) {
        (path, None) => path.into(),
        ("." | "", Some(name)) => name.into(),
        (path, Some(name)) if path.ends_with(name) => path.into(),
        (path, Some(name)) => format!("{path}.{name}"),
    }
}

fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(start, _)| start).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::connection::Connection;

    fn error(body: &str) -> (u16, String, String) {
        let problem = parse::<Connection>(body.as_bytes()).unwrap_err();
        let first = problem.errors.first().cloned().unwrap_or_else(|| FieldError::new("", ""));
        (problem.status, first.field, first.detail)
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let base = r#"{"name":"n","mapping":"m","source":{"target_server":"s","files":"*"},"target":{"target_server":"t"}"#;
        for (body, status, field) in [
            (format!("{base},\"nme\":1}}"), 422, "nme"),
            (format!("{base},\"compare\":\"yes\"}}"), 422, "compare"),
            (base.replace("\"files\":\"*\"", "\"file\":\"*\"") + "}", 422, "source.file"),
            (
                base.replace("\"target_server\":\"t\"", "\"target_server\":\"t\",\"batch_size\":-1") + "}",
                422,
                "target.batch_size",
            ),
            (r#"{"mapping":"m"}"#.into(), 422, "name"),
            ("{".into(), 400, ""),
            (format!("{base}}} x"), 400, ""),
            (format!("{}{}", base, " ".repeat(MAX_BODY_BYTES)), 413, ""),
        ] {
            let (got, at, detail) = error(&body);
            assert_eq!((got, at.as_str()), (status, field), "{body:.100} {detail}");
            assert!(!detail.contains("line"), "{detail}");
        }
    }
}
