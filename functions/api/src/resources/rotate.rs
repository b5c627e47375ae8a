//! Replacing a secret without a gap: a new one is added, and those that have no end get one.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    problem::{FieldError, Problem},
    secret::SecretField,
    signature::{LiveSecret, MOST_SECRETS},
    source::{Scheme, Source},
    target_server::TargetServer,
};

use super::{Beside, Resource, Rules, find, secrets};
use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// How long the old secrets go on counting where a caller does not say: what the other side needs to change over.
const OVERLAP_SECS: u32 = 86_400;

/// Settings whose secrets can be replaced one by one.
pub(crate) trait Rotating: Rules {
    /// The secrets.
    fn live(&mut self) -> &mut Vec<LiveSecret>;

    /// Whether they are those of Standard Webhooks.
    fn has_webhook_secrets(&self) -> bool;
}

impl Rotating for Source {
    fn live(&mut self) -> &mut Vec<LiveSecret> {
        &mut self.secrets
    }

    fn has_webhook_secrets(&self) -> bool {
        self.verification.scheme == Scheme::StandardWebhooks
    }
}

impl Rotating for TargetServer {
    fn live(&mut self) -> &mut Vec<LiveSecret> {
        &mut self.signing_secrets
    }

    fn has_webhook_secrets(&self) -> bool {
        true
    }
}

/// The new secret.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// Its name; by the time without one.
    #[serde(default)]
    name: Option<String>,
    /// The secret itself; one is made without it.
    #[serde(default)]
    secret: Option<SecretField>,
    /// Seconds for which the others still count, up to 90 days; a day without it.
    #[serde(default)]
    overlap_secs: Option<u32>,
}

/// What was rotated.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rotated {
    /// Name of the new secret.
    name: String,
    /// The new secret, where the hub made it. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// When the others stop counting.
    old_end_at: Timestamp,
}

/// Adds a secret, and lets those without an end go after a while.
pub(crate) async fn rotate<T: Rotating>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: Rotate = match request.body.is_empty() {
        true => Rotate::default(),
        false => http::parse(&request.body)?,
    };
    let overlap = body.overlap_secs.unwrap_or(OVERLAP_SECS);
    if overlap > 90 * 86_400 {
        return Err(Problem::invalid(vec![FieldError::new("overlap_secs", "must be 90 days at most")]));
    }
    let now = (context.clock)();
    let old_end_at = now.saturating_add(SignedDuration::from_secs(overlap.into())).unwrap_or(Timestamp::MAX);
    let name = body.name.unwrap_or_else(|| now.strftime("s%Y%m%d%H%M%S").to_string());
    for _ in 0..5 {
        let seen = find::<T>(&context, &caller, request.param("id")).await?;
        let (mut settings, mut old) = (seen.resource.settings.clone(), seen.resource.settings.clone());
        let made = body.secret.is_none().then(|| make(&context, settings.has_webhook_secrets()));
        for (_, kept) in settings.secrets() {
            kept.hide();
        }
        let secrets = settings.live();
        secrets.retain(|s| s.is_live(now));
        for secret in secrets.iter_mut() {
            secret.ends_at = Some(secret.ends_at.map_or(old_end_at, |end| end.min(old_end_at)));
        }
        if secrets.len() >= MOST_SECRETS {
            let detail = format!("there are {MOST_SECRETS} secrets already; remove one first");
            return Err(Problem::new(409, "too_many_secrets", detail));
        }
        let secret = body.secret.clone().or_else(|| made.clone().map(SecretField::plain));
        let secret = secret.unwrap_or_else(|| SecretField::plain(""));
        secrets.push(LiveSecret { name: name.clone(), secret, ends_at: None });
        super::check(&context, &caller, &settings).await?;
        secrets::seal(&context, &caller.account, &seen.resource.id, &mut settings, Some(&mut old)).await?;
        let beside = Beside { due: settings.due(&seen.resource.id, now), ..seen.beside.clone() };
        let resource = Resource {
            version: seen.resource.version + 1,
            updated_at: now,
            settings,
            id: seen.resource.id.clone(),
            created_at: seen.resource.created_at,
        };
        if context.table.replace(&caller.account, &resource, &beside, &seen).await.map_err(unavailable)? {
            return Response::json(201, &Rotated { name, secret: made, old_end_at });
        }
    }
    Err(Problem::new(503, "unavailable", "it is being changed by others; try again"))
}

fn make(context: &Context, for_webhooks: bool) -> String {
    let random = STANDARD.encode((context.random)());
    if for_webhooks { format!("whsec_{random}") } else { random }
}
