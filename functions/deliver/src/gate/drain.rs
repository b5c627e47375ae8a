//! Looking at what waits for a target: letting the oldest out at its limit, or probing whether it is back.
//!
//! Woken by `dispatch` at the gate's `due`, every minute, and once by a message when a backlog begins or its target is
//! back. Whoever looks has the job to itself until the next minute. What is let out are hints: each row says itself
//! whether it still waits.

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        gates::Of,
        owed::{Owed, OwedList},
    },
    delivery::{DeliveryState, WaitingFor},
    gate::{Gate, GateState, probe_wait},
    message::{DeliveryMessage, LetOut},
    metrics,
    target_server::{Limits, TargetServer},
};
use tracing::instrument;

use crate::{Context, tally};

/// What is let out a second of a target without limits.
const PER_SECOND: u32 = 100;

/// What is let out a second for each place of a target that has a limit on requests in flight only.
const PER_SECOND_AND_PLACE: u32 = 5;

/// A backlog is over when nothing was made to wait for so long: longer than any function may send by a gate that it
/// has read before, and than an index lags.
const QUIET: SignedDuration = SignedDuration::from_secs(70);

/// Looks at what waits for a target.
#[instrument(skip_all, fields(account.id = account, target_server.id = target_server))]
pub(crate) async fn drain(context: &Context, account: &str, target_server: &str) -> Result<(), AwsError> {
    let (of, now) = (Of { account, target_server }, (context.clock)());
    // Until shortly before the next minute, when `dispatch` comes again.
    let window_secs = 60 - now.as_second().rem_euclid(60);
    let until = now.saturating_add(SignedDuration::from_secs((window_secs - 2).max(1))).unwrap_or(now);
    let Some(gate) = context.table.take_drain(of, until, now).await? else { return Ok(()) };
    match gate.gate_state {
        GateState::Active => let_out(context, of, &gate, window_secs, now).await,
        GateState::Failing => probe(context, of, gate, now).await,
        GateState::Paused | GateState::Disabled => Ok(()),
    }
}

async fn let_out(
    context: &Context,
    of: Of<'_>,
    gate: &Gate,
    window_secs: i64,
    now: Timestamp,
) -> Result<(), AwsError> {
    let settings = context.table.find::<TargetServer>(of.account, of.target_server).await?;
    let limits = settings.map(|f| f.resource.settings.limits).unwrap_or_default();
    let per_second = per_second(limits);
    let most = i64::from(per_second) * window_secs;
    let waiting = waiting(context, of, usize::try_from(most).unwrap_or(usize::MAX)).await?;
    if let Some((accepted_at, _)) = waiting.first() {
        let age_ms = now.as_millisecond().saturating_sub(*accepted_at).max(0);
        tally::add(context, &metrics::oldest_owed(age_ms.unsigned_abs() / 1000));
    }
    let messages: Vec<_> = waiting
        .iter()
        .enumerate()
        .map(|(i, (_, row))| (row.clone(), i32::try_from(i as u64 / u64::from(per_second)).unwrap_or(0)))
        .collect();
    context.deliveries.send_delayed(of.account, &messages).await?;
    let is_all = (waiting.len() as i64) < most;
    tracing::info!(let_out = waiting.len(), is_all, "what waited for the target goes on");
    let quiet_since = now.saturating_sub(QUIET).unwrap_or(now);
    if waiting.is_empty() && context.table.drained(of, gate, None, false, quiet_since).await? {
        return Ok(());
    }
    let next = now.saturating_add(SignedDuration::from_secs(window_secs)).unwrap_or(now);
    // Once all of it is on its way, what is new need not wait behind it.
    context.table.drained(of, gate, Some(next), !is_all, quiet_since).await.map(|_| ())
}

fn per_second(limits: Limits) -> u32 {
    match (limits.per_second, limits.in_flight) {
        (Some(n), _) => n,
        (None, Some(places)) => places * PER_SECOND_AND_PLACE,
        (None, None) => PER_SECOND,
    }
}

/// Sends one delivery to a failing target, the oldest that waits for it. Where nothing does, whatever comes next finds
/// out.
async fn probe(context: &Context, of: Of<'_>, mut gate: Gate, now: Timestamp) -> Result<(), AwsError> {
    let Some((accepted_at, DeliveryMessage::Notification { v, account, notification, connection, .. })) =
        waiting(context, of, 1).await?.into_iter().next()
    else {
        context.table.open_gate(of, Some(GateState::Failing), now).await?;
        return Ok(());
    };
    let age_ms = now.as_millisecond().saturating_sub(accepted_at).max(0);
    tally::add(context, &metrics::oldest_owed(age_ms.unsigned_abs() / 1000));
    gate.probes += 1;
    let next = now.saturating_add(probe_wait(gate.probes)).unwrap_or(now);
    if context.table.drained(of, &gate, Some(next), false, now).await? {
        let let_out = Some(LetOut::Probe(gate.epoch));
        let message = DeliveryMessage::Notification { v, account, notification, connection, let_out };
        context.deliveries.send(of.account, &message, 0).await?;
        tracing::info!(probe = gate.probes, "a delivery finds out whether the target is back");
    }
    Ok(())
}

/// The oldest `most` deliveries that wait for a target, with the messages that let them out.
async fn waiting(
    context: &Context,
    of: Of<'_>,
    most: usize,
) -> Result<Vec<(i64, DeliveryMessage)>, AwsError> {
    let list = OwedList {
        account: of.account,
        target_server: of.target_server,
        state: Some(DeliveryState::Waiting),
        waiting_for: Some(WaitingFor::Target),
        connection: None,
        from_ms: 0,
        to_ms: i64::MAX / 2,
        limit: i32::try_from(most.clamp(1, 1_000_000)).unwrap_or(i32::MAX),
    };
    let found = context.table.owed(list).await?;
    let message = |owed: Owed| match owed {
        Owed::Notification(row) => Some((
            row.accepted_at,
            DeliveryMessage::Notification {
                v: 1,
                account: row.account,
                notification: row.notification,
                connection: row.connection,
                let_out: Some(LetOut::InTurn),
            },
        )),
        Owed::Batch(_) => None, // wakes by itself
    };
    Ok(found.into_iter().take(most).filter_map(message).collect())
}
