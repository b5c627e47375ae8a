//! The promises of the design, held against what a world is left with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    change::{Acknowledged, State},
    counts::Counts,
    delivery::{Batch, DeliveryState},
    keys,
    record::RecordsIndex,
    run::{Run, RunStatus},
    wire::StagedBatch,
};

use super::{clockwork::is_open, world::World};

/// What one file must have come to.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Records that the receiver must hold, by key.
    pub holds: BTreeMap<String, Value>,
    /// Records of the file that are filtered.
    pub filtered: u64,
}

/// The rows and the receiver's log of a world that has nothing left to do.
pub struct Left {
    rows: Vec<Value>,
    /// Its runs, in the order of their requests.
    pub runs: Vec<Run>,
    batches: Vec<Batch>,
}

fn of_kind<T: DeserializeOwned>(rows: &[Value], is: impl Fn(&str) -> bool) -> Result<Vec<T>> {
    let rows = rows.iter().filter(|row| row["sk"].as_str().is_some_and(&is));
    rows.map(|row| Ok(serde_json::from_value(row.clone())?)).collect()
}

impl Left {
    /// Looks at a world.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn of(world: &World) -> Result<Self> {
        let rows = world.rows.all().await?;
        let mut runs: Vec<Run> = of_kind(&rows, |sk| sk == "RUN")?;
        runs.sort_by_key(|run| run.requested_at);
        let batches = of_kind(&rows, |sk| sk.starts_with("B#"))?;
        Ok(Self { rows, runs, batches })
    }

    /// Records that pushes report as written.
    pub fn pushed(&self) -> u64 {
        self.runs.iter().map(|run| run.counts.created()).sum()
    }

    /// Its rows.
    pub(super) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// Its batches.
    pub(super) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Whether the file is taken, delivered and moved, so that no further run is needed.
    pub fn is_whole(&self, world: &World) -> bool {
        let complete = self.runs.iter().all(|run| run.status == RunStatus::Complete);
        complete && !self.runs.is_empty() && !world.folder.join(FILE).exists()
    }
}

/// The name of the one file.
pub const FILE: &str = "a.csv";

/// Holds every promise against the world; what is broken is the error.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub async fn hold(world: &World, left: &Left, expected: &Expected) -> Result<()> {
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", arrived(world, expected));
    hold("the runs", runs(left));
    hold("the counts", counts(left, expected));
    hold("nothing is stuck", nothing_is_stuck(world, left));
    hold("the ledger", ledger(world, left, expected).await);
    hold("the staged file", staged(world, left, expected).await);
    hold("the state", state(world, left, &world.setting.flow.target).await);
    hold("the report", report(world, left).await);
    hold("the queues", queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

/// The receiver holds exactly the expected set; each record was taken once, and each id had one body.
pub(super) fn arrived(world: &World, expected: &Expected) -> Result<()> {
    let taken = world.receiver.taken()?;
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for record in &taken {
        *times.entry(&record.source_id).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "taken more than once: {twice:?}");
    let holds = world.receiver.holds()?;
    ensure!(holds == expected.holds, "the receiver holds {:?}", holds.keys().collect::<Vec<_>>());
    let mut bodies: BTreeMap<String, Value> = BTreeMap::new();
    for request in world.receiver.requests() {
        let id = request["headers"]["idempotency-key"].as_str().unwrap_or_default().to_string();
        ensure!(request["body"]["batch_id"] == id, "not sent under its id: {request}");
        let before = bodies.entry(id).or_insert_with(|| request["body"].clone());
        ensure!(*before == request["body"], "one id with two bodies: {request}");
    }
    Ok(())
}

/// Every run is final; one that went wrong says why; the schedule's time is exactly one run.
fn runs(left: &Left) -> Result<()> {
    for run in &left.runs {
        ensure!(run.status.is_final(), "{} is {:?}", run.id, run.status);
        ensure!(run.status != RunStatus::Skipped, "{} was skipped: {:?}", run.id, run.failure);
        let is_named = run.failure.as_ref().is_some_and(|f| !f.code.is_empty() && !f.message.is_empty());
        ensure!(run.status == RunStatus::Complete || is_named, "{} failed without a word", run.id);
    }
    let scheduled = left.runs.iter().filter(|run| run.scheduled_for.is_some()).count();
    ensure!(scheduled == 1, "{scheduled} runs for one due time");
    let last = left.runs.last().context("a run")?;
    ensure!(last.status == RunStatus::Complete, "{} ended {:?}: {:?}", last.id, last.status, last.failure);
    Ok(())
}

/// The counts of all runs together are those of the file, and each run's are those of its batches.
fn counts(left: &Left, expected: &Expected) -> Result<()> {
    let sum = |of: fn(&Counts) -> u64| left.runs.iter().map(|run| of(&run.counts)).sum::<u64>();
    let got = [
        ("read", sum(Counts::read)),
        ("filtered", sum(Counts::filtered)),
        ("created", sum(Counts::created)),
        ("others", sum(Counts::updated) + sum(Counts::unchanged) + sum(Counts::errors) + sum(Counts::owed)),
    ];
    let records = expected.holds.len() as u64;
    let wanted = [
        ("read", records + expected.filtered),
        ("filtered", expected.filtered),
        ("created", records),
        ("others", 0),
    ];
    ensure!(got == wanted, "{got:?} for {wanted:?}");
    for run in &left.runs {
        let of_run = left.batches.iter().filter(|batch| batch.run == run.id);
        let answered: u64 = of_run.clone().map(|batch| batch.outcome.records()).sum();
        ensure!(answered == run.counts.created(), "{}: its batches say {answered}", run.id);
        let batches = of_run.count() as u64;
        ensure!(batches == run.batches_total, "{}: {batches} of {} batches", run.id, run.batches_total);
    }
    Ok(())
}

/// No row waits for anything, no one holds a lease, and no run holds the connection.
pub(super) fn nothing_is_stuck(world: &World, left: &Left) -> Result<()> {
    for row in &left.rows {
        // A schedule is due at its next time, and a target of files whenever its buffer is looked at.
        let is_due_by_itself =
            row["sk"].as_str().is_some_and(|sk| sk.starts_with("SCHEDULE#") || sk.starts_with("TARGET#"));
        let named = format!("{} {}", row["pk"], row["sk"]);
        ensure!(!is_open(row), "{named} is open");
        // A place for a connection that somebody died with is free again at the end of its time.
        let is_place = row["sk"].as_str().is_some_and(|sk| sk.starts_with("P#"));
        ensure!(is_place || row["lease_until"].is_null(), "{named} has a lease");
        ensure!(row["active_run"].is_null(), "{named} has an active run");
        ensure!(is_due_by_itself || (row["due"].is_null() && row["due_shard"].is_null()), "{named} is due");
    }
    let undelivered = left.batches.iter().find(|batch| batch.state != DeliveryState::Delivered);
    ensure!(undelivered.is_none(), "{undelivered:?}");
    let schedule = left.rows.iter().find(|row| row["sk"] == world.schedule().sk);
    let due = schedule.and_then(|row| row["due"].as_i64()).unwrap_or_default();
    ensure!(due > crate::rows::now().as_millisecond(), "the schedule did not move on");
    Ok(())
}

/// The ledger has the file once, as the input of one run, and says that it was moved, as it was.
async fn ledger(world: &World, left: &Left, expected: &Expected) -> Result<()> {
    let pk = keys::ledger_content(world.account(), world.connection()).pk;
    let rows = left.rows.iter().filter(|row| row["pk"] == pk);
    let files: Vec<_> = rows.filter(|row| row["sk"] != "CONTENT").collect();
    ensure!(files.len() == 1, "{} entries", files.len());
    let inputs: Vec<_> =
        left.runs.iter().flat_map(|run| run.inputs.iter().map(|input| (&run.id, input))).collect();
    ensure!(inputs.len() == 1, "the file is the input of {} runs", inputs.len());
    let (run_id, input) = inputs[0];
    let file = files[0];
    ensure!(file["run"] == *run_id && file["object"] == input.object, "{file} is not the input of {run_id}");
    // Where the session broke off in the move, no one knows how it went, and a run that says so has ended.
    let is_said =
        left.runs.iter().any(|run| run.id == *run_id && (run.failure.is_some() || !run.warnings.is_empty()));
    let is_cut = world.plan.point().is_some_and(|point| point.fails_sftp()) && is_said;
    ensure!(file["post_action"] == "done" || is_cut, "its post-action is {}", file["post_action"]);
    let moved =
        std::fs::read(world.folder.join("done").join(FILE)).context("it is not where it was moved")?;
    ensure!(moved == expected.content, "the moved file is another");
    let others = std::fs::read_dir(world.folder.join("done"))?.count();
    ensure!(others == 1, "{others} files were moved");
    Ok(())
}

/// Exactly one staged object, and it is the file to the byte.
pub(super) async fn staged(world: &World, left: &Left, expected: &Expected) -> Result<()> {
    let prefix = format!("{}/staged/", world.account());
    let objects: Vec<_> =
        world.rows.objects().await?.into_iter().filter(|key| key.starts_with(&prefix)).collect();
    let input = left.runs.iter().flat_map(|run| &run.inputs).next().context("an input")?;
    ensure!(objects == [input.object.clone()], "{objects:?}");
    let object = world.bucket.get(&input.object).await?.context("the object")?;
    ensure!(object.bytes == expected.content, "it has {} bytes", object.bytes.len());
    let hash = shared::id::hex(&Sha256::digest(&expected.content));
    ensure!(hash == input.sha256, "its hash is {}", input.sha256);
    Ok(())
}

/// The state has exactly the records that were acknowledged.
pub(super) async fn state(world: &World, left: &Left, target: &str) -> Result<()> {
    let key = keys::state_object(world.account(), world.connection(), target);
    let object = world.bucket.get(&key).await?.context("there is none")?;
    let state = State::decode(&object.bytes)?;
    let mut wanted = State::default();
    for batch in &left.batches {
        let payload = world.bucket.get(&batch.object).await?.context("a payload")?;
        for record in serde_json::from_slice::<StagedBatch>(&payload.bytes)?.records {
            let key = record.key.context("a compared record has a key")?;
            let target_id = state.target_id(key).map(str::to_string);
            wanted.acknowledge(Acknowledged {
                key,
                payload: record.hash,
                taken_at: record.taken_at,
                source_id: record.source_id,
                target_id,
            });
        }
    }
    ensure!(state == wanted, "it is not what was acknowledged");
    Ok(())
}

/// A run that read something has a report with as many records.
pub(super) async fn report(world: &World, left: &Left) -> Result<()> {
    for run in left.runs.iter().filter(|run| run.counts.reported() > 0) {
        let key = keys::records_index(world.account(), &run.id, "final");
        let index = world.bucket.get(&key).await?.context("there is none")?;
        let index: RecordsIndex = serde_json::from_slice(&index.bytes)?;
        let mut ordinals = BTreeSet::new();
        for part in &index.parts {
            let bytes = world.bucket.get(&part.object).await?.context("a part")?.bytes;
            ordinals.extend(shared::record::read_part(&bytes)?.into_iter().map(|record| record.ordinal));
        }
        let wanted: BTreeSet<_> = (1..=run.counts.reported()).collect();
        ensure!(ordinals == wanted, "{}: {ordinals:?}", run.id);
    }
    Ok(())
}

/// No message was given up. That none is left is what made the world run out.
pub(super) async fn queues(world: &World) -> Result<()> {
    for queue in [&world.pulls, &world.deliveries, &world.pushes] {
        let dead = world.depth(&queue.dead_letters).await?;
        ensure!(dead == 0, "{dead} messages were given up");
    }
    Ok(())
}

/// What a person needs to see of a world in which a promise was broken.
pub async fn describe(world: &World) -> String {
    let rows = world.rows.all().await.unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        let sk = row["sk"].as_str().unwrap_or_default();
        let shown = match sk {
            "RUN" => {
                json!({ "id": row["id"], "status": row["status"], "failure": row["failure"], "counts": row["counts"],
                "warnings": row["warnings"], "epoch": row["epoch"], "due": row["due"], "lease_until": row["lease_until"],
                "inputs": row["inputs"].as_array().map(Vec::len), "inputs_complete": row["inputs_complete"],
                "batches_total": row["batches_total"], "outputs": row["outputs"] })
            }
            _ if sk.starts_with("B#") => json!({ "state": row["state"], "waiting_for": row["waiting_for"],
                "attempts": row["attempts"], "due": row["due"], "last_error": row["last_error"] }),
            _ if sk.starts_with("F#") => {
                json!({ "run": row["run"], "path": row["path"], "post_action": row["post_action"] })
            }
            "N" => json!({ "kept_state": row["kept_state"], "due": row["due"] }),
            _ if sk.starts_with(keys::DELIVERY)
                || sk.starts_with(keys::GATE)
                || sk.starts_with(keys::PUSH)
                || sk.starts_with("P#") =>
            {
                row.clone()
            }
            _ if sk.starts_with(keys::ATTEMPT) => json!({ "n": row["n"], "error": row["error"] }),
            _ if sk.starts_with("CONNECTION#") => json!({ "active_run": row["active_run"] }),
            _ => continue,
        };
        text += &format!("{} {sk} {shown}\n", row["pk"].as_str().unwrap_or_default());
    }
    let taken = world.receiver.taken().unwrap_or_default();
    let taken: Vec<_> = taken.iter().map(|t| format!("{} in {}", t.source_id, t.batch)).collect();
    let came: Vec<_> = world.endpoint.hooks().iter().map(|hook| hook.id().to_string()).collect();
    format!("{text}taken: {taken:?}\nnotifications: {came:?}\n{}", world.logs())
}
