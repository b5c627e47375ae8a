//! What pushed files look like: to the byte, as other programs read them, and what stands beside them.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    keys,
    mapping::{Mapping, Outcome, records},
};
use tests::{
    api::id,
    exports::{Exports, PUSH_WITHIN, ndjson},
    flow::count,
    python::unpack,
    sftp_server::Software,
    wait::until,
};

/// CSV in `a.csv`, with `more` of its settings.
fn csv(columns: Value, more: Value) -> Value {
    let mut csv = json!({ "columns": columns, "delimiter": ";", "header": true, "line_end": "crlf" });
    if let (Some(csv), Value::Object(more)) = (csv.as_object_mut(), more) {
        csv.extend(more);
    }
    json!({ "file_name": "a.csv", "format": "csv", "csv": csv })
}

fn sha256(bytes: &[u8]) -> String {
    shared::id::hex(&Sha256::digest(bytes))
}

async fn why_dead(flow: &Exports, event: &str, body: &Value) -> Result<(String, String)> {
    let delivery = format!("{}-{}", flow.accepted(event, body).await?, flow.to_files);
    let dead = flow.in_state(&delivery, "DEAD").await?;
    ensure!(dead["died_of"] == "unmappable", "{dead}");
    Ok((delivery, dead["last_error"].as_str().unwrap_or_default().to_string()))
}

#[tokio::test]
async fn a_csv_file_has_the_stated_encoding_quotes_marks_and_dates_and_no_formula() -> Result<()> {
    let columns = json!([
        "id",
        { "name": "navn", "header": "Navn på ansatt" },
        { "name": "hours", "decimal": true },
        { "name": "at", "header": "Dato", "date_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo" },
    ]);
    let more = json!({ "encoding": "windows-1252", "quoting": "all", "decimal_mark": "," });
    let flow = Exports::new(csv(columns, more), "in").await?;
    let record = |navn: &str, hours: Value| json!({ "type": "t", "id": "007", "navn": navn, "hours": hours, "at": "2026-07-01T22:30:00Z" });
    flow.buffered(&[
        ("evt-1", record("Åse Ø. \"Ås\" 5 €", json!("1234.50"))),
        ("evt-2", record("+47 22 33 44 55", json!(-0.25))),
    ])
    .await?;
    // What does not fit is told from what does when it comes.
    let mut undated = record("Per", json!(1));
    undated["at"] = "1.7.2026".into();
    let formula = record("=HYPERLINK(\"http://evil.example\")", json!(1));
    let mut dead = Vec::new();
    for (event, body, words) in [
        (
            "evt-3",
            record("Łukasz", json!(1)),
            "navn has the character 'Ł' (U+0141), which windows-1252 does not have",
        ),
        ("evt-4", record("Per", json!("8,5")), "hours is not a number"),
        ("evt-5", formula, "navn begins as a formula"),
        ("evt-6", undated, "at is neither a date nor a timestamp"),
    ] {
        let (delivery, why) = why_dead(&flow, event, &body).await?;
        ensure!(why.contains(words), "{event}: {why}");
        dead.push(delivery);
    }
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run}");
    let wanted = b"\"id\";\"Navn p\xE5 ansatt\";\"hours\";\"Dato\"\r\n\
        \"007\";\"\xC5se \xD8. \"\"\xC5s\"\" 5 \x80\";\"1234,50\";\"02.07.2026 00:30\"\r\n\
        \"007\";\"+47 22 33 44 55\";\"-0,25\";\"02.07.2026 00:30\"\r\n";
    let file = fs::read(flow.folder.join("a.csv"))?;
    ensure!(file == wanted, "{}", String::from_utf8_lossy(&file));
    ensure!(run["outputs"][0]["sha256"] == sha256(&file), "{run}");

    // A person changes the settings, and has two of them sent after all.
    flow.change_files(|t| {
        t["export"]["csv"] = json!({ "columns": ["navn"], "delimiter": ";", "header": false, "line_end": "lf",
            "encoding": "utf-16be", "bom": true, "formula_cells": "quote_prefix" });
        t["export"]["overwrite"] = "replace".into();
    })
    .await?;
    for delivery in &dead[2..] {
        // Functions know a target's settings for some seconds.
        until("it to be taken by the new settings", PUSH_WITHIN, async || {
            let path = format!("/v1/deliveries/{delivery}");
            let shown = flow.api.get(&path).await?;
            if shown["state"] == "DEAD" {
                flow.api.call("POST", &format!("{path}/retry"), &[], None).await?;
            }
            Ok((shown["waiting_for"] == "flush").then_some(()))
        })
        .await?;
    }
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    let mut wanted = vec![0xFE, 0xFF];
    let text = "\"'=HYPERLINK(\"\"http://evil.example\"\")\"\nPer\n";
    wanted.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    ensure!(fs::read(flow.folder.join("a.csv"))? == wanted, "{:?}", fs::read(flow.folder.join("a.csv"))?);
    Ok(())
}

#[tokio::test]
async fn a_workbook_and_an_xml_file_arrive_whole_and_are_read_again() -> Result<()> {
    let xlsx = json!({ "sheet": "Timer", "header": true, "columns": [
        { "name": "id", "header": "Ansatt nr" }, { "name": "hours", "type": "number" }, { "name": "day", "type": "date" },
    ] });
    let export = json!({ "file_name": "timer.xlsx", "format": "xlsx", "xlsx": xlsx });
    let flow = Exports::new(export, "in").await?;
    let record =
        |id: &str, hours: Value| json!({ "type": "t", "id": id, "hours": hours, "day": "2026-10-25" });
    flow.buffered(&[
        ("evt-1", record("00421234567890123456", json!("7.50"))),
        ("evt-2", record("=1+1 & <b>", json!(-1))),
    ])
    .await?;
    let (_, why) = why_dead(&flow, "evt-3", &record("3", json!("1234567890123456.5"))).await?;
    ensure!(why.contains("hours has more than 15 digits"), "{why}");
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run}");
    let file = fs::read(flow.folder.join("timer.xlsx"))?;
    ensure!(run["outputs"][0]["sha256"] == sha256(&file) && run["outputs"][0]["records"] == 2, "{run}");
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "back", "input": { "format": "workbook", "sheet": "Timer", "header_row": 1 },
        "columns": [
            { "name": "id", "from": "Ansatt nr", "type": "text" },
            { "name": "hours", "from": "hours", "type": "text" },
            { "name": "day", "from": "day", "type": "date", "format": "%Y-%m-%d" },
        ],
    }))?;
    let mapping = mapping.compile().map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut read = Vec::new();
    for outcome in records(&file[..], &mapping)? {
        let Outcome::Record(record) = outcome? else { anyhow::bail!("a record does not fit") };
        read.push(record.data);
    }
    let wanted = [
        r#"{"id":"00421234567890123456","hours":"7.5","day":"2026-10-25"}"#,
        r#"{"id":"=1+1 & <b>","hours":"-1","day":"2026-10-25"}"#,
    ];
    ensure!(read == wanted, "{read:?}");

    flow.change_files(|t| {
        t["export"] = json!({ "file_name": "timer.xml", "format": "xml", "compression": "gzip",
            "xml": { "root": "Timer", "record": "Time", "attributes": ["id"], "namespace": "urn:timer" } });
    })
    .await?;
    flow.buffered(&[("evt-4", record("<4>", json!(123456789012345u64)))]).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    let file = String::from_utf8(unpack(&fs::read(flow.folder.join("timer.xml"))?)?)?;
    let wanted = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Timer xmlns=\"urn:timer\">\n<Time id=\"&lt;4&gt;\"><type>t</type>\
        <hours>123456789012345</hours><day>2026-10-25</day></Time>\n</Timer>\n";
    ensure!(file == wanted, "{file}");
    Ok(())
}

#[tokio::test]
async fn what_a_file_cannot_be_is_refused_when_the_target_is_saved() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let target = flow.api.get(&format!("/v1/target-servers/{}", flow.files)).await?;
    for (export, field) in [
        (csv(json!(["ł"]), json!({ "encoding": "windows-1252" })), "export.csv.columns[0].header"),
        (csv(json!(["a"]), json!({ "encoding": "latin1" })), "export.csv.encoding"),
        (csv(json!(["a"]), json!({ "encoding": "windows-1252", "bom": true })), "export.csv.bom"),
        (
            csv(json!([{ "name": "a", "date_format": "dd.mm.yyyy" }]), json!({})),
            "export.csv.columns[0].date_format",
        ),
        (
            json!({ "file_name": "a", "format": "xml", "xml": { "root": "1", "record": "r" } }),
            "export.xml.root",
        ),
        (
            json!({ "file_name": "a", "format": "xlsx", "xlsx": { "sheet": "a/b", "columns": [{ "name": "a" }], "header": true } }),
            "export.xlsx.sheet",
        ),
        (
            json!({ "file_name": "a", "format": "fixed_width", "fixed_width": { "line_end": "lf",
                "columns": [{ "name": "a", "width": 0, "align": "left" }] } }),
            "export.fixed_width.columns[0].width",
        ),
        (json!({ "file_name": "a", "format": "ndjson", "done_file": "a/b" }), "export.done_file"),
        (json!({ "file_name": "a", "format": "ndjson", "mode": "0999" }), "export.mode"),
        (json!({ "file_name": "{date}", "format": "ndjson", "files_per": "connection" }), "export.file_name"),
        (json!({ "file_name": "a", "format": "ndjson", "footer_line": "{total}" }), "export.footer_line"),
    ] {
        let mut body = json!({ "name": "x", "kind": "sftp_export", "export": export,
            "auth": { "user": "u", "password": "p" } });
        for same in ["address", "path", "host_keys"] {
            body[same] = target[same].clone();
        }
        let answer = flow.api.call("POST", "/v1/target-servers", &[], Some(&body.to_string())).await?;
        let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
        ensure!(answer.status == 422 && errors.iter().any(|e| e["field"] == field), "{field}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_done_file_comes_after_its_file_and_one_of_an_earlier_file_goes_before_it() -> Result<()> {
    let export = json!({ "file_name": "events.ndjson", "format": "ndjson", "overwrite": "replace",
        "done_file": ".done", "mode": "0640" });
    let flow = Exports::new(export, "in").await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("events.ndjson"), "old")?;
    fs::write(flow.folder.join("events.ndjson.done"), "of the old one")?;
    flow.buffered(&[("evt-1", json!({ "type": "t", "id": 1 }))]).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["warnings"].is_null(), "{run}");
    ensure!(run["outputs"].as_array().map(Vec::len) == Some(1), "a done-file is no output: {run}");
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq(["events.ndjson", "events.ndjson.done"]), "{arrived:?}");
    ensure!(arrived["events.ndjson"].contains("\"id\":1") && arrived["events.ndjson.done"].is_empty());
    let of = |name: &str| Ok::<_, anyhow::Error>(fs::metadata(flow.folder.join(name))?);
    ensure!(of("events.ndjson")?.permissions().mode() & 0o7777 == 0o640);
    ensure!(of("events.ndjson.done")?.modified()? >= of("events.ndjson")?.modified()?);
    Ok(())
}

#[tokio::test]
async fn a_server_that_sets_no_modes_gets_the_file_all_the_same_with_a_warning() -> Result<()> {
    let export = json!({ "file_name": "events.ndjson", "format": "ndjson", "mode": "0600" });
    let mut flow = Exports::on(Software::OpenSsh, export, "in").await?;
    flow.server.serve_by("internal-sftp -P setstat", &[])?;
    let deliveries = flow.buffered(&[("evt-1", json!({ "type": "t", "id": 1 }))]).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    let warnings = run["warnings"].to_string();
    ensure!(warnings.contains("events.ndjson did not get the mode 0600: "), "{warnings}");
    ensure!(flow.arrived()?.keys().eq(["events.ndjson"]));
    flow.is_pushed(&deliveries[0], &run).await
}

/// A target's open batch, as if the one who held it had died after the rename.
async fn renamed_and_left(flow: &Exports, has_done_file: bool) -> Result<()> {
    fs::create_dir_all(&flow.folder)?;
    fs::write(flow.folder.join("events.ndjson"), "old")?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    fs::remove_file(flow.folder.join("events.ndjson"))?;
    let (rows, key) = (flow.stack.rows().await?, keys::push(&flow.account, &flow.files));
    let place = flow.place().await?;
    let mut batch = rows.get(&key).await?["open_batch"].clone();
    (batch["phase"], batch["uploaded_to"]) = ("renaming".into(), place.into());
    batch["has_done_file"] = has_done_file.into();
    rows.edit(&key, json!({ "open_batch": batch })).await?;
    Ok(())
}

#[tokio::test]
async fn a_done_file_that_was_not_written_is_written_by_the_next_push_beside_its_file_only() -> Result<()> {
    for (is_there, had_done_file, has_done_file, words) in [
        (true, false, true, None),
        // The partner takes the done-file first, and then the file: no second one comes.
        (true, true, false, None),
        // The partner has taken both, or takes files without waiting for done-files.
        (false, false, false, Some("its file is not there any more")),
    ] {
        let mut export = ndjson();
        export["done_file"] = ".done".into();
        let flow = Exports::new(export, "in").await?;
        let deliveries = flow.buffered(&[("evt-1", json!({ "type": "t", "id": 1 }))]).await?;
        renamed_and_left(&flow, had_done_file).await?;
        if is_there {
            fs::write(flow.folder.join("events.ndjson"), "renamed")?;
        }
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE" && run["outputs"][0]["result"] == "written", "{run}");
        flow.is_pushed(&deliveries[0], &run).await?;
        let arrived = flow.arrived()?;
        let mut names: Vec<&str> = Vec::new();
        names.extend(is_there.then_some("events.ndjson"));
        names.extend(has_done_file.then_some("events.ndjson.done"));
        ensure!(arrived.keys().eq(names), "{is_there} {had_done_file}: {arrived:?}");
        let warnings = run["warnings"].to_string();
        ensure!(words.is_none_or(|words| warnings.contains(words)), "{warnings}");
        ensure!(words.is_some() || run["warnings"].is_null(), "{warnings}");
    }
    Ok(())
}

#[tokio::test]
async fn packed_files_are_read_by_other_programs_and_reported_as_they_were_sent() -> Result<()> {
    for (compression, name, begin) in [("gzip", "a.csv.gz", ""), ("zip", "lønn 1.csv.zip", "lønn 1.csv\n")]
    {
        let mut export = csv(json!(["id", "padding"]), json!({}));
        (export["compression"], export["file_name"]) = (compression.into(), name.into());
        let flow = Exports::new(export, "in").await?;
        let (mut bodies, mut wanted) = (Vec::new(), format!("{begin}id;padding\r\n"));
        for i in 0..3 {
            // Letters that do not pack well, so that several pieces go out.
            let padding: String =
                (0..700_000u64).map(|n| char::from(b'a' + (n.wrapping_mul(n + i) % 23) as u8)).collect();
            wanted.push_str(&format!("{i};{padding}\r\n"));
            bodies.push((format!("evt-{i}"), json!({ "type": "t", "id": i, "padding": padding })));
        }
        flow.buffered(&bodies).await?;
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE", "{run}");
        let file = fs::read(flow.folder.join(name))?;
        let output = &run["outputs"][0];
        ensure!(
            output["sha256"] == sha256(&file) && output["size_bytes"] == file.len(),
            "of what was sent: {run}"
        );
        ensure!(file.len() < wanted.len() / 2, "{compression}: {} of {}", file.len(), wanted.len());
        ensure!(unpack(&file)? == wanted.as_bytes(), "{compression}: another content");
    }
    Ok(())
}

#[tokio::test]
async fn lines_around_the_records_have_exact_totals_of_what_is_in_the_file() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let record = |id: &str, hours: Value| json!({ "type": "t", "id": id, "hours": hours });
    flow.buffered(&[
        ("evt-1", record("1", json!("1234567890123456789012345678.25"))),
        ("evt-2", record("2", json!("unknown"))),
        ("evt-3", record("3", json!(-0.5))),
        ("evt-4", record("4", Value::Null)),
    ])
    .await?;
    // Changed only now: what cannot be summed is found when the file is made, and is in none of its totals.
    let mut export = csv(json!(["id", { "name": "hours", "decimal": true }]), json!({ "decimal_mark": "," }));
    export["header_line"] = "H;{counter:6};{records};{sum:hours}".into();
    export["footer_line"] = "T;{{{records}}};{sum:id}".into();
    export["compression"] = "gzip".into();
    flow.change_files(|t| t["export"] = export.clone()).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "PARTIAL" && count(&run, "created") == 3 && count(&run, "errors") == 1, "{run}");
    let file = String::from_utf8(unpack(&fs::read(flow.folder.join("a.csv"))?)?)?;
    let wanted = "H;000001;3;1234567890123456789012345677,75\r\nid;hours\r\n\
        1;1234567890123456789012345678,25\r\n3;-0,5\r\n4;\r\nT;{3};8\r\n";
    ensure!(file == wanted, "{file}");
    let errors = flow.api.all(&format!("/v1/runs/{}/records?result=error", id(&run))).await?;
    ensure!(errors.len() == 1 && errors[0]["name"] == "evt-2", "{errors:?}");
    Ok(())
}

#[tokio::test]
async fn each_connection_has_a_file_of_its_own_in_a_flush() -> Result<()> {
    let export = json!({ "file_name": "{connection}.ndjson", "files_per": "connection", "format": "ndjson" });
    let flow = Exports::new(export, "in").await?;
    flow.change(&format!("/v1/connections/{}", flow.to_files), |c| c["source"]["types"] = json!(["a"]))
        .await?;
    let other = json!({ "name": "other", "source": { "source": flow.source, "types": ["b"] },
        "target": { "target_server": flow.files } });
    let other = id(&flow.api.post("/v1/connections", &other).await?);
    let put = async |event: &str, kind: &str| {
        let notification = flow.accepted(event, &json!({ "type": kind, "id": event })).await?;
        let connection = if kind == "a" { &flow.to_files } else { &other };
        flow.in_buffer(&format!("{notification}-{connection}")).await
    };
    let line = |kind: &str, event: &str| format!("{{\"type\":\"{kind}\",\"id\":\"{event}\"}}\n");
    for (event, kind) in [("evt-1", "a"), ("evt-2", "b"), ("evt-3", "a"), ("evt-4", "b")] {
        put(event, kind).await?;
    }
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 4, "{run}");
    let connections: Vec<_> = (0..2).map(|i| run["outputs"][i]["connection"].clone()).collect();
    ensure!(connections == [json!(flow.to_files), json!(other)], "the oldest first: {run}");
    let (own, others) = (format!("{}.ndjson", flow.to_files), format!("{other}.ndjson"));
    let arrived = flow.arrived()?;
    ensure!(arrived.len() == 2, "{arrived:?}");
    ensure!(arrived[&own] == line("a", "evt-1") + &line("a", "evt-3"), "{arrived:?}");
    ensure!(arrived[&others] == line("b", "evt-2") + &line("b", "evt-4"), "{arrived:?}");

    // Its name keeps a file. Under `replace` it goes on, and what came after it may not take its place in the same run.
    put("evt-5", "a").await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    flow.change_files(|t| t["export"]["overwrite"] = "replace".into()).await?;
    for (event, kind) in [("evt-6", "a"), ("evt-7", "b")] {
        put(event, kind).await?;
    }
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["outputs"].as_array().map(Vec::len) == Some(2), "{run}");
    let arrived = flow.arrived()?;
    ensure!(arrived[&own] == line("a", "evt-5") && arrived[&others] == line("b", "evt-7"), "{arrived:?}");
    ensure!(run["warnings"].to_string().contains("next push"), "{run}");
    ensure!(flow.buffer().await?["waiting"] == 1);
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    ensure!(flow.arrived()?[&own] == line("a", "evt-6"), "{:?}", flow.arrived()?);
    Ok(())
}

#[tokio::test]
async fn each_record_has_a_file_of_its_own_where_that_is_stated() -> Result<()> {
    let mut export = csv(json!(["id"]), json!({}));
    (export["files_per"], export["file_name"]) = ("record".into(), "{counter}-{connection}.csv".into());
    export["done_file"] = ".ok".into();
    let flow = Exports::new(export, "in").await?;
    flow.buffered(&[
        ("evt-1", json!({ "type": "t", "id": "a" })),
        ("evt-2", json!({ "type": "t", "id": "b" })),
    ])
    .await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run}");
    let name = |number: u8| format!("{number}-{}.csv", flow.to_files);
    let arrived = flow.arrived()?;
    ensure!(arrived.len() == 4, "{arrived:?}");
    for (number, id) in [(1, "a"), (2, "b")] {
        ensure!(arrived[&name(number)] == format!("id\r\n{id}\r\n"), "{arrived:?}");
        ensure!(arrived[&(name(number) + ".ok")].is_empty(), "{arrived:?}");
    }
    Ok(())
}

#[tokio::test]
async fn numbers_that_no_file_has_are_listed_with_the_reason() -> Result<()> {
    let flow = Exports::new(json!({ "file_name": "{counter}.ndjson", "format": "ndjson" }), "in").await?;
    ensure!(flow.buffer().await?["void_numbers"].is_null());
    // None of the records fits.
    flow.buffered(&[("evt-1", json!({ "type": "t", "id": [1] }))]).await?;
    let mut export = csv(json!(["id"]), json!({}));
    export["file_name"] = "{counter}.csv".into();
    flow.change_files(|t| t["export"] = export.clone()).await?;
    let nothing = flow.flush().await?;
    ensure!(nothing["outputs"][0]["result"] == "nothing", "{nothing}");
    // A person discards one.
    fs::create_dir_all(&flow.folder)?;
    fs::write(flow.folder.join("2.csv"), "old")?;
    flow.buffered(&[("evt-2", json!({ "type": "t", "id": "2" }))]).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    let batch = flow.buffer().await?["open_batch"]["id"].clone();
    let path = format!("/v1/target-servers/{}/open-batch", flow.files);
    flow.api.post(&path, &json!({ "batch": batch, "discard": true })).await?;
    let void = until("the discarded number", PUSH_WITHIN, async || {
        let void = flow.buffer().await?["void_numbers"].clone();
        Ok((void.as_array().map(Vec::len) == Some(2)).then_some(void))
    })
    .await?;
    ensure!(void[0]["number"] == 2 && void[0]["reason"] == "discarded", "{void}");
    ensure!(void[1]["number"] == 1 && void[1]["reason"] == "nothing", "{void}");
    ensure!(void[1]["run"] == nothing["id"] && void[1]["at"].is_string(), "{void}");
    // A number that is on the server is none of them.
    flow.buffered(&[("evt-3", json!({ "type": "t", "id": "3" }))]).await?;
    ensure!(flow.flush().await?["outputs"][0]["number"] == 3);
    ensure!(flow.buffer().await?["void_numbers"] == void);
    Ok(())
}
