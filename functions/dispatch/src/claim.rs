//! Claims a schedule's due time: as a run, as a row that says why there is none, or as one that stands for all
//! the times that were missed.
//!
//! What to do is decided by `shared::schedule::claim`; here it is written down. Each write is one transaction
//! that also moves the schedule, on the condition that it still shows the time that was seen: of two ticks that
//! do the same, one writes and the other finds it done.

use jiff::Timestamp;
use shared::{
    aws::{
        AwsError,
        runs::{Admission, ScheduleMove},
    },
    id,
    message::{PullMessage, PushMessage},
    run::{Run, Trigger},
    schedule::{self, Schedule},
    target_server::{TargetServer, TargetServerKind},
};
use tracing::instrument;

use crate::{Context, tick::Hint};

/// Claims a due time, and those after it that have come too while it was waiting: at most as many as there are
/// within `LATE_AFTER`, since whatever is later is one gap.
#[instrument(skip_all, fields(account.id = account, schedule.id = schedule_id))]
pub(crate) async fn claim(
    context: &Context,
    account: &str,
    schedule_id: &str,
    mut due: Timestamp,
) -> Result<Vec<Hint>, AwsError> {
    let mut hints = Vec::new();
    loop {
        let now = (context.clock)();
        let claimed = claim_one(context, account, schedule_id, due, now).await?;
        hints.extend(claimed.run);
        match claimed.next {
            Some(next) if next <= now => due = next,
            _ => return Ok(hints),
        }
    }
}

/// What became of one due time.
#[derive(Default)]
struct Claimed {
    /// Wakes the run that was started, if one was.
    run: Option<Hint>,
    /// When the schedule is due next, as far as this claim has seen to it.
    next: Option<Timestamp>,
}

async fn claim_one(
    context: &Context,
    account: &str,
    schedule_id: &str,
    due: Timestamp,
    now: Timestamp,
) -> Result<Claimed, AwsError> {
    let Some(found) = context.table.find::<Schedule>(account, schedule_id).await? else {
        return Ok(Claimed::default());
    };
    // The index lags: what counts is the row.
    if found.beside.due != Some(due) {
        return Ok(Claimed::default());
    }
    let settings = found.resource.settings;
    let times = settings.times(schedule_id).map_err(|e| AwsError::damaged("a schedule", e.detail))?;
    let claim = schedule::claim(&times, settings.catch_up, due, now);
    let queued = |id| match (&settings.connection, &settings.target_server) {
        (_, Some(target)) => Run::push(id, account, target, Trigger::Scheduled, now),
        (connection, None) => {
            Run::queued(id, account, connection.as_deref().unwrap_or_default(), Trigger::Scheduled, now)
        }
    };
    let missed = claim.missed.map(|missed| {
        tracing::warn!(
            schedule.id = schedule_id,
            missed.first = %missed.first,
            missed.last = %missed.last,
            missed.count,
            "due times were missed"
        );
        let id = id::derived("run", &[account, schedule_id, "missed", &missed.first.to_string()]);
        queued(id).missed(schedule_id, missed, claim.run, now)
    });
    let hears = missed.is_some() && context.table.hears(account).await?;
    let to = ScheduleMove { schedule: schedule_id.into(), seen: due, next: claim.next, missed, hears };
    let Some(time) = claim.run else {
        context.table.move_on(account, &to).await?;
        return Ok(Claimed { run: None, next: claim.next });
    };
    let mut run = queued(id::derived("run", &[account, schedule_id, &time.to_string()]));
    run.schedule = Some(schedule_id.into());
    run.scheduled_for = Some(time);
    let admission = match &run.target_server {
        Some(target) if !is_export(context, account, target).await? => Admission::NoConnection,
        _ => context.table.admit(&run, Some(&to)).await?,
    };
    match admission {
        Admission::Admitted => {
            tracing::info!(run.id = run.id, "a due time became a run");
            let hint = match &run.target_server {
                Some(target) => Hint::Push(PushMessage::flush(account, target)),
                None => Hint::Pull(PullMessage::run(account, &run.id)),
            };
            return Ok(Claimed { run: Some(hint), next: claim.next });
        }
        // The time is a run already, or another tick is faster. A schedule that still shows it moves on.
        Admission::AlreadyClaimed => context.table.move_on(account, &to).await?,
        refused => {
            let skipped = run.skipped(refused.why_skipped(), now);
            tracing::warn!(run.id = skipped.id, "a due time was skipped");
            if !context.table.record_final(&skipped, Some(&to)).await? {
                context.table.move_on(account, &to).await?;
            }
        }
    }
    Ok(Claimed { run: None, next: claim.next })
}

/// Says whether a target server is there whose buffer can be flushed.
async fn is_export(context: &Context, account: &str, target_server: &str) -> Result<bool, AwsError> {
    let found = context.table.find::<TargetServer>(account, target_server).await?;
    Ok(found.is_some_and(|f| f.resource.settings.kind == TargetServerKind::SftpExport))
}
