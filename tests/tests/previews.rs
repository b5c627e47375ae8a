//! The preview against what a person says of files that others publish (see `tests/corpora/README.md`), and through
//! the API.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use shared::preview::{Dialect, Format, Preview, Sample, is_workbook, preview};
use tests::{flow::new_account, stack::Stack};

/// How much of a file the preview gets, as the API takes it.
const SAMPLE_BYTES: usize = 1024 * 1024;

/// How large a workbook may be that the API previews.
const WORKBOOK_BYTES: usize = 3 * 1024 * 1024;

/// What a person says of a file.
#[derive(Deserialize)]
struct Said {
    path: String,
    format: String,
    #[serde(default)]
    not_a_table: bool,
    encoding: Option<Several>,
    delimiter: Option<Several>,
    quote: Option<Several>,
    header: Option<Header>,
    #[serde(default)]
    skip_lines: usize,
    comment: Option<Several>,
    #[serde(default)]
    sheets: Vec<SheetSaid>,
}

/// What a person says of a sheet.
#[derive(Deserialize)]
struct SheetSaid {
    name: String,
    header_row: Option<HeaderRow>,
}

/// The row of a header, or several that are as right.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderRow {
    One(u32),
    Any(Vec<u32>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    Any(Vec<Option<String>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Header {
    Is(bool),
    Open(String),
}

impl Several {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Any(any) => any.iter().flatten().any(|one| one == wanted),
        }
    }

    fn has_none(&self) -> bool {
        matches!(self, Self::Any(any) if any.contains(&None))
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn of(bytes: &[u8]) -> Preview {
    let most = if is_workbook(bytes) { WORKBOOK_BYTES } else { SAMPLE_BYTES };
    let sample = Sample {
        bytes: &bytes[..bytes.len().min(most)],
        is_whole: bytes.len() <= most,
        file_name: None,
        time_zone: "Europe/Oslo",
        mapping: None,
    };
    preview(&sample).expect("no mapping was given")
}

/// What is wrong with a preview, in the words of the expectation's fields.
fn wrong(said: &Said, bytes: &[u8], found: &Preview) -> Vec<String> {
    let (Some(encoding), Some(dialect)) = (&found.encoding, &found.dialect) else {
        return vec![format!("format {:?}", found.format.value)];
    };
    let mut wrong = Vec::new();
    let encoding = encoding.value.as_str();
    let is_superset =
        encoding == "utf-8" || encoding.starts_with("windows") || encoding.starts_with("iso-8859");
    if !said.encoding.as_ref().is_none_or(|s| s.has(encoding) || s.has("ascii") && is_superset) {
        wrong.push(format!("encoding {encoding}"));
    }
    let dialect = &dialect.value;
    if !is_delimiter(said, bytes, dialect) {
        wrong.push(format!("delimiter {:?}", dialect.delimiter));
    }
    let quote = dialect.quote.as_deref();
    if !said.quote.as_ref().is_none_or(|s| quote.map_or_else(|| s.has_none(), |quote| s.has(quote))) {
        wrong.push(format!("quote {quote:?}"));
    }
    match &said.header {
        Some(Header::Is(is)) if *is != dialect.header => wrong.push(format!("header {}", dialect.header)),
        Some(Header::Open(text)) => assert_eq!(text, "either"),
        _ => {}
    }
    let begins = |skipped: usize, comment: Option<&str>| begins(bytes, skipped, comment);
    let comment = dialect.comment.as_deref();
    let expected = begins(said.skip_lines, said.comment.as_ref().and(comment));
    let skipped = usize::try_from(dialect.skipped_lines).unwrap_or(usize::MAX);
    if expected != begins(skipped, comment) {
        wrong.push(format!("skip_lines {skipped}, not {expected}"));
    }
    let is_comment = match (&said.comment, comment) {
        (None, None) => true,
        (Some(said), Some(comment)) => said.has(comment),
        (Some(said), None) => said.has_none(),
        (None, Some(_)) => false,
    };
    if !is_comment {
        wrong.push(format!("comment {comment:?}"));
    }
    wrong
}

/// What is packed counts by what it is packed in.
fn is_format(said: &Said, found: &Preview) -> bool {
    let name = format!("{:?}", found.packed.unwrap_or(found.format.value)).to_lowercase();
    name == said.format
        || found.format.value == Format::Binary && found.format.reason.to_lowercase().contains(&said.format)
}

fn is_delimiter(said: &Said, bytes: &[u8], dialect: &Dialect) -> bool {
    match (&said.delimiter, dialect.delimiter.as_deref()) {
        (None, None) => true,
        (None, Some(found)) => !bytes.contains(&found.as_bytes()[0]),
        (Some(said), Some(found)) => said.has(found),
        (Some(said), None) => said.has_none(),
    }
}

/// The line, from 0, at which reading begins: blank lines and comments are passed over.
fn begins(bytes: &[u8], skipped: usize, comment: Option<&str>) -> usize {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace(['\r', '\0'], "\n");
    let is_passed = |line: &str| line.is_empty() || comment.is_some_and(|comment| line.starts_with(comment));
    skipped + text.split('\n').skip(skipped).take_while(|line| is_passed(line)).count()
}

#[test]
fn the_corpora_are_previewed_as_a_person_reads_them() {
    let said = fs::read(root().join("tests/corpora/dialects.json")).unwrap();
    let said: std::collections::BTreeMap<String, Vec<Said>> = serde_json::from_slice(&said).unwrap();
    let (mut tables, mut right, mut others) = (0, 0, (0, 0));
    for (corpus, files) in &said {
        for said in files {
            let path = root().join(".local/corpora").join(corpus).join(&said.path);
            let bytes =
                fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run make corpora", path.display()));
            let found = of(&bytes);
            if said.not_a_table {
                continue;
            }
            if said.format != "csv" {
                let is_right = is_format(said, &found);
                others.0 += 1;
                others.1 += usize::from(is_right);
                if !is_right {
                    println!("{corpus}/{}: {} is {:?}", said.path, said.format, found.format.value);
                }
                continue;
            }
            tables += 1;
            let wrong = wrong(said, &bytes, &found);
            right += usize::from(wrong.is_empty());
            if !wrong.is_empty() {
                println!("{corpus}/{}: {}", said.path, wrong.join(", "));
            }
        }
    }
    println!(
        "{right} of {tables} tables are right; of other formats {} of {} are recognised",
        others.1, others.0
    );
    assert_eq!(tables, 230);
    assert!(right * 100 >= tables * 95, "{right} of {tables}");
}

/// Says what is wrong with the preview of a workbook: its sheet, or the row of its header.
fn wrong_in_workbook(said: &Said, found: &Preview) -> Option<String> {
    let Some(sheet) = &found.sheet else { return Some(format!("no sheet: {:?}", found.notes)) };
    let said = said.sheets.iter().find(|one| one.name == sheet.value);
    let rows = match said.map(|one| &one.header_row) {
        Some(Some(HeaderRow::One(row))) => vec![*row],
        Some(Some(HeaderRow::Any(rows))) => rows.clone(),
        // A person would take a sheet with a header, and every workbook has one.
        Some(None) | None => return Some(format!("sheet {:?}", sheet.value)),
    };
    let row = found.header_row.as_ref().and_then(|guess| guess.value);
    (!row.is_some_and(|row| rows.contains(&row))).then(|| format!("header_row {row:?}, not {rows:?}"))
}

#[test]
fn the_workbooks_of_the_corpora_are_previewed_as_a_person_reads_them() {
    let said = fs::read(root().join("tests/corpora/dialects.json")).unwrap();
    let said: std::collections::BTreeMap<String, Vec<Said>> = serde_json::from_slice(&said).unwrap();
    let (mut workbooks, mut right) = (0, 0);
    for (corpus, files) in &said {
        for said in files.iter().filter(|said| !said.sheets.is_empty()) {
            let path = root().join(".local/corpora").join(corpus).join(&said.path);
            let bytes =
                fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run make corpora", path.display()));
            let found = of(&bytes);
            workbooks += 1;
            match wrong_in_workbook(said, &found) {
                None => right += 1,
                Some(wrong) => println!("{corpus}/{}: {wrong}", said.path),
            }
            let outcome = found.outcome.as_ref();
            let failure = outcome.and_then(|outcome| outcome.failure.as_ref());
            assert!(failure.is_none(), "{}: {failure:?}", path.display());
        }
    }
    println!("{right} of {workbooks} workbooks are right");
    assert_eq!(workbooks, 37);
    assert!(right * 100 >= workbooks * 90, "{right} of {workbooks}");
}

#[test]
fn no_file_of_the_corpora_makes_the_preview_panic() {
    let mut folders = vec![root().join(".local/corpora")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}; run make corpora", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            // Enough of each file to see all of its kinds of lines.
            let bytes = &bytes[..bytes.len().min(64 * 1024)];
            for bytes in [bytes, &bytes[..bytes.len() / 2]] {
                let found = of(bytes);
                if let Some(draft) = &found.draft {
                    assert_eq!(draft.validate(), [], "{}", path.display());
                }
            }
            files += 1;
        }
    }
    assert!(files > 400, "only {files} files");
}

const PUNCHES: &str = "Ansattnr;Navn;Tid;Timer\n\
    0042;Åse Berg;24.10.2026 01:15;7,50\n\
    0043;Kåre Li;24.10.2026 02:15;8,00\n\
    0044;Pål Dahl;26.10.2026 07:00;6,25\n";

#[tokio::test]
async fn a_sample_is_previewed_and_its_draft_can_be_saved() -> Result<()> {
    let stack = Stack::from_env()?;
    let (_, api) = new_account(&stack, "Europe/Oslo").await?;
    // As a program of Windows writes it.
    let bytes: Vec<u8> = PUNCHES.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    let body = json!({ "sample": STANDARD.encode(&bytes), "file_name": "punches.csv", "is_whole": true });
    let found = api.post("/v1/mappings/preview", &body).await?;
    assert_eq!(found["encoding"]["value"], "windows-1252");
    assert_eq!(found["dialect"]["value"]["delimiter"], ";");
    assert_eq!(
        found["columns"][2]["type"]["value"]["time_zone"], "Europe/Oslo",
        "the account's zone is suggested"
    );
    assert_eq!(found["outcome"]["records"][0]["data"]["Tid"], "2026-10-23T23:15:00Z");
    assert_eq!((&found["outcome"]["mapped"], &found["outcome"]["errors"]), (&json!(3), &json!(0)));
    let saved = api.post("/v1/mappings", &found["draft"]).await?;
    assert_eq!(saved["input"], found["draft"]["input"]);
    Ok(())
}

const ORDERS: &str = "<?xml version=\"1.0\"?>\n<orders xmlns=\"urn:o\">\n\
    <order no=\"0001\"><at>24.10.2026 01:15</at><sum>7,50</sum></order>\n\
    <order no=\"0002\"><at>25.10.2026 12:00</at><sum>7,75</sum></order>\n\
    <order no=\"0003\"><at>26.10.2026 13:00</at><sum>8,00</sum></order>\n</orders>\n";

#[tokio::test]
async fn xml_and_workbooks_are_previewed_and_their_drafts_can_be_saved() -> Result<()> {
    let stack = Stack::from_env()?;
    let (_, api) = new_account(&stack, "Europe/Oslo").await?;
    let cut = &ORDERS[..ORDERS.len() - 40];
    for (text, is_whole, records) in [(ORDERS, true, 3), (cut, false, 2)] {
        let body =
            json!({ "sample": STANDARD.encode(text), "file_name": "orders.xml", "is_whole": is_whole });
        let found = api.post("/v1/mappings/preview", &body).await?;
        assert_eq!(found["record"]["value"], "/n:orders/n:order");
        assert_eq!(found["outcome"]["records"][0]["data"]["at"], "2026-10-23T23:15:00Z");
        assert_eq!(
            (&found["outcome"]["mapped"], &found["outcome"]["errors"]),
            (&json!(records), &json!(0)),
            "only whole records count"
        );
        assert_eq!(api.post("/v1/mappings", &found["draft"]).await?["input"], found["draft"]["input"]);
    }
    let workbook = fs::read(root().join("shared/src/mapping/tests/workbooks/libreoffice.xlsx"))?;
    let body = json!({ "sample": STANDARD.encode(&workbook), "file_name": "timer.xlsx", "is_whole": true });
    let found = api.post("/v1/mappings/preview", &body).await?;
    assert_eq!((&found["sheet"]["value"], &found["header_row"]["value"]), (&json!("Timer"), &json!(3)));
    assert!(found["outcome"]["mapped"].as_u64() > Some(0), "{}", found["outcome"]);
    assert_eq!(api.post("/v1/mappings", &found["draft"]).await?["input"]["format"], "workbook");
    let half = json!({ "sample": STANDARD.encode(&workbook[..workbook.len() / 2]) });
    let found = api.post("/v1/mappings/preview", &half).await?;
    assert_eq!((&found["notes"][0]["code"], &found["draft"]), (&json!("workbook_cut"), &json!(null)));
    // As large as one may be: the end that says what is where, behind so many spaces.
    let end = workbook.windows(4).rposition(|four| four == b"PK\x05\x06").context("it is a zip archive")?;
    let padded = |size: usize| {
        let spaces = vec![b' '; size - workbook.len()];
        STANDARD.encode([&workbook[..end], &spaces, &workbook[end..]].concat())
    };
    let largest = json!({ "sample": padded(WORKBOOK_BYTES), "is_whole": true });
    assert_eq!(api.post("/v1/mappings/preview", &largest).await?["sheet"]["value"], "Timer");
    let too_large = json!({ "sample": padded(WORKBOOK_BYTES + 1), "is_whole": true });
    let answer = api.call("POST", "/v1/mappings/preview", &[], Some(&too_large.to_string())).await?;
    let detail = answer.body["errors"][0]["detail"].as_str().unwrap_or_default();
    assert!(answer.status == 422 && detail.contains("fewer rows"), "{} {}", answer.status, answer.body);
    Ok(())
}

#[tokio::test]
async fn a_preview_takes_a_mapping_and_refuses_what_it_cannot_read() -> Result<()> {
    let stack = Stack::from_env()?;
    let (_, api) = new_account(&stack, "UTC").await?;
    let mut mapping = json!({
        "name": "mine", "input": { "format": "csv", "encoding": "utf-8", "delimiter": ";" },
        "columns": [{ "name": "n", "from": "Timer", "type": "integer" }],
    });
    let sample = STANDARD.encode(PUNCHES);
    let body = json!({ "sample": sample, "is_whole": true, "mapping": mapping });
    let found = api.post("/v1/mappings/preview", &body).await?;
    assert_eq!(found["outcome"]["errors_by_reason"][0]["reason"], "not_an_integer");
    assert_eq!(found["outcome"]["errors_by_reason"][0]["count"], 3);
    mapping["columns"][0]["type"] = json!("decimal");
    let too_much = STANDARD.encode(vec![b'a'; SAMPLE_BYTES + 1]);
    for (body, status, field) in [
        (json!({ "sample": sample, "mapping": mapping }), 422, "mapping.columns[0].decimal_mark"),
        (json!({ "sample": "a;b" }), 422, "sample"),
        (json!({ "sample": too_much }), 422, "sample"),
        (json!({}), 422, "sample"),
    ] {
        let answer = api.call("POST", "/v1/mappings/preview", &[], Some(&body.to_string())).await?;
        assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (status, &json!(field)));
    }
    let largest = json!({ "sample": STANDARD.encode(vec![b'a'; SAMPLE_BYTES]) });
    assert_eq!(
        api.post("/v1/mappings/preview", &largest).await?["columns"].as_array().map(Vec::len),
        Some(1)
    );
    Ok(())
}
