//! What files say, and what arrives: encodings, types, times, duplicates, filters, and errors line by line.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{
    flow::{Flow, real_data, simple_mapping},
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    sftp_server::Entry,
};

async fn flow_with(mapping: Value) -> Result<Flow> {
    Flow::with(mapping, Manner::Take, Entry::Key).await
}

/// A mapping of every type, with times in Europe/Oslo.
fn every_type() -> Value {
    let time = |name: &str| json!({ "name": name, "from": "at", "type": "timestamp", "format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo" });
    json!({
        "name": "every type",
        "input": { "format": "csv", "encoding": "utf-8", "delimiter": ";", "quote": "\"", "header": true },
        "columns": [
            { "name": "id", "from": "id", "type": "text" },
            { "name": "n", "from": "n", "type": "integer" },
            { "name": "amount", "from": "amount", "type": "decimal", "decimal_mark": ",", "grouping": " " },
            { "name": "day", "from": "day", "type": "date", "format": "%d.%m.%Y" },
            time("at"),
            { "name": "ok", "from": "ok", "type": "boolean", "true_values": ["ja"], "false_values": ["nei"] },
            { "name": "kind", "from": "kind", "type": "text", "values": { "O": "ordinary", "N": "night" }, "default": "none" },
            { "name": "text", "from": "text", "type": "text", "required": true },
        ],
        "key": ["id"],
        "record_name": "text",
    })
}

const HEADER: &str = "id;n;amount;day;at;ok;kind;text";

#[tokio::test]
async fn every_type_arrives_exactly_as_it_was_written() -> Result<()> {
    let flow = flow_with(every_type()).await?;
    let lines = [
        HEADER,
        "0042;-7;7,50;29.02.2024;01.07.2026 12:00;ja;O; kept as it is ",
        "x;9223372036854775807;12345678901234567890,10;31.12.1999;01.01.2026 00:30;nei;;\"quoted; \"\"twice\"\"\nover two lines\"",
        "y;;1 234 567,8;;;;N;æøå €",
    ];
    flow.put("a.csv", lines.join("\r\n"))?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    let held = flow.receiver.holds()?;
    assert_eq!(
        held["0042"],
        json!({ "id": "0042", "n": -7, "amount": "7.50", "day": "2024-02-29", "at": "2026-07-01T10:00:00Z",
                "ok": true, "kind": "ordinary", "text": " kept as it is " })
    );
    assert_eq!(
        held["x"],
        json!({ "id": "x", "n": 9223372036854775807i64, "amount": "12345678901234567890.10", "day": "1999-12-31",
                "at": "2025-12-31T23:30:00Z", "ok": false, "kind": "none", "text": "quoted; \"twice\"\nover two lines" })
    );
    assert_eq!(
        held["y"],
        json!({ "id": "y", "n": null, "amount": "1234567.8", "day": null, "at": null, "ok": null, "kind": "night", "text": "æøå €" })
    );
    let records = flow.records(&run).await?;
    assert_eq!(records.iter().map(|r| r["line"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(3), Some(5)]);
    assert_eq!(run["local"]["time_zone"], "Europe/Oslo");
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn each_record_that_does_not_fit_is_an_error_with_its_line_field_and_reason() -> Result<()> {
    let flow = flow_with(every_type()).await?;
    let good = "1;7,50;01.02.2026;01.02.2026 08:00;ja;O;text";
    let cases: &[(&[u8], &str)] = &[
        (b"3;1;7,50;01.02.2026;01.02.2026 08:00;ja;O;caf\xe9", "invalid_bytes text"),
        (b"4;1;7,50", "ragged_line -"),
        (b"5;1;7,50;01.02.2026;01.02.2026 08:00;ja;O;text;more", "ragged_line -"),
        (b"6;1;7,50;31.02.2026;01.02.2026 08:00;ja;O;text", "not_a_date day"),
        (b"7;1;7,50;01.02.2026;29.03.2026 02:30;ja;O;text", "time_in_gap at"),
        (b"8;1;7,50;01.02.2026;25.10.2026 02:30;ja;O;text", "ambiguous_time at"),
        (b"9;1;7,50;01.02.2026;2026-02-01 08:00;ja;O;text", "not_a_timestamp at"),
        (b"10;1.0;7,50;01.02.2026;01.02.2026 08:00;ja;O;text", "not_an_integer n"),
        (b"11;9223372036854775808;7,50;01.02.2026;01.02.2026 08:00;ja;O;text", "out_of_range n"),
        (b"12;1;7.50;01.02.2026;01.02.2026 08:00;ja;O;text", "not_a_decimal amount"),
        (b"13;1;7,50;01.02.2026;01.02.2026 08:00;yes;O;text", "not_a_boolean ok"),
        (b"14;1;7,50;01.02.2026;01.02.2026 08:00;ja;X;text", "unmapped_value kind"),
        (b"15;1;7,50;01.02.2026;01.02.2026 08:00;ja;O;", "required text"),
        (b";1;7,50;01.02.2026;01.02.2026 08:00;ja;O;text", "empty_key id"),
        (b"17;1;7,50;01.02.2026;01.02.2026 08:00;ja;O;\"text\" after", "stray_quote -"),
    ];
    let mut content = format!("{HEADER}\r\n2;{good}\r\n").into_bytes();
    for (line, _) in cases {
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(format!("18;{good}\r\n19;\"never closed\r\n20;{good}\r\n").as_bytes());
    flow.put("a.csv", content)?;
    let run = flow.run().await?;
    let errors = cases.len() as u64 + 1;
    expect(&run, "PARTIAL", &[("read", errors + 2), ("created", 2), ("errors", errors)]);
    let mut expected = vec!["2 created - -".to_string()];
    expected.extend(cases.iter().enumerate().map(|(i, (_, why))| format!("{} error {why}", i + 3)));
    expected.extend(["18 created - -".to_string(), "19 error unclosed_quote -".to_string()]);
    let records = flow.records(&run).await?;
    assert_eq!(records.iter().map(in_short).collect::<Vec<_>>(), expected);
    // What was found and what would be right.
    let detail = |i: usize| records[i]["detail"].as_str().unwrap_or_default().to_string();
    assert!(detail(4).contains("31.02.2026") && detail(4).contains("%d.%m.%Y"), "{}", detail(4));
    assert!(detail(5).contains("29.03.2026 02:30") && detail(5).contains("Europe/Oslo"), "{}", detail(5));
    assert!(detail(12).contains("ordinary") || detail(12).contains("N, O"), "{}", detail(12));
    assert!(detail(17).contains("lines 19 to"), "{}", detail(17));
    assert_eq!(
        (&records[4]["source_id"], &records[4]["name"]),
        (&json!("6"), &json!("text")),
        "who it is, where that can be read"
    );
    let shown = flow.api.all(&format!("/v1/runs/{}/records?result=error", tests::api::id(&run))).await?;
    assert_eq!(shown.len() as u64, errors);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_file_of_which_every_record_is_in_error_is_an_error_of_the_mapping() -> Result<()> {
    let flow = flow_with(every_type()).await?;
    flow.put("a.csv", format!("{HEADER}\r\n1;x\r\n2;y\r\n"))?;
    let run = flow.run().await?;
    expect(&run, "ERROR", &[("read", 2), ("errors", 2)]);
    expect_failure(&run, "mapping", "every_record_failed", false, &["record results"]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_17_a_local_time_that_occurs_twice_is_the_instant_that_the_mapping_says() -> Result<()> {
    let mut mapping = simple_mapping();
    for ambiguous in ["earliest", "latest"] {
        let column = json!({ "name": ambiguous, "from": "value", "type": "timestamp", "format": "%Y-%m-%d %H:%M",
                             "time_zone": "Europe/Oslo", "ambiguous": ambiguous });
        mapping["columns"].as_array_mut().context("columns")?.push(column);
    }
    let flow = flow_with(mapping).await?;
    flow.put("a.csv", "id;value\r\n1;2026-10-25 01:59\r\n2;2026-10-25 02:00\r\n3;2026-10-25 02:59\r\n4;2026-10-25 03:00\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 4), ("created", 4)]);
    for (id, earliest, latest) in [
        ("1", "2026-10-24T23:59:00Z", "2026-10-24T23:59:00Z"),
        ("2", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
        ("3", "2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"),
        ("4", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
    ] {
        let held = &flow.receiver.holds()?[id];
        assert_eq!((&held["earliest"], &held["latest"]), (&json!(earliest), &json!(latest)), "{id}");
    }
    flow.agrees(&[&run]).await
}

/// Two records with one key beside another record, under a policy.
async fn duplicates(policy: &str) -> Result<(Flow, Value, Vec<String>)> {
    let mut mapping = simple_mapping();
    mapping["duplicates"] = policy.into();
    let flow = flow_with(mapping).await?;
    flow.put("a.csv", "id;value\r\n1;first\r\n2;other\r\n1;second\r\n1;last\r\n")?;
    let run = flow.run().await?;
    let records = flow.records(&run).await?.iter().map(in_short).collect();
    flow.agrees(&[&run]).await?;
    Ok((flow, run, records))
}

#[tokio::test]
async fn of_two_records_with_one_key_the_later_is_an_error() -> Result<()> {
    let (flow, run, records) = duplicates("error").await?;
    expect(&run, "PARTIAL", &[("read", 4), ("created", 2), ("errors", 2)]);
    assert_eq!(
        records,
        ["2 created - -", "3 created - -", "4 error duplicate_key -", "5 error duplicate_key -"]
    );
    assert_eq!(flow.receiver.holds()?["1"]["value"], "first");
    Ok(())
}

#[tokio::test]
async fn of_two_records_with_one_key_the_first_counts_where_the_mapping_says_so() -> Result<()> {
    let (flow, run, records) = duplicates("first").await?;
    expect(&run, "COMPLETE", &[("read", 4), ("created", 2), ("filtered", 2)]);
    assert_eq!(
        records,
        ["2 created - -", "3 created - -", "4 none duplicate_key -", "5 none duplicate_key -"]
    );
    assert_eq!(flow.receiver.holds()?["1"]["value"], "first");
    Ok(())
}

#[tokio::test]
async fn of_two_records_with_one_key_the_last_counts_where_the_mapping_says_so() -> Result<()> {
    let (flow, run, records) = duplicates("last").await?;
    expect(&run, "COMPLETE", &[("read", 4), ("created", 2), ("filtered", 2)]);
    assert_eq!(
        records,
        ["2 none duplicate_key -", "3 created - -", "4 none duplicate_key -", "5 created - -"]
    );
    assert_eq!(flow.receiver.holds()?["1"]["value"], "last");
    Ok(())
}

#[tokio::test]
async fn a_filter_takes_records_out_and_the_report_gives_its_reason() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["filters"] = json!([
        { "column": "value", "one_of": ["test", "demo"], "reason": "not_payroll" },
        { "column": "value", "empty": true, "reason": "no_value" },
    ]);
    let flow = flow_with(mapping).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;test\r\n3;\r\n4;demo\r\n5;b\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 5), ("created", 2), ("filtered", 3)]);
    let records = flow.records(&run).await?;
    assert_eq!(
        records.iter().map(in_short).collect::<Vec<_>>(),
        [
            "2 created - -",
            "3 none not_payroll -",
            "4 none no_value -",
            "5 none not_payroll -",
            "6 created - -"
        ]
    );
    assert_eq!((&records[1]["source_id"], &records[1]["processor"]), (&json!("2"), &json!("filter")));
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_file_is_read_in_the_stated_encoding_and_no_other() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["input"]["encoding"] = "utf-16le".into();
    mapping["input"]["delimiter"] = "\t".into();
    let flow = flow_with(mapping).await?;
    let utf_16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    flow.put("a.csv", utf_16("id\tvalue\r\n1\tSvært ærlig – 100 €\r\n"))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(flow.receiver.holds()?["1"]["value"], "Svært ærlig – 100 €");
    // The same file where the mapping says otherwise: no record of it can be trusted.
    flow.change_mapping(|m| m["input"]["encoding"] = "utf-8".into()).await?;
    flow.put("a.csv", utf_16("id\tvalue\r\n1\tx\r\n"))?;
    let wrong = flow.run().await?;
    expect(&wrong, "ERROR", &[]);
    expect_failure(&wrong, "mapping", "wrong_encoding", false, &["a.csv", "utf-16le"]);
    // Latin-1 is not what the web makes of its name.
    flow.change_mapping(|m| m["input"]["encoding"] = "iso-8859-1".into()).await?;
    flow.put("a.csv", b"id\tvalue\r\n2\t\x80\xe6\r\n")?;
    let latin = flow.run().await?;
    expect(&latin, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(flow.receiver.holds()?["2"]["value"], "\u{80}æ");
    flow.agrees(&[&first, &wrong, &latin]).await
}

#[tokio::test]
async fn real_files_in_other_encodings_arrive_whole() -> Result<()> {
    let files = [
        ("RF-1323_Grouping_Category_Code.csv", "utf-16le", "\t"),
        ("KA_Grouping_Category_Code.csv", "utf-8", ";"),
    ];
    for (name, encoding, delimiter) in files {
        let Some(content) = real_data(name) else {
            println!("{name} is not beside the project");
            continue;
        };
        let text = match encoding {
            "utf-8" => String::from_utf8(content.clone())?,
            _ => String::from_utf16(
                &content.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect::<Vec<_>>(),
            )?,
        };
        let header = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
        let columns: Vec<_> = header
            .split(delimiter)
            .enumerate()
            .map(|(i, from)| json!({ "name": i.to_string(), "from": from.trim_matches('"'), "type": "text" }))
            .collect();
        let records = text.lines().skip(1).filter(|line| !line.is_empty()).count() as u64;
        println!("input: the real {name}, {records} lines");
        let mut mapping = simple_mapping();
        mapping["input"]["encoding"] = encoding.into();
        mapping["input"]["delimiter"] = delimiter.into();
        mapping["columns"] = columns.into();
        mapping["key"] = json!([]);
        let flow = Flow::uncompared(mapping).await?;
        flow.put("a.csv", content)?;
        let run = flow.run().await?;
        expect(&run, "COMPLETE", &[("read", records), ("created", records)]);
        let first = flow.receiver.taken()?.into_iter().find(|t| t.source_id.ends_with(":2"));
        let cells = first.map(|t| t.data.as_object().cloned().unwrap_or_default()).unwrap_or_default();
        let line: Vec<_> =
            text.lines().nth(1).unwrap_or_default().split(delimiter).map(|c| c.trim_matches('"')).collect();
        assert_eq!(cells.values().map(|v| v.as_str().unwrap_or_default()).collect::<Vec<_>>(), line);
        flow.agrees(&[&run]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_comparison_every_record_of_every_file_is_sent() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["key"] = json!([]);
    mapping["input"]["header"] = false.into();
    mapping["columns"][0]["from"] = "1".into();
    mapping["columns"][1]["from"] = "2".into();
    let flow = Flow::uncompared(mapping).await?;
    flow.put("a.csv", "1;a\r\n1;a\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.put("b.csv", "1;a\r\n1;b\r\n")?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 2), ("created", 2)]);
    let ids: Vec<_> = flow.receiver.taken()?.into_iter().map(|t| t.source_id).collect();
    let path = |name: &str, line: u64| format!("{}:{line}", flow.folder.join(name).display());
    assert_eq!(ids, [path("a.csv", 1), path("a.csv", 2), path("b.csv", 1), path("b.csv", 2)]);
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_mapping_that_changes_makes_updates_of_what_it_changes() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.change_mapping(|m| m["columns"][1]["default"] = "none".into()).await?;
    let second = flow.rerun(&first).await?;
    expect(&second, "COMPLETE", &[("read", 2), ("updated", 1), ("unchanged", 1)]);
    assert_eq!((&first["mapping"]["version"], &second["mapping"]["version"]), (&json!(1), &json!(2)));
    assert_eq!(flow.receiver.holds()?["2"]["value"], "none");
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_connection_that_compares_needs_a_mapping_with_a_key() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_mapping(|m| m["key"] = json!([])).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[]);
    expect_failure(&failed, "settings", "compare_needs_key", false, &["set a key, or compare to false"]);
    flow.change_mapping(|m| m["key"] = json!(["id"])).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&failed, &run]).await
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_hold_up_the_others() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;amount\r\n1;a\r\n")?;
    flow.put("b.csv", "id;value\r\n2;b\r\n3;c\r\n")?;
    let partial = flow.run().await?;
    expect(&partial, "PARTIAL", &[("read", 2), ("created", 2)]);
    expect_failure(&partial, "mapping", "missing_columns", false, &["a.csv", "no column value"]);
    // Once the mapping takes both, a rerun delivers what was left out.
    flow.change_mapping(|m| m["columns"][1]["from"] = "amount".into()).await?;
    let rerun = flow.rerun(&partial).await?;
    expect(&rerun, "PARTIAL", &[("read", 1), ("created", 1)]);
    expect_failure(&rerun, "mapping", "missing_columns", false, &["b.csv", "no column amount"]);
    flow.agrees(&[&partial, &rerun]).await
}

#[tokio::test]
async fn a_file_that_was_left_out_is_mapped_when_its_bytes_come_again() -> Result<()> {
    // Without comparison, where the same bytes are mapped only if none of them arrived.
    let flow = Flow::uncompared(simple_mapping()).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let late = "id;amount\r\n2;b\r\n";
    flow.put("b.csv", late)?;
    let partial = flow.run().await?;
    expect(&partial, "PARTIAL", &[("read", 1), ("created", 1)]);
    expect_failure(&partial, "mapping", "missing_columns", false, &["b.csv"]);
    flow.change_mapping(|m| m["columns"][1]["from"] = "amount".into()).await?;
    flow.put("b.csv", late)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.put("b.csv", late)?;
    let same = flow.run().await?;
    expect(&same, "COMPLETE", &[]);
    flow.agrees(&[&partial, &run, &same]).await
}
