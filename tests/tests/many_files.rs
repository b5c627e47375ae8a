//! A file for each record, or for each connection: many small files go together, each is whole under its name, in the
//! order of the records.

use std::{collections::HashSet, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    api::id,
    exports::{Exports, PUSH_WITHIN},
    flow::count,
    line::Line,
    sftp_server::Software,
    wait::until,
};

/// A file for each record, with its number for a name.
fn export(overwrite: &str) -> Value {
    json!({ "file_name": "{counter:4}.ndjson", "format": "ndjson", "files_per": "record", "overwrite": overwrite })
}

/// Posts so many events, and waits until all of them are in the buffer. Answers their deliveries.
async fn buffered(flow: &Exports, ids: std::ops::RangeInclusive<usize>) -> Result<Vec<String>> {
    let mut deliveries = Vec::new();
    for n in ids {
        let notification = flow.accepted(&format!("evt-{n}"), &json!({ "type": "t", "id": n })).await?;
        deliveries.push(format!("{notification}-{}", flow.to_files));
    }
    for delivery in &deliveries {
        flow.in_buffer(delivery).await?;
    }
    Ok(deliveries)
}

/// Expects a file with the record of each of these under its number, and nothing beside them but `others`.
fn there_are(flow: &Exports, ids: &[usize], others: &[&str]) -> Result<()> {
    let mut arrived = flow.arrived()?;
    for id in ids {
        let content = arrived.remove(&format!("{id:04}.ndjson"));
        let wanted = format!("{}\n", json!({ "type": "t", "id": id }));
        ensure!(content.as_ref() == Some(&wanted), "{id}: {content:?} beside {arrived:?}");
    }
    ensure!(arrived.keys().eq(others), "{arrived:?}");
    Ok(())
}

/// The results of a run's files, in their order.
fn results(run: &Value) -> Vec<(u64, &str)> {
    let outputs = run["outputs"].as_array().into_iter().flatten();
    let of = |output: &Value| output["number"].as_u64().unwrap_or_default();
    outputs.map(|output| (of(output), output["result"].as_str().unwrap_or_default())).collect()
}

async fn each_record_has_its_file(software: Software) -> Result<()> {
    for overwrite in ["fail", "replace", "rename", "ignore"] {
        let mut settings = export(overwrite);
        settings["mode"] = "0640".into();
        let flow = Exports::on(software, settings, "til lønn/2026").await?;
        let deliveries = buffered(&flow, 1..=7).await?;
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 7, "{overwrite}: {run:#}");
        ensure!(results(&run) == (1..=7).map(|n| (n, "written")).collect::<Vec<_>>(), "{run:#}");
        there_are(&flow, &[1, 2, 3, 4, 5, 6, 7], &[])?;
        flow.is_pushed(&deliveries[6], &run).await?;
    }
    Ok(())
}

tests::on_each_server!(
    openssh: super::Software::OpenSsh, asyncssh: super::Software::AsyncSsh, proftpd: super::Software::ProFtpd,
    dropbear: super::Software::Dropbear, rclone: super::Software::Rclone,
    few_handles: super::Software::Faulty("handles=3"),
    no_setstat: super::Software::Faulty("no-setstat"),
    no_posix_rename: super::Software::Faulty("no-posix-rename"); [
    each_record_has_its_file,
]);

#[tokio::test]
async fn a_name_that_is_taken_stops_those_behind_it_and_none_before() -> Result<()> {
    let flow = Exports::new(export("fail"), "in").await?;
    fs::create_dir(&flow.folder)?;
    let taken = flow.folder.join("0003.ndjson");
    fs::write(&taken, "old")?;
    let deliveries = buffered(&flow, 1..=5).await?;
    let run = flow.flush().await?;
    ensure!(run["failure"]["code"] == "name_exists" && count(&run, "created") == 2, "{run:#}");
    there_are(&flow, &[1, 2], &["0003.ndjson"])?;
    let buffer = flow.buffer().await?;
    ensure!(buffer["open_batch"]["number"] == 3 && buffer["waiting"] == 3, "{buffer}");
    // What comes meanwhile comes after them.
    buffered(&flow, 6..=6).await?;
    fs::remove_file(&taken)?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 4, "{run:#}");
    there_are(&flow, &[1, 2, 3, 4, 5, 6], &[])?;
    flow.is_pushed(&deliveries[4], &run).await?;
    ensure!(flow.buffer().await?["open_batch"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_person_decides_about_one_of_them_and_the_others_go_on() -> Result<()> {
    let flow = Exports::new(export("fail"), "in").await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("0002.ndjson"), "old")?;
    let deliveries = buffered(&flow, 1..=4).await?;
    ensure!(flow.flush().await?["failure"]["code"] == "name_exists");
    let batch = flow.buffer().await?["open_batch"]["id"].clone();
    let path = format!("/v1/target-servers/{}/open-batch", flow.files);
    flow.api.post(&path, &json!({ "batch": batch, "discard": true })).await?;
    let dead = flow.in_state(&deliveries[1], "DEAD").await?;
    ensure!(dead["died_of"] == "cancelled", "{dead}");
    flow.in_state(&deliveries[3], "DELIVERED").await?;
    there_are(&flow, &[1, 3, 4], &["0002.ndjson"])?;
    until("the push to be over", PUSH_WITHIN, async || {
        let buffer = flow.buffer().await?;
        Ok((buffer["active_run"].is_null() && buffer["open_batch"].is_null()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn one_that_is_there_already_is_left_and_one_that_does_not_fit_has_no_file() -> Result<()> {
    let flow = Exports::new(export("ignore"), "in").await?;
    fs::create_dir(&flow.folder)?;
    fs::write(flow.folder.join("0002.ndjson"), "old")?;
    buffered(&flow, 1..=3).await?;
    let run = flow.flush().await?;
    ensure!(results(&run) == [(1, "written"), (2, "exists"), (3, "written")], "{run:#}");
    ensure!(run["counts"]["filtered"] == 1 && count(&run, "created") == 2, "{run:#}");
    there_are(&flow, &[1, 3], &["0002.ndjson"])?;

    let nested = flow.accepted("evt-4", &json!({ "type": "t", "id": { "nested": true } })).await?;
    flow.in_buffer(&format!("{nested}-{}", flow.to_files)).await?;
    buffered(&flow, 5..=6).await?;
    flow.change_files(|t| {
        t["export"] = json!({ "file_name": "{counter:4}.csv", "format": "csv", "files_per": "record",
            "csv": { "columns": ["id"], "delimiter": ";", "header": false, "line_end": "lf" } });
    })
    .await?;
    let run = flow.flush().await?;
    ensure!(results(&run) == [(4, "nothing"), (5, "written"), (6, "written")], "{run:#}");
    ensure!(run["status"] == "PARTIAL" && count(&run, "errors") == 1, "{run:#}");
    ensure!(flow.arrived()?["0005.csv"] == "5\n" && flow.arrived()?["0006.csv"] == "6\n");
    let buffer = flow.buffer().await?;
    let void: Vec<_> =
        buffer["void_numbers"].as_array().into_iter().flatten().map(|v| &v["number"]).collect();
    ensure!(void == [4, 2], "{buffer:#}");
    Ok(())
}

#[tokio::test]
async fn two_hundred_files_go_over_a_far_line_in_the_time_of_a_few() -> Result<()> {
    let flow = Exports::new(export("fail"), "in").await?;
    let line = Line::start(flow.server.address(), 40).await?;
    flow.change_files(|t| t["address"] = format!("127.0.0.1:{}", line.port()).into()).await?;
    buffered(&flow, 1..=200).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 200, "{run:#}");
    there_are(&flow, &(1..=200).collect::<Vec<_>>(), &[])?;
    // Those that went together took the same time.
    let outputs = run["outputs"].as_array().into_iter().flatten();
    let times: HashSet<_> = outputs.filter_map(|output| output["duration_ms"].as_u64()).collect();
    ensure!(times.len() <= 4, "{times:?}");
    let at = |field: &str| -> Result<jiff::Timestamp> { Ok(run[field].as_str().context("a time")?.parse()?) };
    let took = Duration::try_from(at("ended_at")?.duration_since(at("started_at")?))?;
    println!("200 files over 40 ms: {took:.1?}");
    ensure!(took < Duration::from_secs(40), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn the_files_of_twelve_connections_go_over_a_far_line_together() -> Result<()> {
    let export = json!({ "file_name": "{connection}.ndjson", "files_per": "connection", "format": "ndjson" });
    let flow = Exports::new(export, "in").await?;
    let mut connections = vec![flow.to_files.clone()];
    for n in 1..12 {
        let connection = json!({ "name": format!("c{n}"), "source": { "source": flow.source, "types": [format!("t{n}")] },
            "target": { "target_server": flow.files } });
        connections.push(id(&flow.api.post("/v1/connections", &connection).await?));
    }
    let first = format!("/v1/connections/{}", flow.to_files);
    flow.change(&first, |c| c["source"]["types"] = json!(["t0"])).await?;
    let put = async |event: String, n: usize| {
        let notification = flow.accepted(&event, &json!({ "type": format!("t{n}"), "id": event })).await?;
        let delivery = format!("{notification}-{}", connections[n]);
        flow.in_buffer(&delivery).await?;
        anyhow::Ok(delivery)
    };
    for round in 1..=2 {
        for n in 0..12 {
            put(format!("evt-{n}-{round}"), n).await?;
        }
    }
    let line = Line::start(flow.server.address(), 40).await?;
    flow.change_files(|t| t["address"] = format!("127.0.0.1:{}", line.port()).into()).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 24, "{run:#}");
    let outputs = run["outputs"].as_array().context("outputs")?;
    let order: Vec<_> = outputs.iter().filter_map(|output| output["connection"].as_str()).collect();
    ensure!(order == connections, "the one with the oldest first: {run:#}");
    let times: HashSet<_> = outputs.iter().filter_map(|output| output["duration_ms"].as_u64()).collect();
    ensure!(times.len() == 1, "what goes together takes the same time: {times:?}");
    let arrived = flow.arrived()?;
    ensure!(arrived.len() == 12, "{arrived:?}");
    for (n, connection) in connections.iter().enumerate() {
        let lines = [1, 2].map(|round| format!("{{\"type\":\"t{n}\",\"id\":\"evt-{n}-{round}\"}}\n"));
        ensure!(arrived[&format!("{connection}.ndjson")] == lines.concat(), "{n}: {arrived:?}");
    }

    // A name that keeps one of them stops those behind it, and none before.
    let mut last = String::new();
    for (n, connection) in connections.iter().enumerate().take(4) {
        std::fs::remove_file(flow.folder.join(format!("{connection}.ndjson")))?;
        last = put(format!("evt-{n}-3"), n).await?;
    }
    let taken = flow.folder.join(format!("{}.ndjson", connections[2]));
    fs::write(&taken, "old")?;
    let run = flow.flush().await?;
    ensure!(run["failure"]["code"] == "name_exists" && count(&run, "created") == 2, "{run:#}");
    fs::remove_file(&taken)?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && count(&run, "created") == 2, "{run:#}");
    flow.is_pushed(&last, &run).await
}
