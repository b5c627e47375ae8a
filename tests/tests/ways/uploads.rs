//! What becomes of a file that a person uploads.

use anyhow::Result;
use tests::faults::{
    Plan,
    plan::{Mode, Point},
    setting::Setting,
    sweep::Path,
    uploads::{admit, admit_unsent, hold, upload},
    world::World,
};

use super::{point, survives};

async fn world(under: &'static str, point: Option<Point>) -> Result<World> {
    World::new(&Setting::new(1).await?, 0, under, Plan::new(point)).await
}

#[tokio::test]
async fn way_01_an_uploads_run_that_was_admitted_and_whose_message_was_not_sent_is_woken() -> Result<()> {
    let mut world = world("dispatch", None).await?;
    let expected = Path::Upload.expected();
    upload(&world, &expected.content).await?;
    let run = admit_unsent(&world, "upload").await?;
    assert_eq!(world.messages().await?, 0);
    world.run_out().await?;
    hold(&world, &run, &expected).await?;
    world.end().await
}

#[tokio::test]
async fn way_08_an_uploads_run_that_is_asked_for_twice_at_once_is_taken_once() -> Result<()> {
    let mut world = world("none", None).await?;
    let expected = Path::Upload.expected();
    upload(&world, &expected.content).await?;
    let run = admit(&world, "upload").await?;
    world.wake_all().await?;
    world.wake_all().await?;
    world.run_out().await?;
    hold(&world, &run, &expected).await?;
    world.end().await
}

#[tokio::test]
async fn way_13_an_upload_that_is_whole_in_the_bucket_when_its_run_dies_is_staged_once() -> Result<()> {
    survives(Path::Upload, "s3:PutObject", 1, Mode::KilledAfter).await
}

#[tokio::test]
async fn way_25_a_death_in_the_middle_of_taking_an_upload_leaves_no_part_of_a_file() -> Result<()> {
    let expected = Path::PullLarge.expected();
    let mut world = world("sftp-pull", point("s3:UploadPart", 1, Mode::KilledAfter)).await?;
    let uploaded = upload(&world, &expected.content).await?;
    let run = admit(&world, "upload").await?;
    world.pull_next().await?;
    assert!(world.plan.is_reached());
    assert_eq!(world.rows.objects().await?, [uploaded.object()]);
    world.run_out().await?;
    hold(&world, &run, &expected).await?;
    world.end().await
}
