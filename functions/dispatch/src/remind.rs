//! Telling an account's people that a secret of a source or of a target server ends soon; and metering how long the oldest
//! in a target's buffer has waited, which no push does where none comes.

use jiff::Timestamp;
use serde_json::json;
use shared::{
    announcement::{Happened, announcement},
    aws::{AwsError, due::DueRow, emf, gates::Of, owed::OwedList},
    delivery::{DeliveryState, WaitingFor},
    metrics,
    resource::Settings,
    signature::{LiveSecret, ending, next_reminder},
    source::Source,
    target_server::TargetServer,
};
use tracing::instrument;

use crate::Context;

/// Settings with secrets that end.
pub(crate) trait Ending: Settings {
    /// The secrets.
    fn live_secrets(&self) -> &[LiveSecret];
    /// For people.
    fn name(&self) -> &str;
    /// When its buffer is looked at next, if it has one.
    fn looked_at_next(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }
}

impl Ending for Source {
    fn live_secrets(&self) -> &[LiveSecret] {
        &self.secrets
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Ending for TargetServer {
    fn live_secrets(&self) -> &[LiveSecret] {
        &self.signing_secrets
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn looked_at_next(&self, now: Timestamp) -> Option<Timestamp> {
        Self::looked_at_next(self, now)
    }
}

/// Tells of the secrets of a row that end soon, each once, and makes it due for the next one.
#[instrument(skip_all, fields(account.id = account))]
pub(crate) async fn remind<T: Ending>(
    context: &Context,
    account: &str,
    id: &str,
    row: &DueRow,
) -> Result<(), AwsError> {
    let Some(found) = context.table.find::<T>(account, id).await? else { return Ok(()) };
    // The index lags: what counts is the row.
    if found.beside.due != Some(row.due) {
        return Ok(());
    }
    let (settings, now) = (found.resource.settings, (context.clock)());
    let soon = ending(settings.live_secrets(), now);
    if !soon.is_empty() && context.table.hears(account).await? {
        for secret in soon {
            let kept = tell::<T>(account, id, &settings, secret, now);
            context.table.keep_notification(&kept, now).await?;
        }
    }
    let looked_at_next = settings.looked_at_next(now);
    if looked_at_next.is_some() {
        meter_buffer(context, Of { account, target_server: id }, now).await?;
    }
    match next_reminder(settings.live_secrets(), now).into_iter().chain(looked_at_next).min() {
        Some(next) => context.table.put_off(row, next).await?,
        None => context.table.no_longer_due(row).await?,
    };
    Ok(())
}

/// Meters how long the oldest in a target's buffer has waited, as the index tells it.
async fn meter_buffer(context: &Context, of: Of<'_>, now: Timestamp) -> Result<(), AwsError> {
    let list = OwedList {
        account: of.account,
        target_server: of.target_server,
        state: Some(DeliveryState::Waiting),
        waiting_for: Some(WaitingFor::Flush),
        connection: None,
        from_ms: 0,
        to_ms: i64::MAX / 2,
        limit: 1,
    };
    if let Some(oldest) = context.table.owed(list).await?.first() {
        let age_ms = now.as_millisecond().saturating_sub(oldest.accepted_at()).max(0);
        emf::print(&metrics::oldest_owed(age_ms.unsigned_abs() / 1000));
    }
    Ok(())
}

fn tell<T: Ending>(
    account: &str,
    id: &str,
    settings: &T,
    secret: &LiveSecret,
    now: Timestamp,
) -> shared::notification::Kept {
    let ends_at = secret.ends_at.map(|at| at.to_string()).unwrap_or_default();
    let data = json!({
        "of": T::WORD, "id": id, "name": settings.name(), "secret": secret.name, "ends_at": ends_at,
    });
    announcement(account, Happened::SecretEnding, &[id, &secret.name, &ends_at], data, now)
}
