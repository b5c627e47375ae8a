//! Records that failed: they are counted by reason, cut out of their files to be mended and sent again, or taken again
//! as they are; and runs that send nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::{delivery::BatchName, keys};
use tests::{
    api::id,
    flow::{Flow, RUN_SECS, new_account, simple_mapping},
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    rows::past_ms,
    sftp_server::Entry,
    stack::http_client,
    wait::until,
};

/// Every 17th record of 500 is one of these: 29.
fn is_bad(n: u32) -> bool {
    n.is_multiple_of(17)
}

/// A file of records 1 to `last`; the bad ones have this value for their hours.
fn people(last: u32, bad: &str) -> String {
    let line = |n: u32| {
        let hours = if is_bad(n) { bad.to_string() } else { (n % 40).to_string() };
        format!("{n};\"Name; of \"\"{n}\"\"\";{hours}\r\n")
    };
    let lines: String = (1..=last).map(line).collect();
    format!("id;value;hours\r\n{lines}")
}

/// The lines of a file that hold a record that is bad, with a column more.
fn bad_lines(file: &str, reason: &str) -> String {
    let mut lines = file.split_inclusive("\r\n");
    let with = |line: &str, cell: &str| format!("{};{cell}\r\n", line.trim_end());
    let mut expected = with(lines.next().unwrap_or_default(), "crossdock_reason");
    for (n, line) in (1..).zip(lines) {
        if is_bad(n) {
            expected += &with(line, reason);
        }
    }
    expected
}

fn people_mapping() -> Value {
    let mut mapping = simple_mapping();
    let hours = json!({ "name": "hours", "from": "hours", "type": "integer", "required": true });
    mapping["columns"].as_array_mut().expect("it has columns").push(hours);
    mapping
}

async fn people_flow() -> Result<Flow> {
    Flow::with(people_mapping(), Manner::TakeEach, Entry::Key).await
}

/// The files of a run's failed records: what the list says of each, and its bytes.
async fn failed_lines(flow: &Flow, run: &Value) -> Result<Vec<(Value, Vec<u8>)>> {
    let list = flow.api.get(&format!("/v1/runs/{}/failed-lines", id(run))).await?;
    let mut files = Vec::new();
    for item in list["items"].as_array().context("a list")? {
        let bytes = match item["lines"]["url"].as_str() {
            Some(url) => {
                let answer = http_client().get(url).send().await?.error_for_status()?;
                let saved_as = answer.headers()["content-disposition"].to_str()?.to_string();
                let file_name = item["lines"]["file_name"].as_str().unwrap_or_default();
                ensure!(saved_as == format!("attachment; filename=\"{file_name}\""), "{saved_as}");
                answer.bytes().await?.to_vec()
            }
            None => Vec::new(),
        };
        files.push((item.clone(), bytes));
    }
    Ok(files)
}

/// The one file of a run's failed records.
async fn one_failed(flow: &Flow, run: &Value) -> Result<(Value, String)> {
    let mut files = failed_lines(flow, run).await?;
    ensure!(files.len() == 1, "{files:?}");
    let (item, bytes) = files.remove(0);
    Ok((item, String::from_utf8(bytes)?))
}

async fn rerun_failed(flow: &Flow, run: &Value) -> Result<Value> {
    let path = format!("/v1/runs/{}/rerun", id(run));
    let again = flow.api.post(&path, &json!({ "records": "failed" })).await?;
    flow.ended(&id(&again)).await
}

/// The code with which a rerun of failed records is refused.
async fn refused(flow: &Flow, run: &Value) -> Result<String> {
    let path = format!("/v1/runs/{}/rerun", id(run));
    let body = json!({ "records": "failed" }).to_string();
    let answer = flow.api.call("POST", &path, &[], Some(&body)).await?;
    ensure!(answer.status == 409, "{}: {}", answer.status, answer.body);
    Ok(answer.body["code"].as_str().unwrap_or_default().to_string())
}

/// Holds that the target has taken each of these records exactly once.
fn has_each_once(flow: &Flow, last: u32) -> Result<()> {
    let mut times: BTreeMap<String, u32> = (1..=last).map(|n| (n.to_string(), 0)).collect();
    for taken in flow.receiver.taken()? {
        *times.entry(taken.source_id).or_default() += 1;
    }
    let others: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
    ensure!(times.len() == last as usize && others.is_empty(), "{others:?}");
    Ok(())
}

fn reason<'a>(run: &'a Value, name: &str) -> &'a Value {
    let reasons = run["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    reasons.iter().find(|r| r["reason"] == name).unwrap_or(&Value::Null)
}

/// Lets one batch of a run die, whichever fails first, and gives back the run's report.
async fn one_batch_dies(flow: &Flow) -> Result<Value> {
    flow.change_target(|t| t["retry_secs"] = json!([600])).await?;
    flow.receiver.next([Manner::Status(500)]);
    let run = flow.start().await?;
    let failed = until("a failed batch", RUN_SECS, async || {
        let owed = flow.api.all(&format!("/v1/deliveries?target={}&state=WAITING", flow.target)).await?;
        Ok(owed.into_iter().find(|delivery| delivery["waiting_for"] == "next_attempt"))
    })
    .await?;
    // No other request may take the answer that is meant for this one.
    until("the other batches", RUN_SECS, async || {
        let report = flow.api.get(&format!("/v1/runs/{run}")).await?;
        let others = &report["deliveries"];
        Ok((others["waiting"] == 1 && others["sending"] == 0).then_some(()))
    })
    .await?;
    let key = id(&failed).parse::<BatchName>()?.key(&flow.account);
    flow.receiver.next([Manner::Status(500)]);
    let rows = flow.stack.rows().await?;
    rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    flow.ended(&run).await
}

async fn dead(flow: &Flow) -> Result<Vec<Value>> {
    flow.api.all(&format!("/v1/deliveries?target={}&state=DEAD", flow.target)).await
}

#[tokio::test]
async fn twenty_nine_of_500_that_do_not_fit_the_mapping_are_mended_and_sent_again() -> Result<()> {
    let flow = people_flow().await?;
    let file = people(500, "7,5");
    flow.put("people.csv", &file)?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 500), ("created", 471), ("errors", 29)]);
    let reason = reason(&run, "not_an_integer");
    assert_eq!(
        (&reason["field"], &reason["count"], &reason["writer"]),
        (&json!("hours"), &json!(29), &json!("error"))
    );
    let samples = reason["samples"].as_array().context("samples")?;
    let lines: Vec<_> = samples.iter().map(|s| (s["line"].clone(), s["source_id"].clone())).collect();
    let expected = [(18, "17"), (35, "34"), (52, "51"), (69, "68"), (86, "85")];
    assert_eq!(lines, expected.map(|(line, id)| (json!(line), json!(id))));
    assert!(samples[0]["detail"].as_str().is_some_and(|d| d.contains("7,5")), "{reason}");

    let (item, failed) = one_failed(&flow, &run).await?;
    assert_eq!(failed, bad_lines(&file, "not_an_integer"));
    assert_eq!(
        (&item["records"], &item["reason_column"], &item["input"], &item["lines"]["file_name"]),
        (&json!(29), &json!("crossdock_reason"), &json!(1), &json!("people.failed.csv"))
    );
    assert!(item.get("missing").is_none() && item.get("reasons").is_none(), "{item}");

    // Half of them are mended: the rest fail again, with their new reason in the place of the old.
    let mend = |n: u32| if n.is_multiple_of(2) { "7" } else { "" };
    let mut half = String::new();
    for (line, n) in failed.split_inclusive("\r\n").zip((0..).map(|at| at * 17)) {
        half += &line.replace("7,5", mend(n));
    }
    flow.put("people.failed.csv", &half)?;
    let second = flow.run().await?;
    expect(&second, "PARTIAL", &[("read", 29), ("created", 14), ("errors", 15)]);
    let (_, failed) = one_failed(&flow, &second).await?;
    assert_eq!(failed.lines().next(), Some("id;value;hours;crossdock_reason"));
    assert_eq!(failed.lines().count(), 16);
    assert!(failed.lines().skip(1).all(|line| line.ends_with(";;required")), "{failed}");
    flow.put("people.failed.failed.csv", failed.replace(";;required", ";8;mended"))?;
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[("read", 15), ("created", 15)]);
    assert!(third.get("reasons").is_none(), "{third}");
    assert_eq!(failed_lines(&flow, &third).await?, []);
    has_each_once(&flow, 500)?;
    flow.agrees(&[&run, &second, &third]).await
}

#[tokio::test]
async fn twenty_nine_of_500_that_the_target_refuses_are_mended_and_sent_again() -> Result<()> {
    let flow = people_flow().await?;
    let file = people(500, "41");
    flow.put("people.csv", &file)?;
    let bad: Vec<_> = (1..=500).filter(|n| is_bad(*n)).map(|n| n.to_string()).collect();
    flow.receiver.next(vec![Manner::Refuse(bad); 5]);
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 500), ("created", 471), ("errors", 29)]);
    let reason = reason(&run, "refused_by_target");
    assert_eq!(
        (&reason["count"], &reason["samples"][0]["detail"]),
        (&json!(29), &json!("no such department"))
    );
    let (_, failed) = one_failed(&flow, &run).await?;
    assert_eq!(failed, bad_lines(&file, "refused_by_target"));
    flow.put("people.failed.csv", failed.replace(";41;", ";40;"))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 29), ("created", 29)]);
    has_each_once(&flow, 500)?;
    flow.agrees(&[&run, &second]).await
}

#[tokio::test]
async fn twenty_nine_of_522_in_a_batch_that_died_are_sent_again() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 29.into()).await?;
    let file = people(522, "41");
    flow.put("people.csv", &file)?;
    let run = one_batch_dies(&flow).await?;
    expect(&run, "PARTIAL", &[("read", 522), ("created", 493), ("errors", 29)]);
    assert_eq!(reason(&run, "undeliverable")["count"], 29);
    let (_, failed) = one_failed(&flow, &run).await?;
    let records = flow.records(&run).await?;
    let lines: Vec<&str> = file.split_inclusive("\r\n").collect();
    let mut expected = lines[0].replace("\r\n", ";crossdock_reason\r\n");
    for record in records.iter().filter(|r| r["writer"] == "error") {
        let line = lines[record["line"].as_u64().context("a line")? as usize - 1];
        expected += &line.replace("\r\n", ";undeliverable\r\n");
    }
    assert_eq!(failed, expected);
    flow.put("people.failed.csv", failed)?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 29), ("created", 29)]);
    has_each_once(&flow, 522)?;
    flow.agrees(&[&run, &second]).await
}

#[tokio::test]
async fn a_rerun_of_what_failed_takes_mapping_errors_refusals_and_dead_batches_and_nothing_else() -> Result<()>
{
    let flow = people_flow().await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 10.into()).await?;
    flow.put("people.csv", people(60, "x"))?; // 17, 34 and 51
    flow.receiver.next([Manner::Refuse((1..=60).map(|n| n.to_string()).collect())]);
    flow.change_target(|t| t["retry_secs"] = json!([600])).await?;
    let run = one_batch_dies(&flow).await?;
    let errors = run["counts"]["errors"].as_u64().context("errors")?;
    expect(&run, "PARTIAL", &[("read", 60), ("created", 60 - errors), ("errors", errors)]);
    assert!(errors > 13, "{run:#}");
    let died = dead(&flow).await?;
    assert_eq!(died.len(), 1);

    // Today's mapping, and not the one that they failed with.
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", errors), ("created", errors)]);
    assert_eq!((&again["rerun_of"], &again["failed_of"]), (&run["id"], &run["id"]));
    let who = |records: Vec<Value>, writer: &str| -> Vec<(Value, Value, Value)> {
        let of = records.into_iter().filter(|r| r["writer"] == writer);
        of.map(|r| (r["input"].clone(), r["line"].clone(), r["source_id"].clone())).collect()
    };
    let failed = who(flow.records(&run).await?, "error");
    assert_eq!(who(flow.records(&again).await?, "created"), failed);
    has_each_once(&flow, 60)?;
    assert_eq!(dead(&flow).await?, Vec::<Value>::new(), "the target no longer owes the batch");
    let first = flow.api.get(&format!("/v1/runs/{}", id(&run))).await?;
    assert_eq!(first["taken_again_by"], again["id"]);
    // Who retries the batch gets the run that has taken it.
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&died[0])), &json!({})).await?;
    assert_eq!(retry["id"], again["id"]);
    assert_eq!(refused(&flow, &again).await?, "nothing_failed");
    flow.agrees(&[&run, &again]).await
}

/// Without comparison nothing but the marks keeps a record from being sent twice.
#[tokio::test]
async fn what_failed_is_taken_again_by_one_run_after_the_other_and_doubles_nothing() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| c["compare"] = false.into()).await?;
    flow.put("people.csv", people(60, "x"))?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 60), ("created", 57), ("errors", 3)]);
    // As it was, they fail as they did.
    let second = rerun_failed(&flow, &run).await?;
    expect(&second, "ERROR", &[("read", 3), ("errors", 3)]);
    let short: Vec<_> = flow.records(&second).await?.iter().map(in_short).collect();
    assert_eq!(short, [18, 35, 52].map(|line| format!("{line} error not_an_integer hours")));
    assert_eq!(refused(&flow, &run).await?, "taken_again");
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let third = rerun_failed(&flow, &second).await?;
    expect(&third, "COMPLETE", &[("read", 3), ("created", 3)]);
    for (of, code) in [(&run, "taken_again"), (&second, "taken_again"), (&third, "nothing_failed")] {
        assert_eq!(refused(&flow, of).await?, code);
    }
    has_each_once(&flow, 60)?;
    flow.agrees(&[&run, &second, &third]).await
}

#[tokio::test]
async fn a_dead_batch_that_was_retried_is_not_taken_again_with_what_else_failed() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| {
        c["compare"] = false.into();
        c["target"]["batch_size"] = 10.into();
    })
    .await?;
    flow.put("people.csv", people(40, "x"))?; // 17 and 34
    let run = one_batch_dies(&flow).await?;
    let batch = dead(&flow).await?.remove(0);
    let in_batch = batch["records"].as_u64().context("records")?;
    expect(&run, "PARTIAL", &[("read", 40), ("created", 38 - in_batch), ("errors", 2 + in_batch)]);
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&batch)), &json!({})).await?;
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "COMPLETE", &[("read", in_batch), ("created", in_batch)]);
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", 2), ("created", 2)]);
    has_each_once(&flow, 40)?;
    flow.agrees(&[&run, &retry, &again]).await
}

#[tokio::test]
async fn a_rerun_of_what_failed_that_sends_nothing_leaves_it_to_be_taken_again() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 10.into()).await?;
    flow.put("people.csv", people(40, "x"))?;
    let run = one_batch_dies(&flow).await?;
    let errors = run["counts"]["errors"].as_u64().context("errors")?;
    let batch = dead(&flow).await?;
    flow.change_mapping(|m| m["columns"][1]["from"] = "no such column".into()).await?;
    let failed = rerun_failed(&flow, &run).await?;
    expect(&failed, "ERROR", &[]);
    assert_eq!(
        dead(&flow).await?.iter().map(id).collect::<Vec<_>>(),
        batch.iter().map(id).collect::<Vec<_>>()
    );
    flow.change_mapping(|m| {
        m["columns"][1]["from"] = "value".into();
        m["columns"][2]["type"] = "text".into();
    })
    .await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", errors), ("created", errors)]);
    has_each_once(&flow, 40)?;
    flow.agrees(&[&run, &failed, &again]).await
}

#[tokio::test]
async fn a_line_means_a_record_of_the_file_that_failed_and_of_no_other() -> Result<()> {
    let flow = people_flow().await?;
    flow.put("people.csv", people(40, "x"))?;
    let run = flow.run().await?;
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    // Other bytes where the file was: of the same length, with as many lines.
    let object = run["inputs"][0]["object"].as_str().context("an object")?;
    let bucket = flow.stack.bucket().await?;
    let file = bucket.get(object).await?.context("the file")?.bytes;
    bucket.put(object, people(40, "y").into_bytes()).await?;
    let refused = rerun_failed(&flow, &run).await?;
    expect(&refused, "ERROR", &[]);
    expect_failure(&refused, "settings", "input_changed", false, &["people.csv"]);
    bucket.put(object, file.to_vec()).await?;
    // Its records are other ones where the mapping reads it in another way: what is not found stays in the report.
    flow.change_mapping(|m| m["key"] = json!(["id", "hours"])).await?;
    let other = rerun_failed(&flow, &run).await?;
    expect(&other, "ERROR", &[("read", 2), ("errors", 2)]);
    expect_failure(&other, "mapping", "retry_incomplete", false, &["2 of the 2 records"]);
    flow.change_mapping(|m| m["key"] = json!(["id"])).await?;
    let again = rerun_failed(&flow, &other).await?;
    expect(&again, "COMPLETE", &[("read", 2), ("created", 2)]);
    has_each_once(&flow, 40)?;
    flow.agrees(&[&run, &refused, &other, &again]).await
}

#[tokio::test]
async fn what_failed_does_not_overtake_what_came_later() -> Result<()> {
    let flow = people_flow().await?;
    flow.put("first.csv", "id;value;hours\r\n1;old;x\r\n2;a;2\r\n")?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    flow.put("second.csv", "id;value;hours\r\n1;new;1\r\n")?;
    let later = flow.run().await?;
    expect(&later, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", 1), ("filtered", 1)]);
    assert_eq!(reason(&again, "superseded_by_later_run")["count"], 1);
    assert_eq!(flow.receiver.holds()?["1"]["value"], "new");
    flow.agrees(&[&run, &later, &again]).await
}

#[tokio::test]
async fn with_more_errors_than_are_allowed_nothing_is_sent_and_a_rerun_takes_the_file_whole() -> Result<()> {
    for (setting, most, read, errors) in
        [("max_errors", 9, 170, 10), ("max_error_percent", 5, 500, 29), ("max_errors", 0, 17, 1)]
    {
        let flow = people_flow().await?;
        flow.change_connection(|c| c[setting] = most.into()).await?;
        let file = people(500, "x");
        flow.put("people.csv", &file)?;
        let run = flow.run().await?;
        let not_sent = read - errors;
        expect(
            &run,
            "ERROR",
            &[("read", read), ("errors", errors), ("not_sent", not_sent), ("would_create", not_sent)],
        );
        assert_eq!(
            (&run["counts"]["not_sent"], &run["counts"]["would_create"]),
            (&json!(not_sent), &json!(not_sent))
        );
        expect_failure(&run, "mapping", "too_many_errors", false, &[&errors.to_string(), setting]);
        assert_eq!(flow.receiver.requests().len(), 0);
        assert_eq!(
            (&run["batches_total"], reason(&run, "not_an_integer")["count"].as_u64()),
            (&json!(0), Some(errors))
        );
        let records = flow.records(&run).await?;
        assert_eq!(records.len() as u64, read);
        let (_, failed) = one_failed(&flow, &run).await?;
        let whole = bad_lines(&file, "not_an_integer");
        let expected: String = whole.split_inclusive("\r\n").take(errors as usize + 1).collect();
        assert_eq!(failed, expected, "exactly the failed records, without what was not sent");
        assert_eq!(refused(&flow, &run).await?, "too_many_errors");
        flow.agrees(&[&run]).await?;

        flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
        let empty = flow.run().await?;
        expect(&empty, "COMPLETE", &[]);
        let again = flow.rerun(&run).await?;
        expect(&again, "COMPLETE", &[("read", 500), ("created", 500)]);
        has_each_once(&flow, 500)?;
        flow.agrees(&[&run, &empty, &again]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn as_many_errors_as_are_allowed_do_not_hold_the_others_back() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| {
        c["max_errors"] = 29.into();
        c["max_error_percent"] = 6.into();
    })
    .await?;
    flow.put("people.csv", people(500, "x"))?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 500), ("created", 471), ("errors", 29)]);
    // What failed is not judged by how many of it fail again.
    flow.change_connection(|c| c["max_errors"] = 0.into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "ERROR", &[("read", 29), ("errors", 29)]);
    expect_failure(&again, "mapping", "every_record_failed", false, &[]);
    flow.agrees(&[&run, &again]).await?;
    let bad = flow.change_connection(|c| c["max_error_percent"] = 100.into()).await.unwrap_err();
    assert!(bad.to_string().contains("max_error_percent"), "{bad}");
    Ok(())
}

#[tokio::test]
async fn the_same_bytes_under_another_name_are_mapped_after_too_many_errors() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| c["max_errors"] = 0.into()).await?;
    flow.put("people.csv", people(40, "x"))?;
    expect_failure(&flow.run().await?, "mapping", "too_many_errors", false, &[]);
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    flow.put("again.csv", people(40, "x"))?;
    expect(&flow.run().await?, "COMPLETE", &[("read", 40), ("created", 40)]);
    has_each_once(&flow, 40)
}

#[tokio::test]
async fn a_run_that_only_validates_tells_what_would_be_sent_and_leaves_no_trace() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| {
        c["source"]["post_action"] = "delete".into();
        c["max_errors"] = 1.into();
    })
    .await?;
    flow.put("first.csv", people(16, "x"))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 16), ("created", 16)]);
    let sent = flow.receiver.requests().len();
    // 1 to 16 are as they were but for 5; 17 to 60 are new but for three errors.
    let file = people(60, "x").replacen("5;\"Name; of \"\"5\"\"\";5\r\n", "5;other;5\r\n", 1);
    flow.put("second.csv", &file)?;
    let validated = async || {
        let path = format!("/v1/connections/{}/runs", flow.connection);
        let run = flow.api.post(&path, &json!({ "validate_only": true })).await?;
        flow.ended(&id(&run)).await
    };
    let state = keys::state_object(&flow.account, &flow.connection, &flow.target);
    let bucket = flow.stack.bucket().await?;
    let before = bucket.get(&state).await?.context("the state")?;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = validated().await?;
        expect(
            &run,
            "PARTIAL",
            &[
                ("read", 60),
                ("unchanged", 15),
                ("errors", 3),
                ("not_sent", 42),
                ("would_create", 41),
                ("would_update", 1),
            ],
        );
        assert_eq!((&run["validate_only"], &run["trigger"]), (&json!(true), &json!("manual")));
        assert_eq!((&run["counts"]["would_create"], &run["counts"]["would_update"]), (&json!(41), &json!(1)));
        assert!(run["warnings"].to_string().contains("max_errors"), "{}", run["warnings"]);
        assert_eq!(
            (&reason(&run, "validate_only")["count"], &reason(&run, "not_an_integer")["count"]),
            (&json!(42), &json!(3))
        );
        let (_, failed) = one_failed(&flow, &run).await?;
        assert_eq!(failed, bad_lines(&file, "not_an_integer"));
        let again = flow.api.call("POST", &format!("/v1/runs/{}/rerun", id(&run)), &[], None).await?;
        assert_eq!((again.status, &again.body["code"]), (409, &json!("validate_only")));
        assert_eq!(flow.batches(&run).await?.len(), 0);
        runs.push(run);
    }
    assert_eq!(flow.receiver.requests().len(), sent, "nothing was sent");
    assert_eq!(bucket.get(&state).await?.context("the state")?.etag, before.etag);
    assert!(flow.folder.join("second.csv").exists(), "nothing was done on the server");
    flow.change_connection(|c| c["max_errors"] = Value::Null).await?;
    let run = flow.run().await?;
    expect(
        &run,
        "PARTIAL",
        &[("read", 60), ("created", 41), ("updated", 1), ("unchanged", 15), ("errors", 3)],
    );
    assert!(!flow.folder.join("second.csv").exists());
    flow.agrees(&[&first, &runs[0], &runs[1], &run]).await
}

#[tokio::test]
async fn deletes_are_told_by_who_validates_and_taken_by_no_rerun_of_what_failed() -> Result<()> {
    let flow = people_flow().await?;
    flow.change_connection(|c| {
        c["deletes"] = "infer".into();
        c["delete_ceiling_percent"] = 40.into();
    })
    .await?;
    flow.put("a.csv", "id;value;hours\r\n1;a;1\r\n2;b;2\r\n3;c;3\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.put("a.csv", "id;value;hours\r\n1;a;1\r\n2;b;2\r\n4;d;x\r\n")?;
    let path = format!("/v1/connections/{}/runs", flow.connection);
    let body = json!({ "validate_only": true });
    let validated = flow.ended(&id(&flow.api.post(&path, &body).await?)).await?;
    let told =
        [("read", 3), ("missing", 1), ("unchanged", 2), ("errors", 1), ("not_sent", 1), ("would_delete", 1)];
    expect(&validated, "PARTIAL", &told);
    let records = flow.records(&validated).await?;
    assert_eq!((&records[3]["processor"], &records[3]["source_id"]), (&json!("delete"), &json!("3")));

    flow.receiver.next([Manner::Refuse(vec!["3".into()])]);
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 3), ("missing", 1), ("unchanged", 2), ("errors", 2)]);
    assert_eq!(reason(&run, "refused_by_target")["count"], 1);
    let (_, failed) = one_failed(&flow, &run).await?;
    assert_eq!(failed, "id;value;hours;crossdock_reason\r\n4;d;x;not_an_integer\r\n");
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", 1), ("created", 1)]);
    Ok(())
}

#[tokio::test]
async fn a_file_in_latin_1_with_line_breaks_in_quotes_is_cut_byte_by_byte() -> Result<()> {
    let mut mapping = people_mapping();
    mapping["input"]["encoding"] = "iso-8859-1".into();
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    let header = b"id;\"value\";hours;note\r\n".to_vec();
    let good = b"1;\"\xC5se\r\n; \"\"x\"\"\";1;\r\n".to_vec();
    let bad = b"2;\"\xD8yvind\r\n\r\n1;2\";ja;\xE6\r\n".to_vec();
    let ragged = b"3;B\xF8;3\r\n".to_vec();
    let open = b"4;\"\xE5pen;4;\r\n5;E;5;\r\n".to_vec();
    flow.put("a.csv", [&header[..], &good, &bad, b"\r\n", &ragged, &open].concat())?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 4), ("created", 1), ("errors", 3)]);
    let (item, bytes) = failed_lines(&flow, &run).await?.remove(0);
    let expected = [
        &b"id;\"value\";hours;note;crossdock_reason\r\n"[..],
        b"2;\"\xD8yvind\r\n\r\n1;2\";ja;\xE6;not_an_integer\r\n",
        b"3;B\xF8;3;ragged_line\r\n",
        &open,
    ]
    .concat();
    assert_eq!(bytes, expected);
    assert_eq!(item["records"], 3);
    let mended: Vec<u8> = [
        &b"id;\"value\";hours;note;crossdock_reason\r\n"[..],
        b"2;\"\xD8yvind\r\n\r\n1;2\";2;\xE6;not_an_integer\r\n",
        b"3;B\xF8;3;;ragged_line\r\n",
        b"4;\"\xE5pen\";4;;\r\n5;E;5;;\r\n",
    ]
    .concat();
    flow.put("b.csv", mended)?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 4), ("created", 4)]);
    has_each_once(&flow, 5)?;
    assert_eq!(flow.receiver.holds()?["2"]["value"], "Øyvind\r\n\r\n1;2");
    flow.agrees(&[&run, &second]).await
}

#[tokio::test]
async fn each_input_has_its_file_and_without_a_header_the_reasons_are_beside_it() -> Result<()> {
    let mut mapping = people_mapping();
    mapping["input"]["header"] = false.into();
    for (at, column) in ["1", "2", "3"].iter().enumerate() {
        mapping["columns"][at]["from"] = (*column).into();
    }
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.put("a.csv", "1;a;1\n2;b;x\n")?;
    flow.put("b.csv", "3;c;3\n")?;
    flow.put("c.csv", "4;d;x\n5;e;y\n")?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 5), ("created", 2), ("errors", 3)]);
    let files = failed_lines(&flow, &run).await?;
    let mut expected = BTreeMap::from([("a.csv", ("2;b;x\n", 1)), ("c.csv", ("4;d;x\n5;e;y\n", 2))]);
    for (item, bytes) in &files {
        let path = item["file"].as_str().context("a path")?;
        let (lines, records) =
            expected.remove(path.rsplit('/').next().unwrap_or_default()).context("once")?;
        assert_eq!((std::str::from_utf8(bytes)?, &item["records"]), (lines, &json!(records)));
        assert!(item.get("reason_column").is_none(), "{item}");
        let url = item["reasons"]["url"].as_str().context("reasons")?;
        let reasons = http_client().get(url).send().await?.error_for_status()?.text().await?;
        let reasons: Vec<Value> = reasons.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!(reasons.len(), records);
        assert!(reasons.iter().all(|r| r["reason"] == "not_an_integer" && r["file"] == path), "{reasons:?}");
    }
    assert!(expected.is_empty(), "{expected:?}");
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_format_without_lines_has_its_reasons_alone() -> Result<()> {
    let mut mapping = people_mapping();
    mapping["input"] = json!({ "format": "json" });
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.change_connection(|c| c["source"]["files"] = "*.json".into()).await?;
    flow.put(
        "a.json",
        r#"[{"id": "1", "value": "a", "hours": 1}, {"id": "2", "value": "b", "hours": "x"}]"#,
    )?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    let (item, _) = failed_lines(&flow, &run).await?.remove(0);
    assert!(item.get("lines").is_none() && item["records"] == 1, "{item}");
    let url = item["reasons"]["url"].as_str().context("reasons")?;
    let text = http_client().get(url).send().await?.error_for_status()?.text().await?;
    let reason: Value = serde_json::from_str(&text)?;
    assert_eq!((&reason["reason"], &reason["source_id"]), (&json!("not_an_integer"), &json!("2")));
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    expect(&rerun_failed(&flow, &run).await?, "COMPLETE", &[("read", 1), ("created", 1)]);
    has_each_once(&flow, 2)
}

#[tokio::test]
async fn lines_of_ndjson_and_of_fixed_width_are_cut_too() -> Result<()> {
    let columns = json!([
        { "name": "id", "start": 1, "width": 2 },
        { "name": "value", "start": 3, "width": 1 },
        { "name": "hours", "start": 4, "width": 2 },
    ]);
    let fixed = json!({ "format": "fixed_width", "encoding": "cp850", "columns": columns, "skip_rows": 1 });
    for (input, file, lines, mended) in [
        (
            json!({ "format": "ndjson" }),
            &b"{\"id\":\"1\",\"value\":\"a\",\"hours\":1}\n{\"id\":\"2\",\"hours\":\"x\"}\n"[..],
            &b"{\"id\":\"2\",\"hours\":\"x\"}\n"[..],
            &b"{\"id\":\"2\",\"hours\":2}\n"[..],
        ),
        (fixed, b"Title\r\n 1\x8F11\r\n 2\x8F0x\r\n", b"Title\r\n 2\x8F0x\r\n", b"Title\r\n 2\x8F22\r\n"),
    ] {
        let mut mapping = people_mapping();
        mapping["input"] = input.clone();
        let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
        flow.put("a.csv", file)?;
        let run = flow.run().await?;
        expect(&run, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
        let (item, bytes) = failed_lines(&flow, &run).await?.remove(0);
        assert_eq!((bytes.as_slice(), &item["records"]), (lines, &json!(1)), "{input}");
        assert!(item["reasons"]["url"].is_string() && item.get("reason_column").is_none(), "{item}");
        flow.put("b.csv", mended)?;
        let second = flow.run().await?;
        expect(&second, "COMPLETE", &[("read", 1), ("created", 1)]);
        flow.agrees(&[&run, &second]).await?;
    }
    Ok(())
}

/// In XML several records stand on one line: what tells them apart is their number.
#[tokio::test]
async fn of_records_on_one_line_only_those_that_failed_are_taken_again() -> Result<()> {
    let mut mapping = people_mapping();
    mapping["input"] = json!({ "format": "xml", "record": "/people/person" });
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.change_connection(|c| c["compare"] = false.into()).await?;
    let person = |id: u32, hours: &str| {
        format!("<person><id>{id}</id><value>a</value><hours>{hours}</hours></person>")
    };
    let people = [person(1, "1"), person(2, "x"), person(3, "3"), person(4, "x")].concat();
    flow.put("a.csv", format!("<people>{people}</people>"))?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 4), ("created", 2), ("errors", 2)]);
    let (item, _) = failed_lines(&flow, &run).await?.remove(0);
    assert!(item.get("lines").is_none() && item["reasons"]["url"].is_string(), "{item}");
    flow.change_mapping(|m| m["columns"][2]["type"] = "text".into()).await?;
    let again = rerun_failed(&flow, &run).await?;
    expect(&again, "COMPLETE", &[("read", 2), ("created", 2)]);
    has_each_once(&flow, 4)?;
    flow.agrees(&[&run, &again]).await
}

#[tokio::test]
async fn another_account_has_no_such_run() -> Result<()> {
    let flow = people_flow().await?;
    flow.put("people.csv", people(20, "x"))?;
    let run = flow.run().await?;
    let (_, other) = new_account(&flow.stack, "UTC").await?;
    let failed = json!({ "records": "failed" }).to_string();
    for (method, what, body) in [("GET", "failed-lines", None), ("POST", "rerun", Some(failed.as_str()))] {
        let path = format!("/v1/runs/{}/{what}", id(&run));
        let answer = other.call(method, &path, &[], body).await?;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{what}");
    }
    for body in [r#"{"records": "some"}"#, r#"{"record": "all"}"#] {
        let path = format!("/v1/runs/{}/rerun", id(&run));
        assert_eq!(flow.api.call("POST", &path, &[], Some(body)).await?.status, 422, "{body}");
    }
    Ok(())
}
