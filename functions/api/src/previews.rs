//! Previews of mappings: a sample comes in, what it looks like goes out. Nothing of it is kept or logged.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    mapping::Mapping,
    preview::{Sample, is_workbook, preview as preview_sample},
    problem::{FieldError, Problem},
};

use crate::{
    Context, accounts,
    caller::Caller,
    http::{self, Request, Response},
};

/// Most bytes of a sample.
const MAX_SAMPLE_BYTES: usize = 1024 * 1024;
/// Most bytes of a workbook, which has to be whole. An invocation takes 6 MB, also where the body comes in base64 itself.
const MAX_WORKBOOK_BYTES: usize = 3 * 1024 * 1024;
/// Most bytes of a body: a workbook in base64, and a mapping.
const MAX_BODY_BYTES: usize = MAX_WORKBOOK_BYTES / 3 * 4 + 4 + 256 * 1024;

/// A sample of a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewMapping {
    /// The file's bytes from the first, in base64: at most 1 MiB of them. A workbook has to be whole, with 3 MiB at most.
    sample: String,
    /// What the file is called; the draft gets its name.
    #[serde(default)]
    file_name: Option<String>,
    /// Whether the sample is all of the file. Without it a record at the end may be cut, and is left out.
    #[serde(default)]
    is_whole: bool,
    /// A mapping whose outcome is wanted in place of the draft's.
    #[serde(default)]
    mapping: Option<Mapping>,
}

/// Says what a sample looks like, and what a mapping makes of it.
pub(crate) async fn preview(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: PreviewMapping = http::parse_up_to(&request.body, MAX_BODY_BYTES)?;
    let sample = decoded(&body.sample)?;
    let account = accounts::of_caller(&context, &caller.account).await?;
    let sample = Sample {
        bytes: &sample,
        is_whole: body.is_whole,
        file_name: body.file_name.as_deref(),
        time_zone: &account.time_zone,
        mapping: body.mapping.as_ref(),
    };
    let preview = preview_sample(&sample).map_err(|errors| {
        let below = |error: FieldError| FieldError::new(format!("mapping.{}", error.field), error.detail);
        Problem::invalid(errors.into_iter().map(below).collect())
    })?;
    Response::json(200, &preview)
}

fn decoded(sample: &str) -> Result<Vec<u8>, Problem> {
    let wrong = |detail: String| Problem::invalid(vec![FieldError::new("sample", detail)]);
    // The decoder's own words would repeat bytes of the sample.
    let bytes =
        STANDARD.decode(sample).map_err(|_| wrong("is not base64; encode the file's bytes".into()))?;
    let more = bytes.len();
    match is_workbook(&bytes) {
        true if more > MAX_WORKBOOK_BYTES => Err(wrong(format!(
            "is a workbook of {more} bytes, and has to be whole; send a copy with fewer rows, of {MAX_WORKBOOK_BYTES} bytes \
             at most, or run crossdock preview where the file is"
        ))),
        false if more > MAX_SAMPLE_BYTES => {
            Err(wrong(format!("has {more} bytes; send the first {MAX_SAMPLE_BYTES} at most")))
        }
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_base64_and_not_too_long() {
        assert_eq!(decoded("YTti").ok(), Some(b"a;b".to_vec()));
        let longest = STANDARD.encode(vec![b'a'; MAX_SAMPLE_BYTES]);
        assert_eq!(decoded(&longest).map(|bytes| bytes.len()).ok(), Some(MAX_SAMPLE_BYTES));
        let workbook = |size: usize| {
            let mut bytes = b"PK\x03\x04".to_vec();
            bytes.resize(size, b' ');
            STANDARD.encode(bytes)
        };
        let longest = workbook(MAX_WORKBOOK_BYTES);
        assert_eq!(decoded(&longest).map(|bytes| bytes.len()).ok(), Some(MAX_WORKBOOK_BYTES));
        assert!(longest.len() + 256 * 1024 <= MAX_BODY_BYTES);
        // What Lambda takes, with some room for the event around the body, which may come in base64 once more.
        const { assert!(MAX_BODY_BYTES / 3 * 4 + 64 * 1024 <= 6 * 1024 * 1024) };
        for (sample, named) in [
            ("a;b", "base64"),
            (&*STANDARD.encode(vec![b'a'; MAX_SAMPLE_BYTES + 1]), "1048577 bytes"),
            (&*workbook(MAX_WORKBOOK_BYTES + 1), "a workbook of 3145729 bytes"),
        ] {
            let problem = decoded(sample).unwrap_err();
            assert_eq!((problem.status, problem.errors[0].field.as_str()), (422, "sample"));
            assert!(problem.errors[0].detail.contains(named), "{}", problem.detail);
        }
    }
}
