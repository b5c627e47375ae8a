//! Files that a person uploads: the same connection and mapping serve them and the server's.

use std::{io::Write, net::TcpStream, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::{
    aws::objects::UploadLink,
    id::derived,
    keys,
    run::{Run, RunStatus, Trigger},
};
use tests::{
    api::id,
    file_uploads::{put, sha256},
    flow::{Flow, simple_mapping},
    puller::Puller,
    python::gzip,
    receiver::Manner,
    report::{expect, expect_failure},
    rows::{now, past_ms},
    sftp_server::Entry,
    webhooks::Webhooks,
};

/// Time for all there is to do, and for none of it.
const PLENTY: Duration = Duration::from_secs(60);
const NOTHING: Duration = Duration::from_secs(3);

const FILE: &str = "id;value\r\n1;a\r\n2;b\r\n";

/// What the report says of the one input of a run.
fn input(run: &Value) -> Result<&Value> {
    let inputs = run["inputs"].as_array().context("inputs")?;
    ensure!(inputs.len() == 1, "{inputs:?}");
    Ok(&inputs[0])
}

#[tokio::test]
async fn one_connection_serves_its_server_and_a_persons_upload() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", FILE)?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    // What waits on the server is not touched, and the name need not be one that the connection takes.
    flow.put("b.csv", "id;value\r\n4;d\r\n")?;
    let content = "id;value\r\n1;a\r\n2;changed\r\n3;c\r\n";
    let upload = flow.upload("Lønn i går.txt", content.as_bytes()).await?;
    let second = flow.run_upload(&upload).await?;
    expect(&second, "COMPLETE", &[("read", 3), ("unchanged", 1), ("updated", 1), ("created", 1)]);
    assert_eq!((&second["trigger"], &second["upload"]), (&json!("manual"), &json!(upload)));
    assert_eq!(second["mapping"], first["mapping"]);
    let taken = input(&second)?;
    let shown = (&taken["path"], &taken["upload"], &taken["size_bytes"], &taken["sha256"]);
    let sum = sha256(content.as_bytes());
    assert_eq!(shown, (&json!("Lønn i går.txt"), &json!(upload), &json!(content.len()), &json!(sum)));
    assert!(input(&first)?["upload"].is_null() && first["upload"].is_null(), "{first}");
    assert!(flow.folder.join("b.csv").exists());
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&first, &second, &third]).await
}

#[tokio::test]
async fn a_file_of_30_mb_goes_through() -> Result<()> {
    let flow = Flow::new().await?;
    let padding = "x".repeat(100_000);
    let lines: String = (1..=300).map(|n| format!("{n};v{n};{padding}\r\n")).collect();
    let content = format!("id;value;padding\r\n{lines}");
    assert!(content.len() > 30_000_000);
    let body =
        json!({ "name": "large.csv", "size_bytes": content.len(), "sha256": sha256(content.as_bytes()) });
    let answer = flow.ask_to_upload(&body).await?;
    ensure!(put(&answer.body, content.clone()).await? == 200);
    let run = flow.run_upload(&id(&answer.body)).await?;
    expect(&run, "COMPLETE", &[("read", 300), ("created", 300)]);
    assert_eq!(input(&run)?["sha256"], sha256(content.as_bytes()));
    let staged = input(&run)?["object"].as_str().context("an object")?;
    let object = flow.stack.bucket().await?.get(staged).await?.context("it is there")?;
    assert!(object.bytes == content.as_bytes(), "byte for byte");
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_02_an_upload_is_sent_by_one_run_however_often_it_is_asked_for() -> Result<()> {
    let flow = Flow::uncompared(simple_mapping()).await?;
    let upload = flow.upload("a.csv", FILE.as_bytes()).await?;
    let body = json!({ "upload": upload });
    let key = [("idempotency-key", "once")];
    let first = flow.ask_for_run(&key, &body).await?;
    ensure!(first.status == 202, "{first:?}");
    let run = flow.ended(&id(&first.body)).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    // The answer was lost, and the client repeats; by then the file is gone from where it was put.
    let key_of_file = keys::uploaded_file(&flow.account, &flow.connection, &upload);
    flow.stack.rows().await?.remove_object(&key_of_file).await?;
    let again = flow.ask_for_run(&key, &body).await?;
    assert_eq!((again.status, id(&again.body)), (202, id(&run)), "{again:?}");
    let other = flow.ask_for_run(&key, &json!({})).await?;
    assert_eq!((other.status, &other.body["code"]), (409, &json!("idempotency_conflict")));
    let (status, code, detail) = flow.refused_run(&upload).await?;
    assert_eq!((status, code.as_str()), (409, "upload_taken"));
    assert!(detail.contains(&id(&run)), "{detail}");
    // Two that ask at the same time, past the look at the edge: the second finds that it is taken.
    let table = flow.stack.table().await?;
    let racing = run_of(&flow, &upload, "racing");
    table.admit(&racing, None).await?;
    flow.stack.rows().await?.set_due(&keys::run(&flow.account, &racing.id), past_ms()).await?;
    flow.stack.tick().await?;
    let racing = flow.ended(&racing.id).await?;
    expect(&racing, "ERROR", &[]);
    expect_failure(&racing, "source", "upload_taken", false, &[&id(&run)]);
    assert_eq!(flow.receiver.taken()?.len(), 2);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_person_who_uploads_the_same_bytes_once_more_means_it() -> Result<()> {
    let flow = Flow::new().await?;
    let mut runs = vec![flow.run_upload(&flow.upload("a.csv", FILE.as_bytes()).await?).await?];
    runs.push(flow.run_upload(&flow.upload("a.csv", FILE.as_bytes()).await?).await?);
    expect(&runs[0], "COMPLETE", &[("read", 2), ("created", 2)]);
    expect(&runs[1], "COMPLETE", &[("read", 2), ("unchanged", 2)]);
    assert!(input(&runs[1])?["same_content_as"].is_null());
    // The server has the same bytes by now: they have gone through. Others, and these once more, are news.
    flow.put("late.csv", FILE)?;
    runs.push(flow.run().await?);
    expect(&runs[2], "COMPLETE", &[]);
    assert_eq!(input(&runs[2])?["same_content_as"], "a.csv");
    runs.push(flow.run_upload(&flow.upload("b.csv", b"id;value\r\n1;by hand\r\n").await?).await?);
    expect(&runs[3], "COMPLETE", &[("read", 1), ("updated", 1)]);
    flow.put("late.csv", FILE)?;
    runs.push(flow.run().await?);
    expect(&runs[4], "COMPLETE", &[("read", 2), ("updated", 1), ("unchanged", 1)]);
    assert_eq!(flow.receiver.holds()?["1"], json!({ "id": "1", "value": "a" }));
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn what_failed_of_an_upload_is_taken_again_though_the_upload_is_gone() -> Result<()> {
    let flow = Flow::with(simple_mapping(), Manner::TakeEach, Entry::Key).await?;
    flow.receiver.next([Manner::Refuse(vec!["2".into()])]);
    let upload = flow.upload("a.csv", FILE.as_bytes()).await?;
    let run = flow.run_upload(&upload).await?;
    expect(&run, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    let key = keys::uploaded_file(&flow.account, &flow.connection, &upload);
    flow.stack.rows().await?.remove_object(&key).await?;
    let path = format!("/v1/runs/{}/rerun", id(&run));
    let again = flow.api.post(&path, &json!({ "records": "failed" })).await?;
    let again = flow.ended(&id(&again)).await?;
    expect(&again, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(input(&again)?["upload"], upload);
    let all = flow.rerun(&run).await?;
    expect(&all, "COMPLETE", &[("read", 2), ("unchanged", 2)]);
    flow.agrees(&[&run, &again, &all]).await
}

#[tokio::test]
async fn what_only_validates_or_has_too_many_errors_sends_nothing_of_an_upload() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["max_errors"] = 0.into()).await?;
    let upload = flow.upload("a.csv", b"id;value\r\n1;a\r\n;b\r\n").await?;
    let answer = flow.ask_for_run(&[], &json!({ "upload": upload, "validate_only": true })).await?;
    let tried = flow.ended(&id(&answer.body)).await?;
    assert_eq!(
        (&tried["status"], &tried["counts"]["would_create"]),
        (&json!("PARTIAL"), &json!(1)),
        "{tried}"
    );
    // The same upload is sent by the run that follows, which is refused as a whole; mended, it goes through.
    let refused = flow.run_upload(&upload).await?;
    assert_eq!(
        (&refused["status"], &refused["failure"]["code"]),
        (&json!("ERROR"), &json!("too_many_errors"))
    );
    assert_eq!(flow.receiver.requests(), Vec::<Value>::new());
    flow.change_mapping(|m| {
        m["filters"] = json!([{ "column": "value", "one_of": ["b"], "reason": "no_id" }])
    })
    .await?;
    let rerun = flow.rerun(&refused).await?;
    expect(&rerun, "COMPLETE", &[("read", 2), ("filtered", 1), ("created", 1)]);
    let answer = flow.ask_for_run(&[], &json!({ "upload": upload, "validate_only": true })).await?;
    assert_eq!(answer.status, 202, "who only validates takes nothing from anyone: {answer:?}");
    flow.ended(&id(&answer.body)).await?;
    Ok(())
}

#[tokio::test]
async fn an_upload_is_never_all_that_there_is() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["deletes"] = "infer".into()).await?;
    flow.put("a.csv", FILE)?;
    let first = flow.run().await?;
    let run = flow.run_upload(&flow.upload("b.csv", b"id;value\r\n1;z\r\n").await?).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("updated", 1)]);
    let warnings = run["warnings"].to_string();
    assert!(
        warnings.contains("nothing is deleted") && warnings.contains("b.csv was uploaded by hand"),
        "{run}"
    );
    let again = flow.rerun(&run).await?;
    expect(&again, "COMPLETE", &[("read", 1), ("unchanged", 1)]);
    assert_eq!(flow.receiver.holds()?.len(), 2);
    flow.agrees(&[&first, &run, &again]).await
}

#[tokio::test]
async fn what_cannot_be_uploaded_or_run_is_refused_and_says_why() -> Result<()> {
    let flow = Flow::new().await?;
    for (body, field) in [
        (json!({ "name": "../a.csv", "size_bytes": 1 }), "name"),
        (json!({ "name": "", "size_bytes": 1 }), "name"),
        (json!({ "name": "a.csv", "size_bytes": 0 }), "size_bytes"),
        (json!({ "name": "a.csv", "size_bytes": 5_000_000_001u64 }), "size_bytes"),
        (json!({ "name": "a.csv", "size_bytes": 1, "sha256": "12" }), "sha256"),
    ] {
        let answer = flow.ask_to_upload(&body).await?;
        assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!(field)), "{body}");
    }
    let announced = flow.announce("a.csv", FILE.as_bytes()).await?;
    let upload = id(&announced);
    for (named, status, code) in [
        (upload.as_str(), 409, "not_uploaded"),
        ("upl_0", 404, "not_found"),
        ("a#b", 404, "not_found"),
        ("", 404, "not_found"),
    ] {
        let (is, of, detail) = flow.refused_run(named).await?;
        assert_eq!((is, of.as_str()), (status, code), "{named}: {detail}");
    }
    ensure!(put(&announced, FILE).await? == 200);
    // An upload is for one connection.
    let mut second = Value::Null;
    let path = format!("/v1/connections/{}", flow.connection);
    flow.change(&path, |c| second = c.clone()).await?;
    second["name"] = "second".into();
    let second = id(&flow.api.post("/v1/connections", &second).await?);
    let path = format!("/v1/connections/{second}/runs");
    let answer = flow.api.call("POST", &path, &[], Some(&json!({ "upload": upload }).to_string())).await?;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));
    // A refusal takes nothing: once the connection is free, the file is sent.
    flow.change_connection(|c| c["status"] = "disabled".into()).await?;
    assert_eq!(flow.refused_run(&upload).await?.1, "connection_disabled");
    flow.change_connection(|c| c["status"] = "active".into()).await?;
    flow.receiver.next([Manner::Status(500)]);
    flow.retry_far_off().await?;
    let busy = flow.upload("first.csv", b"id;value\r\n9;z\r\n").await?;
    let answer = flow.ask_for_run(&[], &json!({ "upload": busy })).await?;
    let (status, code, detail) = flow.refused_run(&upload).await?;
    assert_eq!((status, code.as_str()), (409, "run_active"));
    assert!(detail.contains(&id(&answer.body)), "{detail}");
    flow.let_time_pass(&id(&answer.body)).await?;
    flow.ended(&id(&answer.body)).await?;
    let run = flow.run_upload(&upload).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_takes_notifications_takes_no_upload() -> Result<()> {
    let flow = Webhooks::new().await?;
    let connections = flow.api.all("/v1/connections").await?;
    let path = format!("/v1/connections/{}/uploads", id(&connections[0]));
    let body = json!({ "name": "a.csv", "size_bytes": 1 }).to_string();
    let answer = flow.api.call("POST", &path, &[], Some(&body)).await?;
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("no_files")), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn other_bytes_than_were_announced_are_refused_and_never_sent() -> Result<()> {
    let flow = Flow::new().await?;
    let right = FILE.as_bytes();
    let other = FILE.replace("a", "z").into_bytes();
    let larger = [right, b"3;c\r\n"].concat();
    let body = json!({ "name": "a.csv", "size_bytes": right.len(), "sha256": sha256(right).to_uppercase() });
    let announced = flow.ask_to_upload(&body).await?.body;
    let signed = announced["url"].as_str().and_then(|url| url.split("X-Amz-SignedHeaders=").nth(1));
    for name in ["content-length", "x-amz-checksum-sha256", "x-amz-tagging"] {
        ensure!(signed.is_some_and(|s| s.split('&').next().is_some_and(|s| s.contains(name))), "{name}");
    }
    assert_eq!(put(&announced, other.clone()).await?, 400, "the bucket holds them against the hash");
    assert_ne!(put(&announced, larger.clone()).await?, 200, "the size is signed");
    let bare = flow.announce("a.csv", right).await?;
    assert_eq!(put(&bare, larger.clone()).await?, 403, "the size is signed");
    let mut untagged = bare.clone();
    untagged["headers"] = json!({});
    assert_eq!(put(&untagged, right).await?, 403, "and so is the tag that lets the file go after a week");
    // A link that is over; nothing else is wrong with it.
    let bucket = flow.stack.bucket().await?;
    let key = keys::uploaded_file(&flow.account, &flow.connection, &id(&bare));
    let mut statuses = Vec::new();
    for secs_ago in [7200, 600] {
        let from = now() - jiff::SignedDuration::from_secs(secs_ago);
        let holds = Duration::from_secs(3600);
        let link = UploadLink { key: &key, size_bytes: right.len() as i64, sha256: None, from, holds };
        let link = bucket.upload_link(&link).await?;
        statuses.push(put(&json!({ "url": link.url, "headers": link.headers }), right).await?);
    }
    assert_eq!(statuses, [403, 200]);
    // Should other bytes come to lie there all the same: of another size they are seen at once, of another hash when the
    // run reads them.
    let upload = id(&announced);
    let key = keys::uploaded_file(&flow.account, &flow.connection, &upload);
    bucket.put(&key, larger).await?;
    assert_eq!(flow.refused_run(&upload).await?.1, "upload_changed");
    bucket.put(&key, other).await?;
    let run = flow.run_upload(&upload).await?;
    expect(&run, "ERROR", &[]);
    expect_failure(&run, "source", "upload_changed", false, &["a.csv", "SHA-256"]);
    assert_eq!((&run["inputs"], flow.receiver.requests()), (&json!([]), Vec::new()));
    // Nothing was taken: the right bytes can still be put to the link.
    assert_eq!(put(&announced, right).await?, 200);
    let run = flow.run_upload(&upload).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_16_a_file_that_is_not_there_whole_is_not_taken() -> Result<()> {
    let flow = Flow::new().await?;
    let announced = flow.announce("a.csv", FILE.as_bytes()).await?;
    let url = announced["url"].as_str().context("a URL")?;
    let (host, path) = url.trim_start_matches("http://").split_once('/').context("a path")?;
    let tagging = announced["headers"]["x-amz-tagging"].as_str().context("the tag")?;
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nhost: {host}\r\nx-amz-tagging: {tagging}\r\ncontent-length: {}\r\n\r\n",
        FILE.len()
    );
    let mut connection = TcpStream::connect(host)?;
    connection.write_all(head.as_bytes())?;
    connection.write_all(&FILE.as_bytes()[..FILE.len() / 2])?;
    connection.shutdown(std::net::Shutdown::Both)?;
    drop(connection);
    assert_eq!(flow.refused_run(&id(&announced)).await?.1, "not_uploaded");
    // One of which the first half came all the same is not taken either.
    let key = keys::uploaded_file(&flow.account, &flow.connection, &id(&announced));
    flow.stack.bucket().await?.put(&key, FILE.as_bytes()[..FILE.len() / 2].to_vec()).await?;
    assert_eq!(flow.refused_run(&id(&announced)).await?.1, "upload_changed");
    assert_eq!(put(&announced, FILE).await?, 200);
    let run = flow.run_upload(&id(&announced)).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_22_an_upload_whose_row_is_past_its_time_and_still_there_counts_as_it_stands() -> Result<()> {
    let flow = Flow::new().await?;
    let upload = flow.upload("a.csv", FILE.as_bytes()).await?;
    let key = keys::ledger_upload(&flow.account, &flow.connection, &upload);
    let rows = flow.stack.rows().await?;
    let ends = rows.get(&key).await?["expires_at"].as_i64().context("the row has an end")?;
    assert!(ends > now().as_second() + 8 * 86_400, "the row outlives its object");
    for (code, is_taken) in [("", false), ("upload_taken", true)] {
        rows.edit(&key, json!({ "expires_at": past_ms() / 1000 - 86_400 })).await?;
        match is_taken {
            false => expect(&flow.run_upload(&upload).await?, "COMPLETE", &[("read", 2), ("created", 2)]),
            true => assert_eq!(flow.refused_run(&upload).await?.1, code),
        }
    }
    Ok(())
}

/// A run of an upload that no message was sent for, so that the test's own function has it.
fn run_of(flow: &Flow, upload: &str, name: &str) -> Run {
    let id = derived("run", &[&flow.account, upload, name]);
    let run = Run::queued(id, &flow.account, &flow.connection, Trigger::Manual, now());
    Run { upload: Some(upload.into()), ..run }
}

#[tokio::test]
async fn a_file_that_goes_or_changes_before_the_run_reads_it_fails_it_and_stays_free() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let upload = flow.upload("a.csv", FILE.as_bytes()).await?;
    let key = keys::uploaded_file(&flow.account, &flow.connection, &upload);
    let bucket = flow.stack.bucket().await?;
    for (name, there, code, words) in [
        ("gone", None, "upload_missing", ["a.csv", "upload it anew"]),
        ("larger", Some(format!("{FILE}3;c\r\n")), "upload_changed", ["a.csv", "size"]),
        ("smaller", Some(FILE[..FILE.len() - 1].to_string()), "upload_changed", ["a.csv", "size"]),
    ] {
        match there {
            None => flow.stack.rows().await?.remove_object(&key).await?,
            Some(bytes) => bucket.put(&key, bytes).await?,
        }
        let run = puller.admit_run(run_of(&flow, &upload, name)).await?;
        puller.work(&run, PLENTY).await?;
        let run = flow.ended(&run).await?;
        expect(&run, "ERROR", &[]);
        expect_failure(&run, "source", code, false, &words);
        assert_eq!(run["inputs"], json!([]));
        let answer = flow.api.call("POST", &format!("/v1/runs/{}/rerun", id(&run)), &[], None).await?;
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("no_inputs")));
    }
    bucket.put(&key, FILE).await?;
    let run = flow.run_upload(&upload).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_run_that_is_cancelled_or_has_no_time_before_it_takes_the_upload_leaves_it_free() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let upload = flow.upload("a.csv", FILE.as_bytes()).await?;
    let run = puller.admit_run(run_of(&flow, &upload, "cancelled")).await?;
    flow.api.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await?;
    assert_eq!(flow.ended(&run).await?["status"], "CANCELLED");
    let run = puller.admit_run(run_of(&flow, &upload, "hurried")).await?;
    for status in [RunStatus::Running, RunStatus::Running, RunStatus::Error] {
        assert_eq!(puller.work(&run, NOTHING).await?.status, status);
    }
    let run = flow.ended(&run).await?;
    expect_failure(&run, "source", "out_of_time", true, &["taking a.csv"]);
    let run = flow.run_upload(&upload).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn an_upload_is_packed_as_the_servers_files_are() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["source"]["compression"] = "gzip".into()).await?;
    let run = flow.run_upload(&flow.upload("a.csv.gz", &gzip(FILE.as_bytes())?).await?).await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    let plain = flow.run_upload(&flow.upload("a.csv", FILE.as_bytes()).await?).await?;
    expect(&plain, "ERROR", &[]);
    expect_failure(&plain, "mapping", "archive_damaged", false, &["a.csv"]);
    flow.agrees(&[&run]).await
}
