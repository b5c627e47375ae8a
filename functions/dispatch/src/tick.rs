//! One tick: everything in the index `due` whose time has come.

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        due::DueRow,
        emf,
        runs::{Admission, ScheduleMove},
    },
    id,
    keys::{self, DUE_SHARDS},
    message::{DeliveryMessage, PullMessage},
    metrics,
    run::{Run, Trigger},
    schedule::Schedule,
};
use tracing::instrument;

use crate::Context;

/// Rows of one shard that are read at once.
const ROWS_PER_PAGE: i32 = 100;

/// Shards, and rows of each, that are worked on at once.
const SHARDS_AT_ONCE: usize = 8;
const ROWS_AT_ONCE: usize = 8;

/// With less time than this left, no further page is begun.
const TIME_FOR_A_PAGE: SignedDuration = SignedDuration::from_secs(15);

/// How far a row's `due` is put off before its message is sent: longer than a message usually waits, so
/// that a backlog is not sent again every minute.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(3);

/// Wakes every row whose time has come, shard by shard. What fails does not keep the rest from being woken.
pub(crate) async fn tick(context: &Context, deadline: Timestamp) -> Result<(), AwsError> {
    let begun = (context.clock)();
    let shards = stream::iter(0..DUE_SHARDS).map(|number| shard(context, number, deadline));
    let tallies: Vec<Tally> = shards.buffer_unordered(SHARDS_AT_ONCE).collect().await;
    let woken: usize = tallies.iter().map(|t| t.woken).sum();
    let oldest = tallies.iter().map(|t| t.oldest_secs).max().unwrap_or_default();
    let failed: Vec<AwsError> = tallies.into_iter().flat_map(|t| t.failed).collect();
    for error in &failed {
        tracing::error!(
            error = shared::chain(error),
            "a due row could not be woken; the next tick tries again"
        );
    }
    tracing::info!(woken, failed = failed.len(), "tick");
    let duration_ms = (context.clock)().duration_since(begun).as_millis().try_into().unwrap_or(0);
    emf::print(&metrics::tick(woken, failed.len(), oldest, duration_ms));
    failed.into_iter().next().map_or(Ok(()), Err)
}

#[derive(Default)]
struct Tally {
    woken: usize,
    failed: Vec<AwsError>,
    /// How long the row that was due first had been due.
    oldest_secs: u64,
}

/// Wakes a shard's rows, page by page, until none is due or time is nearly out. A row that is woken is due
/// later, so the next page begins behind it.
async fn shard(context: &Context, number: u32, deadline: Timestamp) -> Tally {
    let mut tally = Tally::default();
    loop {
        let now = (context.clock)();
        let rows = match context.table.due(number, now, ROWS_PER_PAGE).await {
            Ok(rows) => rows,
            Err(error) => {
                tally.failed.push(error);
                return tally;
            }
        };
        let oldest_secs = rows.iter().map(|r| now.duration_since(r.due).as_secs()).max().unwrap_or(0);
        tally.oldest_secs = tally.oldest_secs.max(oldest_secs.try_into().unwrap_or(0));
        let full = rows.len() == ROWS_PER_PAGE as usize;
        let woken: Vec<_> = stream::iter(rows)
            .map(|row| wake(context, row, now))
            .buffer_unordered(ROWS_AT_ONCE)
            .collect()
            .await;
        let failed = woken.iter().filter(|w| w.is_err()).count();
        tally.woken += woken.len() - failed;
        tally.failed.extend(woken.into_iter().filter_map(Result::err));
        let late = (context.clock)().saturating_add(TIME_FOR_A_PAGE).is_ok_and(|end| end > deadline);
        if !full || failed > 0 || late {
            return tally;
        }
    }
}

async fn wake(context: &Context, row: DueRow, now: Timestamp) -> Result<(), AwsError> {
    match Waking::of(&row) {
        Some(Waking::Schedule { account, schedule }) => {
            claim(context, &account, &schedule, row.due, now).await
        }
        Some(Waking::Run(message)) => {
            if context.table.put_off(&row, put_off(now)).await? {
                let PullMessage::Run { account, .. } = &message;
                context.pulls.send(account, &message, 0).await?;
            }
            Ok(())
        }
        Some(Waking::Batch(message)) => {
            if context.table.put_off(&row, put_off(now)).await? {
                let DeliveryMessage::Batch { account, .. } = &message;
                context.deliveries.send(account, &message, 0).await?;
            }
            Ok(())
        }
        None => {
            tracing::error!(pk = row.key.pk, sk = row.key.sk, "a row of an unknown kind is due");
            Ok(())
        }
    }
}

fn put_off(now: Timestamp) -> Timestamp {
    now.saturating_add(PUT_OFF).unwrap_or(now)
}

/// What a due row is, as its key says.
#[derive(Debug, PartialEq, Eq)]
enum Waking {
    Schedule { account: String, schedule: String },
    Run(PullMessage),
    Batch(DeliveryMessage),
}

impl Waking {
    fn of(row: &DueRow) -> Option<Self> {
        let rest = row.key.pk.strip_prefix("A#")?;
        if let Some(schedule) = row.key.sk.strip_prefix("SCHEDULE#") {
            return Some(Self::Schedule { account: rest.into(), schedule: schedule.into() });
        }
        let (account, run) = rest.split_once("#R#")?;
        if row.key.sk == "RUN" {
            return Some(Self::Run(PullMessage::run(account, run)));
        }
        let (ordinal, part) = row.key.sk.strip_prefix(keys::BATCH)?.split_once('#')?;
        let message = DeliveryMessage::batch(account, run, ordinal.parse().ok()?, part.parse().ok()?);
        Some(Self::Batch(message))
    }
}

/// Claims a schedule's due time as a run, or as a row that says why there is none.
#[instrument(skip_all, fields(account.id = account, schedule.id = schedule_id))]
async fn claim(
    context: &Context,
    account: &str,
    schedule_id: &str,
    due: Timestamp,
    now: Timestamp,
) -> Result<(), AwsError> {
    let Some(found) = context.table.find::<Schedule>(account, schedule_id).await? else { return Ok(()) };
    let schedule = found.resource.settings;
    // The index lags: what counts is the row.
    if found.beside.due != Some(due) {
        return Ok(());
    }
    let Some(connection) = &schedule.connection else { return Ok(()) };
    let to = ScheduleMove { schedule: schedule_id.into(), seen: due, next: schedule.next_at(now) };
    let run_id = id::derived("run", &[account, schedule_id, &due.to_string()]);
    let mut run = Run::queued(run_id, account, connection, Trigger::Scheduled, now);
    run.schedule = Some(schedule_id.into());
    run.scheduled_for = Some(due);
    match context.table.admit(&run, Some(&to)).await? {
        Admission::Admitted => {
            tracing::info!(run.id = run.id, connection.id = %connection, "a due time became a run");
            context.pulls.send(account, &PullMessage::run(account, &run.id), 0).await
        }
        // The time is a run already, or another tick is faster. A schedule that still shows it moves on.
        Admission::AlreadyClaimed => context.table.move_on(account, &to).await,
        refused => {
            let skipped = run.skipped(refused.why_skipped(), now);
            tracing::warn!(run.id = skipped.id, connection.id = %connection, "a due time was skipped");
            if context.table.record_final(&skipped, Some(&to)).await? {
                return Ok(());
            }
            context.table.move_on(account, &to).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::keys::Key;

    #[test]
    fn a_due_row_is_what_its_key_says() {
        let due = |key: Key| Waking::of(&DueRow { key, due: Timestamp::UNIX_EPOCH });
        assert_eq!(
            due(keys::resource("acme", "SCHEDULE", "sch_1")),
            Some(Waking::Schedule { account: "acme".into(), schedule: "sch_1".into() })
        );
        assert_eq!(due(keys::run("acme", "run_1")), Some(Waking::Run(PullMessage::run("acme", "run_1"))));
        assert_eq!(
            due(keys::batch("acme", "run_1", 501, 2)),
            Some(Waking::Batch(DeliveryMessage::batch("acme", "run_1", 501, 2)))
        );
        assert_eq!(due(keys::account("acme")), None);
    }
}
