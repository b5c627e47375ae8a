//! What a run does with what is new, changed, as it was, or gone; and which of it a cursor leaves out.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{
    aws::objects::{Expect, Replaced},
    change::State,
    keys,
};
use tests::{
    api::id,
    exports::{ndjson, sftp_export},
    flow::{Flow, simple_mapping},
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    sftp_server::Entry,
};

/// A flow whose connection infers deletes, up to a ceiling in percent.
async fn inferring(mapping: Value, ceiling: u8) -> Result<Flow> {
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.change_connection(|c| {
        c["deletes"] = "infer".into();
        c["delete_ceiling_percent"] = ceiling.into();
    })
    .await?;
    Ok(flow)
}

fn file<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let lines = records.into_iter().map(|(id, value)| format!("{id};{value}\r\n"));
    std::iter::once("id;value\r\n".to_string()).chain(lines).collect()
}

/// What the receiver took of a run, as `action source_id`, sorted.
fn taken(flow: &Flow, run: &Value) -> Result<Vec<String>> {
    let of_run = flow.receiver.taken()?.into_iter().filter(|t| run["id"] == *t.run);
    let mut taken: Vec<_> = of_run.map(|t| format!("{} {}", t.action, t.source_id)).collect();
    taken.sort();
    Ok(taken)
}

/// What the receiver holds, as `source_id=value`.
fn held(flow: &Flow) -> Result<Vec<String>> {
    let value = |data: &Value| data["value"].as_str().unwrap_or("-").to_string();
    Ok(flow.receiver.holds()?.iter().map(|(id, data)| format!("{id}={}", value(data))).collect())
}

fn has_warning(run: &Value, words: &[&str]) -> bool {
    let warnings = run["warnings"].to_string();
    words.iter().all(|word| warnings.contains(word))
}

#[tokio::test]
async fn what_is_new_changed_as_it_was_and_gone_goes_through_three_runs() -> Result<()> {
    let flow = inferring(simple_mapping(), 50).await?;
    flow.put("a.csv", file([("1", "a"), ("2", "b"), ("3", "c")]))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.put("a.csv", file([("4", "d"), ("1", "a"), ("2", "changed")]))?;
    let second = flow.run().await?;
    let wanted =
        [("read", 3), ("missing", 1), ("created", 1), ("updated", 1), ("unchanged", 1), ("deleted", 1)];
    expect(&second, "COMPLETE", &wanted);
    assert_eq!(taken(&flow, &second)?, ["create 4", "delete 3", "update 2"]);
    assert_eq!(held(&flow)?, ["1=a", "2=changed", "4=d"]);
    let delete = json!([{ "source_id": "3", "target_id": "t-3", "action": "delete", "data": null }]);
    let requests = flow.receiver.requests();
    let deletes = requests.iter().find(|request| request["body"]["records"] == delete);
    assert!(deletes.is_some(), "deletes have a batch of their own: {requests:?}");
    let records = flow.records(&second).await?;
    let gone = records.last().context("a record")?;
    let of_gone = [("source_id", "3"), ("target_id", "t-3"), ("processor", "delete"), ("writer", "deleted")];
    assert!(of_gone.iter().all(|(name, value)| gone[name] == *value), "{gone}");
    assert_eq!((&gone["file"], &gone["line"], &gone["ordinal"]), (&json!(""), &json!(0), &json!(4)));
    // It comes back as a new one, and what is gone is gone once.
    flow.put("a.csv", file([("1", "a"), ("2", "changed"), ("3", "c"), ("4", "d")]))?;
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[("read", 4), ("created", 1), ("unchanged", 3)]);
    assert_eq!(taken(&flow, &third)?, ["create 3"]);
    flow.agrees(&[&first, &second, &third]).await
}

#[tokio::test]
async fn without_deletes_what_is_gone_stays() -> Result<()> {
    let flow = Flow::with(simple_mapping(), Manner::TakeEach, Entry::Key).await?;
    flow.put("a.csv", file([("1", "a"), ("2", "b")]))?;
    let first = flow.run().await?;
    flow.put("a.csv", file([("1", "a")]))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("unchanged", 1)]);
    assert_eq!(held(&flow)?, ["1=a", "2=b"]);
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_record_in_error_or_filtered_is_not_gone_and_a_hidden_key_deletes_nothing() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["columns"][1]["type"] = "integer".into();
    mapping["filters"] = json!([{ "column": "value", "equals": "0", "reason": "left" }]);
    let flow = inferring(mapping, 100).await?;
    flow.put("a.csv", file([("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 4), ("created", 4)]);
    flow.put("a.csv", file([("1", "1"), ("2", "no number"), ("3", "0")]))?;
    let second = flow.run().await?;
    let wanted =
        [("read", 3), ("missing", 1), ("unchanged", 1), ("errors", 1), ("filtered", 1), ("deleted", 1)];
    expect(&second, "PARTIAL", &wanted);
    assert_eq!(taken(&flow, &second)?, ["delete 4"]);
    flow.put("a.csv", file([("1", "1"), ("\"2", "no key to be read")]))?;
    let third = flow.run().await?;
    expect(&third, "PARTIAL", &[("read", 2), ("unchanged", 1), ("errors", 1)]);
    assert!(
        has_warning(&third, &["nothing is deleted", "a.csv has records whose key cannot be read"]),
        "{third}"
    );
    assert_eq!(flow.receiver.holds()?.len(), 3);
    flow.agrees(&[&first, &second, &third]).await
}

#[tokio::test]
async fn no_file_and_a_file_without_records_delete_nothing() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    flow.put("a.csv", file([("1", "a"), ("2", "b")]))?;
    let first = flow.run().await?;
    let nothing_new = flow.run().await?;
    expect(&nothing_new, "COMPLETE", &[]);
    let mut runs = vec![first, nothing_new];
    for (content, has_word) in [("", true), ("id;value\r\n", true)] {
        flow.put("a.csv", content)?;
        let run = flow.run().await?;
        expect(&run, "COMPLETE", &[]);
        assert_eq!(has_warning(&run, &["nothing is deleted", "a.csv has no record"]), has_word, "{run}");
        runs.push(run);
    }
    std::fs::remove_file(flow.folder.join("a.csv"))?;
    let no_file = flow.run().await?;
    expect(&no_file, "COMPLETE", &[]);
    runs.push(no_file);
    assert_eq!(held(&flow)?, ["1=a", "2=b"]);
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_run_over_the_ceiling_sends_nothing_until_a_person_confirms_it() -> Result<()> {
    let flow = inferring(simple_mapping(), 10).await?;
    let ids: Vec<String> = (100..120).map(|n| n.to_string()).collect();
    let of = |from: usize| file(ids[from..].iter().map(|id| (id.as_str(), "a")));
    flow.put("a.csv", of(0))?;
    let first = flow.run().await?;
    flow.put("a.csv", of(2))?;
    let below = flow.run().await?;
    expect(&below, "COMPLETE", &[("read", 18), ("missing", 2), ("unchanged", 18), ("deleted", 2)]);
    flow.put("a.csv", of(4) + "new;n\r\n")?;
    let refused = flow.run().await?;
    expect(&refused, "ERROR", &[]);
    let words = ["2 of the 18 records", "10 in a hundred", "nothing was sent", "/rerun", "confirm_deletes"];
    expect_failure(&refused, "mapping", "too_many_deletes", false, &words);
    assert!(taken(&flow, &refused)?.is_empty());
    let path = format!("/v1/runs/{}/rerun", id(&refused));
    let confirmed = flow.api.post(&path, &json!({ "confirm_deletes": true })).await?;
    let confirmed = flow.ended(&id(&confirmed)).await?;
    let wanted = [("read", 17), ("missing", 2), ("unchanged", 16), ("created", 1), ("deleted", 2)];
    expect(&confirmed, "COMPLETE", &wanted);
    assert_eq!(taken(&flow, &confirmed)?, ["create new", "delete 102", "delete 103"]);
    let by = confirmed["deletes_confirmed_by"].as_str().context("who confirmed it")?;
    assert!(flow.api.key().contains(by), "{by}");
    // What was confirmed holds for that state only, and only for what was refused.
    let again = flow.api.post(&path, &json!({ "confirm_deletes": true })).await?;
    let again = flow.ended(&id(&again)).await?;
    expect(&again, "ERROR", &[]);
    expect_failure(&again, "settings", "confirmation_outdated", false, &["run the connection"]);
    let path = format!("/v1/runs/{}/rerun", id(&confirmed));
    let answer = flow.api.call("POST", &path, &[], Some(r#"{"confirm_deletes":true}"#)).await?;
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("nothing_to_confirm")), "{}", answer.body);
    flow.agrees(&[&first, &below, &refused, &confirmed, &again]).await
}

#[tokio::test]
async fn all_files_of_the_selection_have_to_be_in_the_run() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    flow.put("a.csv", file([("1", "a"), ("2", "b")]))?;
    flow.put("b.csv", file([("3", "c"), ("4", "d")]))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 4), ("created", 4)]);
    // Of two files only one is new: what the other has is not gone.
    flow.put("b.csv", file([("3", "c")]))?;
    let one = flow.run().await?;
    expect(&one, "COMPLETE", &[("read", 1), ("unchanged", 1)]);
    assert!(has_warning(&one, &["nothing is deleted", "a.csv is there still", "moved or deleted"]), "{one}");
    // Both come again, one of them with the bytes that were read last: it is not read, and hides what it has.
    flow.put("a.csv", file([("1", "a")]))?;
    flow.put("b.csv", file([("3", "c")]))?;
    let both = flow.run().await?;
    expect(&both, "COMPLETE", &[("read", 2), ("missing", 2), ("unchanged", 2), ("deleted", 2)]);
    assert_eq!(held(&flow)?, ["1=a", "3=c"]);
    // A file that is left out as a whole hides everything too.
    flow.put("a.csv", file([("1", "a")]))?;
    flow.put("b.csv", "another;header\r\n1;2\r\n")?;
    let unreadable = flow.run().await?;
    expect(&unreadable, "PARTIAL", &[("read", 1), ("unchanged", 1)]);
    assert!(has_warning(&unreadable, &["nothing is deleted", "b.csv could not be read"]), "{unreadable}");
    flow.agrees(&[&first, &one, &both, &unreadable]).await
}

#[tokio::test]
async fn a_file_that_waits_for_its_done_file_hides_what_it_has() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    flow.change_connection(|c| c["source"]["done_suffix"] = ".done".into()).await?;
    let put = |name: &str, records: &str| {
        flow.put(name, records)?;
        flow.put(&format!("{name}.done"), "")
    };
    put("a.csv", &file([("1", "a")]))?;
    put("b.csv", &file([("2", "b")]))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 2), ("created", 2)]);
    std::fs::remove_file(flow.folder.join("b.csv.done"))?;
    flow.put("b.csv", file([("2", "b2")]))?;
    put("a.csv", &file([("1", "a2")]))?;
    let waiting = flow.run().await?;
    expect(&waiting, "COMPLETE", &[("read", 1), ("updated", 1)]);
    assert!(has_warning(&waiting, &["nothing is deleted", "b.csv was not ready"]), "{waiting}");
    flow.agrees(&[&first, &waiting]).await
}

#[tokio::test]
async fn a_run_that_takes_files_again_deletes_nothing_and_brings_nothing_back() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    flow.put("a.csv", file([("1", "a"), ("2", "b")]))?;
    let first = flow.run().await?;
    flow.put("a.csv", file([("1", "a"), ("3", "c")]))?;
    let second = flow.run().await?;
    expect(
        &second,
        "COMPLETE",
        &[("read", 2), ("missing", 1), ("unchanged", 1), ("created", 1), ("deleted", 1)],
    );
    let again = flow.rerun(&first).await?;
    expect(&again, "COMPLETE", &[("read", 2), ("unchanged", 1), ("filtered", 1)]);
    let records = flow.records(&again).await?;
    assert_eq!(in_short(&records[1]), "3 none superseded_by_later_run -");
    assert_eq!(held(&flow)?, ["1=a", "3=c"]);
    flow.agrees(&[&first, &second, &again]).await
}

#[tokio::test]
async fn a_delete_that_is_refused_or_does_not_arrive_is_owed_by_the_next_complete_read() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    flow.put("a.csv", file([("0", "o"), ("1", "a"), ("2", "b"), ("3", "c")]))?;
    let first = flow.run().await?;
    flow.receiver.next([Manner::Refuse(vec!["2".into()])]);
    flow.put("a.csv", file([("0", "o"), ("1", "a")]))?;
    let refused = flow.run().await?;
    let wanted = [("read", 2), ("missing", 2), ("unchanged", 2), ("errors", 1), ("deleted", 1)];
    expect(&refused, "PARTIAL", &wanted);
    // The first attempt and all three others fail.
    flow.receiver.next((0..4).map(|_| Manner::Status(500)));
    flow.put("a.csv", file([("1", "a"), ("0", "o")]))?;
    let down = flow.run().await?;
    expect(&down, "PARTIAL", &[("read", 2), ("missing", 1), ("unchanged", 2), ("errors", 1)]);
    let last = flow.records(&down).await?;
    assert_eq!(in_short(last.last().context("a record")?), "0 error undeliverable -");
    flow.put("a.csv", file([("0", "o"), ("1", "a")]) + "\r\n")?;
    let through = flow.run().await?;
    expect(&through, "COMPLETE", &[("read", 2), ("missing", 1), ("unchanged", 2), ("deleted", 1)]);
    assert_eq!(held(&flow)?, ["0=o", "1=a"]);
    // Its batch is dead: what follows from what is missing is not sent again by itself.
    let batch = flow.batches(&down).await?.into_iter().next().context("a batch")?;
    let deliveries = flow.api.all(&format!("/v1/deliveries?target={}&state=DEAD", flow.target)).await?;
    let dead = deliveries.iter().find(|d| d["run"] == batch.run).context("the dead batch")?;
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(dead)), &json!({})).await?;
    let retried = flow.ended(retry["run"].as_str().unwrap_or(&id(&retry))).await?;
    expect(&retried, "ERROR", &[]);
    expect_failure(&retried, "settings", "deletes_not_retried", false, &["next complete read"]);
    flow.agrees(&[&first, &refused, &down, &through, &retried]).await
}

#[tokio::test]
async fn a_state_without_source_ids_deletes_by_the_targets_id_and_says_what_it_cannot_name() -> Result<()> {
    let flow = inferring(simple_mapping(), 100).await?;
    let mut old = b"xdstate1".to_vec();
    for (key, target_id) in [(1u8, "t-old"), (2, "")] {
        old.extend_from_slice(&[key; 32]);
        old.extend_from_slice(&1i64.to_be_bytes());
        old.extend_from_slice(&(target_id.len() as u16).to_be_bytes());
        old.extend_from_slice(target_id.as_bytes());
    }
    let state = keys::state_object(&flow.account, &flow.connection, &flow.target);
    let bucket = flow.stack.bucket().await?;
    bucket.replace(&state, old, Expect::Nothing, "before").await?;
    flow.put("a.csv", file([("1", "a")]))?;
    let run = flow.run().await?;
    let wanted = [("read", 1), ("missing", 2), ("created", 1), ("deleted", 1), ("errors", 1)];
    let sent: Vec<_> = flow.receiver.requests().iter().map(|r| r["body"]["records"].clone()).collect();
    let delete = json!([{ "target_id": "t-old", "action": "delete", "data": null }]);
    assert!(sent.contains(&delete), "{sent:?}");
    expect(&run, "PARTIAL", &wanted);
    let records = flow.records(&run).await?;
    assert!(records.iter().any(|r| in_short(r) == "0 error delete_unnamed -"), "{records:?}");
    let left = State::decode(&bucket.get(&state).await?.context("the state")?.bytes)?;
    assert_eq!(left.len(), 2, "the new one, and the one that cannot be named");
    Ok(())
}

/// Files of changes, each with the time of it.
async fn incremental() -> Result<Flow> {
    let mut mapping = simple_mapping();
    let changed = json!({ "name": "changed_at", "from": "changed", "type": "timestamp",
        "format": "%Y-%m-%d %H:%M:%S", "time_zone": "Etc/UTC" });
    mapping["columns"].as_array_mut().context("columns")?.push(changed);
    let flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
    flow.change_connection(|c| {
        c["reading"] = "incremental".into();
        c["cursor"] = json!({ "column": "changed_at", "lookback": "PT15M" });
    })
    .await?;
    Ok(flow)
}

/// A file of `id value time-of-day`.
fn changes(lines: &[(&str, &str, &str)]) -> String {
    let at = |time: &str| if time.is_empty() { String::new() } else { format!("2026-10-25 {time}") };
    let lines = lines.iter().map(|(id, value, time)| format!("{id};{value};{}\r\n", at(time)));
    std::iter::once("id;value;changed\r\n".to_string()).chain(lines).collect()
}

async fn cursor_of(flow: &Flow) -> Result<Option<String>> {
    let state = keys::state_object(&flow.account, &flow.connection, &flow.target);
    let state = flow.stack.bucket().await?.get(&state).await?.context("the state")?;
    Ok(State::decode(&state.bytes)?.cursor().map(|cursor| cursor.at.to_string()))
}

#[tokio::test]
async fn a_cursor_leaves_out_what_is_old_and_never_what_the_target_does_not_have() -> Result<()> {
    let flow = incremental().await?;
    flow.put("1.csv", changes(&[("1", "a", "10:00:00"), ("2", "b", "11:00:00"), ("3", "c", "")]))?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(cursor_of(&flow).await?.as_deref(), Some("2026-10-25T11:00:00Z"));
    // A second before the lookback, and at it; new to the target however old; and without a time.
    let lines = [("1", "old", "10:44:59"), ("2", "b2", "10:45:00"), ("4", "d", "09:00:00"), ("3", "c2", "")];
    flow.put("2.csv", changes(&lines))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 4), ("filtered", 1), ("updated", 2), ("created", 1)]);
    assert_eq!(in_short(&flow.records(&second).await?[0]), "2 none before_cursor -");
    assert_eq!(held(&flow)?, ["1=a", "2=b2", "3=c2", "4=d"]);
    assert_eq!(cursor_of(&flow).await?.as_deref(), Some("2026-10-25T11:00:00Z"), "it never moves back");
    // What fails holds the cursor, and comes through however old it is when it comes again.
    flow.receiver.next([Manner::Refuse(vec!["1".into()])]);
    flow.put("3.csv", changes(&[("1", "a3", "12:00:00"), ("2", "b3", "13:00:00")]))?;
    let third = flow.run().await?;
    expect(&third, "PARTIAL", &[("read", 2), ("updated", 1), ("errors", 1)]);
    assert_eq!(cursor_of(&flow).await?.as_deref(), Some("2026-10-25T12:00:00Z"));
    flow.put("4.csv", changes(&[("2", "b4", "15:00:00")]))?;
    let fourth = flow.run().await?;
    assert_eq!(cursor_of(&flow).await?.as_deref(), Some("2026-10-25T15:00:00Z"));
    flow.put("5.csv", changes(&[("1", "a3", "12:00:00"), ("2", "b", "11:00:00")]))?;
    let fifth = flow.run().await?;
    expect(&fifth, "COMPLETE", &[("read", 2), ("updated", 1), ("filtered", 1)]);
    assert_eq!(held(&flow)?, ["1=a3", "2=b4", "3=c2", "4=d"]);
    // A run that takes files again is held against what the target has, and not against the cursor.
    let again = flow.rerun(&third).await?;
    expect(&again, "COMPLETE", &[("read", 2), ("unchanged", 1), ("filtered", 1)]);
    assert_eq!(in_short(&flow.records(&again).await?[1]), "3 none superseded_by_later_run -");
    flow.agrees(&[&first, &second, &third, &fourth, &fifth, &again]).await
}

#[tokio::test]
async fn a_record_that_cannot_be_mapped_holds_the_cursor() -> Result<()> {
    let flow = incremental().await?;
    flow.put("1.csv", changes(&[("1", "a", "10:00:00"), ("2", "b", "no time")]))?;
    let first = flow.run().await?;
    expect(&first, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    assert_eq!(cursor_of(&flow).await?, None);
    flow.put("2.csv", changes(&[("2", "b", "09:00:00")]))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(cursor_of(&flow).await?.as_deref(), Some("2026-10-25T09:00:00Z"));
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn what_a_connection_cannot_mean_is_refused_when_it_is_saved() -> Result<()> {
    let flow = Flow::new().await?;
    let files = sftp_export(&flow.server, &flow.folder, &ndjson());
    let files = id(&flow.api.post("/v1/target-servers", &files).await?);
    let into_files = json!({ "target_server": files });
    let path = format!("/v1/connections/{}", flow.connection);
    let shown = flow.api.call("GET", &path, &[], None).await?;
    let etag = shown.etag.context("an etag")?;
    let mut settings = tests::flow::settings_of(shown.body);
    for (field, change, word) in [
        (
            "cursor.column",
            json!({ "reading": "incremental", "cursor": { "column": "value", "lookback": "PT1H" } }),
            "timestamp or date",
        ),
        ("deletes", json!({ "deletes": "infer", "reading": "incremental" }), "incremental"),
        ("deletes", json!({ "deletes": "infer", "compare": false }), "compare"),
        ("deletes", json!({ "deletes": "infer", "target": into_files }), "a file cannot say"),
        ("delete_ceiling_percent", json!({ "delete_ceiling_percent": 101 }), "0 to 100"),
    ] {
        let mut changed = settings.clone();
        changed.as_object_mut().context("settings")?.extend(change.as_object().context("a change")?.clone());
        let answer = flow.api.call("PUT", &path, &[("if-match", &etag)], Some(&changed.to_string())).await?;
        let problem = answer.body;
        assert_eq!(answer.status, 422, "{problem}");
        assert!(
            problem["errors"].to_string().contains(field) && problem.to_string().contains(word),
            "{problem}"
        );
    }
    settings["deletes"] = "infer".into();
    let shown = flow.api.put(&path, &settings).await?;
    assert_eq!(shown["delete_ceiling_percent"], Value::Null, "the default is not written: {shown}");
    Ok(())
}

#[tokio::test]
async fn an_object_of_many_pieces_is_replaced_under_the_same_condition() -> Result<()> {
    let flow = Flow::new().await?;
    let bucket = flow.stack.bucket().await?;
    let key = keys::state_object(&flow.account, "con_pieces", "tgt_pieces");
    let pieces = |first: u8| (0..5u8).map(move |n| vec![first + n; 5 * 1024 * 1024 + usize::from(n)]);
    let made = bucket.replace_in_pieces(&key, pieces(0), Expect::Nothing, "one").await?;
    assert_eq!(made, Replaced::Yes);
    let lost = bucket.replace_in_pieces(&key, pieces(10), Expect::Nothing, "two").await?;
    assert_eq!(lost, Replaced::Changed);
    let object = bucket.get(&key).await?.context("the object")?;
    assert!(object.bytes == pieces(0).collect::<Vec<_>>().concat(), "in their order");
    let replaced = bucket.replace_in_pieces(&key, pieces(20), Expect::ETag(&object.etag), "three").await?;
    assert_eq!(replaced, Replaced::Yes);
    let lost = bucket.replace_in_pieces(&key, pieces(30), Expect::ETag(&object.etag), "four").await?;
    assert_eq!((lost, bucket.written_by(&key).await?.as_deref()), (Replaced::Changed, Some("three")));
    Ok(())
}
