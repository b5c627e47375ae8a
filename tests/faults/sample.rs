//! A sample of the interruptions that `make faults` walks whole: every so many points of each path, always the same.

use anyhow::Result;
use tests::faults::{
    setting::Setting,
    sweep::{Path, explore, points, walk},
};

/// Worlds at once.
const AT_ONCE: usize = 3;

/// Interrupts a path at every `every`th point, at least `least` of them.
async fn sample(path: Path, every: usize, least: usize) -> Result<()> {
    let setting = Setting::new(AT_ONCE).await?;
    if !setting.has_sftp() {
        eprintln!("requests over SFTP are not interrupted: that takes OpenSSH's server");
    }
    let route = explore(&setting, path).await?;
    let points: Vec<_> = points(&route.calls).into_iter().step_by(every).collect();
    assert!(points.len() >= least, "{} points of {:?}", points.len(), route.calls);
    let tried = walk(&setting, &route, points, AT_ONCE, |_| ()).await;
    let broken: Vec<_> =
        tried.iter().filter_map(|t| Some(format!("{}\n{}", t.point, t.broken.as_ref()?))).collect();
    assert!(broken.is_empty(), "{} of {} points broken:\n{}", broken.len(), tried.len(), broken.join("\n"));
    Ok(())
}

#[tokio::test]
async fn a_pull_survives_interruptions() -> Result<()> {
    sample(Path::Pull, 41, 7).await
}

#[tokio::test]
async fn a_pull_of_a_large_file_survives_interruptions() -> Result<()> {
    sample(Path::PullLarge, 11, 3).await
}

#[tokio::test]
async fn a_pull_that_goes_on_survives_interruptions() -> Result<()> {
    sample(Path::PullGoesOn, 83, 5).await
}

#[tokio::test]
async fn a_close_survives_interruptions() -> Result<()> {
    sample(Path::Close, 17, 5).await
}

#[tokio::test]
async fn a_delivery_survives_interruptions() -> Result<()> {
    sample(Path::Deliver, 43, 5).await
}

#[tokio::test]
async fn a_dispatch_survives_interruptions() -> Result<()> {
    sample(Path::Dispatch, 13, 5).await
}

#[tokio::test]
async fn an_intake_survives_interruptions() -> Result<()> {
    sample(Path::Intake, 11, 5).await
}

#[tokio::test]
async fn waking_survives_interruptions() -> Result<()> {
    sample(Path::Wake, 23, 5).await
}

#[tokio::test]
async fn care_survives_interruptions() -> Result<()> {
    sample(Path::Care, 29, 5).await
}

#[tokio::test]
async fn a_push_survives_interruptions() -> Result<()> {
    sample(Path::Push, 31, 5).await
}

#[tokio::test]
async fn a_push_that_replaces_a_file_survives_interruptions() -> Result<()> {
    sample(Path::PushReplace, 37, 5).await
}

#[tokio::test]
async fn a_push_that_renames_survives_interruptions() -> Result<()> {
    sample(Path::PushRename, 53, 5).await
}

#[tokio::test]
async fn a_push_that_ignores_survives_interruptions() -> Result<()> {
    sample(Path::PushIgnore, 43, 5).await
}

#[tokio::test]
async fn a_push_of_files_survives_interruptions() -> Result<()> {
    sample(Path::PushFiles, 61, 5).await
}

#[tokio::test]
async fn a_push_of_connections_survives_interruptions() -> Result<()> {
    sample(Path::PushConnections, 67, 5).await
}

#[tokio::test]
async fn a_push_that_goes_on_survives_interruptions() -> Result<()> {
    sample(Path::PushGoesOn, 83, 5).await
}

#[tokio::test]
async fn a_buffer_survives_interruptions() -> Result<()> {
    sample(Path::Buffer, 23, 5).await
}

#[tokio::test]
async fn a_push_of_batches_survives_interruptions() -> Result<()> {
    sample(Path::PushBatches, 29, 5).await
}

#[tokio::test]
async fn a_buffer_of_batches_survives_interruptions() -> Result<()> {
    sample(Path::BufferBatches, 31, 3).await
}

#[tokio::test]
async fn a_pull_that_is_pushed_survives_interruptions() -> Result<()> {
    sample(Path::PullPushed, 47, 5).await
}

#[tokio::test]
async fn a_run_that_deletes_survives_interruptions() -> Result<()> {
    sample(Path::Deletes, 23, 5).await
}

#[tokio::test]
async fn a_rerun_of_what_failed_survives_interruptions() -> Result<()> {
    sample(Path::RerunFailed, 23, 5).await
}

#[tokio::test]
async fn an_upload_survives_interruptions() -> Result<()> {
    sample(Path::Upload, 23, 5).await
}

#[tokio::test]
async fn notifications_survive_interruptions() -> Result<()> {
    sample(Path::Notify, 41, 5).await
}
