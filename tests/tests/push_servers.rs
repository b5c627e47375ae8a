//! The same pushes to servers of five makes, and to one that fails in every way: in the end there is one whole file, and
//! nothing beside it.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{exports::Exports, sftp_server::Software};

fn events(ids: &[&str]) -> Vec<(String, Value)> {
    ids.iter().map(|id| (id.to_string(), json!({ "type": "t", "id": id }))).collect()
}

fn export(overwrite: &str) -> Value {
    json!({ "file_name": "events.ndjson", "format": "ndjson", "overwrite": overwrite })
}

/// The ids that are in a file, in order.
fn ids(content: &str) -> Result<Vec<String>> {
    let record =
        |line: &str| Ok(serde_json::from_str::<Value>(line)?["id"].as_str().context("an id")?.into());
    content.lines().map(record).collect()
}

/// Expects these files and no others, each with the events of these ids.
fn there_is(flow: &Exports, files: &[(&str, &[&str])]) -> Result<()> {
    let arrived = flow.arrived()?;
    ensure!(arrived.keys().eq(files.iter().map(|(name, _)| name)), "{arrived:?}");
    for (name, expected) in files {
        ensure!(ids(&arrived[*name])? == *expected, "{name}: {arrived:?}");
    }
    Ok(())
}

async fn files_arrive_replace_one_another_and_go_into_new_folders(software: Software) -> Result<()> {
    let flow = Exports::on(software, export("replace"), "til lønn/2026 №1").await?;
    for ids in [&["evt-1", "evt-2"][..], &["evt-3"]] {
        let deliveries = flow.buffered(&events(ids)).await?;
        let run = flow.flush().await?;
        ensure!(run["status"] == "COMPLETE" && run["warnings"].is_null(), "{run:#}");
        ensure!(run["outputs"][0]["server"].as_str().is_some_and(|s| s.starts_with("SSH-2.0-")), "{run:#}");
        there_is(&flow, &[("events.ndjson", ids)])?;
        flow.is_pushed(&deliveries[0], &run).await?;
    }
    Ok(())
}

async fn a_name_that_is_taken_is_left_numbered_or_waited_for(software: Software) -> Result<()> {
    let flow = Exports::on(software, export("fail"), "in").await?;
    fs::create_dir(&flow.folder)?;
    let old = flow.folder.join("events.ndjson");
    fs::write(&old, "{\"id\":\"old\"}\n")?;
    flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["failure"]["code"] == "name_exists", "{run:#}");
    there_is(&flow, &[("events.ndjson", &["old"])])?;
    flow.change_files(|t| t["export"]["overwrite"] = "rename".into()).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run:#}");
    there_is(&flow, &[("events-1.ndjson", &["evt-1"]), ("events.ndjson", &["old"])])?;
    flow.change_files(|t| t["export"]["overwrite"] = "ignore".into()).await?;
    flow.buffered(&events(&["evt-2"])).await?;
    let run = flow.flush().await?;
    ensure!(run["counts"]["filtered"] == 1 && run["outputs"][0]["result"] == "exists", "{run:#}");
    there_is(&flow, &[("events-1.ndjson", &["evt-1"]), ("events.ndjson", &["old"])])
}

async fn what_waits_while_it_is_down_is_one_file_once_it_is_back(software: Software) -> Result<()> {
    let mut flow = Exports::on(software, export("fail"), "in").await?;
    flow.buffered(&events(&["evt-1"])).await?;
    flow.server.stop();
    let run = flow.flush().await?;
    ensure!(run["failure"]["code"] == "server_down", "{run:#}");
    flow.buffered(&events(&["evt-2"])).await?;
    flow.server_is_back().await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run:#}");
    there_is(&flow, &[("events.ndjson", &["evt-1", "evt-2"])])
}

tests::on_each_server!(
    openssh: super::Software::OpenSsh, asyncssh: super::Software::AsyncSsh, proftpd: super::Software::ProFtpd,
    dropbear: super::Software::Dropbear, rclone: super::Software::Rclone,
    no_posix_rename: super::Software::Faulty("no-posix-rename"),
    rename_overwrites: super::Software::Faulty("rename-overwrites no-posix-rename"),
    small_window: super::Software::Faulty("small-window=3000"); [
    files_arrive_replace_one_another_and_go_into_new_folders,
    a_name_that_is_taken_is_left_numbered_or_waited_for,
    what_waits_while_it_is_down_is_one_file_once_it_is_back,
]);

/// Pushes to a server that fails so, expects the failure and its words, nothing under the name, and everything still
/// there; then to one in order, where all of it arrives.
async fn fails_and_loses_nothing(faults: &'static str, code: &str, words: &[&str]) -> Result<()> {
    let flow = Exports::on(Software::Faulty(faults), export("fail"), "in").await?;
    fs::create_dir(&flow.folder)?;
    let deliveries = flow.buffered(&events(&["evt-1", "evt-2"])).await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "ERROR" && run["failure"]["code"] == code, "{run:#}");
    ensure!(run["failure"]["origin"] == "target", "{run:#}");
    for word in words {
        ensure!(run["failure"]["message"].as_str().is_some_and(|m| m.contains(word)), "{word}: {run:#}");
    }
    ensure!(!flow.arrived()?.contains_key("events.ndjson"), "{:?}", flow.arrived()?);
    let home = flow.home().join("other-server");
    let other = tests::sftp_server::SftpServer::start(&home, tests::sftp_server::Entry::Key)?;
    let settings = other.target_server(&flow.folder);
    flow.change_files(|t| {
        for field in ["address", "auth", "host_keys"] {
            t[field] = settings[field].clone();
        }
    })
    .await?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE", "{run:#}");
    // What another server was sent stays there: here it has the same folder.
    for name in flow.arrived()?.keys().filter(|name| name.starts_with(".crossdock-")) {
        fs::remove_file(flow.folder.join(name))?;
    }
    there_is(&flow, &[("events.ndjson", &["evt-1", "evt-2"])])?;
    flow.is_pushed(&deliveries[1], &run).await
}

#[tokio::test]
async fn a_disk_that_fills_up_is_named() -> Result<()> {
    fails_and_loses_nothing("full-after=10", "transfer_failed", &["No space left on device", "writing"]).await
}

#[tokio::test]
async fn a_quota_is_named() -> Result<()> {
    fails_and_loses_nothing("quota=10", "transfer_failed", &["Disk quota exceeded"]).await
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_to_is_named() -> Result<()> {
    fails_and_loses_nothing("read-only", "permission_denied", &[".part", "check the user's permissions"])
        .await
}

#[tokio::test]
async fn a_server_that_keeps_less_than_it_acknowledges_is_caught_by_the_size() -> Result<()> {
    fails_and_loses_nothing("truncate-write=10", "size_differs", &["has 10 bytes", "check its disk"]).await
}

#[tokio::test]
async fn a_rename_whose_answer_is_lost_is_found_to_be_done() -> Result<()> {
    let flow = Exports::on(Software::Faulty("lose-rename-reply once"), export("fail"), "in").await?;
    let deliveries = flow.buffered(&events(&["evt-1"])).await?;
    let run = flow.flush().await?;
    ensure!(run["failure"]["code"] == "connection_lost", "{run:#}");
    ensure!(flow.server.log().contains("fault: lose-rename-reply"), "{}", flow.server.log());
    there_is(&flow, &[("events.ndjson", &["evt-1"])])?;
    // The partner takes it before the hub has looked.
    fs::remove_file(flow.folder.join("events.ndjson"))?;
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["counts"]["created"] == 1, "{run:#}");
    there_is(&flow, &[])?;
    flow.is_pushed(&deliveries[0], &run).await
}

/// Pushes to a server that falls silent in the middle, once; then again.
async fn is_left_in_time_and_comes_through(
    faults: &'static str,
    files_per: &str,
    through_before: u64,
) -> Result<()> {
    let mut settings = export("fail");
    if files_per == "record" {
        settings["files_per"] = files_per.into();
        settings["file_name"] = "{counter}.ndjson".into();
    }
    let flow = Exports::on(Software::Faulty(faults), settings, "in").await?;
    let deliveries = flow.buffered(&events(&["evt-1", "evt-2"])).await?;
    let started = Instant::now();
    let run = flow.flush().await?;
    // One answer is waited for 30 s, and nothing else is asked of that session.
    ensure!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
    let status = if through_before > 0 { "PARTIAL" } else { "ERROR" };
    ensure!(run["status"] == status && run["failure"]["code"] == "timed_out", "{run:#}");
    ensure!(run["failure"]["origin"] == "target" && run["failure"]["retryable"] == true, "{run:#}");
    ensure!(flow.server.log().contains("fault: stall-"), "{}", flow.server.log());
    let left = 2 - through_before;
    ensure!(flow.buffer().await?["waiting"] == left, "{:#}", flow.buffer().await?);
    let run = flow.flush().await?;
    ensure!(run["status"] == "COMPLETE" && run["counts"]["created"] == left, "{run:#}");
    match files_per {
        "record" => there_is(&flow, &[("1.ndjson", &["evt-1"]), ("2.ndjson", &["evt-2"])])?,
        _ => there_is(&flow, &[("events.ndjson", &["evt-1", "evt-2"])])?,
    }
    flow.is_pushed(&deliveries[1], &run).await
}

#[tokio::test]
async fn a_server_that_stalls_at_a_write_is_left_in_time() -> Result<()> {
    is_left_in_time_and_comes_through("stall-write once", "batch", 0).await
}

#[tokio::test]
async fn a_server_that_stalls_at_the_close_is_left_in_time() -> Result<()> {
    is_left_in_time_and_comes_through("stall-close once", "batch", 0).await
}

#[tokio::test]
async fn a_server_that_stalls_at_the_rename_is_left_in_time() -> Result<()> {
    is_left_in_time_and_comes_through("stall-rename once", "batch", 0).await
}

#[tokio::test]
async fn a_server_that_stalls_at_one_of_many_writes_is_left_in_time() -> Result<()> {
    is_left_in_time_and_comes_through("stall-write=2 once", "record", 0).await
}

#[tokio::test]
async fn a_server_that_stalls_at_one_of_many_renames_is_left_in_time() -> Result<()> {
    is_left_in_time_and_comes_through("stall-rename=2 once", "record", 1).await
}

#[tokio::test]
async fn a_path_that_leads_up_is_refused_when_it_is_set_up() -> Result<()> {
    let flow = Exports::new(export("fail"), "in").await?;
    for path in ["/out/../etc", "..", "/out/.."] {
        let mut target = flow.server.target_server(std::path::Path::new(path));
        target["kind"] = "sftp_export".into();
        target["export"] = export("fail");
        let answer = flow.api.call("POST", "/v1/target-servers", &[], Some(&target.to_string())).await?;
        ensure!(answer.status == 422 && answer.body["errors"][0]["field"] == "path", "{}", answer.body);
    }
    Ok(())
}
