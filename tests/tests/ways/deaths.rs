//! Deaths between two effects. The full sweep of `make faults` has every such point; these are the ones with a name.

use anyhow::Result;
use tests::faults::{plan::Mode, promises::Left, sweep::Path};

use super::{ends_well, point, survives, world};

#[tokio::test]
async fn way_13_a_file_that_is_whole_in_the_bucket_when_its_run_dies_is_staged_once() -> Result<()> {
    survives(Path::Pull, "s3:PutObject", 1, Mode::KilledAfter).await
}

#[tokio::test]
async fn way_14_a_file_that_was_moved_and_whose_answer_was_lost_is_known_as_moved() -> Result<()> {
    survives(Path::Pull, "sftp:Rename", 1, Mode::AnswerLostOnce).await
}

#[tokio::test]
async fn way_15_a_file_that_was_moved_when_its_run_dies_is_known_as_moved() -> Result<()> {
    survives(Path::Pull, "sftp:Rename", 1, Mode::KilledAfter).await
}

#[tokio::test]
async fn way_13_a_file_that_is_whole_on_the_server_when_its_push_dies_is_renamed_once() -> Result<()> {
    // Before the phase RENAMING is written, and once the rename is about to go out.
    survives(Path::Push, "sftp:Close", 1, Mode::KilledAfter).await?;
    survives(Path::Push, "sftp:Rename", 1, Mode::KilledBefore).await
}

#[tokio::test]
async fn way_14_an_upload_that_was_renamed_and_whose_answer_was_lost_is_known_as_done() -> Result<()> {
    survives(Path::Push, "sftp:Rename", 1, Mode::AnswerLostOnce).await
}

#[tokio::test]
async fn way_15_an_upload_that_was_renamed_when_its_push_dies_is_not_sent_again() -> Result<()> {
    survives(Path::Push, "sftp:Rename", 1, Mode::KilledAfter).await
}

#[tokio::test]
async fn way_25_a_death_in_the_middle_of_an_upload_leaves_no_part_of_a_file() -> Result<()> {
    let expected = Path::PullLarge.expected();
    let mut world = world("sftp-pull", point("s3:UploadPart", 1, Mode::KilledAfter)).await?;
    world.put(tests::faults::promises::FILE, &expected.content)?;
    world.admit(true).await?;
    world.pull_next().await?;
    assert!(world.plan.is_reached());
    assert_eq!(world.rows.objects().await?, Vec::<String>::new());
    world.run_out().await?;
    let left = Left::of(&world).await?;
    tests::faults::promises::hold(&world, &left, &expected).await?;
    world.end().await
}

#[tokio::test]
async fn way_19_a_dispatch_that_was_down_for_an_hour_starts_one_run() -> Result<()> {
    let mut world = world("dispatch", None).await?;
    let hour_ago = tests::rows::future_ms(-3600);
    world.rows.set_due(&world.schedule(), hour_ago).await?;
    for _ in 0..3 {
        world.tick().await;
    }
    let started: Vec<_> =
        Left::of(&world).await?.runs.into_iter().filter(|run| !run.status.is_final()).collect();
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!(started[0].scheduled_for.map(|t| t.as_millisecond()), Some(hour_ago));
    ends_well(world).await
}
