//! The path of a rerun of what failed: a run of which a record was refused and a batch died, without comparison, and the
//! run that takes exactly these again. Whatever call of that is interrupted, each record was taken once in the end.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use shared::{
    aws::runs::Admission,
    delivery::DeliveryState,
    id::derived,
    keys,
    run::{Run, RunStatus, Trigger},
};

use super::{
    promises::{self, Expected, FILE, Left},
    world::World,
};
use crate::{receiver::Manner, rows::now};

/// Plays the run that fails in part.
///
/// # Errors
/// When a call fails, or it comes to something else.
pub(super) async fn begin(world: &mut World, expected: &Expected) -> Result<()> {
    let connection = keys::resource(world.account(), "CONNECTION", world.connection());
    world.rows.edit(&connection, json!({ "compare": false })).await?;
    world.edit_target(json!({ "retry_secs": [1] })).await?;
    world.put(FILE, &expected.content)?;
    world.schedule_is_due().await?;
    // One batch loses a record, whichever is sent first; the other dies.
    let refuse = Manner::Refuse(vec!["2".into(), "5".into()]);
    world.receiver.next([refuse, Manner::Status(500), Manner::Status(500)]);
    world.admit(true).await?;
    world.run_out().await?;
    let left = Left::of(world).await?;
    let counts = &left.runs.first().context("a run")?.counts;
    ensure!((counts.created(), counts.errors()) == (1, 3), "{counts:?}");
    Ok(())
}

/// Takes what failed again.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play(world: &mut World, expected: &Expected) -> Result<()> {
    let first = Left::of(world).await?.runs.pop().context("the run that failed")?;
    let id = derived("run", &[world.account(), "rerun"]);
    let mut run = Run::queued(id, world.account(), world.connection(), Trigger::Manual, now());
    (run.inputs, run.inputs_complete) = (first.inputs.clone(), true);
    (run.rerun_of, run.failed_of) = (Some(first.id.clone()), Some(first.id.clone()));
    let admission = world.table.admit(&run, None).await?;
    ensure!(admission == Admission::Admitted, "{admission:?}");
    world.wake_all().await?;
    world.run_out().await?;
    hold(world, &first.id, &run.id, expected).await
}

async fn hold(world: &World, first: &str, rerun: &str, expected: &Expected) -> Result<()> {
    let left = Left::of(world).await?;
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", promises::arrived(world, expected));
    hold("the runs", runs(&left, first, rerun));
    hold("the marks", marks(&left, first, rerun));
    hold("the report", promises::report(world, &left).await);
    hold("the queues", promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

/// The rerun read and delivered exactly what failed.
fn runs(left: &Left, first: &str, rerun: &str) -> Result<()> {
    let of = |id: &str| left.runs.iter().find(|run| run.id == id).context("a run");
    let (before, after) = (of(first)?, of(rerun)?);
    ensure!(left.runs.len() == 2 && before.counts.errors() == 3, "{:?}", before.counts);
    let counts = &after.counts;
    ensure!(after.status == RunStatus::Complete, "{:?}: {:?}", after.status, after.failure);
    ensure!((counts.read(), counts.created()) == (3, 3), "{counts:?}");
    Ok(())
}

/// The earlier run and its dead batch say who has taken them, and nothing is left to be done.
fn marks(left: &Left, first: &str, rerun: &str) -> Result<()> {
    let before = left.runs.iter().find(|run| run.id == first).context("the run that failed")?;
    ensure!(before.taken_again_by.as_deref() == Some(rerun), "{:?}", before.taken_again_by);
    for batch in left.batches() {
        let is_dead = batch.state == DeliveryState::Dead;
        ensure!(is_dead == (batch.retried_by.as_deref() == Some(rerun)), "{batch:?}");
        ensure!(is_dead || batch.state == DeliveryState::Delivered, "{batch:?}");
        ensure!(batch.due.is_none() && batch.waiting_for.is_none(), "{batch:?}");
    }
    let is_busy = left.rows().iter().any(|row| !row["active_run"].is_null() || !row["owed_by"].is_null());
    ensure!(!is_busy, "a run holds the connection, or a batch is owed");
    Ok(())
}
