//! What runs take from files goes into files: what arrives to the byte, what both runs report, and what becomes of it when
//! something fails in between.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use shared::{
    delivery::{BatchName, DeathCause, DeliveryState, WaitingFor},
    keys,
    message::DeliveryMessage,
};
use tests::{
    api::id,
    exports::{PUSH_WITHIN, ndjson, sftp_export},
    flow::{count, simple_mapping},
    pulled_exports::PulledExports,
    rows::past_ms,
    sftp_server::{Entry, SftpServer, Software},
    wait::until,
};

fn csv_export() -> Value {
    json!({ "file_name": "hours-{counter:3}.csv", "format": "csv", "footer_line": "T;{records}", "csv": {
        "columns": ["id", "value"], "delimiter": ";", "header": true, "line_end": "crlf" } })
}

/// A file to be taken, with these records.
fn file<V: std::fmt::Display>(records: impl IntoIterator<Item = (u32, V)>) -> String {
    let lines = records.into_iter().map(|(id, value)| format!("{id:04};{value}\r\n"));
    format!("id;value\r\n{}", lines.collect::<String>())
}

/// The file that is to arrive, of [`csv_export`].
fn pushed<V: std::fmt::Display>(records: impl IntoIterator<Item = (u32, V)>) -> String {
    let records: Vec<_> = records.into_iter().collect();
    format!("{}T;{}\r\n", file(records.iter().map(|(id, v)| (*id, v))), records.len())
}

fn counts_are(run: &Value, wanted: &[(&str, u64)]) -> Result<()> {
    for name in
        ["read", "missing", "filtered", "unchanged", "written", "created", "updated", "errors", "owed"]
    {
        let wanted = wanted.iter().find(|(w, _)| *w == name).map_or(0, |(_, n)| *n);
        ensure!(count(run, name) == wanted, "{name} is not {wanted}: {}", run["counts"]);
    }
    Ok(())
}

#[tokio::test]
async fn records_of_a_file_are_mapped_and_pushed_in_one_file_and_both_runs_account_for_each() -> Result<()> {
    let flow = PulledExports::new(csv_export(), simple_mapping()).await?;
    let records = || (1..=250).map(|n| (n, format!("Åse {n}")));
    let run = flow.pulled("a.csv", file(records())).await?;
    let batches = flow.batches(&run).await?;
    ensure!(batches.iter().map(|b| b.records).eq([100, 100, 50]), "{batches:?}");
    ensure!(batches.iter().all(|b| b.attempts == 0 && b.due.is_some()), "no attempt is spent: {batches:?}");
    ensure!(flow.buffer().await?["waiting"] == 250, "{}", flow.buffer().await?);
    ensure!(flow.arrived()?.is_empty() && flow.state().await?.is_none(), "nothing is sent before the flush");
    // A repeated message puts it there once more, and no more than that.
    let again = DeliveryMessage::batch(&flow.account, &run, batches[1].first_ordinal, 0);
    flow.stack.hand_over("deliver", &[serde_json::to_value(&again)?]).await?;
    let rows = flow.all_buffered(&run).await?;
    ensure!(rows[1].attempts == 0 && rows[1].epoch > batches[1].epoch, "{:?}", rows[1]);

    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE" && push["outputs"].as_array().map(Vec::len) == Some(1), "{push}");
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq(["hours-001.csv"]), "{:?}", arrived.keys());
    ensure!(arrived["hours-001.csv"] == pushed(records()), "{}", arrived["hours-001.csv"]);
    counts_are(&push, &[("read", 250), ("written", 250), ("created", 250)])?;
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "COMPLETE", "{report}");
    counts_are(&report, &[("read", 250), ("written", 250), ("created", 250)])?;
    ensure!(flow.state().await?.is_some(), "the state moves once the file is through");

    let path = flow.folder.join("hours-001.csv").display().to_string();
    let (pulled, records) = (flow.records(&run).await?, flow.records(&id(&push)).await?);
    ensure!(pulled.len() == 250 && records.len() == 250, "{} and {}", pulled.len(), records.len());
    for (i, (pulled, record)) in pulled.iter().zip(&records).enumerate() {
        ensure!(pulled["pushed_as"] == *path && pulled["writer"] == "created", "{pulled}");
        ensure!(pulled["source_id"] == record["source_id"] && record["line"] == i + 1, "{record}");
    }
    for batch in flow.batches(&run).await? {
        ensure!(batch.state == DeliveryState::Delivered && batch.pushed_by == Some(id(&push)), "{batch:?}");
        ensure!(batch.due.is_none() && batch.in_file.is_none() && batch.waiting_for.is_none(), "{batch:?}");
        let shown = flow.api.get(&format!("/v1/deliveries/{}", BatchName::of(&batch))).await?;
        ensure!(shown["pushed_by"] == push["id"] && shown["pushed_as"] == *path, "{shown}");
        ensure!(shown["outcome"]["created"] == batch.records, "{shown}");
    }
    ensure!(flow.buffer().await?["waiting"] == 0);
    let owed = flow.api.get(&format!("/v1/deliveries?target={}", flow.files)).await?;
    ensure!(owed["items"] == json!([]), "{owed}");
    Ok(())
}

#[tokio::test]
async fn many_batches_of_a_run_are_in_the_order_of_its_records() -> Result<()> {
    let flow = PulledExports::new(csv_export(), simple_mapping()).await?;
    flow.change_pulls(|c| c["target"]["batch_size"] = 1.into()).await?;
    let records = || (1..=130).map(|n| (n, n));
    let run = flow.pulled("a.csv", file(records())).await?;
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    ensure!(flow.arrived()?["hours-001.csv"] == pushed(records()), "{:?}", flow.arrived()?);
    let report = flow.closed(&run).await?;
    counts_are(&report, &[("read", 130), ("written", 130), ("created", 130)])?;
    Ok(())
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_its_own_error_in_both_reports_and_is_tried_again() -> Result<()> {
    let flow = PulledExports::new(csv_export(), simple_mapping()).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "=1+1"), (3, "c")])).await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "PARTIAL", "{push}");
    ensure!(flow.arrived()?["hours-001.csv"] == pushed([(1, "a"), (3, "c")]), "{:?}", flow.arrived()?);
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "PARTIAL", "{report}");
    for (run, ordinal) in [(&report, 2), (&push, 2)] {
        counts_are(run, &[("read", 3), ("written", 2), ("created", 2), ("errors", 1)])?;
        let errors = flow.api.all(&format!("/v1/runs/{}/records?result=error", id(run))).await?;
        ensure!(errors.len() == 1 && errors[0]["ordinal"] == ordinal, "{errors:?}");
        ensure!(errors[0]["reason"] == "unmappable" && errors[0]["source_id"] == "0002", "{errors:?}");
        ensure!(errors[0]["detail"].as_str().is_some_and(|d| d.contains("formula")), "{errors:?}");
        ensure!(errors[0]["pushed_as"].is_null(), "{errors:?}");
    }
    // What the target never got is not known as what it has.
    let run = flow.pulled("b.csv", file([(1, "a"), (2, "b"), (3, "c")])).await?;
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    ensure!(flow.arrived()?["hours-002.csv"] == pushed([(2, "b")]), "{:?}", flow.arrived()?);
    counts_are(&flow.closed(&run).await?, &[("read", 3), ("unchanged", 2), ("written", 1), ("created", 1)])?;

    // Where none fits there is no file, and each is an error all the same.
    let run = flow.pulled("c.csv", file([(4, "=1"), (5, "=2")])).await?;
    let push = flow.flush().await?;
    ensure!(push["outputs"][0]["result"] == "nothing" && push["status"] == "ERROR", "{push}");
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "ERROR", "{report}");
    counts_are(&report, &[("read", 2), ("errors", 2)])?;
    ensure!(!flow.arrived()?.contains_key("hours-003.csv"), "{:?}", flow.arrived()?);
    Ok(())
}

#[tokio::test]
async fn a_run_waits_while_the_server_is_down_and_its_connection_with_it() -> Result<()> {
    let mut flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    flow.server.stop();
    let push = flow.flush().await?;
    ensure!(push["status"] == "ERROR" && push["failure"]["code"] == "server_down", "{push}");
    counts_are(&push, &[])?;
    flow.stack.tick().await?;
    let shown = flow.api.get(&format!("/v1/runs/{run}")).await?;
    ensure!(shown["status"] == "DELIVERING" && shown["deliveries"]["waiting"] == 1, "{shown}");
    ensure!(flow.state().await?.is_none(), "the target has nothing yet");
    // Records of a later file cannot overtake these.
    flow.put("b.csv", file([(1, "later")]))?;
    let path = format!("/v1/connections/{}/runs", flow.pulls);
    let second = flow.api.call("POST", &path, &[], Some("{}")).await?;
    ensure!(second.status == 409 || second.body["status"] == "SKIPPED", "{second:?}");
    flow.server_is_back().await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE", "{push}");
    let wanted = "{\"id\":\"0001\",\"value\":\"a\"}\n{\"id\":\"0002\",\"value\":\"b\"}\n";
    ensure!(flow.arrived()?["events.ndjson"] == *wanted, "{:?}", flow.arrived()?);
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "COMPLETE", "{report}");
    counts_are(&report, &[("read", 2), ("written", 2), ("created", 2)])?;
    Ok(())
}

#[tokio::test]
async fn what_is_in_an_open_file_is_neither_expired_nor_cancelled_under_it() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let full = SftpServer::start_as(Software::Faulty("full"), &flow.home().join("full"), Entry::Key)?;
    let target = sftp_export(&full, &flow.folder, &ndjson());
    flow.change_files(|t| *t = target).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    ensure!(flow.flush().await?["status"] == "ERROR");
    let open = flow.buffer().await?["open_batch"].clone();
    ensure!(open["phase"] == "frozen" && open["records"] == 2, "{open}");
    let before = flow.batches(&run).await?[0].clone();
    ensure!(before.in_file == Some(1), "{before:?}");

    flow.time_is_over(&run).await?;
    let looked_at = until("deliver to look at it", PUSH_WITHIN, async || {
        let batch = flow.batches(&run).await?[0].clone();
        Ok((batch.epoch > before.epoch && batch.state != DeliveryState::Sending).then_some(batch))
    })
    .await?;
    let is_kept = looked_at.waiting_for == Some(WaitingFor::Flush) && looked_at.in_file == Some(1);
    ensure!(looked_at.state == DeliveryState::Waiting && is_kept, "{looked_at:?}");
    flow.api.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await?;
    let (rows, key) = (flow.stack.rows().await?, keys::run(&flow.account, &run));
    until("the close to look at it", PUSH_WITHIN, async || {
        flow.stack.tick().await?;
        let row = rows.get(&key).await?;
        let is_given_back = row["lease_until"].is_null() && row["progress_epoch"] == row["epoch"];
        Ok(is_given_back.then_some(()))
    })
    .await?;
    ensure!(flow.batches(&run).await?[0].state == DeliveryState::Waiting, "the file decides");

    flow.change_files(|t| *t = sftp_export(&flow.server, &flow.folder, &ndjson())).await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE", "{push}");
    counts_are(&push, &[("read", 2), ("written", 2), ("created", 2)])?;
    let report = flow.closed(&run).await?;
    counts_are(&report, &[("read", 2), ("written", 2), ("created", 2)])?;
    ensure!(report["status"] == "COMPLETE" && flow.state().await?.is_some(), "{report}");
    Ok(())
}

#[tokio::test]
async fn notifications_and_runs_of_several_connections_go_into_one_file_in_order_of_acceptance() -> Result<()>
{
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let event = |n: u32| json!({ "type": "t", "id": n });
    let mut deliveries = flow.buffered(&[("evt-1", event(1))]).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    deliveries.extend(flow.buffered(&[("evt-2", event(2))]).await?);
    ensure!(flow.buffer().await?["waiting"] == 4, "{}", flow.buffer().await?);
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE" && push["outputs"][0]["records"] == 4, "{push}");
    counts_are(&push, &[("read", 4), ("written", 4), ("created", 4)])?;
    let wanted = format!(
        "{}\n{{\"id\":\"0001\",\"value\":\"a\"}}\n{{\"id\":\"0002\",\"value\":\"b\"}}\n{}\n",
        event(1),
        event(2)
    );
    ensure!(flow.arrived()?["events.ndjson"] == wanted, "{:?}", flow.arrived()?);
    for delivery in &deliveries {
        flow.is_pushed(delivery, &push).await?;
    }
    counts_are(&flow.closed(&run).await?, &[("read", 2), ("written", 2), ("created", 2)])?;
    let names: Vec<_> = flow.records(&id(&push)).await?.iter().map(|r| r["source_id"].clone()).collect();
    ensure!(names == [json!(deliveries[0]), json!("0001"), json!("0002"), json!(deliveries[1])], "{names:?}");

    // A file for each connection: the two do not mix.
    flow.change_files(|t| {
        t["export"] =
            json!({ "file_name": "{connection}.ndjson", "format": "ndjson", "files_per": "connection" });
    })
    .await?;
    flow.buffered(&[("evt-3", event(3))]).await?;
    let run = flow.pulled("b.csv", file([(3, "c")])).await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE" && push["outputs"].as_array().map(Vec::len) == Some(2), "{push}");
    let arrived = flow.arrived()?;
    let of = |connection: &str| arrived[&format!("{connection}.ndjson")].clone();
    ensure!(of(&flow.to_files) == format!("{}\n", event(3)), "{arrived:?}");
    ensure!(of(&flow.pulls) == "{\"id\":\"0003\",\"value\":\"c\"}\n", "{arrived:?}");
    ensure!(flow.closed(&run).await?["status"] == "COMPLETE");
    Ok(())
}

#[tokio::test]
async fn with_comparison_a_file_has_what_is_new_or_changed_since_the_last_one_that_got_through() -> Result<()>
{
    let flow = PulledExports::new(csv_export(), simple_mapping()).await?;
    let first = flow.pulled("a.csv", file([(1, "a"), (2, "b"), (3, "c")])).await?;
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    flow.closed(&first).await?;
    let second = flow.pulled("b.csv", file([(1, "a"), (2, "changed"), (4, "new")])).await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE", "{push}");
    counts_are(&push, &[("read", 2), ("written", 2), ("created", 1), ("updated", 1)])?;
    ensure!(
        flow.arrived()?["hours-002.csv"] == pushed([(2, "changed"), (4, "new")]),
        "{:?}",
        flow.arrived()?
    );
    let report = flow.closed(&second).await?;
    counts_are(&report, &[("read", 3), ("unchanged", 1), ("written", 2), ("created", 1), ("updated", 1)])?;
    // All of it is known now: there is nothing to push, and the run ends by itself.
    flow.put("c.csv", file([(1, "a"), (2, "changed"), (3, "c"), (4, "new")]))?;
    let third = flow.start().await?;
    let report = flow.closed(&third).await?;
    ensure!(report["status"] == "COMPLETE", "{report}");
    counts_are(&report, &[("read", 4), ("unchanged", 4)])?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_flushed_in_time_is_expired_and_the_next_run_sends_it_as_new() -> Result<()> {
    let flow = PulledExports::new(csv_export(), simple_mapping()).await?;
    flow.change_pulls(|c| c["target"]["batch_size"] = 1.into()).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    let batches = flow.batches(&run).await?;
    // One was taken up for a file that is none any more: that keeps it from nothing.
    let key = BatchName::of(&batches[1]).key(&flow.account);
    flow.stack.rows().await?.edit(&key, json!({ "in_file": 0 })).await?;
    flow.time_is_over(&run).await?;
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "ERROR", "{report}");
    counts_are(&report, &[("read", 2), ("errors", 2)])?;
    let records = flow.records(&run).await?;
    ensure!(records.iter().all(|r| r["reason"] == "expired" && r["pushed_as"].is_null()), "{records:?}");
    ensure!(flow.state().await?.is_none(), "the target has nothing of it");
    for batch in flow.batches(&run).await? {
        ensure!(batch.died_of == Some(DeathCause::Expired) && batch.attempts == 0, "{batch:?}");
    }
    let push = flow.flush().await?;
    ensure!(push["warnings"][0].as_str().is_some_and(|w| w.contains("nothing was in the buffer")), "{push}");
    let run = flow.pulled("b.csv", file([(1, "a"), (2, "b"), (3, "c")])).await?;
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    counts_are(&flow.closed(&run).await?, &[("read", 3), ("written", 3), ("created", 3)])?;
    ensure!(
        flow.arrived()?["hours-001.csv"] == pushed([(1, "a"), (2, "b"), (3, "c")]),
        "{:?}",
        flow.arrived()?
    );
    Ok(())
}

#[tokio::test]
async fn a_discarded_file_is_an_error_of_its_records_and_a_dead_batch_can_be_retried() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("events.ndjson"), "old")?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    flow.discard().await?;
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "ERROR", "nobody cancelled the run: {report}");
    counts_are(&report, &[("read", 2), ("errors", 2)])?;
    let records = flow.records(&run).await?;
    ensure!(records.iter().all(|r| r["reason"] == "cancelled"), "{records:?}");
    ensure!(records[0]["detail"].as_str().is_some_and(|d| d.contains("person")), "{records:?}");
    ensure!(flow.state().await?.is_none(), "the target has nothing of it");
    let push = until("the report", PUSH_WITHIN, async || {
        let all = flow.pushes().await?;
        Ok(all.into_iter().find(|run| count(run, "errors") == 2 && run["ended_at"].is_string()))
    })
    .await?;
    counts_are(&push, &[("read", 2), ("errors", 2)])?;
    let batch = flow.batches(&run).await?.remove(0);
    ensure!(batch.state == DeliveryState::Dead && batch.died_of == Some(DeathCause::Cancelled), "{batch:?}");
    fs::remove_file(flow.folder.join("events.ndjson"))?;
    let retry = format!("/v1/deliveries/{}/retry", BatchName::of(&batch));
    let again = id(&flow.api.post(&retry, &json!({})).await?);
    flow.all_buffered(&again).await?;
    // One that waits for a flush is no dead one.
    let waiting = BatchName::of(&flow.batches(&again).await?[0]);
    let path = format!("/v1/deliveries/{waiting}/retry");
    let refused = flow.api.call("POST", &path, &[], Some("{}")).await?;
    ensure!(refused.status == 409 && refused.body["code"] == "not_dead", "{refused:?}");
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    counts_are(&flow.closed(&again).await?, &[("read", 2), ("written", 2), ("created", 2)])?;
    let wanted = "{\"id\":\"0001\",\"value\":\"a\"}\n{\"id\":\"0002\",\"value\":\"b\"}\n";
    ensure!(flow.arrived()?["events.ndjson"] == *wanted, "{:?}", flow.arrived()?);
    Ok(())
}

#[tokio::test]
async fn under_ignore_records_of_a_file_that_exists_are_filtered_and_not_known_as_sent() -> Result<()> {
    let mut export = csv_export();
    (export["file_name"], export["overwrite"]) = ("hours.csv".into(), "ignore".into());
    let flow = PulledExports::new(export, simple_mapping()).await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("hours.csv"), "old")?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "=1"), (3, "c")])).await?;
    let push = flow.flush().await?;
    let report = flow.closed(&run).await?;
    for run in [&push, &report] {
        counts_are(run, &[("read", 3), ("filtered", 2), ("errors", 1)])?;
        let records = flow.records(&id(run)).await?;
        let reasons: Vec<_> = records.iter().map(|r| r["reason"].as_str().unwrap_or_default()).collect();
        ensure!(reasons == ["exists", "unmappable", "exists"], "{records:?}");
        ensure!(records[0]["processor"] == "filter" && records[0]["writer"] == "none", "{records:?}");
    }
    ensure!(flow.arrived()?["hours.csv"] == "old" && flow.state().await?.is_none());
    fs::remove_file(flow.folder.join("hours.csv"))?;
    let run = flow.pulled("b.csv", file([(1, "a")])).await?;
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    counts_are(&flow.closed(&run).await?, &[("read", 1), ("written", 1), ("created", 1)])?;
    Ok(())
}

#[tokio::test]
async fn a_run_that_is_cancelled_in_the_buffer_leaves_nothing_there() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    flow.api.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await?;
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "CANCELLED", "{report}");
    counts_are(&report, &[("read", 2), ("errors", 2)])?;
    ensure!(flow.buffer().await?["waiting"] == 0);
    let push = flow.flush().await?;
    ensure!(push["status"] == "COMPLETE" && count(&push, "read") == 0, "{push}");
    ensure!(flow.arrived()?.is_empty() && flow.state().await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_realtime_target_gets_a_runs_records_by_itself() -> Result<()> {
    let export = json!({ "file_name": "{counter:4}.ndjson", "format": "ndjson", "realtime": true });
    let flow = PulledExports::new(export, simple_mapping()).await?;
    flow.put("a.csv", file((1..=120).map(|n| (n, n))))?;
    let run = flow.start().await?;
    let report = flow.closed(&run).await?;
    ensure!(report["status"] == "COMPLETE", "{report}");
    counts_are(&report, &[("read", 120), ("written", 120), ("created", 120)])?;
    let mut lines: Vec<_> = flow
        .arrived()?
        .into_values()
        .flat_map(|text| text.lines().map(str::to_string).collect::<Vec<_>>())
        .collect();
    lines.sort_unstable();
    let wanted = (1..=120).map(|n| format!("{{\"id\":\"{n:04}\",\"value\":\"{n}\"}}"));
    ensure!(wanted.eq(lines.iter().cloned()), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn a_scheduled_run_waits_for_a_flush_beyond_its_next_times_and_is_still_skipped_then() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let schedule = json!({ "connection": flow.pulls, "cron": "0 0 1 1 ? 2198", "time_zone": "UTC" });
    let schedule = id(&flow.api.post("/v1/schedules", &schedule).await?);
    flow.change(&format!("/v1/schedules/{schedule}"), |s| s["cron"] = "0/1 * * * ? *".into()).await?;
    let (rows, key) = (flow.stack.rows().await?, keys::resource(&flow.account, "SCHEDULE", &schedule));
    let runs = async || {
        let page = flow.api.get(&format!("/v1/runs?connection={}", flow.pulls)).await?;
        anyhow::Ok(page["items"].as_array().cloned().unwrap_or_default())
    };
    flow.put("a.csv", file([(1, "a")]))?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let run = until("the scheduled run", PUSH_WITHIN, async || {
        Ok(runs()
            .await?
            .into_iter()
            .find(|run| run["trigger"] == "scheduled" && run["status"] == "DELIVERING"))
    })
    .await?;
    flow.all_buffered(&id(&run)).await?;
    let shown = flow.api.get(&format!("/v1/runs/{}", id(&run))).await?;
    ensure!(shown["deliver_until"].is_null(), "{shown}");
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let skipped = runs().await?.into_iter().any(|run| run["status"] == "SKIPPED");
    ensure!(skipped, "{:?}", runs().await?);
    ensure!(flow.flush().await?["status"] == "COMPLETE");
    ensure!(flow.closed(&id(&run)).await?["status"] == "COMPLETE");

    // A realtime target is one that records are sent to, as a webservice is.
    flow.change_files(|t| {
        t["export"]["realtime"] = true.into();
        t["export"]["file_name"] = "{counter}.ndjson".into();
    })
    .await?;
    flow.put("b.csv", file([(2, "b")]))?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let first = id(&run);
    let run = until("the second scheduled run", PUSH_WITHIN, async || {
        flow.stack.tick().await?;
        let written = |run: &Value| count(run, "written") == 1 && run["status"] == "COMPLETE";
        Ok(runs().await?.into_iter().find(|run| written(run) && id(run) != first))
    })
    .await?;
    ensure!(run["deliver_until"].is_string(), "{run}");
    Ok(())
}

#[tokio::test]
async fn a_batch_whose_payload_is_gone_spoils_no_file_and_its_records_are_errors() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    flow.change_pulls(|c| c["target"]["batch_size"] = 1.into()).await?;
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    let batches = flow.batches(&run).await?;
    flow.stack.rows().await?.remove_object(&batches[0].object).await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "PARTIAL", "{push}");
    counts_are(&push, &[("read", 2), ("written", 1), ("created", 1), ("errors", 1)])?;
    ensure!(
        flow.arrived()?["events.ndjson"] == *"{\"id\":\"0002\",\"value\":\"b\"}\n",
        "{:?}",
        flow.arrived()?
    );
    let records = flow.records(&id(&push)).await?;
    ensure!(records.len() == 2 && records[0]["reason"] == "undeliverable", "{records:?}");
    let after = flow.batches(&run).await?;
    ensure!(after[0].died_of == Some(DeathCause::Undeliverable), "{:?}", after[0]);
    ensure!(after[1].state == DeliveryState::Delivered, "{:?}", after[1]);
    Ok(())
}

#[tokio::test]
async fn a_target_that_makes_a_file_for_each_record_takes_no_batches_and_says_so() -> Result<()> {
    let flow = PulledExports::new(ndjson(), simple_mapping()).await?;
    let each = json!({ "file_name": "{counter}", "format": "payload" });
    let other = sftp_export(&flow.server, &flow.folder, &each);
    let other = id(&flow.api.post("/v1/target-servers", &other).await?);
    let mut connection =
        tests::flow::settings_of(flow.api.get(&format!("/v1/connections/{}", flow.pulls)).await?);
    connection["target"]["target_server"] = other.into();
    let answer = flow.api.call("POST", "/v1/connections", &[], Some(&connection.to_string())).await?;
    ensure!(
        answer.status == 422 && answer.body["errors"][0]["field"] == "target.target_server",
        "{answer:?}"
    );
    let detail = answer.body["errors"][0]["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains("a file for each record"), "{detail}");

    // One that becomes such a target while they wait says so for each record, and nothing is lost in silence.
    let run = flow.pulled("a.csv", file([(1, "a"), (2, "b")])).await?;
    flow.change_files(|t| {
        t["export"] = json!({ "file_name": "{counter}.ndjson", "format": "ndjson", "files_per": "record" });
    })
    .await?;
    let push = flow.flush().await?;
    ensure!(push["status"] == "ERROR" && push["outputs"][0]["result"] == "nothing", "{push}");
    let report = flow.closed(&run).await?;
    for run in [&push, &report] {
        counts_are(run, &[("read", 2), ("errors", 2)])?;
        let records = flow.records(&id(run)).await?;
        ensure!(
            records.iter().all(|r| r["detail"].to_string().contains("a file for each record")),
            "{records:?}"
        );
    }
    Ok(())
}
