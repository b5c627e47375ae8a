//! One notification: verified, told from what came before, handed on, acknowledged.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use shared::{
    aws::emf,
    http_api::{Request, Response},
    metrics,
    notification::MOST_WHOLE_BYTES,
    source::{Incoming, Source, SourceStatus, Verified, verify},
};

use crate::{
    Context,
    address::Address,
    fan_out::{Event, How, Taken, fan_out},
    rate,
    refusal::Refusal,
    sources::Ready,
};

/// The acknowledgement.
#[derive(Serialize)]
struct Accepted {
    /// Id of the notification, the same for every repeat.
    id: String,
}

/// Takes one notification.
pub(crate) async fn accept(
    context: &Context,
    address: &Address<'_>,
    request: &Request,
) -> Result<Response, Refusal> {
    let now = (context.clock)();
    let (ready, verified) = verified(context, address, request, now).await?;
    let source = &ready.source;
    let event = Event {
        id: event_id(source, &verified)?,
        event_type: event_type(source, &verified)?,
        content_type: content_type(request.header("content-type")),
        body: verified.body(),
        upload: None,
    };
    one(context, address, &ready, event, now).await
}

/// Hands one event on, and answers.
pub(crate) async fn one(
    context: &Context,
    address: &Address<'_>,
    ready: &Ready,
    event: Event<'_>,
    now: Timestamp,
) -> Result<Response, Refusal> {
    rate::keep_to(context, address, &ready.source, 1, now).await?;
    let mut taken = fan_out(context, address, ready, &[event], now).await?;
    match taken.pop() {
        Some(Taken::Accepted { id, how }) => {
            let is = |other| u64::from(how == other);
            emf::print(&metrics::not_handed_on(is(How::Unrouted), is(How::Repeat)));
            Response::json(202, &Accepted { id }).map_err(|_| Refusal::Unwritable)
        }
        _ => Err(Refusal::Conflict),
    }
}

/// Verifies a request against its source.
pub(crate) async fn verified<'a>(
    context: &Context,
    address: &Address<'_>,
    request: &'a Request,
    now: Timestamp,
) -> Result<(Arc<Ready>, Verified<'a>), Refusal> {
    if request.body.len() > MOST_WHOLE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let (account, source) = (address.account, address.source);
    let found = context.sources.get(account, source, now).await.map_err(Refusal::Unavailable)?;
    let mut ready = found.ok_or(Refusal::NoSuchSource)?;
    let check = |ready: &Ready| {
        let incoming = Incoming { headers: &request.headers, body: &request.body };
        verify(&ready.source.verification, &ready.live_secrets(now), incoming, now)
    };
    let mut checked = check(&ready);
    if checked.is_err() && ready.is_old(now) {
        let found = context.sources.read_again(account, source, now).await.map_err(Refusal::Unavailable)?;
        ready = found.ok_or(Refusal::NoSuchSource)?;
        checked = check(&ready);
    }
    let verified = checked?;
    // Only who has proved who they are learns that the source is there and switched off.
    match ready.source.status {
        SourceStatus::Active => Ok((ready, verified)),
        SourceStatus::Disabled => Err(Refusal::Disabled),
    }
}

pub(crate) fn event_id(source: &Source, verified: &Verified<'_>) -> Result<String, Refusal> {
    let found = source.event_id.find(verified.headers(), verified.body()).map_err(Refusal::EventId)?;
    found.ok_or_else(|| Refusal::NoEventId(source.event_id.to_string()))
}

pub(crate) fn event_type(source: &Source, verified: &Verified<'_>) -> Result<Option<String>, Refusal> {
    let Some(place) = &source.event_type else { return Ok(None) };
    place.find(verified.headers(), verified.body()).map_err(Refusal::EventType)
}

/// The payload's content type: what the sender says, as far as that is a header's value at all.
pub(crate) fn content_type(stated: Option<&str>) -> String {
    let stated = stated.map(str::trim).unwrap_or_default();
    let usable = (1..=200).contains(&stated.len()) && stated.bytes().all(|b| (b' '..=b'~').contains(&b));
    if usable { stated.into() } else { "application/octet-stream".into() }
}
