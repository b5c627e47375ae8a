//! One attempt with a claimed notification.

use jiff::Timestamp;
use shared::{
    aws::{AwsError, notifications::ClaimedNotification},
    connection::HUB,
    delivery::{Attempts, DeathCause, DeliveryState},
    gate::Coming,
    mapping::MappedPayload,
    notification::{MOST_WHOLE_BYTES, NotificationDelivery, Payload},
    target_server::{OnUnknown, TargetServerKind},
};

use super::{
    decide::{DEFAULT_RETRY_SECS, Ended, decide},
    outcome::{Outcome, write_down},
};
use crate::{
    Context, buffer,
    content::{Content, is_stored},
    gate::{self, Leave},
    mappings,
    request::{self, NotSent, Outgoing},
    targets,
};

/// Makes an attempt, and writes down what came of it. An error means that the message is to come again.
pub(crate) async fn make(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    coming: Coming,
    leave: Option<Leave>,
) -> Result<(), AwsError> {
    let row = &claimed.delivery;
    let span = tracing::Span::current();
    span.record("delivery.id", row.name().to_string()).record("attempt", row.attempts);
    let outcome = match attempt(context, claimed, body, coming, leave).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(error = shared::chain(&error), "the hub could not make the attempt");
            Outcome::NotMade(error)
        }
    };
    match write_down(context, claimed, body, outcome).await {
        Err(AwsError::LostLease(what)) => {
            tracing::warn!("{what} is someone else's by now; this attempt stops");
            Ok(())
        }
        written => written,
    }
}

/// Sends, unless what is known already says that there is nothing to send.
async fn attempt(
    context: &Context,
    claimed: &ClaimedNotification,
    body: &Payload,
    coming: Coming,
    leave: Option<Leave>,
) -> Result<Outcome, AwsError> {
    let row = &claimed.delivery;
    if claimed.was == DeliveryState::Unknown {
        let why = "nobody said in time whether the target took it";
        return Ok(Outcome::dies(DeathCause::OutcomeUnknown, why));
    }
    let ready = match targets::get(context, &row.account, &row.target_server).await {
        Ok(Some(ready)) => ready,
        Ok(None) => {
            let why = "the target server has been removed";
            return Ok(Outcome::dies(cause(claimed, DeathCause::Undeliverable), why));
        }
        Err(NotSent::Aws(error)) => return Err(error),
        Err(other) => return Err(AwsError::damaged("the target server", shared::chain(&other))),
    };
    let parks = ready.settings.on_unknown == Some(OnUnknown::Park);
    if claimed.was == DeliveryState::Sending && parks {
        return Ok(Outcome::parks("the function that sent it died before it could say more"));
    }
    let retry_secs = ready.settings.retry_secs.as_deref().unwrap_or(DEFAULT_RETRY_SECS);
    // A function that dies while sending leaves the row claimed: that may not go on for ever.
    if usize::try_from(row.attempts).unwrap_or(usize::MAX) > retry_secs.len() + 1 {
        let why = "every attempt ended without a result";
        return Ok(Outcome::dies(cause(claimed, DeathCause::Undeliverable), why));
    }
    let until = Timestamp::from_millisecond(row.deliver_until).unwrap_or(Timestamp::MAX);
    if (context.clock)() > until && !buffer::may_be_in_a_file(context, row, &ready.settings).await? {
        return Ok(Outcome::dies(cause(claimed, DeathCause::Expired), "its time is over"));
    }
    if ready.settings.kind == TargetServerKind::SftpExport {
        return buffer::take(context, row, body, ready).await;
    }
    let (mut content, content_type) = match content(context, row, body).await? {
        Ok(Some(content)) => content,
        Ok(None) => return Ok(Outcome::Held(ready)),
        Err(outcome) => {
            if let Some(leave) = leave {
                leave.give_back(context, &ready).await;
            }
            return Ok(outcome);
        }
    };
    let name = row.name().to_string();
    if leave.is_none() && !ready.gate.admits(coming) {
        return Ok(Outcome::Held(ready));
    }
    let signed = match &mut content {
        Content::Whole(_) => Ok(()),
        Content::Stored(stored) => request::sign_ahead(context, ready.to(), &name, stored).await,
    };
    let mut started = (context.clock)();
    let sent = match signed {
        Err(not_sent) => Err(not_sent),
        Ok(()) => {
            let leave = match leave {
                Some(leave) => leave,
                None => match gate::ask(context, &ready, coming, &name).await? {
                    Some(leave) => leave,
                    None => return Ok(Outcome::Held(ready)),
                },
            };
            started = (context.clock)();
            let outgoing = Outgoing { id: &name, content_type: &content_type, content, alone: parks };
            let sent = request::post(context, ready.to(), outgoing).await;
            leave.give_back(context, &ready).await;
            sent
        }
    };
    let ended = match sent {
        Ok(answer) => Ended::answered(&answer),
        Err(NotSent::Aws(error)) => return Err(error),
        Err(not_sent) => Ended {
            status: None,
            may_have_arrived: matches!(&not_sent, NotSent::NoAnswer(e) if e.may_have_arrived()),
            error: Some(not_sent.to_string()),
            retry_after: None,
            answer: String::new(),
        },
    };
    let now = (context.clock)();
    let attempts = Attempts { retry_secs, until };
    let decision = decide(&ended, attempts, row.attempts, parks, (context.jitter)(), now);
    let duration_ms = now.duration_since(started).as_millis().try_into().unwrap_or(0);
    if let Some(error) = &ended.error {
        // Of the answer only the status: its text may repeat the payload.
        tracing::warn!(error, duration_ms, "an attempt failed");
    }
    let quietly = row.source == HUB;
    gate::tell(context, &ready, ended.status, ended.error.as_deref(), duration_ms, quietly).await;
    Ok(Outcome::Made { ended, decision, duration_ms, at: now })
}

/// The payload as it goes out, with its content type; none while too many large ones are on their way; or what it comes
/// to where nothing goes out.
pub(crate) async fn content(
    context: &Context,
    row: &NotificationDelivery,
    payload: &Payload,
) -> Result<Result<Option<(Content, String)>, Outcome>, AwsError> {
    if row.mapping.is_some() && is_stored(payload, row.size_bytes) {
        let why = format!("a payload of {} bytes is not mapped: {MOST_WHOLE_BYTES} at most", row.size_bytes);
        return Ok(Err(Outcome::dies(DeathCause::Unmappable, &why)));
    }
    let content = Content::of(&context.turns, &context.bucket, payload, row.size_bytes).await?;
    let (mapping, body) = match (&row.mapping, content) {
        (Some(mapping), Some(Content::Whole(body))) => (mapping, body),
        (_, content) => return Ok(Ok(content.map(|content| (content, row.content_type.clone())))),
    };
    let Some(version) = row.mapping_version else {
        return Ok(Err(Outcome::dies(DeathCause::Unmappable, "the mapping has been removed")));
    };
    let compiled = mappings::compiled(context, &row.account, mapping, version).await?;
    Ok(match compiled.map_payload(&body) {
        Ok(MappedPayload::Mapped(json)) => Ok(Some((Content::Whole(json.into()), "application/json".into()))),
        Ok(MappedPayload::Filtered(reason)) => Err(Outcome::dies(DeathCause::Filtered, &reason)),
        Err(error) => Err(Outcome::dies(DeathCause::Unmappable, &error.to_string())),
    })
}

/// What it dies of: where an earlier attempt may have arrived, of that.
pub(super) fn cause(claimed: &ClaimedNotification, otherwise: DeathCause) -> DeathCause {
    match claimed.was {
        DeliveryState::Waiting => otherwise,
        _ => DeathCause::OutcomeUnknown,
    }
}
