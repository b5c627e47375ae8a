//! The path of a file that a person uploads: `sftp-pull`, from the first message of the run to its end. Whatever call of
//! that is interrupted, its records arrive once, and no second run sends them, not even one that got past the API.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    aws::runs::Admission,
    file_upload::{FileUpload, NewFileUpload},
    id::{derived, hex},
    keys,
    run::{Run, RunStatus, Trigger},
};

use super::{
    promises::{self, Expected, Left},
    world::World,
};
use crate::rows::now;

/// What the file is called.
const NAME: &str = "by hand.csv";

/// The one upload.
const UPLOAD: &str = "upl_1";

/// Uploads the file as a browser does it, after the API has answered.
///
/// # Errors
/// When a call fails.
pub async fn upload(world: &World, content: &[u8]) -> Result<FileUpload> {
    let sha256 = Some(hex(&Sha256::digest(content)));
    let new = NewFileUpload { name: NAME.into(), size_bytes: content.len() as u64, sha256 };
    let upload = FileUpload::new(UPLOAD.into(), world.account(), world.connection(), new, now());
    ensure!(world.table.announce_upload(&upload).await?);
    world.bucket.put(&upload.object(), content.to_vec()).await?;
    Ok(upload)
}

/// Admits a run of the upload, as the API does it; the message that it sends is lost.
///
/// # Errors
/// When it is not admitted.
pub async fn admit_unsent(world: &World, name: &str) -> Result<Run> {
    let id = derived("run", &[world.account(), name]);
    let mut run = Run::queued(id, world.account(), world.connection(), Trigger::Manual, now());
    run.upload = Some(UPLOAD.into());
    let admission = world.table.admit(&run, None).await?;
    ensure!(admission == Admission::Admitted, "{admission:?}");
    Ok(run)
}

/// As [`admit_unsent`], with the message.
///
/// # Errors
/// When it is not admitted.
pub async fn admit(world: &World, name: &str) -> Result<Run> {
    let run = admit_unsent(world, name).await?;
    world.wake_all().await?;
    Ok(run)
}

/// Takes the upload.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play(world: &mut World, expected: &Expected) -> Result<()> {
    upload(world, &expected.content).await?;
    let run = admit(world, "upload").await?;
    world.run_out().await?;
    world.plan.is_over();
    hold(world, &run, expected).await?;
    let second = admit(world, "upload once more").await?;
    world.run_out().await?;
    let left = Left::of(world).await?;
    let second = left.runs.iter().find(|run| run.id == second.id).context("the second run")?;
    let code = second.failure.as_ref().map(|failure| failure.code.as_str());
    ensure!((second.status, code) == (RunStatus::Error, Some("upload_taken")), "{second:?}");
    promises::arrived(world, expected)
}

/// Holds every promise against the world that the run is left with.
///
/// # Errors
/// When one is broken, or a call fails.
pub async fn hold(world: &World, run: &Run, expected: &Expected) -> Result<()> {
    let left = Left::of(world).await?;
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", promises::arrived(world, expected));
    hold("the run", the_run(&left, expected));
    hold("the upload", the_upload(&left, run, expected));
    hold("the staged file", promises::staged(world, &left, expected).await);
    hold("nothing is stuck", promises::nothing_is_stuck(world, &left));
    hold("the state", promises::state(world, &left, &world.setting.flow.target).await);
    hold("the report", promises::report(world, &left).await);
    hold("the queues", promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

fn the_run(left: &Left, expected: &Expected) -> Result<()> {
    ensure!(left.runs.len() == 1, "{} runs", left.runs.len());
    let run = &left.runs[0];
    ensure!(run.status == RunStatus::Complete, "{:?}: {:?} {:?}", run.status, run.failure, run.warnings);
    let records = expected.holds.len() as u64;
    let (counts, filtered) = (run.counts, expected.filtered);
    let got = (counts.read(), counts.filtered(), counts.created());
    ensure!(got == (records + filtered, filtered, records), "{counts:?}");
    ensure!(run.left_behind.as_deref().is_some_and(|why| why.contains(NAME)), "{:?}", run.left_behind);
    let inputs: Vec<_> = run.inputs.iter().map(|i| (i.path.as_str(), i.upload.as_deref())).collect();
    ensure!(inputs == [(NAME, Some(UPLOAD))], "{inputs:?}");
    Ok(())
}

/// The ledger has the upload as the run's, and its bytes as those that the connection took last; nothing else.
fn the_upload(left: &Left, run: &Run, expected: &Expected) -> Result<()> {
    let pk = keys::ledger_content(&run.account, &run.connection).pk;
    let rows: Vec<_> = left.rows().iter().filter(|row| row["pk"] == pk).collect();
    ensure!(rows.len() == 2, "{rows:?}");
    let of = |sk: &str| rows.iter().find(|row| row["sk"] == sk).context("a row of the ledger");
    let upload = of(&keys::ledger_upload(&run.account, &run.connection, UPLOAD).sk)?;
    ensure!(upload["taken_by"] == run.id, "{upload}");
    let content = of("CONTENT")?;
    let sha256 = hex(&Sha256::digest(&expected.content));
    ensure!((&content["run"], &content["sha256"]) == (&json!(run.id), &json!(sha256)), "{content}");
    Ok(())
}
