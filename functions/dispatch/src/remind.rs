//! Telling an account's people that a secret of a source or of a target server ends soon.

use jiff::Timestamp;
use serde_json::json;
use shared::{
    announcement::{Happened, announcement},
    aws::{AwsError, due::DueRow},
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
    match next_reminder(settings.live_secrets(), now) {
        Some(next) => context.table.put_off(row, next).await?,
        None => context.table.no_longer_due(row).await?,
    };
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
