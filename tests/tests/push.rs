//! Files that are pushed: what arrives to the byte, what is reported, and what becomes of it when something fails.

use std::fs;

use anyhow::{Context, Result, ensure};
use jiff::ToSpan;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    aws::{gates::Of, runs::Admission},
    delivery::{DeliveryState, NotificationName, WaitingFor},
    keys,
    message::PushMessage,
    notification::{NotificationDelivery, Payload, Posted, content_hash},
    run::{Run, Trigger},
};
use tests::{
    api::id,
    exports::{Exports, PUSH_WITHIN, ndjson, sftp_export},
    flow::{Flow, count, new_account},
    hooks::Endpoint,
    rows::{now, past_ms},
    sftp_server::{Entry, SftpServer, Software},
    wait::until,
    webhooks::WITHIN,
};

fn events(ids: &[&'static str]) -> Vec<(&'static str, Value)> {
    ids.iter().map(|id| (*id, json!({ "type": "t", "id": id, "navn": "Åse  Ø", "n": 1.50 }))).collect()
}

fn lines(ids: &[&str]) -> String {
    let line = |id: &&str| format!("{}\n", json!({ "type": "t", "id": id, "navn": "Åse  Ø", "n": 1.50 }));
    ids.iter().map(line).collect()
}

#[tokio::test]
async fn what_waits_becomes_one_file_and_the_report_says_what_it_is() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let ids = ["evt-1", "evt-2", "evt-3"];
    let deliveries = flow.buffered(&events(&ids)).await?;
    let buffer = flow.buffer().await?;
    ensure!(buffer["waiting"] == 3 && buffer["oldest_waiting"].is_string(), "{buffer}");
    ensure!(flow.arrived()?.is_empty(), "nothing is sent before the flush");
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["trigger"] == "manual", "{run}");
    ensure!(run["target_server"] == *flow.files && run["connection"].is_null(), "{run}");
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq(["events.ndjson"]), "{arrived:?}");
    ensure!(arrived["events.ndjson"] == lines(&ids), "{arrived:?}");
    for (name, wanted) in [("read", 3), ("written", 3), ("created", 3), ("errors", 0), ("owed", 0)] {
        ensure!(count(&run, name) == wanted, "{name}: {}", run["counts"]);
    }
    let output = &run["outputs"][0];
    let sha256 = shared::id::hex(&Sha256::digest(lines(&ids)));
    ensure!(output["sha256"] == sha256 && output["size_bytes"] == lines(&ids).len(), "{output}");
    ensure!(output["result"] == "written" && output["records"] == 3, "{output}");
    ensure!(output["path"] == flow.folder.join("events.ndjson").display().to_string(), "{output}");
    ensure!(output["server"].as_str().is_some_and(|s| s.starts_with("SSH-2.0-")), "{output}");
    for delivery in &deliveries {
        flow.is_pushed(delivery, &run).await?;
    }
    let records = flow.api.all(&format!("/v1/runs/{}/records", id(&run))).await?;
    let names: Vec<_> = records.iter().map(|r| r["name"].as_str().unwrap_or_default()).collect();
    ensure!(names == ids && records.iter().all(|r| r["writer"] == "created"), "{records:?}");
    let buffer = flow.buffer().await?;
    ensure!(
        buffer["waiting"] == 0 && buffer["open_batch"].is_null() && buffer["active_run"].is_null(),
        "{buffer}"
    );
    Ok(())
}

#[tokio::test]
async fn a_flush_of_nothing_is_a_complete_run_that_says_so() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "read") == 0, "{run}");
    ensure!(run["warnings"][0].as_str().is_some_and(|w| w.contains("nothing was in the buffer")), "{run}");
    ensure!(flow.arrived()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_waits_while_the_server_is_down_is_one_file_in_order_once_it_is_back() -> Result<()> {
    let mut flow = Exports::new(ndjson(), "in").await?;
    flow.buffered(&events(&["evt-1", "evt-2"])).await?;
    flow.server.stop();
    for _ in 0..2 {
        let run = flow.flush().await?;
        ensure!(run["status"] == "ERROR" && run["failure"]["code"] == "server_down", "{run}");
        ensure!(run["failure"]["retryable"] == true && count(&run, "read") == 0, "{run}");
    }
    let more = flow.buffered(&events(&["evt-3"])).await?;
    let buffer = flow.buffer().await?;
    ensure!(buffer["waiting"] == 3 && buffer["failures"] == 2 && buffer["open_batch"].is_null(), "{buffer}");
    flow.server_is_back().await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    let arrived = flow.arrived()?;
    ensure!(
        arrived.len() == 1 && arrived["events.ndjson"] == lines(&["evt-1", "evt-2", "evt-3"]),
        "{arrived:?}"
    );
    flow.is_pushed(&more[0], &run).await?;
    ensure!(flow.buffer().await?["failures"] == 0);
    Ok(())
}

#[tokio::test]
async fn a_realtime_target_is_pushed_to_at_once_and_tried_again_by_itself() -> Result<()> {
    let export = json!({ "file_name": "{counter:4}.ndjson", "format": "ndjson", "realtime": true });
    let mut flow = Exports::new(export, "in").await?;
    flow.accepted("evt-1", &events(&["evt-1"])[0].1).await?;
    // Under its name: until then a temporary one is there.
    let file = async |flow: &Exports, name: &str| {
        until(name, PUSH_WITHIN, async || Ok(flow.arrived()?.remove(name))).await
    };
    ensure!(file(&flow, "0001.ndjson").await? == lines(&["evt-1"]), "{:?}", flow.arrived()?);
    until("its report", PUSH_WITHIN, async || {
        Ok((flow.pushes().await?[0]["status"] == "COMPLETE").then_some(()))
    })
    .await?;
    flow.server.stop();
    flow.accepted("evt-2", &events(&["evt-2"])[0].1).await?;
    let failed = until("a push that fails", PUSH_WITHIN, async || {
        Ok(flow.pushes().await?.into_iter().find(|run| run["status"] == "ERROR"))
    })
    .await?;
    ensure!(failed["trigger"] == "realtime" && failed["failure"]["code"] == "server_down", "{failed}");
    let buffer = flow.buffer().await?;
    ensure!(buffer["waiting"] == 1 && buffer["next_try_at"].is_string(), "{buffer}");
    flow.server_is_back().await?;
    flow.retry_is_due().await?;
    ensure!(file(&flow, "0002.ndjson").await? == lines(&["evt-2"]), "{:?}", flow.arrived()?);
    Ok(())
}

/// The policies where the folder has a file of the name already, and what is in it then.
#[tokio::test]
async fn a_file_of_the_same_name_is_replaced_numbered_or_left_as_the_policy_says() -> Result<()> {
    let new = lines(&["evt-1"]);
    for (policy, wanted, result) in [
        ("replace", vec![("events.ndjson", new.as_str())], "written"),
        (
            "rename",
            vec![("events-1.ndjson", "taken"), ("events-2.ndjson", new.as_str()), ("events.ndjson", "old")],
            "written",
        ),
        ("ignore", vec![("events.ndjson", "old")], "exists"),
    ] {
        let mut export = ndjson();
        export["overwrite"] = policy.into();
        let flow = Exports::new(export, "in").await?;
        fs::create_dir(&flow.folder)?;
        fs::write(flow.folder.join("events.ndjson"), "old")?;
        if policy == "rename" {
            fs::write(flow.folder.join("events-1.ndjson"), "taken")?;
        }
        let deliveries = flow.buffered(&events(&["evt-1"])).await?;
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE" && run["outputs"][0]["result"] == result, "{policy}: {run}");
        let arrived = flow.arrived()?;
        let arrived: Vec<_> = arrived.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        ensure!(arrived == wanted, "{policy}: {arrived:?}");
        if policy != "ignore" {
            flow.is_pushed(&deliveries[0], &run).await?;
            continue;
        }
        ensure!(count(&run, "read") == 1 && count(&run, "filtered") == 1, "{}", run["counts"]);
        let delivery = flow.api.get(&format!("/v1/deliveries/{}", deliveries[0])).await?;
        ensure!(delivery["state"] == "DEAD" && delivery["died_of"] == "filtered", "{delivery}");
        ensure!(delivery["last_error"].as_str().is_some_and(|e| e.starts_with("exists: ")), "{delivery}");
        let records = flow.api.all(&format!("/v1/runs/{}/records", id(&run))).await?;
        ensure!(records[0]["reason"] == "exists" && records[0]["processor"] == "filter", "{records:?}");
        ensure!(flow.buffer().await?["waiting"] == 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_taken_keeps_what_comes_after_it_until_a_person_decides_or_it_is_free() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let people = Endpoint::start().await?;
    flow.connect(&people, json!({ "source": "hub", "types": ["run.failed"] })).await?;
    fs::create_dir(&flow.folder)?;
    let first = flow.folder.join("events.ndjson");
    fs::write(&first, "old")?;
    let mut deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "ERROR" && run["failure"]["code"] == "name_exists", "{run}");
    let message = run["failure"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("events.ndjson") && message.contains("discard"), "{message}");
    flow.stack.tick().await?;
    until("people to be told", WITHIN, async || Ok((!people.hooks().is_empty()).then_some(()))).await?;
    let told: Value = serde_json::from_slice(&people.hooks()[0].body)?;
    ensure!(told["data"]["failure"]["code"] == "name_exists" && told["data"]["run"] == run["id"], "{told}");

    // What comes after it waits behind it, frozen as it is.
    deliveries.extend(flow.buffered(&events(&["evt-2"])).await?);
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    let buffer = flow.buffer().await?;
    let batch = &buffer["open_batch"];
    ensure!(batch["blocked"] == true && batch["records"] == 1 && buffer["waiting"] == 2, "{buffer}");
    ensure!(flow.arrived()?.into_iter().eq([("events.ndjson".to_string(), "old".to_string())]));

    // A decision about another batch, or none at all, is refused.
    let path = format!("/v1/target-servers/{}/open-batch", flow.files);
    for (body, status) in [
        (json!({ "batch": "exp_other", "discard": true }), 409),
        (json!({ "batch": batch["id"], "rename_to": "../x" }), 422),
        (json!({ "batch": batch["id"], "rename_to": "x", "discard": true }), 422),
        (json!({ "batch": batch["id"] }), 422),
    ] {
        let answer = flow.api.call("POST", &path, &[], Some(&body.to_string())).await?;
        ensure!(answer.status == status, "{body}: {answer:?}");
    }
    let renamed = json!({ "batch": batch["id"], "rename_to": "late.ndjson" });
    flow.api.post(&path, &renamed).await?;
    // Its push goes on with what waited behind it, whose name is taken too.
    let pushed = until("its report", PUSH_WITHIN, async || {
        Ok(flow.pushes().await?.into_iter().find(|run| run["status"] == "PARTIAL"))
    })
    .await?;
    ensure!(pushed["failure"]["code"] == "name_exists" && count(&pushed, "created") == 1, "{pushed}");
    ensure!(flow.arrived()?["late.ndjson"] == lines(&["evt-1"]), "{:?}", flow.arrived()?);
    flow.is_pushed(&deliveries[0], &pushed).await?;
    let second = flow.buffer().await?["open_batch"].clone();
    ensure!(second["blocked"] == true && second["number"] == 2, "{second}");
    flow.api.post(&path, &json!({ "batch": second["id"], "discard": true })).await?;
    let dead = flow.in_state(&deliveries[1], "DEAD").await?;
    ensure!(dead["died_of"] == "cancelled", "{dead}");
    until("the discarded batch to be closed", PUSH_WITHIN, async || {
        Ok(flow.buffer().await?["active_run"].is_null().then_some(()))
    })
    .await?;

    // Where the name is free again, the batch goes by itself.
    let third = flow.buffered(&events(&["evt-3"])).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    fs::remove_file(&first)?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    flow.is_pushed(&third[0], &run).await?;
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq(["events.ndjson", "late.ndjson"]), "{arrived:?}");
    ensure!(arrived["events.ndjson"] == lines(&["evt-3"]), "{arrived:?}");
    // A discarded delivery can be sent again.
    flow.api.post(&format!("/v1/deliveries/{}/retry", deliveries[1]), &json!({})).await?;
    flow.in_buffer(&deliveries[1]).await?;
    Ok(())
}

#[tokio::test]
async fn a_run_pushes_no_second_file_that_would_take_the_first_ones_place() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("events.ndjson"), "old")?;
    flow.buffered(&events(&["evt-1"])).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    flow.change_files(|t| t["export"]["overwrite"] = "replace".into()).await?;
    flow.buffered(&events(&["evt-2"])).await?;
    let first = flow.flush().await?;
    ensure!(first["status"] == "COMPLETE" && first["outputs"].as_array().map(Vec::len) == Some(1), "{first}");
    ensure!(first["warnings"].to_string().contains("next push"), "{first}");
    ensure!(
        flow.arrived()?.into_iter().eq([("events.ndjson".to_string(), lines(&["evt-1"]))]),
        "the first one"
    );
    ensure!(flow.buffer().await?["waiting"] == 1);
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    ensure!(
        flow.arrived()?.into_iter().eq([("events.ndjson".to_string(), lines(&["evt-2"]))]),
        "the second one"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_not_renamed_is_not_taken_for_one_when_its_temporary_name_is_gone() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    fs::create_dir(&flow.folder)?;
    let name = flow.folder.join("events.ndjson");
    fs::write(&name, "old")?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    // As if the name had come up only while the file was uploaded.
    let (rows, key) = (flow.stack.rows().await?, keys::push(&flow.account, &flow.files));
    let place = flow.place().await?;
    let mut batch = rows.get(&key).await?["open_batch"].clone();
    (batch["phase"], batch["uploaded_to"]) = ("renaming".into(), place.into());
    rows.edit(&key, json!({ "open_batch": batch })).await?;
    let temporary = flow.folder.join(format!(".crossdock-{}.part", batch["id"].as_str().unwrap_or_default()));
    fs::write(&temporary, lines(&["evt-1"]))?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    ensure!(fs::read_to_string(&name)? == "old" && temporary.exists(), "it waits beside the name");
    // Somebody tidies up, and the name is free.
    fs::remove_file(&temporary)?;
    fs::remove_file(&name)?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    ensure!(
        flow.arrived()?.into_iter().eq([("events.ndjson".to_string(), lines(&["evt-1"]))]),
        "it is there"
    );
    flow.is_pushed(&deliveries[0], &run).await
}

#[tokio::test]
async fn folders_and_names_with_spaces_and_unicode_are_made_and_written() -> Result<()> {
    let export = json!({ "file_name": "lønn {date} № {counter:3}.ndjson", "format": "ndjson" });
    let flow = Exports::new(export, "år 2026/til regnskap 💼").await?;
    flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    // The account's zone, which its day may begin earlier in.
    let ended: jiff::Timestamp = run["outputs"][0]["ended_at"].as_str().context("a time")?.parse()?;
    let date = ended.in_tz("Europe/Oslo")?.strftime("%Y-%m-%d").to_string();
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq([&format!("lønn {date} № 001.ndjson")]), "{arrived:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_with_another_key_gets_nothing_and_nothing_is_lost() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let people = tests::hooks::Endpoint::start().await?;
    flow.connect(&people, json!({ "source": "hub", "types": ["breaker.*"] })).await?;
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJg9zU0XvPoHYxCYfGFeBXBMfHGHjVjI3rVUWLTKWIHF";
    let mut own = Value::Null;
    flow.change_files(|t| own = std::mem::replace(&mut t["host_keys"], json!([other]))).await?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "ERROR" && run["failure"]["code"] == "host_key_mismatch", "{run}");
    ensure!(run["failure"]["origin"] == "target" && run["failure"]["retryable"] == false, "{run}");
    ensure!(flow.arrived()?.is_empty() && flow.buffer().await?["open_batch"].is_null());
    ensure!(flow.buffer().await?["breaker_open_since"].is_string(), "the server may be somebody else");
    let told = people.told("breaker.opened").await?;
    ensure!(told["data"]["target_server"] == *flow.files, "{told}");
    ensure!(told["data"]["reason"].as_str().is_some_and(|r| r.contains("SHA256:")), "{told}");
    flow.change_files(|t| t["host_keys"] = own).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    flow.is_pushed(&deliveries[0], &run).await
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_leaves_the_frozen_file_for_the_next_flush() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let full = SftpServer::start_as(Software::Faulty("full"), &flow.home().join("full"), Entry::Key)?;
    let target = sftp_export(&full, &flow.folder, &ndjson());
    flow.change_files(|t| *t = target).await?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "ERROR" && run["failure"]["origin"] == "target", "{run}");
    ensure!(run["failure"]["retryable"] == true, "{run}");
    let batch = flow.buffer().await?["open_batch"].clone();
    ensure!(batch["phase"] == "frozen" && batch["attempts"] == 1, "{batch}");
    ensure!(!flow.arrived()?.contains_key("events.ndjson"), "{:?}", flow.arrived()?);
    // Meanwhile more comes: the frozen file stays as it is, and what is new makes the next one.
    let more = flow.buffered(&events(&["evt-2"])).await?;
    flow.change_files(|t| {
        *t = sftp_export(&flow.server, &flow.folder, &ndjson());
        t["export"]["overwrite"] = "rename".into();
    })
    .await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run}");
    let arrived = flow.arrived()?;
    ensure!(arrived["events.ndjson"] == lines(&["evt-1"]), "{arrived:?}");
    ensure!(arrived["events-1.ndjson"] == lines(&["evt-2"]) && arrived.len() == 2, "{arrived:?}");
    for delivery in deliveries.iter().chain(&more) {
        flow.is_pushed(delivery, &run).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_never_gets_through_can_be_discarded_and_its_records_sent_again() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    fs::write(&flow.folder, "a file where the folder should be")?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "ERROR" && run["failure"]["origin"] == "target", "{run}");
    let batch = flow.buffer().await?["open_batch"].clone();
    ensure!(batch["phase"] == "frozen" && batch["blocked"] == false, "{batch}");
    let path = format!("/v1/target-servers/{}/open-batch", flow.files);
    flow.api.post(&path, &json!({ "batch": batch["id"], "discard": true })).await?;
    let dead = flow.in_state(&deliveries[0], "DEAD").await?;
    ensure!(dead["died_of"] == "cancelled", "{dead}");
    let ended = until("the report", PUSH_WITHIN, async || {
        let found =
            flow.pushes().await?.into_iter().find(|r| r["trigger"] == "manual" && r["id"] != run["id"]);
        Ok(found.filter(|run| run["ended_at"].is_string()))
    })
    .await?;
    ensure!(ended["status"] == "ERROR" && count(&ended, "errors") == 1, "{ended}");
    let shown = flow.api.get(&format!("/v1/runs/{}", id(&ended))).await?;
    ensure!(shown["outputs"][0]["result"] == "discarded", "{shown}");
    fs::remove_file(&flow.folder)?;
    flow.api.post(&format!("/v1/deliveries/{}/retry", deliveries[0]), &json!({})).await?;
    flow.in_buffer(&deliveries[0]).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["outputs"][0]["number"] == 2, "{run}");
    flow.is_pushed(&deliveries[0], &run).await
}

#[tokio::test]
async fn a_file_of_several_parts_arrives_to_the_byte_whatever_the_server() -> Result<()> {
    let export = json!({ "file_name": "large.json", "format": "json_array" });
    for software in [Software::preferred(), Software::AsyncSsh] {
        let flow = Exports::on(software, export.clone(), "in").await?;
        let mut wanted = Vec::new();
        for i in 0..4 {
            let body = json!({ "id": i, "padding": format!("{i}å").repeat(1_150_000) });
            let notification = flow.accepted(&format!("evt-{i}"), &body).await?;
            flow.in_buffer(&format!("{notification}-{}", flow.to_files)).await?;
            wanted.push(body);
        }
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE", "{run}");
        let file = fs::read(flow.folder.join("large.json"))?;
        ensure!(file.len() > 8 * 1024 * 1024, "{} bytes are no several parts", file.len());
        ensure!(run["outputs"][0]["sha256"] == shared::id::hex(&Sha256::digest(&file)), "{run}");
        let read: Vec<Value> = serde_json::from_slice(&file)?;
        ensure!(read == wanted, "another content");
    }
    Ok(())
}

#[tokio::test]
async fn records_are_cells_of_csv_as_the_mapping_makes_them_and_what_does_not_fit_is_named() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let mapping = json!({
        "name": "hours", "input": { "format": "json" },
        "columns": [
            { "name": "id", "from": "/who/id", "type": "text", "required": true },
            { "name": "hours", "from": "/hours", "type": "text" },
        ],
    });
    let mapping = id(&flow.api.post("/v1/mappings", &mapping).await?);
    let path = format!("/v1/connections/{}", flow.to_files);
    flow.change(&path, |c| {
        c["mapping"] = mapping.into();
        c["source"]["types"] = json!(["hours"]);
    })
    .await?;
    let raw = json!({ "name": "raw", "source": { "source": flow.source, "types": ["raw"] },
        "target": { "target_server": flow.files } });
    let raw = id(&flow.api.post("/v1/connections", &raw).await?);
    let mapped = [
        ("evt-1", json!({ "type": "hours", "who": { "id": "007" }, "hours": "7;5" })),
        ("evt-2", json!({ "type": "hours", "who": { "id": "Åse \"Ø\"" } })),
    ];
    let deliveries = flow.buffered(&mapped).await?;
    let unmappable = flow.accepted("evt-3", &json!({ "type": "hours", "hours": "1" })).await?;
    let dead = flow.in_state(&format!("{unmappable}-{}", flow.to_files), "DEAD").await?;
    ensure!(dead["died_of"] == "unmappable", "{dead}");
    let nested = flow.accepted("evt-4", &json!({ "type": "raw", "id": { "nested": true } })).await?;
    let nested = format!("{nested}-{raw}");
    flow.in_buffer(&nested).await?;
    // What was put into the buffer for one format may not fit another.
    flow.change_files(|t| {
        t["export"] = json!({ "file_name": "hours.csv", "format": "csv", "csv": {
            "columns": ["id", "hours"], "delimiter": ";", "header": true, "line_end": "crlf", "bom": true } });
    })
    .await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "PARTIAL" && count(&run, "created") == 2 && count(&run, "errors") == 1, "{run}");
    let arrived = flow.arrived()?;
    let wanted = "\u{feff}id;hours\r\n007;\"7;5\"\r\n\"Åse \"\"Ø\"\"\";\r\n";
    ensure!(arrived["hours.csv"] == *wanted, "{arrived:?}");
    for delivery in &deliveries {
        flow.is_pushed(delivery, &run).await?;
    }
    let errors = flow.api.all(&format!("/v1/runs/{}/records?result=error", id(&run))).await?;
    ensure!(errors.len() == 1 && errors[0]["name"] == "evt-4", "{errors:?}");
    ensure!(errors[0]["reason"] == "unmappable" && errors[0]["detail"].is_string(), "{errors:?}");
    let dead = flow.in_state(&nested, "DEAD").await?;
    ensure!(dead["died_of"] == "unmappable", "{dead}");
    Ok(())
}

#[tokio::test]
async fn payloads_that_are_not_json_go_each_into_a_file_of_its_own_or_are_refused() -> Result<()> {
    let flow = Exports::new(json!({ "file_name": "{counter:2}.bin", "format": "payload" }), "in").await?;
    let untyped = async |flow: &Exports| {
        flow.change(&format!("/v1/sources/{}", flow.source), |s| s["event_type"] = Value::Null).await
    };
    untyped(&flow).await?;
    let bodies: [&[u8]; 2] = [b"a;b\r\n\0\t;", "på norsk\n".as_bytes()];
    for (i, body) in bodies.iter().enumerate() {
        let answer = flow.post(&format!("evt-{i}"), body).await?;
        ensure!(answer.status == 202, "{answer:?}");
        flow.in_buffer(&format!("{}-{}", id(&answer.body), flow.to_files)).await?;
    }
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run}");
    ensure!(run["outputs"].as_array().map(Vec::len) == Some(2), "{run}");
    for (i, body) in bodies.iter().enumerate() {
        ensure!(fs::read(flow.folder.join(format!("0{}.bin", i + 1)))? == *body, "file {i}");
    }
    let lines = Exports::new(ndjson(), "in").await?;
    untyped(&lines).await?;
    let answer = lines.post("evt-1", bodies[0]).await?;
    let dead = lines.in_state(&format!("{}-{}", id(&answer.body), lines.to_files), "DEAD").await?;
    ensure!(dead["died_of"] == "unmappable", "{dead}");
    ensure!(dead["last_error"].as_str().is_some_and(|e| e.contains("not JSON")), "{dead}");
    Ok(())
}

#[tokio::test]
async fn a_schedule_flushes_the_buffer_skips_while_a_push_goes_on_and_misses_nothing_in_silence() -> Result<()>
{
    let flow = Exports::new(ndjson(), "in").await?;
    let minute = now().checked_sub(30.minutes())?.to_zoned(jiff::tz::TimeZone::UTC).minute();
    let schedule =
        json!({ "target_server": flow.files, "cron": format!("{minute} * * * ? *"), "time_zone": "UTC" });
    let schedule = id(&flow.api.post("/v1/schedules", &schedule).await?);
    let (rows, key) = (flow.stack.rows().await?, keys::resource(&flow.account, "SCHEDULE", &schedule));
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let run = until("the scheduled push", PUSH_WITHIN, async || {
        Ok(flow.pushes().await?.into_iter().find(|run| run["status"] == "COMPLETE"))
    })
    .await?;
    ensure!(run["trigger"] == "scheduled" && run["schedule"] == *schedule, "{run}");
    flow.is_pushed(&deliveries[0], &run).await?;
    ensure!(flow.arrived()?["events.ndjson"] == lines(&["evt-1"]));
    let next: jiff::Timestamp = flow.api.get(&format!("/v1/schedules/{schedule}")).await?["next_at"]
        .as_str()
        .context("a time")?
        .parse()?;
    ensure!(next > now(), "the schedule moved on: {next}");

    // While another run is admitted, the time is skipped, and says so.
    rows.edit(&keys::push(&flow.account, &flow.files), json!({ "active_run": "run_other" })).await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let skipped =
        flow.pushes().await?.into_iter().find(|run| run["status"] == "SKIPPED").context("skipped")?;
    ensure!(skipped["failure"]["code"] == "overlap", "{skipped}");
    rows.edit(&keys::push(&flow.account, &flow.files), json!({ "active_run": null })).await?;

    // Times that passed are one MISSED row, and one push for the last of them.
    rows.set_due(&key, now().checked_sub(5.hours())?.as_millisecond()).await?;
    flow.stack.tick().await?;
    let missed = flow.pushes().await?.into_iter().find(|run| run["status"] == "MISSED").context("missed")?;
    ensure!(missed["missed"]["count"].as_u64().is_some_and(|n| n >= 3), "{missed}");
    ensure!(missed["target_server"] == *flow.files, "{missed}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_go_into_files_is_refused_when_it_is_set_up() -> Result<()> {
    let flow = Flow::new().await?;
    let target = sftp_export(&flow.server, &flow.folder, &ndjson());
    let files = id(&flow.api.post("/v1/target-servers", &target).await?);
    let each = json!({ "file_name": "{batch}", "format": "ndjson", "files_per": "record" });
    let each = sftp_export(&flow.server, &flow.folder, &each);
    let each = id(&flow.api.post("/v1/target-servers", &each).await?);
    let connection = |target: &str| {
        json!({ "name": "x", "mapping": flow.mapping, "target": { "target_server": target },
            "source": { "target_server": flow.source, "files": "*.csv" } })
    };
    let schedule =
        |target: &str| json!({ "target_server": target, "cron": "0 6 * * ? *", "time_zone": "Europe/Oslo" });
    let without = |field: &str| {
        let mut target = target.clone();
        target.as_object_mut().map(|t| t.remove(field));
        target
    };
    for (path, body, field, words) in [
        ("/v1/connections", connection(&each), "target.target_server", "a file for each record"),
        ("/v1/schedules", schedule(&flow.target), "target_server", "kind sftp_export"),
        ("/v1/target-servers", without("export"), "export", "file_name"),
        ("/v1/target-servers", without("path"), "path", "folder"),
    ] {
        let answer = flow.api.call("POST", path, &[], Some(&body.to_string())).await?;
        let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
        let named = errors.iter().find(|e| e["field"] == field).with_context(|| format!("{answer:?}"))?;
        ensure!(named["detail"].as_str().is_some_and(|d| d.contains(words)), "{named}");
    }
    // What is for webservices is not for files, and the other way round.
    for (path, code) in [
        (format!("/v1/target-servers/{files}/pause"), "not_a_webservice"),
        (format!("/v1/target-servers/{}/flush", flow.target), "not_an_sftp_export"),
    ] {
        let answer = flow.api.call("POST", &path, &[], None).await?;
        ensure!(answer.status == 409 && answer.body["code"] == code, "{path}: {answer:?}");
    }
    flow.api.post("/v1/schedules", &schedule(&files)).await?;
    let answer = flow.api.call("DELETE", &format!("/v1/target-servers/{files}"), &[], None).await?;
    ensure!(answer.status == 409, "a schedule uses it: {answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_push_is_not_cancelled_or_rerun_and_the_same_request_is_one_run() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let path = format!("/v1/target-servers/{}/flush", flow.files);
    let key = [("idempotency-key", "flush-1")];
    let (first, again) =
        (flow.api.call("POST", &path, &key, None).await?, flow.api.call("POST", &path, &key, None).await?);
    ensure!(first.status == 202 && id(&first.body) == id(&again.body), "{first:?} {again:?}");
    let run = flow.ended(&id(&first.body)).await?;
    for (what, code) in [("cancel", "is_a_push"), ("rerun", "no_inputs")] {
        let answer = flow.api.call("POST", &format!("/v1/runs/{}/{what}", id(&run)), &[], None).await?;
        ensure!(answer.status == 409 && answer.body["code"] == code, "{what}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn another_account_sees_and_changes_nothing_of_a_buffer() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let (_, other) = new_account(&flow.stack, "UTC").await?;
    let of = format!("/v1/target-servers/{}", flow.files);
    let decision = json!({ "batch": "exp_1", "discard": true }).to_string();
    for (method, path, body) in [
        ("GET", format!("{of}/buffer"), None),
        ("POST", format!("{of}/flush"), None),
        ("POST", format!("{of}/open-batch"), Some(decision.as_str())),
        ("GET", format!("/v1/deliveries/{}", deliveries[0]), None),
    ] {
        let answer = other.call(method, &path, &[], body).await?;
        ensure!((answer.status, &answer.body["code"]) == (404, &json!("not_found")), "{path}: {answer:?}");
    }
    let run = flow.flush().await?;
    let answer = other.call("GET", &format!("/v1/runs/{}", id(&run)), &[], None).await?;
    ensure!(answer.status == 404, "{answer:?}");
    ensure!(other.all(&format!("/v1/runs?target={}", flow.files)).await?.is_empty(), "its runs are listed");
    Ok(())
}

#[tokio::test]
async fn a_push_whose_message_was_lost_is_woken_by_its_targets_row() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let table = flow.stack.table().await?;
    let run = Run::push("run_lost".into(), &flow.account, &flow.files, Trigger::Manual, now());
    ensure!(table.admit(&run, None).await? == Admission::Admitted);
    flow.stack.tick().await?;
    let run = flow.ended("run_lost").await?;
    ensure!(run["status"] == "COMPLETE", "{run}");
    flow.is_pushed(&deliveries[0], &run).await?;
    // A message that comes again, or that was dropped, does nothing.
    let message = serde_json::to_value(PushMessage::flush(&flow.account, &flow.files))?;
    ensure!(flow.stack.hand_over("sftp-push", &[message.clone(), message.clone()]).await?.is_empty());
    ensure!(flow.stack.hand_over("dead-letter", &[message]).await?.is_empty());
    ensure!(flow.pushes().await?.len() == 1 && flow.arrived()?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_flush_that_is_asked_for_while_a_realtime_target_is_looked_at_is_not_lost() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let (table, rows, key) =
        (flow.stack.table().await?, flow.stack.rows().await?, keys::push(&flow.account, &flow.files));
    let of = Of { account: &flow.account, target_server: &flow.files };
    let lease_until = now().checked_add(10.minutes())?;
    table.note_buffered(of, now(), now()).await?;
    let mut push = table.take_push(of, now(), lease_until).await?.context("the lease")?;
    ensure!(table.take_push(of, now(), lease_until).await?.is_none(), "somebody has it");
    let asked = Run::push("run_asked".into(), &flow.account, &flow.files, Trigger::Manual, now());
    ensure!(table.admit(&asked, None).await? == Admission::Admitted);
    // Whoever holds the lease has not seen it: neither does its own run begin, nor does the target rest.
    let own = Run::push("run_own".into(), &flow.account, &flow.files, Trigger::Realtime, now());
    ensure!(!table.begin_push(of, &mut push, &own).await?, "two runs at once");
    let quiet_since = now().checked_add(1.hour())?;
    table.rest_push(of, &push, quiet_since, now()).await?;
    let row = rows.get(&key).await?;
    ensure!(row["active_run"] == "run_asked" && row["due"].is_i64() && row["lease_until"].is_null(), "{row}");
    // A holder that comes to after its lease writes nothing any more.
    ensure!(table.yield_push(of, &push, now()).await.is_err());
    flow.stack.tick().await?;
    ensure!(flow.ended("run_asked").await?["status"] == "COMPLETE");
    until("the target to rest", PUSH_WITHIN, async || {
        rows.edit(&key, json!({ "held_at": 0 })).await?;
        flow.stack.tick().await?;
        Ok(rows.get(&key).await?["due"].is_null().then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_is_over_its_time_is_given_up_unless_it_is_in_a_file_that_is_on_its_way() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let rows = flow.stack.rows().await?;
    let time_is_over = async |delivery: &str| {
        let name: NotificationName = delivery.parse().map_err(|_| anyhow::anyhow!("no delivery"))?;
        let key = name.key(&flow.account);
        rows.edit(&key, json!({ "deliver_until": past_ms() })).await?;
        rows.set_due(&key, past_ms()).await?;
        flow.stack.tick().await?;
        anyhow::Ok(key)
    };
    let late = flow.buffered(&events(&["evt-1"])).await?;
    time_is_over(&late[0]).await?;
    let dead = flow.in_state(&late[0], "DEAD").await?;
    ensure!(dead["died_of"] == "expired", "{dead}");
    ensure!(flow.flush().await?["outputs"].is_null(), "there is nothing to be pushed");

    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("events.ndjson"), "old")?;
    let frozen = flow.buffered(&events(&["evt-2"])).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    let key = time_is_over(&frozen[0]).await?;
    let looked_at = until("it to be looked at", PUSH_WITHIN, async || {
        let row = rows.get(&key).await?;
        let is_done = row["due"].as_i64() > Some(now().as_millisecond() + 10 * 60_000);
        Ok((is_done && row["lease_until"].is_null()).then_some(row))
    })
    .await?;
    ensure!(looked_at["state"] == "WAITING" && looked_at["waiting_for"] == "flush", "{looked_at}");
    fs::remove_file(flow.folder.join("events.ndjson"))?;
    let run = flow.flush().await?;
    ensure!(flow.arrived()?["events.ndjson"] == lines(&["evt-2"]));
    flow.is_pushed(&frozen[0], &run).await
}

#[tokio::test]
async fn a_large_buffer_is_one_file_in_order_also_behind_many_that_are_dead() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let (table, bucket) = (flow.stack.table().await?, flow.stack.bucket().await?);
    let begun = now().as_millisecond() - 3_600_000;
    let put = async |i: i64, state: DeliveryState| {
        let body = json!({ "i": i }).to_string();
        let posted = Posted {
            v: 1,
            account: flow.account.clone(),
            notification: format!("ntf_{i:04}"),
            connection: flow.to_files.clone(),
            target_server: flow.files.clone(),
            mapping: None,
            source: flow.source.clone(),
            event_id: format!("evt-{i}"),
            event_type: None,
            accepted_at: begun + i,
            deliver_until: begun + 7_200_000,
            content_type: "application/json".into(),
            body_hash: content_hash("application/json", body.as_bytes()),
            size_bytes: body.len() as u64,
            payload: Payload::inline(body.as_bytes()),
        };
        let mut row = NotificationDelivery::posted(&posted, state);
        row.object = Some(bucket.keep_payload(&row, &posted.payload).await?);
        if state == DeliveryState::Waiting {
            row.waiting_for = Some(WaitingFor::Flush);
            row.due = Some(row.deliver_until);
        }
        ensure!(table.claim_first(&row, now(), now()).await?.is_none(), "it is there");
        anyhow::Ok(())
    };
    let (dead, waiting) = (420, 260);
    for i in 0..dead {
        put(i, DeliveryState::Dead).await?;
    }
    for i in dead..dead + waiting {
        put(i, DeliveryState::Waiting).await?;
    }
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 260, "{run}");
    let wanted: String = (dead..dead + waiting).map(|i| format!("{{\"i\":{i}}}\n")).collect();
    ensure!(flow.arrived()?["events.ndjson"] == wanted, "another content or order");
    ensure!(flow.buffer().await?["waiting"] == 0);
    Ok(())
}
