//! Effects that were interrupted: each test writes the state that a death would leave, and holds that the run
//! goes on, delivers everything once, and frees its connection.

use std::fs;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    aws::{
        Table,
        ledger::{LedgerEntry, PostActionState},
        objects::Expect,
        runs::Admission,
    },
    change::{Acknowledged, Hash, State},
    connection::Connection,
    delivery::{Batch, DeliveryState, Outcome, WaitingFor},
    id::{derived, hash128, hex},
    keys,
    message::{DeliveryMessage, PullMessage},
    resource::Settings,
    run::{Input, PinnedMapping, Run, Trigger},
    wire::{Action, StagedRecord, stage},
};
use tests::{
    flow::Flow,
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    rows::{Rows, future_ms, now, past_ms},
};

const THREE: &str = "id;value\r\n1;a\r\n2;b\r\n3;c\r\n";

/// A flow and the hub's own storage, to leave things in it.
struct Scene {
    flow: Flow,
    table: Table,
    rows: Rows,
}

fn in_ten_minutes() -> Result<Timestamp> {
    Ok(Timestamp::from_millisecond(future_ms(600))?)
}

impl Scene {
    async fn new() -> Result<Self> {
        let flow = Flow::new().await?;
        let (table, rows) = (flow.stack.table().await?, flow.stack.rows().await?);
        Ok(Self { flow, table, rows })
    }

    /// Admits a run, and sends no message.
    async fn admit(&self) -> Result<Run> {
        let run_id = derived("run", &[&self.flow.account, "test"]);
        let run = Run::queued(run_id, &self.flow.account, &self.flow.connection, Trigger::Manual, now());
        assert_eq!(self.table.admit(&run, None).await?, Admission::Admitted);
        Ok(run)
    }

    /// A run whose first holder has pinned what it uses, and still holds the lease.
    async fn started(&self) -> Result<Run> {
        let run = self.admit().await?;
        let taken = self.table.take_run(&self.flow.account, &run.id, now(), in_ten_minutes()?).await?;
        let mut run = taken.context("the lease")?;
        let mapping = PinnedMapping { id: self.flow.mapping.clone(), version: 1 };
        let connection = self.table.find::<Connection>(&self.flow.account, &self.flow.connection).await?;
        let settings = connection.context("the connection")?.resource.settings;
        self.table.start_run(&mut run, settings, mapping, String::new()).await?;
        Ok(run)
    }

    fn run_key(&self, run: &str) -> keys::Key {
        keys::run(&self.flow.account, run)
    }

    async fn edit_run(&self, run: &str, change: Value) -> Result<()> {
        self.rows.edit(&self.run_key(run), change).await
    }

    /// Lets the lease of a holder that died be over, and the run be woken.
    async fn holder_dies(&self, run: &Run) -> Result<()> {
        self.edit_run(&run.id, json!({ "lease_until": past_ms() })).await?;
        self.wake(&run.id).await
    }

    /// What the minute rule does once a run is due.
    async fn wake(&self, run: &str) -> Result<()> {
        self.rows.set_due(&self.run_key(run), past_ms()).await?;
        self.flow.stack.tick().await
    }

    /// Hands `sftp-pull` the message that a run has work.
    async fn hand_over(&self, run: &str) -> Result<()> {
        let message = serde_json::to_value(PullMessage::run(&self.flow.account, run))?;
        let failed = self.flow.stack.hand_over("sftp-pull", &[message]).await?;
        assert!(failed.is_empty(), "{failed:?}");
        Ok(())
    }

    async fn status(&self, run: &str) -> Result<String> {
        let report = self.flow.api.get(&format!("/v1/runs/{run}")).await?;
        Ok(report["status"].as_str().unwrap_or_default().to_string())
    }

    /// A run in DELIVERING whose one batch waits for an attempt that is far off, so that no message is under way.
    async fn delivering(&self, first: Manner) -> Result<(String, Batch)> {
        self.flow.retry_far_off().await?;
        self.flow.receiver.next([first]);
        self.flow.put("a.csv", THREE)?;
        let run = self.flow.start().await?;
        let batch = self.flow.waiting_batches(&run).await?.remove(0);
        Ok((run, batch))
    }

    /// Puts a file into the bucket and the ledger, as a holder does before it dies.
    async fn take(&self, run: &mut Run, name: &str, post_action: PostActionState) -> Result<()> {
        let path = self.flow.folder.join(name);
        let mtime =
            i64::try_from(fs::metadata(&path)?.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_secs())?;
        let content = fs::read(&path)?;
        let (path, size_bytes) = (path.display().to_string(), content.len() as u64);
        let fingerprint = hex(&hash128(&[&path, &size_bytes.to_string(), &mtime.to_string()]));
        let object = keys::staged_object(&run.account, &run.connection, &fingerprint, &run.id);
        self.flow.stack.bucket().await?.put(&object, content).await?;
        let sha256 = format!("of {name}");
        let input = Input {
            path: path.clone(),
            upload: None,
            size_bytes,
            mtime,
            sha256: sha256.clone(),
            object: object.clone(),
            taken_at: now(),
            same_content_as: None,
            transfer: Default::default(),
        };
        let entry = LedgerEntry {
            fingerprint,
            run: run.id.clone(),
            path,
            size_bytes,
            mtime,
            sha256,
            object,
            post_action,
        };
        Ok(self.table.take_file(run, &input, &entry).await?)
    }

    /// Stages one record as a batch of its own, as a holder with batches of one does.
    async fn stage(&self, run: &Run, ordinal: u64) -> Result<()> {
        let record = StagedRecord {
            ordinal,
            file: "a.csv".into(),
            line: ordinal + 1,
            place: None,
            name: None,
            source_id: ordinal.to_string(),
            target_id: None,
            action: Action::Create,
            key: Some(Hash([ordinal as u8; 16])),
            hash: Hash([0; 16]),
            taken_at: past_ms(),
            cursor: None,
            input: Some(1),
        };
        let batch_id = derived("bat", &[&run.id, &ordinal.to_string()]);
        let data = serde_json::value::to_raw_value(&json!({ "id": ordinal.to_string(), "value": "stale" }))?;
        let staged = stage(&batch_id, &run.id, vec![record], &[data])?;
        let object = keys::batch_object(&run.account, &run.id, &batch_id);
        self.flow.stack.bucket().await?.put(&object, serde_json::to_vec(&staged)?).await?;
        let batch = Batch {
            id: batch_id,
            account: run.account.clone(),
            run: run.id.clone(),
            connection: run.connection.clone(),
            target_server: self.flow.target.clone(),
            first_ordinal: ordinal,
            part: 0,
            state: DeliveryState::Waiting,
            waiting_for: Some(WaitingFor::Release),
            attempts: 0,
            records: 1,
            object,
            epoch: 0,
            staged_by: run.epoch,
            accepted_at: past_ms(),
            due: None,
            attempt_at: None,
            last_error: None,
            died_of: None,
            retried_by: None,
            failed_retries: 0,
            hub_failures: 0,
            dead_letters: 0,
            last_dead_letter_at: None,
            outcome: Outcome::default(),
            answer_object: None,
            size_bytes: 0,
            flush_until: None,
            in_file: None,
            pushed_by: None,
            pushed_as: None,
        };
        Ok(self.table.stage_batch(&batch).await?)
    }

    /// Holds that the run's connection takes another run.
    async fn is_free(&self) -> Result<Value> {
        let next = self.flow.run().await?;
        expect(&next, "COMPLETE", &[]);
        Ok(next)
    }
}

#[tokio::test]
async fn a_run_whose_message_was_lost_is_woken_once_it_is_due() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let run = scene.admit().await?.id;
    scene.flow.stack.tick().await?;
    assert_eq!(scene.status(&run).await?, "QUEUED", "it is not due yet");
    scene.wake(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_run_whose_holder_died_goes_on_once_its_lease_is_over_and_no_sooner() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let run = scene.started().await?;
    scene.hand_over(&run.id).await?;
    assert_eq!(scene.status(&run.id).await?, "RUNNING");
    assert_eq!(scene.rows.get(&scene.run_key(&run.id)).await?["epoch"], 1, "no one else has taken it");
    scene.holder_dies(&run).await?;
    let report = scene.flow.ended(&run.id).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(report["epoch"].as_u64().map(|e| e >= 2), Some(true), "{report}");
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_holder_that_comes_to_after_its_lease_cannot_write_any_more() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let mut zombie = scene.started().await?;
    scene.holder_dies(&zombie).await?;
    let report = scene.flow.ended(&zombie.id).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    let counts = shared::counts::Counts::default();
    let lost = |result: Result<(), shared::aws::AwsError>| {
        assert!(matches!(result, Err(shared::aws::AwsError::LostLease(_))), "{result:?}");
    };
    lost(scene.table.complete_inputs(&mut zombie).await);
    lost(scene.table.release_run(&mut zombie, 1, counts, None, now()).await);
    lost(scene.table.finish_run(&zombie, shared::run::RunStatus::Complete, counts, None, now()).await);
    assert!(scene.stage(&zombie, 1).await.is_err(), "nor replace what was sent");
    assert_eq!(scene.flow.api.get(&format!("/v1/runs/{}", zombie.id)).await?, report);
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_file_that_was_taken_before_the_death_is_not_taken_twice_and_not_forgotten() -> Result<()> {
    let scene = Scene::new().await?;
    let source = json!({ "target_server": scene.flow.source, "files": "*.csv", "settle_secs": 0,
                         "post_action": "move", "move_to": "done" });
    scene.flow.change_connection(|c| c["source"] = source).await?;
    scene.flow.put("a.csv", THREE)?;
    scene.flow.put("b.csv", "id;value\r\n4;d\r\n")?;
    let mut run = scene.started().await?;
    scene.take(&mut run, "a.csv", PostActionState::Pending).await?;
    scene.holder_dies(&run).await?;
    let report = scene.flow.ended(&run.id).await?;
    expect(&report, "COMPLETE", &[("read", 4), ("created", 4)]);
    assert_eq!(report["inputs"].as_array().map(Vec::len), Some(2), "{report}");
    for name in ["a.csv", "b.csv"] {
        assert!(scene.flow.folder.join("done").join(name).exists(), "{name} was moved");
    }
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_file_that_was_taken_before_the_death_is_delivered_even_where_the_server_is_gone() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let mut run = scene.started().await?;
    scene.take(&mut run, "a.csv", PostActionState::Done).await?;
    scene.flow.server.stop();
    scene.holder_dies(&run).await?;
    let report = scene.flow.ended(&run.id).await?;
    expect(&report, "PARTIAL", &[("read", 3), ("created", 3)]);
    expect_failure(&report, "source", "server_down", true, &["check that the server is up"]);
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn batches_that_were_staged_before_the_death_are_staged_again_and_sent_once() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.change_connection(|c| c["target"]["batch_size"] = 1.into()).await?;
    scene.flow.put("a.csv", THREE)?;
    let run = scene.started().await?;
    scene.stage(&run, 1).await?;
    scene.stage(&run, 2).await?;
    scene.holder_dies(&run).await?;
    let report = scene.flow.ended(&run.id).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert!(scene.flow.receiver.taken()?.iter().all(|t| t.data["value"] != "stale"));
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_connection_that_changes_under_a_run_changes_the_next_run_only() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.change_connection(|c| c["target"]["batch_size"] = 1.into()).await?;
    scene.flow.put("a.csv", THREE)?;
    let run = scene.started().await?;
    for ordinal in 1..=3 {
        scene.stage(&run, ordinal).await?;
    }
    // The next holder must not cut other batches beside those that are staged.
    scene.flow.change_connection(|c| c["target"]["batch_size"] = 100.into()).await?;
    scene.holder_dies(&run).await?;
    let report = scene.flow.ended(&run.id).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!((scene.flow.receiver.requests().len(), &report["batches_total"]), (3, &json!(3)));
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn batches_that_were_released_and_of_which_no_message_was_sent_are_sent() -> Result<()> {
    let scene = Scene::new().await?;
    let (run, batch) = scene.delivering(Manner::Status(500)).await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let as_released = json!({ "waiting_for": "release", "attempts": 0, "epoch": 0, "due": null, "due_shard": null,
                              "attempt_at": null, "owed_by": null, "last_error": null });
    scene.rows.edit(&key, as_released).await?;
    scene.wake(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_batch_whose_sender_died_goes_again_under_its_id_once_the_lease_is_over() -> Result<()> {
    let scene = Scene::new().await?;
    // The target took it; the sender died before it could say so.
    let (run, batch) = scene.delivering(Manner::TakeAndHangUp).await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let sending = |lease_until: i64| {
        json!({ "state": "SENDING", "waiting_for": null, "attempt_at": null, "owed_by": null, "last_error": null,
                "lease_until": lease_until, "due": lease_until })
    };
    scene.rows.edit(&key, sending(future_ms(600))).await?;
    let message = DeliveryMessage::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let message = serde_json::to_value(message)?;
    assert!(scene.flow.stack.hand_over("deliver", &[message]).await?.is_empty());
    assert_eq!(scene.flow.receiver.requests().len(), 1, "someone may still be sending it");
    scene.rows.edit(&key, sending(past_ms())).await?;
    scene.flow.stack.tick().await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    let ids: Vec<_> =
        scene.flow.receiver.requests().iter().map(|r| r["headers"]["idempotency-key"].clone()).collect();
    assert_eq!(ids, [json!(batch.id), json!(batch.id)]);
    assert_eq!(scene.flow.receiver.taken()?.len(), 3, "taken once");
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_batch_whose_senders_die_every_time_is_given_up_after_its_attempts() -> Result<()> {
    let scene = Scene::new().await?;
    let (run, batch) = scene.delivering(Manner::Status(500)).await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    // Three attempts are allowed (two waits), and three senders have died.
    let died = json!({ "state": "SENDING", "waiting_for": null, "attempt_at": null, "attempts": 3,
                       "lease_until": past_ms(), "due": past_ms() });
    scene.rows.edit(&key, died).await?;
    scene.flow.stack.tick().await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "ERROR", &[("read", 3), ("errors", 3)]);
    let record = scene.flow.records(&report).await?.remove(0);
    assert_eq!(in_short(&record), "2 error outcome_unknown -", "the last of them may have sent it");
    assert!(record["detail"].to_string().contains("every attempt ended without a result"), "{record}");
    assert_eq!(scene.flow.receiver.requests().len(), 1, "nothing more was sent");
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_run_whose_last_answer_came_and_that_no_one_closed_is_closed() -> Result<()> {
    let scene = Scene::new().await?;
    let (run, batch) = scene.delivering(Manner::TakeAndHangUp).await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    // The sender wrote what the target answered, and died before it could count the batch and tell.
    let delivered = json!({ "state": "DELIVERED", "waiting_for": null, "due": null, "due_shard": null, "owed_by": null,
                            "attempt_at": null, "last_error": null, "outcome": Outcome { created: 3, ..Outcome::default() } });
    scene.rows.edit(&key, delivered).await?;
    assert_eq!(scene.status(&run).await?, "DELIVERING");
    scene.wake(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(scene.flow.receiver.requests().len(), 1);
    let next = scene.is_free().await?;
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_run_whose_close_was_interrupted_after_the_state_moved_closes_the_same_again() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let report = scene.flow.run().await?;
    let run = tests::api::id(&report);
    // All of the close is written but its last transaction.
    let open = json!({ "status": "DELIVERING", "ended_at": null, "failure": null,
                       "counts": { "read": 3, "missing": 0, "filtered": 0, "unchanged": 0, "written": 0, "created": 0,
                                   "updated": 0, "deleted": 0, "errors": 0, "owed": 3 } });
    scene.edit_run(&run, open).await?;
    let connection = keys::resource(&scene.flow.account, Connection::KIND, &scene.flow.connection);
    scene.rows.edit(&connection, json!({ "active_run": run })).await?;
    let records = scene.flow.records(&report).await?;
    let requests = scene.flow.receiver.requests().len();
    scene.wake(&run).await?;
    let again = scene.flow.ended(&run).await?;
    expect(&again, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(scene.flow.records(&again).await?, records);
    assert_eq!(scene.flow.receiver.requests().len(), requests, "nothing was sent again");
    scene.flow.put("a.csv", format!("{THREE}4;d\r\n"))?;
    let next = scene.flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 4), ("created", 1), ("unchanged", 3)]);
    scene.flow.agrees(&[&again, &next]).await
}

#[tokio::test]
async fn way_26_a_state_that_someone_else_replaced_meanwhile_is_merged_with_and_not_overwritten() -> Result<()>
{
    let scene = Scene::new().await?;
    let (run, _) = scene.delivering(Manner::Status(500)).await?;
    let state = keys::state_object(&scene.flow.account, &scene.flow.connection, &scene.flow.target);
    let bucket = scene.flow.stack.bucket().await?;
    // Theirs has a record that this run does not, and one that it has too, from a file that was taken later.
    let theirs = |key: [u8; 16], taken_at| Acknowledged {
        key: Hash(key),
        payload: Hash([7; 16]),
        taken_at,
        source_id: "theirs".into(),
        target_id: Some("t-theirs".into()),
    };
    let key_of = |id: &str| {
        let mut bytes = (id.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        *hash.first_chunk::<16>().expect("32 bytes")
    };
    let mut other = State::default();
    other.acknowledge(theirs([7; 16], 1));
    other.acknowledge(theirs(key_of("2"), i64::MAX));
    bucket.replace(&state, other.encode(), Expect::Nothing, "someone else").await?;
    scene.flow.let_time_pass(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(bucket.written_by(&state).await?.as_deref(), Some(run.as_str()));
    let merged = State::decode(&bucket.get(&state).await?.context("the state")?.bytes)?;
    assert_eq!((merged.len(), merged.target_id(Hash([7; 16]))), (4, Some("t-theirs")));
    assert!(merged.is_settled(Hash(key_of("1"))) && !merged.is_settled(Hash(key_of("2"))));
    // What the target took is known, but for what somebody else may have sent it after that.
    scene.flow.put("a.csv", "id;value\r\n2;b\r\n1;a\r\n3;c\r\n")?;
    let next = scene.flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 3), ("updated", 1), ("unchanged", 2)]);
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_run_that_fails_every_time_is_given_up_and_frees_its_connection() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    // The key service refuses the account's key: the hub's own trouble, so each holder tries again.
    let account = keys::account(&scene.flow.account);
    let data_key = scene.rows.get(&account).await?["data_key"].clone();
    scene.rows.edit(&account, json!({ "data_key": "bm90IGEga2V5" })).await?;
    let run = scene.admit().await?.id;
    for holder in 1..=6 {
        scene.hand_over(&run).await?;
        let row = scene.rows.get(&scene.run_key(&run)).await?;
        assert_eq!((&row["status"], &row["epoch"]), (&json!("RUNNING"), &json!(holder)), "{row}");
        assert!(row["due"].as_i64() > Some(past_ms()), "it is woken later: {row}");
    }
    scene.hand_over(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "ERROR", &[]);
    expect_failure(&report, "hub", "gave_up", true, &["6 attempts", "log"]);
    scene.rows.edit(&account, json!({ "data_key": data_key })).await?;
    let next = scene.flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 3), ("created", 3)]);
    scene.flow.agrees(&[&report, &next]).await
}

#[tokio::test]
async fn a_damaged_state_ends_the_run_before_anything_is_sent() -> Result<()> {
    let scene = Scene::new().await?;
    let state = keys::state_object(&scene.flow.account, &scene.flow.connection, &scene.flow.target);
    scene.flow.stack.bucket().await?.put(&state, "rubbish").await?;
    scene.flow.put("a.csv", THREE)?;
    let report = scene.flow.run().await?;
    expect(&report, "ERROR", &[]);
    expect_failure(
        &report,
        "hub",
        "damaged",
        false,
        &["the state object is damaged", "restore an older version"],
    );
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn way_07_of_several_messages_only_the_id_of_the_one_that_failed_comes_back() -> Result<()> {
    let scene = Scene::new().await?;
    scene.flow.put("a.csv", THREE)?;
    let run = scene.admit().await?.id;
    let good = serde_json::to_value(PullMessage::run(&scene.flow.account, &run))?;
    let of_no_one = serde_json::to_value(PullMessage::run(&scene.flow.account, "run_of_no_one"))?;
    let failed = scene.flow.stack.hand_over("sftp-pull", &[json!("rubbish"), good, of_no_one]).await?;
    assert_eq!(failed, ["0"]);
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    let unknown = DeliveryMessage::batch(&scene.flow.account, &run, 77, 0);
    let failed = scene
        .flow
        .stack
        .hand_over("deliver", &[json!({ "kind": "batch" }), serde_json::to_value(unknown)?])
        .await?;
    assert_eq!(failed, ["0"]);
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_failure_of_the_hub_itself_costs_a_batch_no_attempt() -> Result<()> {
    let scene = Scene::new().await?;
    let (run, batch) = scene.delivering(Manner::Status(500)).await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let account = keys::account(&scene.flow.account);
    let data_key = scene.rows.get(&account).await?["data_key"].clone();
    scene.rows.edit(&account, json!({ "data_key": "bm90IGEga2V5" })).await?;
    let message = DeliveryMessage::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let message = serde_json::to_value(message)?;
    for _ in 0..4 {
        scene.rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
        assert!(scene.flow.stack.hand_over("deliver", std::slice::from_ref(&message)).await?.is_empty());
    }
    let row = scene.rows.get(&key).await?;
    assert_eq!((&row["state"], &row["attempts"]), (&json!("WAITING"), &json!(1)), "{row}");
    assert!(row["due"].as_i64() > Some(past_ms()), "{row}");
    assert_eq!(scene.flow.receiver.requests().len(), 1, "nothing was sent");
    scene.rows.edit(&account, json!({ "data_key": data_key })).await?;
    scene.flow.let_time_pass(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(scene.flow.batches(&report).await?[0].attempts, 2);
    scene.flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_report_that_can_never_be_written_ends_the_run_with_what_the_batches_say() -> Result<()> {
    let scene = Scene::new().await?;
    let (run, batch) = scene.delivering(Manner::TakeAndHangUp).await?;
    let state = keys::state_object(&scene.flow.account, &scene.flow.connection, &scene.flow.target);
    scene.flow.stack.bucket().await?.put(&state, "rubbish").await?;
    let key = keys::batch(&scene.flow.account, &run, batch.first_ordinal, batch.part);
    let delivered = json!({ "state": "DELIVERED", "waiting_for": null, "due": null, "due_shard": null, "owed_by": null,
                            "attempt_at": null, "outcome": Outcome { created: 3, ..Outcome::default() } });
    scene.rows.edit(&key, delivered).await?;
    for _ in 0..6 {
        scene.hand_over(&run).await?;
        if scene.status(&run).await? != "DELIVERING" {
            break;
        }
    }
    scene.hand_over(&run).await?;
    let report = scene.flow.ended(&run).await?;
    expect(&report, "PARTIAL", &[("read", 3), ("created", 3)]);
    expect_failure(&report, "hub", "report_not_written", true, &["log says why"]);
    assert_eq!(scene.flow.receiver.taken()?.len(), 3);
    // What is settled is not shown as if it were all.
    let records = scene.flow.api.get(&format!("/v1/runs/{run}/records")).await?;
    assert_eq!(records["complete"], false, "{records}");
    let connection = scene.flow.api.get(&format!("/v1/connections/{}", scene.flow.connection)).await?;
    assert!(connection["active_run"].is_null(), "the connection is free");
    Ok(())
}
