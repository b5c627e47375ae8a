//! One push of a target: its run, its files, and how it ends.

use std::collections::HashSet;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError, emf,
        gates::Of,
        owed::Owed,
        pushes::{Ended, Which},
    },
    export::{Export, FilesPer, OpenBatch, Phase, Push, retry_wait},
    id, metrics,
    run::{Failure, Origin, Run, RunStatus, Trigger, ending},
    target_server::{TargetServer, TargetServerKind},
};

use crate::{
    Context,
    carry::carry,
    error::Stop,
    freeze::{Chosen, choose, freeze, new_batch, take_up},
    limit::Limit,
    remote::Remote,
    report,
    together::{MOST_TOGETHER, carry_together},
};

/// Most files of a run: each has a line in the run's row, which DynamoDB bounds at 400 KB.
const MOST_FILES: usize = 400;

/// Files that are frozen at once.
const FROZEN_AT_ONCE: usize = 8;

/// Why a run does not push what else waits.
const SAME_NAME: &str =
    "the next file could have the same name and take this one's place: use {counter} or {batch} in file_name";

/// How soon a push is looked at again that the hub itself could not go on with.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// How long a realtime target's buffer has to be quiet before it is not looked at any more: longer than `deliver` takes
/// between noting a row and writing it, and than an index lags.
const QUIET: SignedDuration = SignedDuration::from_secs(70);

/// After this many holders of one run that did not get it to an end, it is given up.
const MOST_HOLDERS: u64 = 6;

/// Makes one push of a target; says whether it is to be looked at again at once.
pub(crate) async fn flush(
    context: &Context,
    of: Of<'_>,
    mut push: Push,
    limit: &Limit,
) -> Result<bool, AwsError> {
    let found = context.table.find::<TargetServer>(of.account, of.target_server).await?;
    let target = found.map(|f| f.resource.settings).filter(|t| t.kind == TargetServerKind::SftpExport);
    let Some(mut run) = run_of(context, of, target.as_ref(), &mut push).await? else {
        let now = (context.clock)();
        let quiet_since = now.saturating_sub(QUIET).unwrap_or(now);
        // Where it has not been quiet for so long, or a run was admitted meanwhile, the next tick looks again.
        context.table.rest_push(of, &push, quiet_since, now).await?;
        return Ok(false);
    };
    tracing::Span::current().record("run.id", &run.id);
    context.table.start_push(&mut run, push.epoch, (context.clock)()).await?;
    let worked = match (target.as_ref().and_then(|t| Some((t, t.export.as_ref()?))), holders(&push, &run)) {
        (_, holders) if holders > MOST_HOLDERS => {
            let why = format!("{MOST_HOLDERS} attempts ended without a result; the function's log says how");
            Err(Stop::Failed(Failure::new(Origin::Hub, "gave_up", why, true)))
        }
        (None, _) => Err(Stop::settings("no_target_server", "the target server has been removed")),
        (Some((target, export)), _) => files(context, of, target, export, &mut push, &mut run, limit).await,
    };
    let failure = match worked {
        Ok(()) => None,
        Err(Stop::Failed(failure)) => Some(failure),
        Err(Stop::OutOfTime(what)) => {
            tracing::info!("the invocation's time is over ({what}); the next holder goes on");
            context.table.yield_push(of, &push, (context.clock)()).await?;
            return Ok(false);
        }
        Err(Stop::Busy(why)) if run.has_waited_long((context.clock)()) => {
            Some(Failure::new(Origin::Settings, "no_connection_free", why, true))
        }
        Err(Stop::Busy(why)) => {
            tracing::info!(why, "the push waits for others");
            context.table.push_progressed(&mut run, push.epoch).await?;
            context.table.yield_push(of, &push, later((context.clock)(), RETRY_AFTER)).await?;
            return Ok(false);
        }
        Err(Stop::Hub(error @ AwsError::LostLease(_))) => return Err(error),
        Err(Stop::Hub(error)) if error.is_retryable() => {
            tracing::error!(error = shared::chain(&error), "the hub could not go on with the push");
            context.table.yield_push(of, &push, later((context.clock)(), RETRY_AFTER)).await?;
            return Ok(false);
        }
        Err(Stop::Hub(error)) => Some(Failure::new(Origin::Hub, "damaged", error.to_string(), false)),
    };
    let is_realtime = target.as_ref().and_then(|t| t.export.as_ref()).is_some_and(|e| e.realtime);
    end(context, of, &push, &run, failure, is_realtime).await
}

fn holders(push: &Push, run: &Run) -> u64 {
    push.epoch.saturating_sub(run.progress_epoch)
}

/// The run that was admitted; or a new one where a realtime target has something to be pushed, or a person has decided
/// about its open batch. `None` where there is nothing to do.
async fn run_of(
    context: &Context,
    of: Of<'_>,
    target: Option<&TargetServer>,
    push: &mut Push,
) -> Result<Option<Run>, AwsError> {
    if push.active_run.is_some() {
        return admitted(context, of, push).await;
    }
    let Some(export) = target.and_then(|t| t.export.as_ref()) else { return Ok(None) };
    let trigger = match (&push.open_batch, &push.decision) {
        (Some(_), Some(_)) => Trigger::Manual,
        (Some(_), None) if export.realtime => Trigger::Realtime,
        (None, _)
            if export.realtime
                && !context.table.buffered(of, Which::All, 1, (context.clock)()).await?.is_empty() =>
        {
            Trigger::Realtime
        }
        _ => return Ok(None),
    };
    let run_id = id::derived("run", &[of.account, of.target_server, "push", &push.epoch.to_string()]);
    let run = Run::push(run_id, of.account, of.target_server, trigger, (context.clock)());
    if context.table.begin_push(of, push, &run).await? {
        return Ok(Some(run));
    }
    // Somebody asked for a push since the lease was taken: that one goes.
    let now = context.table.push(of).await?;
    if now.epoch != push.epoch {
        return Err(AwsError::LostLease(format!("the push to {}", of.target_server)));
    }
    push.active_run = now.active_run;
    admitted(context, of, push).await
}

async fn admitted(context: &Context, of: Of<'_>, push: &Push) -> Result<Option<Run>, AwsError> {
    let Some(id) = &push.active_run else { return Ok(None) };
    let run = context.table.run(of.account, id).await?;
    Ok(Some(run.ok_or_else(|| AwsError::damaged(format!("run {id}"), "it is not there"))?))
}

/// Pushes what is open, then what waits.
async fn files(
    context: &Context,
    of: Of<'_>,
    target: &TargetServer,
    export: &Export,
    push: &mut Push,
    run: &mut Run,
    limit: &Limit,
) -> Result<(), Stop> {
    let oldest = context.table.buffered(of, Which::All, 1, (context.clock)()).await?;
    if let Some(oldest) = oldest.first() {
        let age_ms = (context.clock)().as_millisecond().saturating_sub(oldest.accepted_at()).max(0);
        emf::print(&metrics::oldest_owed(age_ms.unsigned_abs() / 1000));
    }
    if push.open_batch.is_none() && oldest.is_empty() {
        if run.outputs.is_empty() {
            run.warn("nothing was in the buffer: there is no file".into());
        }
        return Ok(());
    }
    // Nothing is frozen for a server that is not there: what comes meanwhile goes into the same file.
    let remote = Remote::connect(context, of, target, &run.id, limit).await?;
    let pushed = files_through(context, of, export, &remote, push, run, limit).await;
    remote.leave(context).await;
    pushed
}

/// Pushes one file after another, over connections that are there.
async fn files_through(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
    limit: &Limit,
) -> Result<(), Stop> {
    let mut through = HashSet::new();
    loop {
        let mut may_be_more = true;
        if push.open_batch.as_ref().is_none_or(|batch| batch.phase == Phase::Freezing) {
            through.extend(named_after(run, export));
            let Some(is_all) = fill(context, of, export, push, run, &mut through).await? else {
                if !through.is_empty() && !export.makes_several_files() {
                    warn_of_what_waits(context, of, run, SAME_NAME).await?;
                }
                return Ok(());
            };
            may_be_more = !is_all || export.files_per() == FilesPer::Connection;
        }
        carry_together(context, of, export, remote, push, run).await?;
        while push.open_batch.is_some() {
            if !push.open_behind.is_empty() && !limit.has_time() {
                return Err(Stop::OutOfTime("the next file".into()));
            }
            carry(context, of, export, remote, push, run).await?;
        }
        if !may_be_more {
            return Ok(());
        }
        let why = match run.outputs.len() {
            n if n >= MOST_FILES => "a run makes no more files than this",
            _ if export.files_per() != FilesPer::Connection && !export.makes_several_files() => SAME_NAME,
            _ => "",
        };
        if !why.is_empty() {
            return Ok(warn_of_what_waits(context, of, run, why).await?);
        }
        if !limit.has_time() {
            return Err(Stop::OutOfTime("the next file".into()));
        }
    }
}

/// Opens the next files, or those that were open and not frozen, and freezes them. Answers whether nothing more waits
/// for them; `None` where there is nothing to be put into them.
async fn fill(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    push: &mut Push,
    run: &Run,
    through: &mut HashSet<String>,
) -> Result<Option<bool>, Stop> {
    let open = push.all_open().len();
    let most = match open {
        0 if export.makes_several_files() || export.files_per() == FilesPer::Connection => {
            MOST_FILES.saturating_sub(run.outputs.len()).clamp(1, MOST_TOGETHER)
        }
        0 => 1,
        open => open,
    };
    let Chosen { files, is_all } = choose(context, of, export, through, most).await?;
    let now = (context.clock)();
    if open > files.len() {
        context.table.drop_batches(of, push, files.len(), now).await?;
    }
    if files.is_empty() {
        return Ok(None);
    }
    if export.files_per() == FilesPer::Connection && is_all {
        through.extend(files.iter().filter_map(|rows| rows.first()).map(|row| row.connection().to_string()));
    }
    if open == 0 {
        let numbers = (push.files + 1..).take(files.len());
        let batches = numbers.map(|number| new_batch(of, &run.id, number, now)).collect();
        context.table.open_batches(of, push, batches).await?;
    }
    let (epoch, opened) = (push.epoch, push.all_open());
    let frozen = stream::iter(opened.into_iter().zip(files))
        .map(|(batch, rows)| take_up_and_freeze(context, of, export, batch, epoch, rows).boxed())
        .buffered(FROZEN_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    // Only what comes of runs is given up meanwhile, and of that each file is opened by itself.
    let Some(frozen) = frozen.into_iter().collect::<Option<Vec<_>>>() else {
        context.table.drop_batches(of, push, 0, now).await?;
        return Ok(None);
    };
    context.table.note_batches(of, push, frozen).await?;
    Ok(Some(is_all))
}

/// Freezes what is left of these rows; `None` where nothing is.
async fn take_up_and_freeze(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    batch: OpenBatch,
    epoch: u64,
    rows: Vec<Owed>,
) -> Result<Option<OpenBatch>, Stop> {
    let rows = take_up(context, batch.number, rows).await?;
    match rows.is_empty() {
        true => Ok(None),
        false => freeze(context, of, export, batch, epoch, rows).await.map(Some),
    }
}

async fn warn_of_what_waits(context: &Context, of: Of<'_>, run: &mut Run, why: &str) -> Result<(), AwsError> {
    if !context.table.buffered(of, Which::All, 1, (context.clock)()).await?.is_empty() {
        run.warn(format!("what else waits goes with the next push: {why}"));
    }
    Ok(())
}

/// Connections whose next file of this run could take the place of the one that they have.
fn named_after(run: &Run, export: &Export) -> impl Iterator<Item = String> {
    let outputs = if export.makes_several_files() { &[][..] } else { &run.outputs };
    outputs.iter().filter_map(|output| output.connection.clone())
}

/// Writes the report and ends the run; says whether a realtime target is to be looked at again at once.
async fn end(
    context: &Context,
    of: Of<'_>,
    push: &Push,
    run: &Run,
    failure: Option<Failure>,
    is_realtime: bool,
) -> Result<bool, AwsError> {
    report::write(context, run).await?;
    let (is_stuck, code) = (failure.is_some(), failure.as_ref().map(|f| f.code.clone()));
    let (status, failure) = match (run.counts.read(), failure) {
        (0, Some(failure)) => (RunStatus::Error, Some(failure)),
        (_, failure) => ending(&run.counts, failure),
    };
    if let Some(failure) = &failure {
        tracing::warn!(code = failure.code, retryable = failure.retryable, "the push failed");
    }
    let now = (context.clock)();
    let next = match (is_realtime, is_stuck) {
        (false, _) => None,
        (true, false) => Some(now),
        (true, true) => Some(later(now, retry_wait(push.failures + 1))),
    };
    // A realtime target that fails as it did before has been announced.
    let announces = run.trigger != Trigger::Realtime || push.last_code != code;
    let ended = Ended { status, counts: run.counts, failure, is_stuck, next, announces };
    context.table.end_push(of, push, run, &ended, now).await?;
    if is_stuck {
        emf::print(&metrics::push_failed());
    }
    Ok(is_realtime && !is_stuck)
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
