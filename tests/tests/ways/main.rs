//! The ways to lose or double data that ARCHITECTURE.md lists, a test each, named by their number.
//!
//! Those that another subject needs anyway are beside that subject, under the same kind of name:
//! `cargo nextest run way_` runs all.

mod deaths;
mod notifications;
mod queues;
mod rows;
mod uploads;

use std::sync::Arc;

use anyhow::Result;
use tests::faults::{
    Plan,
    plan::{Mode, Point},
    promises::{FILE, Left, hold},
    setting::Setting,
    sweep::Path,
    world::World,
};

/// A world with the one file, whose schedule is due; the calls of `under` are counted.
async fn world(under: &'static str, point: Option<Point>) -> Result<World> {
    let setting = Setting::new(1).await?;
    let world = World::new(&setting, 0, under, Plan::new(point)).await?;
    world.put(FILE, Path::Pull.expected().content)?;
    world.schedule_is_due().await?;
    Ok(world)
}

fn point(call: &str, occurrence: u32, mode: Mode) -> Option<Point> {
    Some(Point { call: call.into(), occurrence, mode })
}

/// Plays on to the end, and holds that everything arrived once and nothing is left.
async fn ends_well(mut world: World) -> Result<()> {
    world.run_out().await?;
    let left = Left::of(&world).await?;
    hold(&world, &left, &Path::Pull.expected()).await?;
    world.end().await
}

/// Plays a path with an interruption, as a sweep does.
async fn survives(path: Path, call: &str, occurrence: u32, mode: Mode) -> Result<()> {
    let setting: Arc<Setting> = Setting::new(1).await?;
    let point = Point { call: call.into(), occurrence, mode };
    if call.starts_with("sftp:") && !setting.has_sftp() {
        eprintln!("skipped: requests over SFTP are interrupted with OpenSSH's server only");
        return Ok(());
    }
    let route = tests::faults::sweep::explore(&setting, path).await?;
    let tried = tests::faults::sweep::walk(&setting, &route, vec![point], 1, |_| ()).await;
    assert_eq!(tried[0].broken, None);
    Ok(())
}
