//! A run's records as a CSV file: what the link leads to is what the list says.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{
    keys,
    record::{PartWriter, Processor, RecordResult, RecordsIndex, RecordsPart, Writer},
};
use tests::{
    api::{Answer, Api, id},
    flow::{Flow, new_account},
    receiver::Manner,
    report::expect,
    rows::now,
    stack::http_client,
};

const COLUMNS: [&str; 14] = [
    "ordinal",
    "file",
    "line",
    "name",
    "source_id",
    "target_id",
    "processor",
    "writer",
    "reason",
    "field",
    "detail",
    "pushed_as",
    "input",
    "place",
];

async fn ask(api: &Api, run: &str, query: &str) -> Result<Answer> {
    api.call("GET", &format!("/v1/runs/{run}/records.csv{query}"), &[], None).await
}

/// What the link leads to: its headers of interest, and its lines.
async fn download(link: &Value) -> Result<(String, String, Vec<csv::StringRecord>)> {
    // No API key goes with it: the link alone must do.
    let url = link["url"].as_str().context("a link")?;
    let answer = http_client().get(url).send().await?.error_for_status()?;
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_string());
    let saved_as = header("content-disposition").unwrap_or_default();
    let content_type = header("content-type").unwrap_or_default();
    let bytes = answer.bytes().await?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_ref());
    Ok((saved_as, content_type, reader.records().collect::<Result<_, _>>()?))
}

/// A record of the list as a line of the file.
fn line(record: &Value) -> csv::StringRecord {
    COLUMNS
        .iter()
        .map(|column| match &record[*column] {
            Value::Null => String::new(),
            Value::String(text) if text.starts_with('=') => format!("'{text}"),
            Value::String(text) => text.clone(),
            number => number.to_string(),
        })
        .collect()
}

#[tokio::test]
async fn the_file_says_of_every_record_what_the_list_says() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("å, \"b\".csv", "id;value\r\n1;a\r\n=1+1;b\r\n;no key\r\n3;\"x\r\ny\"\r\n1;twice\r\n")?;
    let run = flow.run().await?;
    let records = flow.records(&run).await?;
    assert!(records.len() == 5 && run["status"] == "PARTIAL", "{run:#}");
    let errors: Vec<_> = records.iter().filter(|r| r["writer"] == "error").collect();
    assert!(errors.len() >= 2 && errors.len() < 5, "{records:?}");
    let run_id = id(&run);
    for (query, name, expected) in
        [("", "records", records.iter().collect::<Vec<_>>()), ("?result=error", "errors", errors)]
    {
        let before = now();
        let answer = ask(&flow.api, &run_id, query).await?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let file_name = format!("{run_id}-{name}.csv");
        assert_eq!(
            (&answer.body["file_name"], &answer.body["records"]),
            (&json!(file_name), &json!(expected.len()))
        );
        let expires_at: jiff::Timestamp = answer.body["expires_at"].as_str().context("a time")?.parse()?;
        assert!((295..=330).contains(&expires_at.duration_since(before).as_secs()), "{expires_at} {before}");
        let (saved_as, content_type, lines) = download(&answer.body).await?;
        assert_eq!(saved_as, format!("attachment; filename=\"{file_name}\""));
        assert!(content_type.starts_with("text/csv; charset=utf-8"), "{content_type}");
        assert_eq!(lines[0], csv::StringRecord::from(COLUMNS.as_slice()));
        assert_eq!(lines[1..], expected.into_iter().map(line).collect::<Vec<_>>());
    }
    assert!(records.iter().any(|r| r["source_id"] == "=1+1"), "no cell was a formula: {records:?}");

    // Another account has no such run, and its key opens no way to the file.
    let (_, other) = new_account(&flow.stack, "UTC").await?;
    for query in ["", "?result=error"] {
        let answer = ask(&other, &run_id, query).await?;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));
    }
    let answer = ask(&flow.api, &run_id, "?result=all").await?;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid_query")));
    Ok(())
}

#[tokio::test]
async fn there_is_a_file_when_the_run_has_ended_and_it_is_made_once() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.start().await?;
    flow.waiting_batches(&run).await?;
    let answer = ask(&flow.api, &run, "").await?;
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("run_active")), "{}", answer.body);
    flow.let_time_pass(&run).await?;
    expect(&flow.ended(&run).await?, "COMPLETE", &[("read", 1), ("created", 1)]);
    let first = ask(&flow.api, &run, "").await?.body;
    assert_eq!(download(&first).await?.2.len(), 2);
    // What is there is not made again: a file that was changed under the hub's feet stays as it is.
    let bucket = flow.stack.bucket().await?;
    bucket.put(&keys::records_csv(&flow.account, &run, false), "a,b\r\n".as_bytes()).await?;
    let second = ask(&flow.api, &run, "").await?.body;
    assert_eq!(download(&second).await?.2, [csv::StringRecord::from(vec!["a", "b"])]);

    // No errors, and a run that took no file: a header and nothing else.
    let empty = flow.run().await?;
    for (run, query) in [(run, "?result=error"), (id(&empty), "")] {
        let answer = ask(&flow.api, &run, query).await?;
        assert_eq!((answer.status, &answer.body["records"]), (200, &json!(0)), "{}", answer.body);
        assert_eq!(download(&answer.body).await?.2, [csv::StringRecord::from(COLUMNS.as_slice())]);
    }
    Ok(())
}

#[tokio::test]
async fn a_large_report_is_one_file_and_one_that_is_too_large_says_what_to_do() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = id(&flow.run().await?);
    let bucket = flow.stack.bucket().await?;
    // A report as a run of 100,000 records leaves it: more than one part of an upload.
    let result = |ordinal: u64| RecordResult {
        ordinal,
        file: "/out/punches.csv".into(),
        line: ordinal + 1,
        name: Some(format!("Employee {ordinal}")),
        source_id: Some(format!("{ordinal:06}|2026-10-26T07:00:00Z")),
        target_id: Some(format!("target-{ordinal}")),
        processor: Processor::Create,
        writer: if ordinal.is_multiple_of(50_000) { Writer::Error } else { Writer::Created },
        reason: None,
        field: None,
        detail: None,
        pushed_as: None,
        input: Some(1),
        place: None,
    };
    let (mut writer, mut index) = (PartWriter::default(), RecordsIndex::default());
    for ordinal in 1..=100_000 {
        if let Some(part) = writer.add(&result(ordinal))? {
            let object = keys::records_part(&flow.account, &run, "final", index.parts.len() as u32);
            bucket.put(&object, part.bytes).await?;
            index.parts.push(RecordsPart { object, records: part.records, errors: part.errors });
        }
    }
    let list = keys::records_index(&flow.account, &run, "final");
    bucket.put(&list, serde_json::to_vec(&index)?).await?;
    let begun = Instant::now();
    let answer = ask(&flow.api, &run, "").await?;
    println!("a file of 100,000 records in {:?}", begun.elapsed());
    assert_eq!((answer.status, &answer.body["records"]), (200, &json!(100_000)), "{}", answer.body);
    let (_, _, lines) = download(&answer.body).await?;
    assert_eq!(lines.len(), 100_001);
    for ordinal in [1, 9_999, 10_000, 10_001, 50_000, 99_999, 100_000] {
        assert_eq!(lines[ordinal as usize], line(&serde_json::to_value(result(ordinal))?));
    }
    let answer = ask(&flow.api, &run, "?result=error").await?;
    assert_eq!(download(&answer.body).await?.2.len(), 3);

    // One more record than can be read in time.
    index.parts[0].records += 1;
    index.parts[0].errors += 1;
    bucket.put(&list, serde_json::to_vec(&index)?).await?;
    let answer = ask(&flow.api, &run, "").await?;
    assert_eq!((answer.status, &answer.body["code"]), (422, &json!("too_many_records")), "{}", answer.body);
    assert!(answer.body["detail"].to_string().contains("result=error"), "{}", answer.body);
    // The errors are in two parts only.
    assert_eq!(ask(&flow.api, &run, "?result=error").await?.status, 200);
    Ok(())
}
