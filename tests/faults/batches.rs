//! The paths of runs into files: batches come into a buffer, become a file, and their run closes with what became of
//! them; whatever call is interrupted. What must have come of it is in both reports, and each record in one file.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use shared::{
    delivery::DeliveryState,
    keys,
    run::{OutputResult, RunStatus},
};

use super::{
    promises::{self, FILE as TAKEN, Left},
    pushes::{self, FILE},
    sweep::Path,
    world::World,
};

/// Most flushes that an interruption may cost.
const FLUSHES: [&str; 3] = ["first", "second", "third"];

/// A file is taken, and its batches of two records go into a file; of a realtime target without a flush.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play(world: &mut World, path: Path) -> Result<()> {
    let files = world.setting.files.clone();
    let connection = keys::resource(world.account(), "CONNECTION", world.connection());
    let mut target = world.rows.get(&connection).await?["target"].clone();
    target["target_server"] = files.target.as_str().into();
    world.rows.edit(&connection, json!({ "target": target })).await?;
    let is_realtime = path == Path::BufferBatches;
    if is_realtime {
        let key = keys::resource(world.account(), "TARGET", &files.target);
        let mut export = world.rows.get(&key).await?["export"].clone();
        export["realtime"] = true.into();
        export["file_name"] = "{counter:4}.ndjson".into();
        world.rows.edit(&key, json!({ "export": export })).await?;
    }
    let expected = path.expected();
    world.put(TAKEN, &expected.content)?;
    world.admit(false).await?;
    world.run_out().await?;
    let mut left = Left::of(world).await?;
    let has_to_be_flushed = |left: &Left| left.runs.iter().any(|run| !run.status.is_final());
    for flush in FLUSHES {
        if !has_to_be_flushed(&left) {
            break;
        }
        ensure!(!is_realtime, "nobody pushed what is in the buffer");
        pushes::admit(world, &files, flush).await?;
        world.run_out().await?;
        left = Left::of(world).await?;
        // What fails over SFTP ends its push with a report; anything else gets through at the first.
        let is_legitimate = world.plan.point().is_some_and(|point| point.fails_sftp());
        ensure!(is_legitimate || !has_to_be_flushed(&left), "it did not get through: {:?}", failures(&left));
    }
    hold(world, &left, path).await
}

fn failures(left: &Left) -> Vec<String> {
    left.runs.iter().filter_map(|run| Some(format!("{:?}", run.failure.as_ref()?))).collect()
}

async fn hold(world: &World, left: &Left, path: Path) -> Result<()> {
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", arrived(world, path));
    hold("the runs", runs(left, path));
    hold("the batches", batches(left));
    hold("the push row", pushes::nothing_is_open(world).await);
    hold("the frozen files", pushes::frozen(world, left).await);
    hold("the state", promises::state(world, left, &world.setting.files.target).await);
    hold("the report", promises::report(world, left).await);
    hold("the queues", promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

/// Each record is in one file, under its name, in the order of the file that was taken; of a realtime target in the order
/// of neither.
fn arrived(world: &World, path: Path) -> Result<()> {
    let wanted: Vec<String> = path.expected().holds.values().map(|record| format!("{record}\n")).collect();
    let mut names = Vec::new();
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(&world.folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".ndjson") || name.starts_with('.') {
            let text = std::fs::read_to_string(entry.path())?;
            lines.extend(text.split_inclusive('\n').map(str::to_string));
            names.push(name);
        }
    }
    ensure!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    if path == Path::BufferBatches {
        lines.sort_unstable();
    } else {
        ensure!(names == [FILE], "{names:?}");
    }
    ensure!(lines == wanted, "{lines:?}");
    Ok(())
}

/// All runs have ended. The file's run has each record once, and so have the pushes together.
fn runs(left: &Left, path: Path) -> Result<()> {
    let expected = path.expected();
    let records = expected.holds.len() as u64;
    for run in &left.runs {
        ensure!(run.status.is_final(), "{} is {:?}", run.id, run.status);
        let is_said = matches!(run.status, RunStatus::Complete) == run.failure.is_none();
        ensure!(is_said, "{}: {:?} with {:?}", run.id, run.status, run.failure);
        ensure!(run.outputs.iter().all(|output| output.result == OutputResult::Written), "{:?}", run.outputs);
        let written: u64 = run.outputs.iter().map(|output| output.records).sum();
        ensure!(
            run.target_server.is_none() || written == run.counts.created(),
            "{}: {:?}",
            run.id,
            run.counts
        );
    }
    let sum = |of_pushes: bool| {
        let of_kind = left.runs.iter().filter(|run| run.target_server.is_some() == of_pushes);
        of_kind.fold((0, 0, 0), |(read, created, filtered), run| {
            (read + run.counts.read(), created + run.counts.created(), filtered + run.counts.filtered())
        })
    };
    let (of_pulls, of_pushes) = (sum(false), sum(true));
    ensure!(of_pulls == (records + expected.filtered, records, expected.filtered), "pulled: {of_pulls:?}");
    ensure!(of_pushes == (records, records, 0), "pushed: {of_pushes:?}");
    let mut pulls = left.runs.iter().filter(|run| run.target_server.is_none());
    let pull = pulls.next().context("a run")?;
    ensure!(
        pull.status == RunStatus::Complete && pulls.next().is_none(),
        "{:?}: {:?}",
        pull.status,
        pull.failure
    );
    Ok(())
}

/// Every batch is DELIVERED by a file that a run reports, once, and nothing is left to be done about it.
fn batches(left: &Left) -> Result<()> {
    ensure!(!left.batches().is_empty(), "there is none");
    for batch in left.batches() {
        ensure!(
            batch.state == DeliveryState::Delivered && batch.outcome.created == batch.records,
            "{batch:?}"
        );
        let is_over = batch.due.is_none() && batch.waiting_for.is_none() && batch.in_file.is_none();
        ensure!(is_over && batch.died_of.is_none(), "{batch:?}");
        let by =
            left.runs.iter().find(|run| Some(&run.id) == batch.pushed_by.as_ref()).context("its push")?;
        let is_reported = by.outputs.iter().any(|output| Some(&output.path) == batch.pushed_as.as_ref());
        ensure!(is_reported, "{batch:?} is in none of {:?}", by.outputs);
    }
    Ok(())
}
