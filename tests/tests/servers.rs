//! The same flows on two kinds of SFTP server, and both of them failing at every point of a conversation.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::{Value, json};
use tests::{
    flow::{Flow, simple_mapping},
    proxy::{Line, Proxy},
    puller::Puller,
    receiver::Manner,
    report::{expect, expect_failure},
    sftp_server::{Entry, Software},
};

async fn flow_on(software: Software, entry: Entry) -> Result<Flow> {
    Flow::on(software, simple_mapping(), Manner::Take, entry).await
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn warnings(run: &Value) -> String {
    run["warnings"].to_string()
}

/// A file of so many bytes that is no more than one record in CSV, and another.
fn large(bytes: usize) -> Vec<u8> {
    let mut content = b"id;value\r\n".to_vec();
    let line = format!(";{}\r\n", "x".repeat(10_000));
    for n in 0..bytes / line.len() {
        content.extend_from_slice(n.to_string().as_bytes());
        content.extend_from_slice(line.as_bytes());
    }
    content
}

async fn files_are_taken_and_stay(software: Software) -> Result<()> {
    let flow = flow_on(software, Entry::Key).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.put("b.csv", "id;value\r\n2;b\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.put("b.csv", "id;value\r\n2;c\r\n")?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("updated", 1)]);
    assert_eq!(names(&flow.folder)?, ["a.csv", "b.csv"]);
    flow.agrees(&[&first, &second]).await
}

async fn a_moved_file_takes_its_done_file_along(software: Software) -> Result<()> {
    let flow = flow_on(software, Entry::Key).await?;
    flow.change_connection(|c| {
        c["source"]["done_suffix"] = ".done".into();
        c["source"]["post_action"] = "move".into();
        c["source"]["move_to"] = "taken".into();
    })
    .await?;
    for (content, how) in [("id;value\r\n1;a\r\n", "created"), ("id;value\r\n1;bb\r\n", "updated")] {
        // Of another size: within a second, SFTP tells files of one size under one name apart by nothing.
        flow.put("a.csv", content)?;
        flow.put("a.csv.done", "")?;
        let run = flow.run().await?;
        expect(&run, "COMPLETE", &[("read", 1), (how, 1)]);
        assert_eq!(run["warnings"], Value::Null);
        assert_eq!(names(&flow.folder)?, ["taken"]);
    }
    assert_eq!(names(&flow.folder.join("taken"))?.len(), 4, "none has overwritten another");
    Ok(())
}

async fn a_removed_file_takes_its_done_file_along(software: Software) -> Result<()> {
    let flow = flow_on(software, Entry::Key).await?;
    flow.change_connection(|c| {
        c["source"]["done_suffix"] = ".done".into();
        c["source"]["post_action"] = "delete".into();
    })
    .await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.put("a.csv.done", "")?;
    flow.put("b.csv", "id;value\r\n2;b\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(run["warnings"], Value::Null);
    assert_eq!(names(&flow.folder)?, ["b.csv"], "what was not taken stays");
    flow.agrees(&[&run]).await
}

async fn a_password_opens_the_server(software: Software) -> Result<()> {
    let flow = flow_on(software, Entry::Password).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let right = flow.server.target_server(&flow.folder);
    flow.change_source(|s| s["auth"]["password"] = "wrong".into()).await?;
    let failed = flow.run().await?;
    expect_failure(
        &failed,
        "source",
        "authentication_failed",
        false,
        &["the password", "check the credentials"],
    );
    flow.change_source(|s| *s = right).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&failed, &run]).await
}

async fn another_host_key_is_refused(software: Software) -> Result<()> {
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJg9zU0XvPoHYxCYfGFeBXBMfHGHjVjI3rVUWLTKWIHF";
    let flow = flow_on(software, Entry::Key).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.change_source(|s| s["host_keys"] = json!([OTHER])).await?;
    let failed = flow.run().await?;
    expect_failure(&failed, "source", "host_key_mismatch", false, &["SHA256:", "host_keys"]);
    Ok(())
}

/// Where the conversation stops: in the greeting, the key exchange, the login, the listing, and within the file.
const POINTS: [u64; 8] = [0, 10, 700, 1500, 2400, 3200, 4000, 2_000_000];

/// Fails at each point in turn, and then lets everything through: nothing is lost, and nothing is there twice.
async fn failing_at_each_point(software: Software, line: fn(u64) -> Line, codes: &[&str]) -> Result<()> {
    let flow = flow_on(software, Entry::Key).await?;
    flow.put("a.csv", large(4_000_000))?;
    let proxy = Proxy::start(flow.server.address(), Line::Open).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let mut puller = Puller::start(&flow).await?;
    let mut told = Vec::new();
    for after in POINTS {
        proxy.set(line(after));
        let run = puller.admit(&flow).await?;
        let started = Instant::now();
        let failed = puller.work(&run, Duration::from_secs(60)).await?;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(12), "after {after} bytes it took {took:?}");
        let failure = failed.failure.clone().unwrap_or_else(|| panic!("after {after} bytes: {failed:#?}"));
        assert!(codes.contains(&failure.code.as_str()) && failure.retryable, "after {after}: {failure:?}");
        assert!(failure.message.contains("check"), "it says what to do: {failure:?}");
        assert_eq!((failed.status, failed.inputs.len()), (shared::run::RunStatus::Error, 0), "after {after}");
        told.push(failure.code);
    }
    println!("{}: {told:?}", software.name());
    proxy.set(Line::Open);
    let run = flow.run().await?;
    assert_eq!((&run["status"], &run["counts"]["errors"]), (&"COMPLETE".into(), &json!(0)));
    flow.agrees(&[&run]).await
}

async fn a_server_that_falls_silent_at_any_point_is_left_in_time(software: Software) -> Result<()> {
    failing_at_each_point(software, Line::Silent, &["timed_out"]).await
}

async fn a_connection_that_is_cut_at_any_point_ends_the_run_and_the_next_takes_the_file(
    software: Software,
) -> Result<()> {
    failing_at_each_point(software, Line::Cut, &["handshake_failed", "connection_lost", "server_down"]).await
}

async fn a_file_that_grows_while_it_is_read_waits_for_the_next_run(software: Software) -> Result<()> {
    changed_while_it_is_read(software, |path| {
        let mut file = fs::File::options().append(true).open(path)?;
        Ok(file.write_all(b"more;more\r\n")?)
    })
    .await
}

async fn a_file_that_is_replaced_while_it_is_read_waits_for_the_next_run(software: Software) -> Result<()> {
    changed_while_it_is_read(software, |path| {
        // Of the same size, under a new name first: whoever has the old one open reads on in the old one.
        let mut content = fs::read(path)?;
        let end = content.len() - 3;
        content[end] = b'y';
        tests::flow::put_file(path, &content)
    })
    .await
}

async fn changed_while_it_is_read(software: Software, change: fn(&Path) -> Result<()>) -> Result<()> {
    let flow = flow_on(software, Entry::Key).await?;
    flow.put("a.csv", large(8_000_000))?;
    let proxy = Proxy::start(flow.server.address(), Line::Silent(3_000_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let run = flow.start().await?;
    proxy.has_passed(3_000_000).await?;
    change(&flow.folder.join("a.csv"))?;
    proxy.set(Line::Open);
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[]);
    assert!(warnings(&run).contains("changed while it was read"), "{run:#}");
    assert_eq!(run["inputs"], json!([]));
    let next = flow.run().await?;
    assert_eq!(next["status"], "COMPLETE", "{next:#}");
    flow.agrees(&[&run, &next]).await
}

tests::on_each_server!(openssh: super::Software::OpenSsh, asyncssh: super::Software::AsyncSsh; [
    files_are_taken_and_stay,
    a_moved_file_takes_its_done_file_along,
    a_removed_file_takes_its_done_file_along,
    a_password_opens_the_server,
    another_host_key_is_refused,
    a_server_that_falls_silent_at_any_point_is_left_in_time,
    a_connection_that_is_cut_at_any_point_ends_the_run_and_the_next_takes_the_file,
    a_file_that_grows_while_it_is_read_waits_for_the_next_run,
    a_file_that_is_replaced_while_it_is_read_waits_for_the_next_run,
]);

// What these do differently from OpenSSH is within SFTP.
tests::on_each_server!(
    proftpd: super::Software::ProFtpd, dropbear: super::Software::Dropbear, rclone: super::Software::Rclone; [
    files_are_taken_and_stay,
    a_moved_file_takes_its_done_file_along,
    a_removed_file_takes_its_done_file_along,
    a_connection_that_is_cut_at_any_point_ends_the_run_and_the_next_takes_the_file,
    a_file_that_grows_while_it_is_read_waits_for_the_next_run,
]);
