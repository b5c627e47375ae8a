//! Walking every point of a path.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    Plan, batches, deletes, notifications,
    plan::{Boundary, Point, Way},
    promises::{self, Expected, FILE, Left},
    pushes, reruns,
    setting::Setting,
    snapshot::Snapshot,
    uploads,
    world::World,
};
use crate::receiver::{Manner, Taken};

/// A path of which every call is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// `sftp-pull`, from the run's first message to the release of its batches.
    Pull,
    /// `sftp-pull` with a file that is uploaded in parts: the calls that a small one does not need.
    PullLarge,
    /// `sftp-pull` with a file that one session does not get through, until it is mapped.
    PullGoesOn,
    /// `sftp-pull`, from the last batch's answer to the end of the run.
    Close,
    /// `deliver`: a batch that is refused at first, one of which a record is left out, and both again.
    Deliver,
    /// `dispatch`: a due schedule becomes a run, the run's message is lost, and the run is woken once it is due.
    Dispatch,
    /// `intake`: events that a careful client posts, until each is acknowledged.
    Intake,
    /// `deliver`: notifications, of which some are refused, held, or handed out later.
    Notify,
    /// `dispatch`: notifications and a gate that are due are woken.
    Wake,
    /// `api`: an administrator sees to what was not delivered.
    Care,
    /// `sftp-push`: what is in a buffer becomes a file.
    Push,
    /// `sftp-push`: the file takes the place of another.
    PushReplace,
    /// `sftp-push`: the file gets another name, since its own is taken.
    PushRename,
    /// `sftp-push`: the name is taken, and the file is not needed.
    PushIgnore,
    /// `sftp-push`: each record has a file of its own, and they go together.
    PushFiles,
    /// `sftp-push`: each connection has a file of its own, and they go together.
    PushConnections,
    /// `sftp-push`: the file is too large for one session, and goes on where it got.
    PushGoesOn,
    /// `deliver`: notifications come into the buffer of a realtime target.
    Buffer,
    /// `sftp-push`: batches of a run become a file, and the run is closed with what became of them.
    PushBatches,
    /// `deliver`: batches of a run come into the buffer of a realtime target.
    BufferBatches,
    /// `sftp-pull`: a run whose target is one of files, from its first message to its end.
    PullPushed,
    /// `sftp-pull`: a run that deletes what is gone, from its first message to its end.
    Deletes,
    /// `sftp-pull`: a run that takes what failed in an earlier one, from its first message to its end.
    RerunFailed,
    /// `sftp-pull`: a run of a file that a person uploaded, from its first message to its end.
    Upload,
}

impl Path {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Pull,
        Self::PullLarge,
        Self::PullGoesOn,
        Self::Close,
        Self::Deliver,
        Self::Dispatch,
        Self::Intake,
        Self::Notify,
        Self::Wake,
        Self::Care,
        Self::Push,
        Self::PushReplace,
        Self::PushRename,
        Self::PushIgnore,
        Self::PushFiles,
        Self::PushConnections,
        Self::PushGoesOn,
        Self::Buffer,
        Self::PushBatches,
        Self::BufferBatches,
        Self::PullPushed,
        Self::Deletes,
        Self::RerunFailed,
        Self::Upload,
    ];

    fn under(self) -> &'static str {
        match self {
            Self::Pull
            | Self::PullLarge
            | Self::PullGoesOn
            | Self::Close
            | Self::PullPushed
            | Self::Deletes
            | Self::RerunFailed
            | Self::Upload => "sftp-pull",
            Self::Deliver | Self::Notify | Self::Buffer | Self::BufferBatches => "deliver",
            Self::Push
            | Self::PushReplace
            | Self::PushRename
            | Self::PushIgnore
            | Self::PushFiles
            | Self::PushConnections
            | Self::PushGoesOn
            | Self::PushBatches => "sftp-push",
            Self::Dispatch | Self::Wake => "dispatch",
            Self::Intake => "intake",
            Self::Care => "api",
        }
    }

    fn walks(self, call: &str) -> bool {
        match self {
            Self::PullLarge => call.contains("Multipart") || call.contains("UploadPart"),
            // What a pull does over SFTP is walked with a webservice behind it.
            Self::PullPushed | Self::Deletes => !call.starts_with("sftp:"),
            _ => true,
        }
    }

    /// The file of a path of runs, and what it must come to.
    pub fn expected(self) -> Expected {
        let mut content = String::from("id;value;padding\r\n");
        let padding = "x".repeat(128 * 1024);
        // Two parts of an upload are some 11 MiB; what fills them is filtered.
        let filling = if matches!(self, Self::PullLarge | Self::PullGoesOn) { 88 } else { 0 };
        for n in 0..filling {
            content += &format!("f{n};test;{padding}\r\n");
        }
        for (id, value) in [("1", "a"), ("2", "b"), ("3", "test"), ("4", "c"), ("5", "d")] {
            content += &format!("{id};{value};\r\n");
        }
        let holds = [("1", "a"), ("2", "b"), ("4", "c"), ("5", "d")];
        let holds = holds.map(|(id, value)| (id.to_string(), json!({ "id": id, "value": value })));
        Expected { content: content.into_bytes(), holds: holds.into(), filtered: filling + 1 }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::PullLarge => "pull of a large file",
            Self::PullGoesOn => "pull that goes on",
            Self::Close => "close",
            Self::Deliver => "deliver",
            Self::Dispatch => "dispatch",
            Self::Intake => "intake",
            Self::Notify => "notify",
            Self::Wake => "wake",
            Self::Care => "care",
            Self::Push => "push",
            Self::PushReplace => "push that replaces",
            Self::PushRename => "push that renames",
            Self::PushIgnore => "push that ignores",
            Self::PushFiles => "push of files",
            Self::PushConnections => "push of connections",
            Self::PushGoesOn => "push that goes on",
            Self::Buffer => "buffer",
            Self::PushBatches => "push of batches",
            Self::BufferBatches => "buffer of batches",
            Self::PullPushed => "pull that is pushed",
            Self::Deletes => "pull that deletes",
            Self::RerunFailed => "rerun of what failed",
            Self::Upload => "upload",
        })
    }
}

/// What became of a point.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The point.
    pub point: Point,
    /// How long it took, in milliseconds.
    pub duration_ms: u128,
    /// What was broken, if anything.
    pub broken: Option<String>,
}

/// After how many bytes the session is broken off of a file that goes on: the part of 8 MiB before is in the bucket.
const BROKEN_OFF_AFTER_BYTES: usize = 10 * 1024 * 1024;

/// A path that was played once without an interruption.
pub struct Route {
    /// The path.
    pub path: Path,
    /// How often each call is made that is walked.
    pub calls: BTreeMap<String, u32>,
    /// Where worlds begin, unless with the run's admission.
    begin: Option<Begin>,
}

/// A world before the path's first step.
struct Begin {
    snapshot: Snapshot,
    /// What the receiver has taken by then.
    taken: Vec<Taken>,
}

/// Plays a path without an interruption.
///
/// # Errors
/// When a promise is broken even so.
pub async fn explore(setting: &Arc<Setting>, path: Path) -> Result<Arc<Route>> {
    let begin = match path {
        Path::Close | Path::Deliver | Path::Deletes | Path::RerunFailed => Some(begin(setting, path).await?),
        _ => None,
    };
    let mut route = Route { path, calls: BTreeMap::new(), begin };
    let plan = Plan::new(None);
    play(setting, 0, &route, plan.clone()).await.with_context(|| format!("{path}, not interrupted"))?;
    route.calls = plan.counts().into_iter().filter(|(call, _)| path.walks(call)).collect();
    Ok(Arc::new(route))
}

async fn begin(setting: &Arc<Setting>, path: Path) -> Result<Begin> {
    let mut world = World::new(setting, 0, "none", Plan::new(None)).await?;
    if path == Path::RerunFailed {
        reruns::begin(&mut world, &path.expected()).await?;
    } else if path == Path::Deletes {
        deletes::begin(&mut world, &path.expected().content).await?;
    } else {
        world.put(FILE, path.expected().content)?;
        world.schedule_is_due().await?;
        world.admit(true).await?;
        world.pull_next().await?;
    }
    while path == Path::Close && world.deliver_next(1).await? {}
    let begin = Begin { snapshot: Snapshot::of(&world).await?, taken: world.receiver.taken()? };
    world.end().await?;
    Ok(begin)
}

/// Every point of a path, from the calls that it makes.
pub fn points(calls: &BTreeMap<String, u32>) -> Vec<Point> {
    let mut points = Vec::new();
    for (call, count) in calls {
        for occurrence in (1..=*count).filter(|n| is_walked(call, *n, *count)) {
            for mode in Boundary::of(call).modes() {
                points.push(Point { call: call.clone(), occurrence, mode: *mode });
            }
        }
    }
    points
}

/// Three calls are made many times over in the same way: the SFTP client sends some 280 read requests ahead for a file,
/// all at once, and writes a large one in pieces, and `dispatch` asks each of 32 shards. Of these the first three are
/// walked, every so many of them, and the last; how many reads are sent ahead differs from run to run, so there is no
/// last one. Every other call is walked each time it is made.
fn is_walked(call: &str, occurrence: u32, count: u32) -> bool {
    let every = match call {
        "sftp:Read" | "dynamodb:Query" => 25,
        "sftp:Write" => 6,
        _ => return true,
    };
    let is_last = occurrence == count && call != "sftp:Read";
    count <= 20 || occurrence <= 3 || occurrence.is_multiple_of(every) || is_last
}

/// Tries points, as many at once as `slots`; tells `progress` of each.
pub async fn walk(
    setting: &Arc<Setting>,
    route: &Arc<Route>,
    points: Vec<Point>,
    slots: usize,
    progress: impl Fn(&Tried) + Send + Sync + Clone + 'static,
) -> Vec<Tried> {
    let waiting = Arc::new(Mutex::new(VecDeque::from(points)));
    let mut workers = tokio::task::JoinSet::new();
    for slot in 0..slots {
        let (setting, route) = (setting.clone(), route.clone());
        let (waiting, progress) = (waiting.clone(), progress.clone());
        workers.spawn(async move {
            let mut tried = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(point) = next else { return tried };
                let started = Instant::now();
                let played = try_point(&setting, slot, &route, &point).await;
                let duration_ms = started.elapsed().as_millis();
                let done = Tried { point, duration_ms, broken: played.err().map(|e| format!("{e:#}")) };
                progress(&done);
                tried.push(done);
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}

/// The point did not come up. Where the machine is too busy, a call times out by itself, and what comes after it is
/// another run than the one that was to be interrupted.
#[derive(Debug, thiserror::Error)]
#[error("the point was not reached")]
struct NotReached;

/// How often a point is tried that does not come up.
const TRIES: usize = 3;

async fn try_point(setting: &Arc<Setting>, slot: usize, route: &Route, point: &Point) -> Result<()> {
    let mut played = Ok(());
    for _ in 0..TRIES {
        played = play(setting, slot, route, Plan::new(Some(point.clone()))).await;
        let is_reached = !matches!(&played, Err(e) if e.downcast_ref::<NotReached>().is_some());
        if is_reached {
            break;
        }
    }
    played
}

/// Plays a path in a world of its own, and holds the promises against it.
async fn play(setting: &Arc<Setting>, slot: usize, route: &Route, plan: Arc<Plan>) -> Result<()> {
    let started = Instant::now();
    let mut world = World::new(setting, slot, route.path.under(), plan.clone()).await?;
    let played = within(&mut world, route).await;
    let described = match &played {
        Ok(()) => String::new(),
        Err(_) => promises::describe(&world).await,
    };
    world.end().await?;
    played.with_context(|| format!("after {} ms\n{described}", started.elapsed().as_millis()))
}

async fn within(world: &mut World, route: &Route) -> Result<()> {
    match route.path {
        Path::Intake => notifications::play_intake(world).await?,
        Path::Notify => notifications::play_notify(world).await?,
        Path::Wake => notifications::play_wake(world).await?,
        Path::Care => notifications::play_care(world).await?,
        Path::Push
        | Path::PushReplace
        | Path::PushRename
        | Path::PushIgnore
        | Path::PushFiles
        | Path::PushConnections
        | Path::PushGoesOn
        | Path::Buffer => pushes::play(world, route.path).await?,
        Path::PushBatches | Path::BufferBatches | Path::PullPushed => {
            batches::play(world, route.path).await?;
        }
        Path::Upload => uploads::play(world, &route.path.expected()).await?,
        Path::Deletes => {
            let begin = route.begin.as_ref().context("the run before")?;
            begin_with(world, route, begin).await?;
            deletes::play(world, &begin.taken).await?;
        }
        _ => play_run(world, route).await?,
    }
    let planned = world.plan.point().is_some();
    if planned && !world.plan.is_reached() {
        return Err(NotReached.into());
    }
    Ok(())
}

async fn begin_with(world: &World, route: &Route, begin: &Begin) -> Result<()> {
    world.begin_with(&begin.snapshot).await?;
    world.receiver.remember(&begin.taken)?;
    world.put_moved(FILE, route.path.expected().content)
}

async fn play_run(world: &mut World, route: &Route) -> Result<()> {
    let expected = route.path.expected();
    match &route.begin {
        Some(begin) => begin_with(world, route, begin).await?,
        None => {
            world.put(FILE, &expected.content)?;
            world.schedule_is_due().await?;
        }
    }
    match route.path {
        Path::Pull | Path::PullLarge => {
            world.admit(true).await?;
            world.pull_next().await?;
            world.plan.is_over();
        }
        Path::PullGoesOn => {
            world.plan.breaks_off_after(Way::Down, BROKEN_OFF_AFTER_BYTES);
            world.admit(true).await?;
            world.pull_next().await?;
            world.next_minute().await?;
            world.pull_next().await?;
            world.plan.is_over();
        }
        Path::RerunFailed => return reruns::play(world, &expected).await,
        Path::Close => world.wake_all().await?,
        Path::Deliver => {
            world.receiver.next([Manner::Status(500), Manner::LeaveOut(vec!["4".into()])]);
            world.wake_all().await?;
        }
        Path::Dispatch => {
            world.tick().await;
            world.lose_messages().await?;
        }
        _ => unreachable!("no run is of these paths"),
    }
    world.run_out().await?;
    let mut left = Left::of(world).await?;
    if !left.is_whole(world) {
        let is_legitimate = world.plan.point().is_some_and(|point| point.fails_sftp());
        ensure!(is_legitimate, "the run did not go through: {:?}", left.runs.last().map(|run| &run.failure));
        world.admit(false).await?;
        world.run_out().await?;
        left = Left::of(world).await?;
    }
    if route.path == Path::PullGoesOn && world.setting.has_sftp() && world.plan.point().is_none() {
        let attempts: Vec<_> = left.runs[0].inputs.iter().map(|input| input.transfer.attempts).collect();
        ensure!(attempts == [2], "the file did not go on: {attempts:?}");
    }
    promises::hold(world, &left, &expected).await
}
