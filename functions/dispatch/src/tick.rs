//! One tick: everything in the index `due` whose time has come.
//!
//! Each row is claimed or put off by a conditional write of its own, since another tick may be at it too. The
//! messages that follow are hints, so those of a page go out together, ten a call.

use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::{
    aws::{
        AwsError,
        due::DueRow,
        emf,
        queues::{MESSAGES_PER_CALL, Queue},
    },
    delivery::{DeliveryName, NotificationName},
    keys::{self, DUE_SHARDS},
    message::{DeliveryMessage, PullMessage, PushMessage},
    metrics,
    source::Source,
    target_server::TargetServer,
};
use tokio::sync::Semaphore;

use crate::{Context, claim::claim, remind::remind};

/// Rows of one shard that are read at once.
pub const ROWS_PER_PAGE: i32 = 100;

/// Rows, or calls that send messages, that are worked on at once. All shards share them, so that none waits for
/// another to be done: within each, what has been due longest comes first.
pub const AT_ONCE: usize = 64;

/// How many of them one shard may take.
const AT_ONCE_IN_A_SHARD: usize = 16;

/// With less time than this left, no further page is begun. With all shards full, a page takes about a second; a
/// tick that is cut off all the same leaves nothing that the next one does not find.
pub const TIME_FOR_A_PAGE: SignedDuration = SignedDuration::from_secs(8);

/// Pages of a shard that are read at most to count what is owed: over a million rows in all.
const PAGES_TO_COUNT: usize = 6;

/// Time that is left when counting is given up.
const TIME_TO_END: SignedDuration = SignedDuration::from_secs(2);

/// How far a row's `due` is put off before its message is sent: longer than a message usually waits, so
/// that a backlog is not sent again every minute.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(3);

/// Wakes every row whose time has come, shard by shard. What fails does not keep the rest from being woken.
pub(crate) async fn tick(context: &Context, deadline: Timestamp) -> Result<(), AwsError> {
    let begun = (context.clock)();
    let slots = Semaphore::new(AT_ONCE);
    let shards = (0..DUE_SHARDS).map(|number| shard(context, number, deadline, &slots));
    let tallies: Vec<Tally> = join_all(shards).await;
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
    let left = deadline.duration_since((context.clock)()).saturating_sub(TIME_TO_END);
    if let Ok(left) = left.try_into()
        && tokio::time::timeout(left, count_owed(context)).await.is_err()
    {
        tracing::warn!("there was no time to count what is owed");
    }
    failed.into_iter().next().map_or(Ok(()), Err)
}

/// Counts what is owed, once what is due is on its way: nothing depends on it but people who look.
async fn count_owed(context: &Context) {
    let shards = (0..DUE_SHARDS).map(|shard| context.table.count_owed(shard, PAGES_TO_COUNT));
    let counted: Vec<(u64, bool)> =
        match stream::iter(shards).buffer_unordered(AT_ONCE_IN_A_SHARD).try_collect().await {
            Ok(counted) => counted,
            Err(error) => {
                tracing::warn!(error = shared::chain(&error), "what is owed could not be counted");
                return;
            }
        };
    let owed = counted.iter().map(|(owed, _)| owed).sum();
    if counted.iter().any(|(_, is_all)| !is_all) {
        tracing::warn!(owed, "more is owed than was counted");
    }
    emf::print(&metrics::owed(owed));
}

#[derive(Default)]
struct Tally {
    woken: usize,
    failed: Vec<AwsError>,
    /// How long the row that was due first had been due.
    oldest_secs: u64,
}

/// Wakes a shard's rows, page by page, until none is due or time is nearly out. A page begins behind the one
/// before it: the index lags, and would show rows again that were just woken.
async fn shard(context: &Context, number: u32, deadline: Timestamp, slots: &Semaphore) -> Tally {
    let mut tally = Tally::default();
    let now = (context.clock)();
    let mut after = None;
    loop {
        let page = match context.table.due(number, now, ROWS_PER_PAGE, after).await {
            Ok(page) => page,
            Err(error) => {
                tally.failed.push(error);
                return tally;
            }
        };
        let oldest_secs = page.rows.iter().map(|r| now.duration_since(r.due).as_secs()).max().unwrap_or(0);
        tally.oldest_secs = tally.oldest_secs.max(oldest_secs.try_into().unwrap_or(0));
        let woken: Vec<_> = stream::iter(page.rows)
            .map(async |row| {
                let _slot = slots.acquire().await;
                wake(context, row).await
            })
            .buffer_unordered(AT_ONCE_IN_A_SHARD)
            .collect()
            .await;
        let useless = !woken.is_empty() && woken.iter().all(Result::is_err);
        let (mut pulls, mut deliveries, mut pushes) = (Vec::new(), Vec::new(), Vec::new());
        for result in woken {
            match result {
                Ok(hints) => {
                    tally.woken += 1;
                    for hint in hints {
                        match hint {
                            Hint::Pull(message) => pulls.push(message),
                            Hint::Delivery(message) => deliveries.push(message),
                            Hint::Push(message) => pushes.push(message),
                        }
                    }
                }
                Err(error) => tally.failed.push(error),
            }
        }
        tally.failed.extend(send(&context.pulls, &pulls, PullMessage::account, slots).await.err());
        tally
            .failed
            .extend(send(&context.deliveries, &deliveries, DeliveryMessage::account, slots).await.err());
        tally.failed.extend(send(&context.pushes, &pushes, PushMessage::account, slots).await.err());
        after = page.after;
        let late = (context.clock)().saturating_add(TIME_FOR_A_PAGE).is_ok_and(|end| end > deadline);
        // Where nothing goes through, the next page would not either.
        if after.is_none() || late || useless {
            return tally;
        }
    }
}

/// Sends messages. What is lost here is sent by a later tick: its row is due again.
async fn send<M: Serialize>(
    queue: &Queue<M>,
    messages: &[M],
    account: fn(&M) -> &str,
    slots: &Semaphore,
) -> Result<(), AwsError> {
    stream::iter(messages.chunks(MESSAGES_PER_CALL))
        .map(async |chunk: &[M]| {
            let _slot = slots.acquire().await;
            let chunk: Vec<_> = chunk.iter().map(|message| (account(message), message)).collect();
            queue.send_chunk(&chunk).await
        })
        .buffer_unordered(AT_ONCE_IN_A_SHARD)
        .try_collect()
        .await
}

/// A message that a woken row asks for.
pub(crate) enum Hint {
    Pull(PullMessage),
    Delivery(DeliveryMessage),
    Push(PushMessage),
}

async fn wake(context: &Context, row: DueRow) -> Result<Vec<Hint>, AwsError> {
    let now = (context.clock)();
    let hint = match Waking::of(&row) {
        Some(Waking::Schedule { account, schedule }) => {
            return claim(context, &account, &schedule, row.due).await;
        }
        Some(Waking::Source { account, source }) => {
            return remind::<Source>(context, &account, &source, &row).await.map(|()| Vec::new());
        }
        Some(Waking::Target { account, target_server }) => {
            return remind::<TargetServer>(context, &account, &target_server, &row)
                .await
                .map(|()| Vec::new());
        }
        Some(Waking::Run(message)) => Hint::Pull(message),
        Some(Waking::Delivery(message)) => Hint::Delivery(message),
        Some(Waking::Push(message)) => Hint::Push(message),
        None => {
            tracing::error!(pk = row.key.pk, sk = row.key.sk, "a row of an unknown kind is due");
            return Ok(Vec::new());
        }
    };
    let is_ours = context.table.put_off(&row, put_off(now)).await?;
    Ok(is_ours.then_some(hint).into_iter().collect())
}

fn put_off(now: Timestamp) -> Timestamp {
    now.saturating_add(PUT_OFF).unwrap_or(now)
}

/// What a due row is, as its key says.
#[derive(Debug, PartialEq, Eq)]
enum Waking {
    Schedule { account: String, schedule: String },
    Source { account: String, source: String },
    Target { account: String, target_server: String },
    Run(PullMessage),
    Delivery(DeliveryMessage),
    Push(PushMessage),
}

impl Waking {
    fn of(row: &DueRow) -> Option<Self> {
        let rest = row.key.pk.strip_prefix("A#")?;
        if let Some(schedule) = row.key.sk.strip_prefix("SCHEDULE#") {
            return Some(Self::Schedule { account: rest.into(), schedule: schedule.into() });
        }
        if let Some(source) = row.key.sk.strip_prefix("SOURCE#") {
            return Some(Self::Source { account: rest.into(), source: source.into() });
        }
        if let Some(target_server) = row.key.sk.strip_prefix("TARGET#") {
            return Some(Self::Target { account: rest.into(), target_server: target_server.into() });
        }
        if let Some(target_server) = row.key.sk.strip_prefix(keys::GATE) {
            return Some(Self::Delivery(DeliveryMessage::target(rest, target_server)));
        }
        if let Some(target_server) = row.key.sk.strip_prefix(keys::PUSH) {
            return Some(Self::Push(PushMessage::flush(rest, target_server)));
        }
        if let Some((account, notification)) = rest.split_once("#N#") {
            return Self::notification(account, notification, &row.key.sk);
        }
        let (account, run) = rest.split_once("#R#")?;
        if row.key.sk == "RUN" {
            return Some(Self::Run(PullMessage::run(account, run)));
        }
        let (ordinal, part) = row.key.sk.strip_prefix(keys::BATCH)?.split_once('#')?;
        let message = DeliveryMessage::batch(account, run, ordinal.parse().ok()?, part.parse().ok()?);
        Some(Self::Delivery(message))
    }

    fn notification(account: &str, notification: &str, sk: &str) -> Option<Self> {
        if sk == "N" {
            return Some(Self::Delivery(DeliveryMessage::route(account, notification)));
        }
        let connection = sk.strip_prefix(keys::DELIVERY)?;
        let name = NotificationName { notification: notification.into(), connection: connection.into() };
        Some(Self::Delivery(DeliveryMessage::of(account, &DeliveryName::Notification(name))))
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
            Some(Waking::Delivery(DeliveryMessage::batch("acme", "run_1", 501, 2)))
        );
        let target = keys::resource("acme", "TARGET", "tgt_1");
        assert_eq!(
            due(target),
            Some(Waking::Target { account: "acme".into(), target_server: "tgt_1".into() })
        );
        let gate = keys::gate("acme", "tgt_1");
        assert_eq!(due(gate), Some(Waking::Delivery(DeliveryMessage::target("acme", "tgt_1"))));
        let push = keys::push("acme", "tgt_1");
        assert_eq!(due(push), Some(Waking::Push(PushMessage::flush("acme", "tgt_1"))));
        let kept = keys::notification("acme", "ntf_1");
        assert_eq!(due(kept), Some(Waking::Delivery(DeliveryMessage::route("acme", "ntf_1"))));
        let name = NotificationName { notification: "ntf_1".into(), connection: "con_1".into() };
        assert_eq!(
            due(name.key("acme")),
            Some(Waking::Delivery(DeliveryMessage::of("acme", &DeliveryName::Notification(name))))
        );
        assert_eq!(due(keys::account("acme")), None);
    }
}
