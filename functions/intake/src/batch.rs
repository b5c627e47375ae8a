//! Several notifications in one request: a JSON array, or NDJSON. Each is taken or refused by itself, and the answer
//! says of each what became of it.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    aws::emf,
    http_api::{Request, Response},
    metrics,
    source::{Headers, Place},
};

use crate::{
    Context,
    accept::verified,
    address::Address,
    fan_out::{Event, How, Taken, fan_out},
    rate,
    refusal::Refusal,
};

/// Most notifications of one request.
const MOST: usize = 1000;

/// What became of one of them.
#[derive(Serialize)]
struct ItemResult {
    /// 202, 409 or 422, as a request of its own would have been answered.
    status: u16,
    /// Id of the notification, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Why it was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct Results {
    results: Vec<ItemResult>,
}

/// Takes a batch.
pub(crate) async fn accept(
    context: &Context,
    address: &Address<'_>,
    request: &Request,
) -> Result<Response, Refusal> {
    let now = (context.clock)();
    let (ready, verified) = verified(context, address, request, now).await?;
    let source = &ready.source;
    if source.event_id.header.is_some() {
        let why = "this source's event ids stand in a header, which is one for all of a batch; post them one by one";
        return Err(Refusal::Batch(why.into()));
    }
    let items = items(verified.body())?;
    let read = |item: &'_ &RawValue| read(source.event_id.clone(), source.event_type.clone(), item);
    let read: Vec<Result<Read, Refusal>> = items.iter().map(read).collect();
    let events: Vec<Event<'_>> = read
        .iter()
        .zip(&items)
        .filter_map(|(read, item)| {
            let read = read.as_ref().ok()?;
            Some(Event {
                id: read.id.clone(),
                event_type: read.event_type.clone(),
                content_type: "application/json".into(),
                body: item.get().as_bytes(),
                upload: None,
            })
        })
        .collect();
    rate::keep_to(context, address, source, items.len(), now).await?;
    let mut taken = fan_out(context, address, &ready, &events, now).await?.into_iter();
    let mut results = Vec::with_capacity(items.len());
    let (mut unrouted, mut repeats) = (0, 0);
    for read in read {
        let refused = |refusal: Refusal, id| {
            let code = refusal.reason();
            emf::print(&metrics::refused(code));
            let problem = refusal.into_problem();
            ItemResult { status: problem.status, id, code: Some(code), detail: Some(problem.detail) }
        };
        results.push(match read {
            Err(refusal) => refused(refusal, None),
            Ok(_) => match taken.next() {
                Some(Taken::Accepted { id, how }) => {
                    unrouted += u64::from(how == How::Unrouted);
                    repeats += u64::from(how == How::Repeat);
                    ItemResult { status: 202, id: Some(id), code: None, detail: None }
                }
                Some(Taken::Conflict { id }) => refused(Refusal::Conflict, Some(id)),
                None => refused(Refusal::Conflict, None),
            },
        });
    }
    emf::print(&metrics::not_handed_on(unrouted, repeats));
    Response::json(200, &Results { results }).map_err(|_| Refusal::Unwritable)
}

struct Read {
    id: String,
    event_type: Option<String>,
}

fn read(event_id: Place, event_type: Option<Place>, item: &RawValue) -> Result<Read, Refusal> {
    let headers = Headers::default();
    let body = item.get().as_bytes();
    let id = event_id.find(&headers, body).map_err(Refusal::EventId)?;
    let id = id.ok_or_else(|| Refusal::NoEventId(event_id.to_string()))?;
    let event_type = match event_type.filter(|place| place.header.is_none()) {
        Some(place) => place.find(&headers, body).map_err(Refusal::EventType)?,
        None => None,
    };
    Ok(Read { id, event_type })
}

/// Takes a body apart: a JSON array, or a JSON value a line.
fn items(body: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let invalid = |why: String| Refusal::Batch(format!("the body is no JSON array and no NDJSON: {why}"));
    let text = std::str::from_utf8(body).map_err(|e| invalid(e.to_string()))?.trim_start_matches('\u{feff}');
    let items: Vec<&RawValue> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?,
        false => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let item =
                |(i, line)| serde_json::from_str(line).map_err(|e| invalid(format!("line {}: {e}", i + 1)));
            lines.map(item).collect::<Result<_, _>>()?
        }
    };
    match items.len() {
        0 => Err(Refusal::Batch("the batch is empty".into())),
        n if n > MOST => {
            Err(Refusal::Batch(format!("a batch may have {MOST} notifications at most, not {n}")))
        }
        _ => Ok(items),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_an_array_or_lines() {
        let texts = |body: &str| {
            items(body.as_bytes()).map(|i| i.iter().map(|i| i.get().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(texts("[{\"a\":1}, 2]").unwrap(), ["{\"a\":1}", "2"]);
        assert_eq!(texts("{\"a\": 1}\n\n{\"b\":2}\r\n").unwrap(), ["{\"a\": 1}", "{\"b\":2}"]);
        for bad in ["", "[]", "[1", "{\"a\":1}\nx", "\u{feff}"] {
            assert!(texts(bad).is_err(), "{bad}");
        }
        let many = format!("[{}1]", "1,".repeat(MOST));
        assert!(texts(&many).is_err());
        assert!(items(&[0xff]).is_err());
    }
}
