//! Files from SFTP: which are taken, when, once, and what happens to them.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{keys, record::read_part};
use tests::{
    api::id,
    flow::{Flow, count, real_data, simple_mapping},
    receiver::{Manner, Receiver},
    report::{expect, expect_failure, in_short},
    sftp_server::Entry,
};

const REAL: &str = "RF-1167_Grouping_Category_Code.csv";

/// The real file, or one like it: ISO-8859-1, `;`, CRLF, the key in the fourth column.
fn grouping_codes() -> Vec<u8> {
    if let Some(real) = real_data(REAL) {
        println!("input: the real {REAL}");
        return real;
    }
    println!("input: a file of our own, since {REAL} is not beside the project");
    let header = "GroupingCategory;CategoryDescriptionNOB;CategoryDescriptionENG;GroupingCode;\
                  CodeDescriptionNOB;CodeDescriptionENG\r\n";
    let lines =
        (0..12).map(|n| format!("X;Næringsoppgave;Income;{n:04};Utsatt skattefordel på år {n};NA\r\n"));
    let text: String = std::iter::once(header.to_string()).chain(lines).collect();
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect()
}

/// The records of such a file, read without the hub: key, category, description.
fn read_apart(content: &[u8]) -> Vec<Value> {
    let text: String = content.iter().copied().map(char::from).collect();
    let record = |line: &str| {
        let cells: Vec<_> = line.split(';').collect();
        json!({ "code": cells[3], "category": cells[1], "description": cells[4] })
    };
    text.lines().skip(1).map(record).collect()
}

fn grouping_mapping() -> Value {
    json!({
        "name": "grouping codes",
        "input": { "format": "csv", "encoding": "iso-8859-1", "delimiter": ";", "quote": "\"", "header": true },
        "columns": [
            { "name": "code", "from": "GroupingCode", "type": "text", "required": true },
            { "name": "category", "from": "CategoryDescriptionNOB", "type": "text" },
            { "name": "description", "from": "CodeDescriptionNOB", "type": "text" },
        ],
        "key": ["code"],
        "record_name": "description",
    })
}

/// Sets a file's time of change, in whole seconds as SFTP tells it.
fn set_mtime(path: &Path, unix_secs: u64) -> Result<()> {
    let file = fs::File::options().append(true).open(path)?;
    Ok(file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(unix_secs))?)
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn warnings(run: &Value) -> String {
    run["warnings"].to_string()
}

fn path_of(flow: &Flow, name: &str) -> String {
    flow.folder.join(name).display().to_string()
}

#[tokio::test]
async fn a_real_file_is_delivered_whole_and_then_only_what_changed() -> Result<()> {
    let content = grouping_codes();
    let records = read_apart(&content);
    let n = records.len() as u64;
    let flow = Flow::with(grouping_mapping(), Manner::TakeEach, Entry::Key).await?;
    flow.put(REAL, &content)?;

    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", n), ("created", n)]);
    let mut taken = flow.receiver.taken()?;
    taken.sort_by(|a, b| a.source_id.cmp(&b.source_id));
    let mut expected = records.clone();
    expected.sort_by_key(|r| r["code"].to_string());
    assert_eq!(taken.iter().map(|t| &t.data).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    let results = flow.records(&first).await?;
    assert_eq!((&results[0]["line"], &results[0]["name"]), (&json!(2), &records[0]["description"]));
    assert_eq!(results[0]["target_id"], format!("t-{}", records[0]["code"].as_str().unwrap_or_default()));

    let old = b";Utsatt skattefordel";
    let at = content.windows(old.len()).position(|w| w == old).context("the line to change is not there")?;
    let mut changed = content.clone();
    changed.splice(at..at + old.len(), *b";Utsatt skattefordel \xe6");
    flow.put(REAL, &changed)?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", n), ("updated", 1), ("unchanged", n - 1)]);
    let last = flow.receiver.taken()?.pop().context("a record")?;
    assert_eq!(last.action, "update");
    assert!(last.data["description"].as_str().is_some_and(|d| d.starts_with("Utsatt skattefordel æ")));

    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[]);
    assert!(warnings(&third).contains("no new file matches *.csv"), "{third}");
    assert_eq!(third["inputs"], json!([]));
    flow.agrees(&[&first, &second, &third]).await
}

#[tokio::test]
async fn every_record_of_a_file_arrives_once_and_is_reported() -> Result<()> {
    let flow = Flow::new().await?;
    let lines: String = (1..=250).map(|n| format!("k{n};v{n}\r\n")).collect();
    flow.put("a.csv", format!("id;value\r\n{lines}"))?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 250), ("created", 250)]);
    for n in 1..=250 {
        assert_eq!(
            flow.receiver.holds()?[&format!("k{n}")],
            json!({ "id": format!("k{n}"), "value": format!("v{n}") })
        );
    }
    assert_eq!(flow.receiver.requests().len(), 3, "batches of 100");
    assert_eq!((&run["trigger"], &run["batches_total"]), (&json!("manual"), &json!(3)));
    assert_eq!(run["inputs"][0]["path"], path_of(&flow, "a.csv"));
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn the_same_bytes_again_are_taken_but_not_mapped_unless_the_connection_says_so() -> Result<()> {
    let flow = Flow::new().await?;
    let content = "id;value\r\n1;a\r\n2;b\r\n";
    flow.put("a.csv", content)?;
    let first = flow.run().await?;
    flow.put("a.csv", content)?;
    let again = flow.run().await?;
    expect(&again, "COMPLETE", &[]);
    assert_eq!(again["inputs"][0]["same_content_as"], path_of(&flow, "a.csv"));
    assert_eq!(again["inputs"][0]["sha256"], first["inputs"][0]["sha256"]);
    assert!(again["inputs"][0]["mtime"].as_i64() > first["inputs"][0]["mtime"].as_i64());

    flow.change_connection(|c| c["source"]["same_content"] = "map".into()).await?;
    flow.put("a.csv", content)?;
    let mapped = flow.run().await?;
    expect(&mapped, "COMPLETE", &[("read", 2), ("unchanged", 2)]);
    assert!(mapped["inputs"][0]["same_content_as"].is_null(), "{mapped}");
    flow.agrees(&[&first, &again, &mapped]).await
}

#[tokio::test]
async fn content_that_comes_back_after_another_is_mapped_again() -> Result<()> {
    let flow = Flow::new().await?;
    let mut runs = Vec::new();
    for (value, counts) in [
        ("a", [("read", 1), ("created", 1)]),
        ("b", [("read", 1), ("updated", 1)]),
        ("a", [("read", 1), ("updated", 1)]),
    ] {
        flow.put("a.csv", format!("id;value\r\n1;{value}\r\n"))?;
        let run = flow.run().await?;
        expect(&run, "COMPLETE", &counts);
        runs.push(run);
    }
    assert_eq!(flow.receiver.holds()?["1"]["value"], "a");
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_later_file_of_a_run_supersedes_an_earlier_one() -> Result<()> {
    let flow = Flow::new().await?;
    // By time of change, not by name.
    flow.put("z.csv", "id;value\r\n1;early\r\n2;early\r\n")?;
    flow.put("a.csv", "id;value\r\n2;late\r\n3;late\r\n")?;
    set_mtime(&flow.folder.join("z.csv"), 1_700_000_000)?;
    set_mtime(&flow.folder.join("a.csv"), 1_700_000_060)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 4), ("created", 3), ("filtered", 1)]);
    let records = flow.records(&run).await?;
    assert_eq!(
        (in_short(&records[1]), &records[1]["file"], &records[1]["processor"]),
        ("3 none superseded_by_later_file -".into(), &path_of(&flow, "z.csv").into(), &json!("filter"))
    );
    let held = flow.receiver.holds()?;
    assert_eq!((&held["1"]["value"], &held["2"]["value"]), (&json!("early"), &json!("late")));
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_moved_file_overwrites_none_and_is_not_taken_again_when_it_is_moved_back() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| {
        c["source"]["post_action"] = "move".into();
        c["source"]["move_to"] = "done".into();
    })
    .await?;
    let done = flow.folder.join("done");
    let (one, two) = ("id;value\r\n1;one\r\n", "id;value\r\n1;two\r\n");
    flow.put("a.csv", one)?;
    set_mtime(&flow.folder.join("a.csv"), 1_700_000_000)?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(names(&flow.folder)?, ["done".to_string()].into());
    assert_eq!(fs::read_to_string(done.join("a.csv"))?, one);

    flow.put("a.csv", two)?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("updated", 1)]);
    assert_eq!(names(&flow.folder)?, ["done".to_string()].into());
    assert_eq!(fs::read_to_string(done.join("a.csv"))?, one, "the first file is still what it was");
    let other = names(&done)?.into_iter().find(|n| n != "a.csv").context("the second file")?;
    assert!(other.ends_with(".a.csv"), "{other}");
    assert_eq!(fs::read_to_string(done.join(&other))?, two);

    fs::rename(done.join("a.csv"), flow.folder.join("a.csv"))?;
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[]);
    assert!(warnings(&third).contains("no new file"), "{third}");
    flow.agrees(&[&first, &second, &third]).await
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_is_delivered_once_with_a_warning() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| {
        c["source"]["post_action"] = "move".into();
        c["source"]["move_to"] = "no/such/folder".into();
    })
    .await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert!(warnings(&first).contains("was taken but not moved"), "{first}");
    assert!(flow.folder.join("a.csv").exists());
    // The next run that sees it tries the move again, and takes nothing.
    fs::create_dir_all(flow.folder.join("no/such"))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[]);
    assert!(flow.folder.join("no/such/folder/a.csv").exists());
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_file_is_taken_only_once_its_done_file_is_there() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| {
        c["source"]["files"] = "*".into();
        c["source"]["done_suffix"] = ".done".into();
    })
    .await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    flow.put("b.csv", "id;value\r\n2;b\r\n")?;
    flow.put("b.csv.done", "")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(first["inputs"][0]["path"], path_of(&flow, "b.csv"));
    flow.put("a.csv.done", "")?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(second["inputs"][0]["path"], path_of(&flow, "a.csv"));
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn way_16_a_file_that_is_still_written_waits_for_the_next_run() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["source"]["settle_secs"] = 2.into()).await?;
    flow.put("still.csv", "id;value\r\ns;still\r\n")?;
    let growing = flow.folder.join("growing.csv");
    fs::write(&growing, "id;value\r\n")?;
    let run = flow.start().await?;
    let (mut lines, mut ended) = (0u64, Box::pin(flow.ended(&run)));
    let first = loop {
        let mut file = fs::File::options().append(true).open(&growing)?;
        lines += 1;
        write!(file, "g{lines};grown\r\n")?;
        // The writer goes on until the run has ended.
        match tokio::time::timeout(Duration::from_millis(100), &mut ended).await {
            Ok(report) => break report?,
            Err(_) => continue,
        }
    };
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert!(warnings(&first).contains("growing.csv is still being written"), "{first}");
    assert!(lines > 10, "the file grew all along");
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", lines), ("created", lines)]);
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn hidden_and_temporary_files_and_folders_are_not_taken() -> Result<()> {
    let flow = Flow::new().await?;
    for name in [".a.csv", "a.csv.part", "a.csv.tmp", "~a.csv.filepart", "b.txt"] {
        fs::write(flow.folder.join(name), "id;value\r\nx;y\r\n")?;
    }
    fs::create_dir(flow.folder.join("folder.csv"))?;
    fs::write(flow.folder.join("folder.csv/in.csv"), "id;value\r\nx;y\r\n")?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(run["inputs"].as_array().map(Vec::len), Some(1), "{run}");
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn empty_files_and_files_with_a_header_only_are_complete_and_send_nothing() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("empty.csv", "")?;
    flow.put("header.csv", "id;value\r\n")?;
    flow.put("no_line_end.csv", "id;value")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[]);
    assert_eq!(run["inputs"].as_array().map(Vec::len), Some(3), "{run}");
    assert_eq!(flow.receiver.requests(), Vec::<Value>::new());
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_file_that_failed_is_delivered_by_a_rerun_once_the_mapping_is_right() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["columns"][1]["from"] = "amount".into();
    let flow = Flow::with(mapping, Manner::Take, Entry::Key).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n3;c\r\n")?;
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[]);
    expect_failure(
        &failed,
        "mapping",
        "missing_columns",
        false,
        &["a.csv", "no column amount", r#"it has "id", "value""#],
    );
    assert_eq!(failed["inputs"].as_array().map(Vec::len), Some(1), "the file is in the bucket: {failed}");
    let nothing = flow.run().await?;
    expect(&nothing, "COMPLETE", &[]);

    flow.change_mapping(|m| m["columns"][1]["from"] = "value".into()).await?;
    let rerun = flow.rerun(&failed).await?;
    expect(&rerun, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!((&rerun["rerun_of"], &rerun["mapping"]["version"]), (&failed["id"], &json!(2)));
    let again = flow.rerun(&failed).await?;
    expect(&again, "COMPLETE", &[("read", 3), ("unchanged", 3)]);
    flow.agrees(&[&failed, &nothing, &rerun, &again]).await
}

#[tokio::test]
async fn a_file_that_failed_is_mapped_when_its_bytes_come_again() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["columns"][1]["from"] = "amount".into();
    let flow = Flow::with(mapping, Manner::Take, Entry::Key).await?;
    let content = "id;value\r\n1;a\r\n2;b\r\n";
    flow.put("a.csv", content)?;
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[]);
    flow.change_mapping(|m| m["columns"][1]["from"] = "value".into()).await?;
    flow.put("a.csv", content)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&failed, &run]).await
}

#[tokio::test]
async fn without_comparison_the_same_bytes_again_double_nothing_that_arrived() -> Result<()> {
    let flow = Flow::uncompared(simple_mapping()).await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    let content = "id;value\r\n1;a\r\n;b\r\n";
    // Nothing of it arrived: it is mapped again.
    flow.receiver.next(vec![Manner::Status(500); 2]);
    flow.put("a.csv", content)?;
    let error = flow.run().await?;
    expect(&error, "ERROR", &[("read", 2), ("errors", 2)]);
    flow.put("a.csv", content)?;
    let partial = flow.run().await?;
    expect(&partial, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    // Some of it arrived, and would be doubled.
    flow.put("a.csv", content)?;
    let same = flow.run().await?;
    expect(&same, "COMPLETE", &[]);
    assert_eq!(same["inputs"][0]["same_content_as"], path_of(&flow, "a.csv"));
    flow.agrees(&[&error, &partial, &same]).await
}

#[tokio::test]
async fn without_comparison_the_same_bytes_are_not_mapped_again_once_a_rerun_delivered_them() -> Result<()> {
    let flow = Flow::uncompared(simple_mapping()).await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    flow.receiver.next(vec![Manner::Status(500); 2]);
    let first = flow.run().await?;
    expect(&first, "ERROR", &[("read", 2), ("errors", 2)]);
    let rerun = flow.rerun(&first).await?;
    expect(&rerun, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    let again = flow.run().await?;
    expect(&again, "COMPLETE", &[]);
    assert_eq!(flow.receiver.taken()?.len(), 2, "each record arrived once");
    flow.agrees(&[&first, &rerun, &again]).await
}

#[tokio::test]
async fn a_file_that_is_taken_again_does_not_overwrite_what_a_later_one_said() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.receiver.next(vec![Manner::Status(500); 2]);
    flow.put("a.csv", "id;value\r\n1;old\r\n2;only here\r\n")?;
    let failed = flow.run().await?;
    expect(&failed, "ERROR", &[("read", 2), ("errors", 2)]);
    flow.put("b.csv", "id;value\r\n1;new\r\n")?;
    let later = flow.run().await?;
    expect(&later, "COMPLETE", &[("read", 1), ("created", 1)]);
    let rerun = flow.rerun(&failed).await?;
    expect(&rerun, "COMPLETE", &[("read", 2), ("created", 1), ("filtered", 1)]);
    let records = flow.records(&rerun).await?;
    assert_eq!(
        records.iter().map(in_short).collect::<Vec<_>>(),
        ["2 none superseded_by_later_run -", "3 created - -"]
    );
    let held = flow.receiver.holds()?;
    assert_eq!((&held["1"]["value"], &held["2"]["value"]), (&json!("new"), &json!("only here")));
    flow.agrees(&[&failed, &later, &rerun]).await
}

#[tokio::test]
async fn after_a_change_that_may_have_arrived_the_old_data_is_sent_again() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;a\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    // The target takes the change, and the hub never learns it.
    flow.receiver.next(vec![Manner::TakeAndHangUp; 2]);
    flow.put("a.csv", "id;value\r\n1;b\r\n2;a\r\n")?;
    let unknown = flow.run().await?;
    expect(&unknown, "PARTIAL", &[("read", 2), ("unchanged", 1), ("errors", 1)]);
    assert_eq!(flow.receiver.holds()?["1"]["value"], "b");
    // The next file says what the hub last knew the target to have.
    flow.put("a.csv", "id;value\r\n1;a\r\n2;a\r\n")?;
    let back = flow.run().await?;
    expect(&back, "COMPLETE", &[("read", 2), ("updated", 1), ("unchanged", 1)]);
    assert_eq!(flow.receiver.holds()?["1"]["value"], "a");
    // What failed is older by now.
    let rerun = flow.rerun(&unknown).await?;
    expect(&rerun, "COMPLETE", &[("read", 2), ("filtered", 1), ("unchanged", 1)]);
    assert_eq!(flow.receiver.holds()?["1"]["value"], "a");
    Ok(())
}

#[tokio::test]
async fn another_target_gets_everything_and_the_first_one_is_remembered() -> Result<()> {
    let flow = Flow::new().await?;
    let home = tempfile::tempdir()?;
    let second = Receiver::start(&home.path().join("second.ndjson"), Manner::Take).await?;
    let webservice = json!({ "name": "second", "kind": "webservice", "address": second.url() });
    let target = id(&flow.api.post("/v1/target-servers", &webservice).await?);
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.change_connection(|c| c["target"]["target_server"] = target.into()).await?;
    let there = flow.rerun(&first).await?;
    expect(&there, "COMPLETE", &[("read", 2), ("created", 2)]);
    assert_eq!(second.taken()?.len(), 2);
    flow.change_connection(|c| c["target"]["target_server"] = flow.target.clone().into()).await?;
    let back = flow.rerun(&first).await?;
    expect(&back, "COMPLETE", &[("read", 2), ("unchanged", 2)]);
    assert_eq!((second.taken()?.len(), second.requests().len()), (2, 1));
    flow.agrees(&[&first, &back]).await
}

#[tokio::test]
async fn more_files_than_a_run_takes_wait_for_the_next() -> Result<()> {
    let flow = Flow::new().await?;
    for n in 0..252 {
        fs::write(flow.folder.join(format!("{n:03}.csv")), format!("id;value\r\n{n};x\r\n"))?;
        set_mtime(&flow.folder.join(format!("{n:03}.csv")), 1_700_000_000 + n)?;
    }
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 250), ("created", 250)]);
    assert!(warnings(&first).contains("2 more files wait"), "{}", first["warnings"]);
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 2), ("created", 2)]);
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_large_file_goes_in_batches_and_is_reported_in_its_order_page_by_page() -> Result<()> {
    const N: u64 = 30_000;
    let mut mapping = simple_mapping();
    mapping["columns"][1]["required"] = true.into();
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 1000.into()).await?;
    // Every 1000th record lacks a value.
    let line =
        |n: u64| if n.is_multiple_of(1000) { format!("{n};\r\n") } else { format!("{n};value of {n}\r\n") };
    let lines: String = (1..=N).map(line).collect();
    flow.put("large.csv", format!("id;value\r\n{lines}"))?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", N), ("created", N - 30), ("errors", 30)]);
    assert_eq!(run["batches_total"], 30);
    let taken: BTreeSet<u64> =
        flow.receiver.taken()?.iter().map(|t| t.source_id.parse()).collect::<Result<_, _>>()?;
    assert_eq!(flow.receiver.taken()?.len() as u64, N - 30, "nothing was taken twice");
    assert!(taken.iter().eq((1..=N).filter(|n| !n.is_multiple_of(1000)).collect::<Vec<_>>().iter()));

    // The report's parts, whole, as they lie in the bucket.
    let run_id = id(&run);
    let bucket = flow.stack.bucket().await?;
    let mut ordinal = 0;
    for part in 0..3 {
        let key = keys::records_part(&flow.account, &run_id, "final", part);
        for result in read_part(&bucket.get(&key).await?.context(key)?.bytes)? {
            ordinal += 1;
            assert_eq!((result.ordinal, result.line), (ordinal, ordinal + 1));
            assert_eq!(result.source_id, Some(ordinal.to_string()));
        }
    }
    assert_eq!(ordinal, N);

    // Pages over the border between two parts. A cursor is opaque; a test may look inside.
    let path = format!("/v1/runs/{run_id}/records?limit=100");
    let page = flow.api.get(&path).await?;
    assert_eq!(page["complete"], true);
    let cursor = page["next_cursor"].as_str().context("a second page")?;
    let mut place: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor)?)?;
    place["at"]["offset"] = 9950.into();
    let mut cursor = URL_SAFE_NO_PAD.encode(place.to_string());
    let mut expected = 9951;
    for _ in 0..2 {
        let page = flow.api.get(&format!("{path}&cursor={cursor}")).await?;
        for item in page["items"].as_array().context("items")? {
            assert_eq!(item["ordinal"], expected);
            expected += 1;
        }
        cursor = page["next_cursor"].as_str().context("a next page")?.into();
    }
    assert_eq!(expected, 10_151);

    let errors = flow.api.all(&format!("/v1/runs/{run_id}/records?result=error")).await?;
    let expected: Vec<_> = (1..=30).map(|n| format!("{} error required value", n * 1000 + 1)).collect();
    assert_eq!(errors.iter().map(in_short).collect::<Vec<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn a_password_opens_the_server_and_a_wrong_one_does_not() -> Result<()> {
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::Password).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let right = flow.server.target_server(&flow.folder)["auth"]["password"].clone();
    flow.change_source(|s| s["auth"]["password"] = "wrong".into()).await?;
    let refused = flow.run().await?;
    expect(&refused, "ERROR", &[]);
    expect_failure(
        &refused,
        "source",
        "authentication_failed",
        false,
        &["the password", "check the credentials"],
    );
    assert!(!refused.to_string().contains("wrong"), "{refused}");
    flow.change_source(|s| s["auth"]["password"] = right).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&refused, &run]).await
}

#[tokio::test]
async fn a_key_and_then_a_password_open_the_server_and_neither_does_alone() -> Result<()> {
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::KeyThenPassword).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let auth = flow.server.target_server(&flow.folder)["auth"].clone();
    let mut runs = Vec::new();
    for lacks in ["password", "private_key"] {
        flow.change_source(|s| {
            s["auth"] = auth.clone();
            s["auth"].as_object_mut().and_then(|a| a.remove(lacks));
        })
        .await?;
        let refused = flow.run().await?;
        expect(&refused, "ERROR", &[]);
        expect_failure(&refused, "source", "authentication_failed", false, &["check the credentials"]);
        runs.push(refused);
    }
    flow.change_source(|s| s["auth"] = auth).await?;
    runs.push(flow.run().await?);
    expect(&runs[2], "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(count(&runs[2], "written"), 1);
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}
