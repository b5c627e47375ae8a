//! What is wrong with an SFTP server: told clearly, and nothing is lost by it.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use serde_json::{Value, json};
use tests::{
    flow::{Flow, simple_mapping},
    puller::Puller,
    receiver::Manner,
    report::{expect, expect_failure},
    sftp_server::{Entry, Software},
};

/// Runs with what is wrong, puts it right, and holds that the file is delivered then.
async fn fails_then_delivers(
    mut flow: Flow,
    wrong: impl FnOnce(&mut Value),
    (code, retryable, words): (&str, bool, &[&str]),
) -> Result<()> {
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    let right = flow.server.target_server(&flow.folder);
    flow.change_source(wrong).await?;
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[]);
    expect_failure(&failed, "source", code, retryable, words);
    assert_eq!((&failed["inputs"], &failed["counts"]["read"]), (&json!([]), &json!(0)));
    assert_eq!(flow.receiver.requests(), Vec::<Value>::new());
    flow.change_source(|s| *s = right).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&failed, &run]).await?;
    flow.server.stop();
    Ok(())
}

#[tokio::test]
async fn another_host_key_than_the_pinned_one_ends_the_run_before_anything_is_sent() -> Result<()> {
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJg9zU0XvPoHYxCYfGFeBXBMfHGHjVjI3rVUWLTKWIHF";
    let words = &["SHA256:", "not pinned", "host_keys"];
    let flow = Flow::new().await?;
    fails_then_delivers(flow, |s| s["host_keys"] = json!([OTHER]), ("host_key_mismatch", false, words)).await
}

#[tokio::test]
async fn a_server_without_a_key_of_a_pinned_type_is_told_apart() -> Result<()> {
    // A pin of another type: the two sides find no common algorithm.
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDowzOzhpWA78MPTrDJmyxBrL9fe7hgJ4FzNMK6jaA9xQiTmpuXrSUBLNKHrxM5wBQ5ZGQJkjmSM4aqZqEgLBiM=";
    let words = &["ecdsa-sha2-nistp256", "offers ssh-ed25519", "pin a key"];
    let flow = Flow::new().await?;
    fails_then_delivers(flow, |s| s["host_keys"] = json!([ECDSA]), ("no_common_algorithms", false, words))
        .await
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_refused() -> Result<()> {
    let flow = Flow::new().await?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()?;
    assert!(made.success());
    let key = fs::read_to_string(key)?;
    let words = &["the key", "check the credentials"];
    fails_then_delivers(
        flow,
        |s| s["auth"]["private_key"] = key.into(),
        ("authentication_failed", false, words),
    )
    .await
}

#[tokio::test]
async fn a_private_key_that_is_none_is_told() -> Result<()> {
    let flow = Flow::new().await?;
    let words = &["private key cannot be used", "PEM or OpenSSH"];
    fails_then_delivers(
        flow,
        |s| s["auth"]["private_key"] = "no key".into(),
        ("private_key_unusable", false, words),
    )
    .await
}

#[tokio::test]
async fn an_unknown_folder_is_named() -> Result<()> {
    let flow = Flow::new().await?;
    let words = &["/no/such/folder", "check the path"];
    fails_then_delivers(flow, |s| s["path"] = "/no/such/folder".into(), ("not_found", false, words)).await
}

#[tokio::test]
async fn a_host_without_an_address_is_named() -> Result<()> {
    let flow = Flow::new().await?;
    let words = &["files.invalid", "check the address"];
    fails_then_delivers(flow, |s| s["address"] = "files.invalid:22".into(), ("unknown_host", true, words))
        .await
}

#[tokio::test]
async fn a_server_that_is_down_fails_the_run_and_the_next_run_takes_the_file() -> Result<()> {
    let mut flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.server.stop();
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[]);
    expect_failure(
        &failed,
        "source",
        "server_down",
        true,
        &["does not answer", "check that the server is up"],
    );
    assert_eq!(failed["inputs"], json!([]));
    flow.server.start_again()?;
    let again = flow.server.target_server(&flow.folder);
    flow.change_source(|s| *s = again).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&failed, &run]).await
}

#[tokio::test]
async fn what_was_taken_before_the_server_failed_is_delivered_and_the_rest_by_the_next_run() -> Result<()> {
    // An ordinary user enters, who may not read a file that is root's alone.
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::Password).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.put("b.csv", "id;value\r\n2;b\r\n")?;
    let may_read = |mode| fs::set_permissions(flow.folder.join("b.csv"), fs::Permissions::from_mode(mode));
    let touched = fs::metadata(flow.folder.join("a.csv"))?.modified()? + std::time::Duration::from_secs(5);
    fs::File::options().append(true).open(flow.folder.join("b.csv"))?.set_modified(touched)?;
    may_read(0o600)?;
    let partial = flow.run().await?;
    expect(&partial, "PARTIAL", &[("read", 1), ("created", 1)]);
    expect_failure(
        &partial,
        "source",
        "permission_denied",
        false,
        &["b.csv", "check the user's permissions"],
    );
    may_read(0o644)?;
    let rest = flow.run().await?;
    expect(&rest, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&partial, &rest]).await
}

#[tokio::test]
async fn a_folder_of_ten_thousand_names_is_listed_whole() -> Result<()> {
    let flow = Flow::new().await?;
    for n in 0..10_000 {
        fs::write(flow.folder.join(format!("{n:05}-not-meant.txt")), "")?;
    }
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn names_that_are_not_utf_8_are_told_and_the_other_files_are_taken() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    fs::write(flow.folder.join(OsStr::from_bytes(b"bl\xE5b\xE6r.csv")), "id;value\r\n2;b\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    let warning = run["warnings"].to_string();
    assert!(
        warning.contains("1 names") && warning.contains("not UTF-8") && warning.contains("bl\u{FFFD}b"),
        "{run:#}"
    );
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_line_of_100_mb_is_one_records_error_and_is_not_held_in_memory() -> Result<()> {
    let flow = Flow::new().await?;
    let mut file = fs::File::create(flow.folder.join("a.csv"))?;
    file.write_all(b"id;value\r\n1;a\r\n2;")?;
    let piece = vec![b'x'; 1_000_000];
    (0..100).try_for_each(|_| file.write_all(&piece))?;
    file.write_all(b"\r\n3;c\r\n")?;
    drop(file);
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    let released = puller.work(&run, Duration::from_secs(300)).await?;
    assert_eq!((released.counts.owed(), released.counts.errors()), (2, 1));
    let peak = puller.peak_mib()?;
    println!("peak {peak} MiB");
    assert!(peak < 112, "{peak} MiB");
    let report = flow.ended(&run).await?;
    expect(&report, "PARTIAL", &[("read", 3), ("created", 2), ("errors", 1)]);
    let records = flow.records(&report).await?;
    assert_eq!(records[1]["reason"], "record_too_long");
    assert!(
        records[1]["detail"].to_string().contains("quote missing"),
        "it says what to look for: {}",
        records[1]
    );
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_file_that_grows_without_an_end_is_read_to_what_was_listed() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", format!("id;value\r\n{}", "1;a\r\n".repeat(1_000_000)))?;
    let ended = Arc::new(AtomicBool::new(false));
    let writing = {
        let (path, ended) = (flow.folder.join("a.csv"), ended.clone());
        std::thread::spawn(move || -> std::io::Result<u64> {
            let mut file = fs::File::options().append(true).open(path)?;
            let (piece, mut written) = (b"1;a\r\n".repeat(200_000), 0);
            // A gigabyte a second or so, far more than comes through.
            while !ended.load(Ordering::Relaxed) && written < 3_000_000_000 {
                file.write_all(&piece)?;
                written += piece.len() as u64;
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(written)
        })
    };
    let run = flow.run().await;
    ended.store(true, Ordering::Relaxed);
    let written = writing.join().map_err(|_| anyhow::anyhow!("the writer broke"))??;
    let run = run?;
    println!("{written} bytes were written meanwhile");
    expect(&run, "COMPLETE", &[]);
    assert!(run["warnings"].to_string().contains("changed while it was read"), "{run:#}");
    assert_eq!(run["inputs"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_disk_that_is_full_where_files_are_moved_to_is_a_warning_and_the_file_is_delivered_once()
-> Result<()> {
    let flow = Flow::on(Software::Faulty("full"), simple_mapping(), Manner::Take, Entry::Key).await?;
    flow.change_connection(|c| {
        c["source"]["post_action"] = "move".into();
        c["source"]["move_to"] = "taken".into();
    })
    .await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert!(first["warnings"].to_string().contains("was taken but not moved"), "{first:#}");
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[]);
    assert!(flow.folder.join("a.csv").exists());
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_removal_that_failed_or_was_interrupted_is_done_by_the_next_run_and_takes_no_newer_file()
-> Result<()> {
    // An ordinary user enters, who may not write to a folder that is root's.
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::Password).await?;
    flow.change_connection(|c| {
        c["source"]["post_action"] = "delete".into();
        c["source"]["done_suffix"] = ".done".into();
    })
    .await?;
    for (name, content) in [("a.csv", "id;value\r\n1;a\r\n"), ("b.csv", "id;value\r\n2;b\r\n")] {
        flow.put(name, content)?;
        flow.put(&format!("{name}.done"), "")?;
    }
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    assert!(first["warnings"].to_string().contains("was taken but not removed"), "{first:#}");
    // As if the holder had died between the done-file and the file; and b.csv is a newer file by now.
    fs::remove_file(flow.folder.join("a.csv.done"))?;
    fs::remove_file(flow.folder.join("b.csv.done"))?;
    flow.put("b.csv", "id;value\r\n2;newer\r\n")?;
    fs::set_permissions(&flow.folder, fs::Permissions::from_mode(0o777))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[]);
    assert!(!flow.folder.join("a.csv").exists(), "what was taken is removed");
    assert!(flow.folder.join("b.csv").exists(), "what was not taken is not");
    flow.put("b.csv.done", "")?;
    // A replaced file gets a later time than the clock's; its done-file may not be older.
    let written = fs::metadata(flow.folder.join("b.csv"))?.modified()?;
    fs::File::options().append(true).open(flow.folder.join("b.csv.done"))?.set_modified(written)?;
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[("read", 1), ("updated", 1)]);
    assert_eq!(fs::read_dir(&flow.folder)?.count(), 0);
    flow.agrees(&[&first, &second, &third]).await
}
