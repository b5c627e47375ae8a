//! What is wrong with an SFTP server: told clearly, and nothing is lost by it.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::Result;
use serde_json::{Value, json};
use tests::{
    flow::{Flow, simple_mapping},
    receiver::Manner,
    report::{expect, expect_failure},
    sftp_server::Entry,
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
    let words = &["ecdsa-sha2-nistp256", "pinned"];
    let flow = Flow::new().await?;
    fails_then_delivers(flow, |s| s["host_keys"] = json!([ECDSA]), ("handshake_failed", true, words)).await
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
