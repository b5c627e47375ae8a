//! A file that does not get through in one invocation goes on where it got; in the end it is there once, whole.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use jiff::ToSpan;
use serde_json::{Value, json};
use shared::aws::gates::Of;
use tests::{
    pusher::Pusher,
    rows::now,
    sftp_client::noise,
    sftp_server::{Entry, SftpServer, Software},
};

/// An invocation that has not enough time for the whole file, and one that has.
const SHORT: Duration = Duration::from_secs(9);
const PLENTY: Duration = Duration::from_secs(120);

const BYTES: usize = 40_000_000;

/// What is in the folder, with sizes.
fn folder(at: &Pusher) -> Result<Vec<(String, u64)>> {
    let entries = fs::read_dir(&at.flow.folder)?;
    entries.map(|e| e.map(|e| Ok((e.file_name().to_string_lossy().into(), e.metadata()?.len())))?).collect()
}

/// Expects that the file is there, whole and alone, and reported once with so many attempts.
async fn is_whole(at: &Pusher, content: &[u8], attempts: u64) -> Result<()> {
    ensure!(folder(at)? == [("large.ndjson".to_string(), content.len() as u64)], "{:?}", folder(at)?);
    ensure!(fs::read(at.flow.folder.join("large.ndjson"))? == content, "other bytes arrived");
    let runs = at.flow.pushes().await?;
    let outputs: Vec<Value> = {
        let mut all = Vec::new();
        for run in &runs {
            let shown =
                at.flow.api.get(&format!("/v1/runs/{}", run["id"].as_str().context("an id")?)).await?;
            all.extend(shown["outputs"].as_array().cloned().unwrap_or_default());
        }
        all
    };
    ensure!(outputs.len() == 1 && outputs[0]["result"] == "written", "{outputs:#?}");
    // The first was on the server whose disk is full.
    ensure!(outputs[0]["attempts"] == attempts + 1, "{:#}", outputs[0]);
    ensure!(outputs[0]["cipher"].as_str().is_some_and(|c| !c.is_empty()), "{:#}", outputs[0]);
    Ok(())
}

#[tokio::test]
async fn a_file_goes_on_over_several_invocations() -> Result<()> {
    let content = noise(BYTES, 1);
    // 40 ms for 255 KiB: 6 s in all.
    let mut at = Pusher::start(Software::Faulty("slow-write=40"), content.clone(), json!({})).await?;
    let (mut attempts, mut sent) = (1, 0);
    while let Some(batch) = at.work(SHORT).await?.open_batch {
        let now = batch.sent.context("some of it is there")?.bytes;
        println!("attempt {attempts}: {now} bytes");
        ensure!(now > sent, "no progress in attempt {attempts}: {now}");
        ensure!(folder(&at)?.iter().all(|(name, _)| name.starts_with(".crossdock-")), "{:?}", folder(&at)?);
        (sent, attempts) = (now, attempts + 1);
    }
    ensure!(attempts > 1, "the limit was not met");
    is_whole(&at, &content, attempts).await
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_the_file_goes_on() -> Result<()> {
    let content = noise(BYTES, 2);
    let faults = Software::Faulty("reset-write=20000000 once");
    let mut at = Pusher::start(faults, content.clone(), json!({})).await?;
    let batch = at.work(PLENTY).await?.open_batch.context("it is not through")?;
    let sent = batch.sent.context("some of it is there")?.bytes;
    ensure!((10_000_000..=20_000_000).contains(&sent), "{sent}");
    ensure!(at.server.log().contains("fault: reset-write"), "{}", at.server.log());
    ensure!(at.work(PLENTY).await?.open_batch.is_none());
    is_whole(&at, &content, 2).await
}

#[tokio::test]
async fn what_is_there_is_compared_and_written_anew_where_it_is_something_else() -> Result<()> {
    let content = noise(BYTES, 3);
    let faults = Software::Faulty("reset-write=20000000 once");
    let mut at = Pusher::start(faults, content.clone(), json!({})).await?;
    let sent = at.work(PLENTY).await?.open_batch.and_then(|b| b.sent).context("some of it is there")?.bytes;
    let temporary = at.flow.folder.join(&folder(&at)?[0].0);
    let mut there = fs::read(&temporary)?;
    // As a server leaves it whose disk lost what it had acknowledged.
    let place = usize::try_from(sent)? - 1000;
    there[place..place + 100].fill(0);
    fs::write(&temporary, there)?;
    ensure!(at.work(PLENTY).await?.open_batch.is_none());
    is_whole(&at, &content, 2).await
}

#[tokio::test]
async fn a_file_that_is_shorter_than_was_acknowledged_goes_on_from_its_end() -> Result<()> {
    let content = noise(BYTES, 4);
    let faults = Software::Faulty("reset-write=20000000 once");
    let mut at = Pusher::start(faults, content.clone(), json!({})).await?;
    at.work(PLENTY).await?.open_batch.and_then(|b| b.sent).context("some of it is there")?;
    let temporary = at.flow.folder.join(&folder(&at)?[0].0);
    fs::File::options().write(true).open(&temporary)?.set_len(7_000_001)?;
    ensure!(at.work(PLENTY).await?.open_batch.is_none());
    is_whole(&at, &content, 2).await
}

#[tokio::test]
async fn a_server_that_empties_what_is_opened_gets_the_file_from_its_beginning() -> Result<()> {
    let content = noise(BYTES, 5);
    let faults = Software::Faulty("reset-write=20000000 once");
    let mut at = Pusher::start(faults, content.clone(), json!({})).await?;
    at.work(PLENTY).await?.open_batch.and_then(|b| b.sent).context("some of it is there")?;
    // The same place, served by another make of server from now on.
    let address = at.server.address();
    at.server.stop();
    let (_, port) = address.rsplit_once(':').context("a port")?;
    at.server =
        SftpServer::start_at(Software::Rclone, &at.flow.home().join("rclone"), Entry::Key, port.parse()?)?;
    let (target, user) = (at.server.target_server(&at.flow.folder), at.server.user().to_string());
    at.flow
        .change_files(|t| {
            t["host_keys"] = target["host_keys"].clone();
            t["auth"] = target["auth"].clone();
        })
        .await?;
    ensure!(user == "crossdock", "another user would be another place");
    let push = at.work(PLENTY).await?;
    ensure!(push.open_batch.is_none(), "{push:?}, {}", at.server.log());
    is_whole(&at, &content, 2).await
}

#[tokio::test]
async fn two_connections_write_one_file_and_one_does_where_there_is_no_place_for_a_second() -> Result<()> {
    let content = noise(BYTES, 6);
    for connections in [2, 1] {
        let settings = json!({ "connections": 2, "upload_connections": 2 });
        let mut at = Pusher::start(Software::OpenSsh, content.clone(), settings).await?;
        if connections == 1 {
            // Another run has one of the two places.
            let login = format!("{}@{}", at.server.user(), at.server.address());
            let of = Of { account: &at.flow.account, target_server: &login };
            let until = now().checked_add(10.minutes())?;
            at.flow
                .stack
                .table()
                .await?
                .take_place(of, 2, "run_other", until, now())
                .await?
                .context("a place")?;
        }
        ensure!(at.work(PLENTY).await?.open_batch.is_none());
        let entered = at.server.log().matches("Accepted publickey").count();
        ensure!(entered == connections, "{entered}: {}", at.server.log());
        is_whole(&at, &content, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_connections_of_which_one_breaks_go_on_from_what_is_there_without_a_gap() -> Result<()> {
    let content = noise(BYTES, 7);
    let faults = Software::Faulty("reset-write=9000000 once");
    let mut at = Pusher::start(faults, content.clone(), json!({ "upload_connections": 2 })).await?;
    let sent = at.work(PLENTY).await?.open_batch.and_then(|b| b.sent).context("some of it is there")?.bytes;
    ensure!(sent < 30_000_000, "{sent}");
    ensure!(at.work(PLENTY).await?.open_batch.is_none());
    is_whole(&at, &content, 2).await
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_ends_the_push_with_the_reason() -> Result<()> {
    let content = noise(BYTES, 8);
    let faults = Software::Faulty("quota=20000000");
    let mut at = Pusher::start(faults, content.clone(), json!({})).await?;
    for tries in 1..=3 {
        let push = at.work(PLENTY).await?;
        ensure!(push.open_batch.is_some(), "{push:?}");
        if push.last_code.as_deref() == Some("transfer_failed") && tries > 1 {
            ensure!(
                push.last_error.as_deref().is_some_and(|e| e.contains("Disk quota exceeded")),
                "{push:?}"
            );
            ensure!(
                folder(&at)?.iter().all(|(name, _)| name.starts_with(".crossdock-")),
                "{:?}",
                folder(&at)?
            );
            return Ok(());
        }
    }
    anyhow::bail!("it never says why")
}

#[tokio::test]
async fn a_file_of_300_mb_takes_little_memory() -> Result<()> {
    let content = noise(300_000_000, 9);
    let mut at = Pusher::start(Software::OpenSsh, content.clone(), json!({})).await?;
    ensure!(at.work(PLENTY).await?.open_batch.is_none());
    println!("peak {} MiB", at.peak_mib()?);
    ensure!(at.peak_mib()? <= 48, "{} MiB", at.peak_mib()?);
    is_whole(&at, &content, 1).await
}
