//! The path of a run that deletes: a complete file after another, in which a record is gone, one is changed and one is
//! new; whatever call of `sftp-pull` is interrupted, from its first message to its end.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    change::{Hash, State},
    keys,
    run::RunStatus,
};

use super::{
    promises::{self, FILE, Left},
    world::World,
};
use crate::receiver::Taken;

/// The second file.
const SECOND: &str = "b.csv";

const CONTENT: &str = "id;value;padding\r\n1;a;\r\n2;changed;\r\n3;test;\r\n4;c;\r\n6;new;\r\n";

/// What the second run has to send.
const SENT: [(&str, &str); 3] = [("2", "update"), ("5", "delete"), ("6", "create")];

/// Plays the run before, after which the target has what the first file has.
///
/// # Errors
/// When a call fails.
pub(super) async fn begin(world: &mut World, content: &[u8]) -> Result<()> {
    let connection = keys::resource(world.account(), "CONNECTION", world.connection());
    world.rows.edit(&connection, json!({ "deletes": "infer", "delete_ceiling_percent": 50 })).await?;
    world.put(FILE, content)?;
    world.schedule_is_due().await?;
    world.admit(true).await?;
    world.run_out().await
}

/// Takes the second file.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play(world: &mut World, before: &[Taken]) -> Result<()> {
    world.put(SECOND, CONTENT)?;
    world.admit(false).await?;
    world.run_out().await?;
    let left = Left::of(world).await?;
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", arrived(world, before));
    hold("the run", run(&left));
    hold("nothing is stuck", promises::nothing_is_stuck(world, &left));
    hold("the state", state(world).await);
    hold("the report", promises::report(world, &left).await);
    hold("the queues", promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

/// Each record that has to be sent is taken once, and nothing else is.
fn arrived(world: &World, before: &[Taken]) -> Result<()> {
    let all = world.receiver.taken()?;
    let mut sent: Vec<_> =
        all.iter().skip(before.len()).map(|t| (t.source_id.as_str(), t.action.as_str())).collect();
    sent.sort_unstable();
    ensure!(sent == SENT, "{sent:?}");
    let holds = world.receiver.holds()?;
    let values: BTreeMap<_, _> =
        holds.iter().map(|(id, data)| (id.as_str(), data["value"].as_str().unwrap_or("-"))).collect();
    let wanted = [("1", "a"), ("2", "changed"), ("4", "c"), ("6", "new")].into();
    ensure!(values == wanted, "it holds {values:?}");
    Ok(())
}

fn run(left: &Left) -> Result<()> {
    ensure!(left.runs.len() == 2, "{} runs", left.runs.len());
    let run = left.runs.iter().find(|run| run.scheduled_for.is_none()).context("the run")?;
    ensure!(run.status == RunStatus::Complete, "{:?}: {:?} {:?}", run.status, run.failure, run.warnings);
    let counts = run.counts;
    let got = [counts.read(), counts.missing(), counts.filtered(), counts.unchanged(), counts.owed()];
    ensure!(got == [5, 1, 1, 2, 0], "{counts:?}");
    ensure!((counts.created(), counts.updated(), counts.deleted()) == (1, 1, 1), "{counts:?}");
    Ok(())
}

/// The state has what the target has, and what it deleted is known to be gone.
async fn state(world: &World) -> Result<()> {
    let key = keys::state_object(world.account(), world.connection(), &world.setting.flow.target);
    let object = world.bucket.get(&key).await?.context("there is none")?;
    let mut state = State::decode(&object.bytes)?;
    ensure!(state.len() == 4, "{state:?}");
    for (id, is_there) in [("1", true), ("2", true), ("4", true), ("5", false), ("6", true)] {
        ensure!(state.is_settled(key_of(id)) == is_there, "{id}");
        state.see(key_of(id));
    }
    ensure!(state.missing().count() == 0, "{state:?}");
    Ok(())
}

/// The hash of a key of one column.
fn key_of(id: &str) -> Hash {
    let hash = Sha256::new_with_prefix((id.len() as u32).to_be_bytes()).chain_update(id).finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Hash(first)
}
