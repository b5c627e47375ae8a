//! The end of an invocation's time: work stops before it, and goes on or ends with a clear failure.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    keys,
    run::{Input, Run, RunStatus, Trigger},
};
use tests::{
    flow::Flow,
    proxy::{Line, Proxy},
    puller::Puller,
    receiver::Manner,
    report::{expect, expect_failure},
    rows::now,
};

/// More than enough for anything here.
const PLENTY: Duration = Duration::from_secs(120);

/// An invocation of which nothing is left once what has to be kept is kept.
const NOTHING: Duration = Duration::from_secs(3);

#[tokio::test]
async fn many_files_are_taken_over_several_invocations_each_once() -> Result<()> {
    const FILES: usize = 40;
    let flow = Flow::new().await?;
    let value = "v".repeat(50_000);
    for n in 0..FILES {
        flow.put(&format!("{n:03}.csv"), format!("id;value\r\n{n};{value}\r\n"))?;
    }
    // All of them take 10 s at least, and an invocation has less than that, whatever the machine.
    let proxy = Proxy::start(flow.server.address(), Line::Slow(200_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    let (mut invocations, mut taken) = (0, 0);
    let released = loop {
        invocations += 1;
        let now = puller.work(&run, Duration::from_secs(10)).await?;
        println!("invocation {invocations}: {:?}, {} files", now.status, now.inputs.len());
        if now.status != RunStatus::Running {
            break now;
        }
        assert!(now.inputs.len() > taken || now.inputs_complete, "no progress in invocation {invocations}");
        assert_eq!(now.progress_epoch, now.epoch, "progress is not counted against the run");
        taken = now.inputs.len();
    };
    assert!(invocations > 1, "the limit was not met");
    let paths: BTreeSet<_> = released.inputs.iter().map(|i| &i.path).collect();
    assert_eq!((released.inputs.len(), paths.len()), (FILES, FILES));
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", FILES as u64), ("created", FILES as u64)]);
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_file_that_does_not_come_through_in_time_ends_the_run_and_what_came_before_it_is_delivered()
-> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let line = format!("2;{}\r\n", "x".repeat(1000));
    flow.put("b.csv", format!("id;value\r\n{}", line.repeat(20_000)))?;
    let touched = std::fs::metadata(flow.folder.join("a.csv"))?.modified()? + Duration::from_secs(5);
    std::fs::File::options().append(true).open(flow.folder.join("b.csv"))?.set_modified(touched)?;
    let proxy = Proxy::start(flow.server.address(), Line::Slow(400_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    for tries in 1..=4 {
        let now = puller.work(&run, Duration::from_secs(10)).await?;
        println!("{tries}: {:?} {:?}", now.status, now.failure);
        let running = tries < 4;
        assert_eq!((now.status == RunStatus::Running, now.inputs.len()), (running, 1), "{tries}");
    }
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "PARTIAL", &[("read", 1), ("created", 1)]);
    let words = &["b.csv", "did not get done", "10 s", "3 times"];
    expect_failure(&report, "source", "out_of_time", true, words);
    proxy.set(Line::Open);
    let next = flow.run().await?;
    assert_eq!((&next["status"], &next["counts"]["read"]), (&json!("PARTIAL"), &json!(20_000)), "{next:#}");
    flow.agrees(&[&report, &next]).await
}

/// A file of CSV of at least so many bytes, and its records.
fn large_file(bytes: usize) -> (String, u64) {
    let value = "v".repeat(20_000);
    let (mut content, mut records) = ("id;value\r\n".to_string(), 0);
    while content.len() < bytes {
        content += &format!("{records};{value}\r\n");
        records += 1;
    }
    (content, records)
}

#[tokio::test]
async fn a_large_file_goes_on_where_the_invocation_before_left_it() -> Result<()> {
    let flow = Flow::new().await?;
    let (content, records) = large_file(45_000_000);
    flow.put("large.csv", content.as_bytes())?;
    // 15 s at least, and an invocation has about 6 of its 10.
    let proxy = Proxy::start(flow.server.address(), Line::Slow(3_000_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    let (mut invocations, mut parts) = (1, 0);
    while let now = puller.work(&run, Duration::from_secs(10)).await?
        && !now.inputs_complete
    {
        let partial = now.partial_input.context("some of it is in the bucket")?;
        println!("invocation {invocations}: {} parts", partial.parts);
        assert!(partial.parts > parts && now.inputs.is_empty(), "no progress in invocation {invocations}");
        assert_eq!(now.progress_epoch, now.epoch, "progress is not counted against the run");
        (parts, invocations) = (partial.parts, invocations + 1);
    }
    assert!(invocations > 1, "the limit was not met");
    proxy.set(Line::Open);
    for _ in 0..5 {
        if puller.work(&run, PLENTY).await?.status == RunStatus::Delivering {
            break;
        }
    }
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", records), ("created", records)]);
    let input = &report["inputs"][0];
    assert_eq!(input["sha256"], shared::id::hex(&Sha256::digest(&content)), "{input:#}");
    assert_eq!(input["transfer"]["attempts"], invocations, "{input:#}");
    assert!(input["transfer"]["cipher"].as_str().is_some_and(|c| c.contains("aes")), "{input:#}");
    Ok(())
}

#[tokio::test]
async fn a_large_file_that_changes_between_two_invocations_is_taken_anew() -> Result<()> {
    let flow = Flow::new().await?;
    let (content, records) = large_file(40_000_000);
    flow.put("large.csv", content.as_bytes())?;
    let proxy = Proxy::start(flow.server.address(), Line::Slow(3_000_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    let now = puller.work(&run, Duration::from_secs(10)).await?;
    assert!(now.partial_input.is_some() && now.inputs.is_empty(), "{now:?}");
    let other = content.replace("vv", "ww");
    flow.put("large.csv", format!("{other}{records};x\r\n").as_bytes())?;
    proxy.set(Line::Open);
    for _ in 0..5 {
        if puller.work(&run, PLENTY).await?.status == RunStatus::Delivering {
            break;
        }
    }
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", records + 1), ("created", records + 1)]);
    let sent = flow.receiver.requests();
    assert!(sent.iter().all(|r| !r.to_string().contains("vvvv")), "something of the file before was sent");
    Ok(())
}

#[tokio::test]
async fn large_files_are_taken_two_at_once_in_their_order_and_in_little_memory() -> Result<()> {
    const FILES: u64 = 5;
    let flow = Flow::new().await?;
    let (content, records) = large_file(30_000_000);
    for n in 0..FILES {
        // Each says something else of the same keys: the last one holds.
        flow.put(&format!("{n}.csv"), content.replace("vvvv", &format!("vv{n}v")))?;
        let touched = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + n);
        std::fs::File::options()
            .append(true)
            .open(flow.folder.join(format!("{n}.csv")))?
            .set_modified(touched)?;
    }
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    let now = puller.work(&run, PLENTY).await?;
    let taken: Vec<_> = now.inputs.iter().map(|i| i.path.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(taken, ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"]);
    let entered = flow.server.log().matches("Accepted publickey").count();
    assert_eq!(entered, 2, "{}", flow.server.log());
    println!("peak {} MiB", puller.peak_mib()?);
    assert!(puller.peak_mib()? <= 112, "{} MiB", puller.peak_mib()?);
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(
        &report,
        "COMPLETE",
        &[("read", FILES * records), ("filtered", (FILES - 1) * records), ("created", records)],
    );
    Ok(())
}

/// A run whose files are taken already, as a rerun is.
async fn taken(flow: &Flow, records: usize) -> Result<Run> {
    let content = (0..records).fold("id;value\r\n".to_string(), |all, n| all + &format!("{n};v\r\n"));
    let id = shared::id::derived("run", &[&flow.account, &now().to_string()]);
    let object = keys::staged_object(&flow.account, &flow.connection, "test", &id);
    let input = Input {
        path: "/out/a.csv".into(),
        upload: None,
        size_bytes: content.len() as u64,
        mtime: 0,
        sha256: "test".into(),
        object: object.clone(),
        taken_at: now(),
        same_content_as: None,
        transfer: Default::default(),
    };
    flow.stack.bucket().await?.put(&object, content).await?;
    let mut run = Run::queued(id, &flow.account, &flow.connection, Trigger::Manual, now());
    (run.inputs, run.inputs_complete) = (vec![input], true);
    Ok(run)
}

#[tokio::test]
async fn mapping_that_runs_out_of_time_begins_again_and_goes_through_where_there_is_enough() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit_run(taken(&flow, 500).await?).await?;
    for _ in 0..2 {
        let now = puller.work(&run, NOTHING).await?;
        assert_eq!((now.status, now.progress_epoch), (RunStatus::Running, 0));
    }
    assert_eq!(puller.work(&run, PLENTY).await?.status, RunStatus::Delivering);
    puller.leave(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 500), ("created", 500)]);
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn mapping_that_never_gets_done_ends_the_run_with_the_reason_and_a_rerun_goes_through() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit_run(taken(&flow, 500).await?).await?;
    for _ in 0..2 {
        assert_eq!(puller.work(&run, NOTHING).await?.status, RunStatus::Running);
    }
    assert_eq!(puller.work(&run, NOTHING).await?.status, RunStatus::Error);
    let failed = flow.ended(&run).await?;
    expect(&failed, "ERROR", &[]);
    expect_failure(&failed, "mapping", "out_of_time", true, &["mapping /out/a.csv", "3 times"]);
    assert_eq!(flow.receiver.requests(), Vec::<serde_json::Value>::new());
    let again = flow.rerun(&failed).await?;
    expect(&again, "COMPLETE", &[("read", 500), ("created", 500)]);
    flow.agrees(&[&failed, &again]).await
}

/// A run whose batches are all final, and which no one has closed.
async fn unclosed(flow: &Flow, puller: &mut Puller) -> Result<String> {
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    flow.receiver.next([Manner::Status(503)]);
    flow.retry_far_off().await?;
    let run = puller.admit(flow).await?;
    assert_eq!(puller.work(&run, PLENTY).await?.status, RunStatus::Delivering);
    let batch = flow.waiting_batches(&run).await?.into_iter().next().context("a batch")?;
    // As if its last answer had come and whoever wrote it down had died before telling anyone.
    let change = json!({
        "state": "DELIVERED", "outcome": { "created": 2, "updated": 0, "deleted": 0, "unchanged": 0, "errors": 0 },
        "due": null, "due_shard": null, "waiting_for": null, "attempt_at": null, "last_error": null,
    });
    let key = keys::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    flow.stack.rows().await?.edit(&key, change).await?;
    Ok(run)
}

#[tokio::test]
async fn a_report_that_runs_out_of_time_is_begun_again_and_written_where_there_is_enough() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let run = unclosed(&flow, &mut puller).await?;
    assert_eq!(puller.work(&run, NOTHING).await?.status, RunStatus::Delivering);
    assert_eq!(puller.work(&run, PLENTY).await?.status, RunStatus::Complete);
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 2), ("created", 2)]);
    assert_eq!(flow.records(&report).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_report_that_never_gets_written_ends_the_run_with_what_the_batches_say() -> Result<()> {
    let flow = Flow::new().await?;
    let mut puller = Puller::start(&flow).await?;
    let run = unclosed(&flow, &mut puller).await?;
    for _ in 0..2 {
        assert_eq!(puller.work(&run, NOTHING).await?.status, RunStatus::Delivering);
    }
    assert_eq!(puller.work(&run, NOTHING).await?.status, RunStatus::Partial);
    let report = flow.ended(&run).await?;
    expect(&report, "PARTIAL", &[("read", 2), ("created", 2)]);
    expect_failure(&report, "hub", "report_not_written", true, &["the next run sends these records again"]);
    let next = flow.run().await?;
    assert_eq!(next["status"], "COMPLETE", "the connection is free: {next:#}");
    Ok(())
}

#[tokio::test]
async fn a_state_that_does_not_fit_ends_the_run_before_anything_is_sent_and_more_memory_takes_it_up()
-> Result<()> {
    const RECORDS: u64 = 10_000;
    let words = ["sftp-pull with 1 MiB", "larger MemorySize", "several connections"];
    let flow = Flow::new().await?;
    let content = (0..RECORDS).fold("id;value\r\n".to_string(), |all, n| all + &format!("{n};v\r\n"));
    flow.put("a.csv", content)?;
    // 40 % of 1 MiB is room for some 5,800 records of the file.
    let mut small = Puller::start_with(&flow, 1).await?;
    let run = small.admit(&flow).await?;
    assert_eq!(small.work(&run, PLENTY).await?.status, RunStatus::Error);
    let failed = flow.ended(&run).await?;
    expect_failure(&failed, "settings", "state_too_large", false, &words);
    assert_eq!(flow.receiver.taken()?.len(), 0, "nothing of it was sent");
    // The stack's own function has as much memory as the template says.
    let again = flow.rerun(&failed).await?;
    expect(&again, "COMPLETE", &[("read", RECORDS), ("created", RECORDS)]);
    // Now it is the state itself that the small one cannot take into memory.
    flow.put("b.csv", "id;value\r\n0;w\r\n")?;
    let run = small.admit(&flow).await?;
    assert_eq!(small.work(&run, PLENTY).await?.status, RunStatus::Error);
    let failed = flow.ended(&run).await?;
    expect_failure(&failed, "settings", "state_too_large", false, &words);
    let last = flow.rerun(&failed).await?;
    expect(&last, "COMPLETE", &[("read", 1), ("updated", 1)]);
    Ok(())
}
