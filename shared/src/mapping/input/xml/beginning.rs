//! The whole records of a file of which only the beginning is there: for previews. Runs read files whole.

use std::io::Read;

use quick_xml::{NsReader, escape::unescape, events::Event, name::ResolveResult};

use super::{declared, path::Name};
use crate::mapping::{compile::CompiledXml, encoding::Encoding, input::decode::Utf8Reader};

/// Decodes XML by what it says of itself: its encoding, and its bytes as UTF-8; None where that cannot be done.
pub(in crate::mapping) fn decoded(bytes: &[u8], stated: Option<Encoding>) -> Option<(Encoding, Vec<u8>)> {
    let (encoding, reader) = declared::encoding(bytes, stated).ok()?;
    let mut decoded = Vec::new();
    Utf8Reader::new(reader, encoding).read_to_end(&mut decoded).ok()?;
    Some((encoding, decoded))
}

/// Ends a file behind its last whole record, in its own encoding; None where there is no whole record.
pub(in crate::mapping) fn whole_records(settings: &CompiledXml, beginning: &[u8]) -> Option<Vec<u8>> {
    let (encoding, decoded) = decoded(beginning, settings.encoding)?;
    let mut reader = NsReader::from_reader(&decoded[..]);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    // Of each element that is open, whether it is on the way to the records.
    let mut open: Vec<bool> = Vec::new();
    let mut last: Option<(usize, usize)> = None;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => {
                let (namespace, local) = reader.resolver().resolve_element(start.name());
                let wanted = settings.record.get(open.len());
                let is_on_way = open.last().is_none_or(|parent| *parent)
                    && wanted.is_some_and(|wanted| is(wanted, &namespace, local.into_inner()));
                open.push(is_on_way);
            }
            Ok(Event::End(_)) => {
                let is_on_way = open.pop()?;
                if is_on_way && open.len() + 1 == settings.record.len() {
                    let end = usize::try_from(reader.buffer_position()).ok()?;
                    last = Some((end, open.len()));
                }
            }
            // What is wrong behind the last whole record is what was cut.
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let (end, depth) = last?;
    // Those that were open at the last record and were closed since are the way to it.
    let way = way(&decoded[..end], depth)?;
    let mut text = String::from_utf8(decoded.get(..end)?.to_vec()).ok()?;
    way.iter().rev().for_each(|name| text.push_str(&format!("</{name}>")));
    let mut out = encoding.byte_order_mark().unwrap_or_default().to_vec();
    encoding.encode(&text, &mut out).ok()?;
    Some(out)
}

fn is(wanted: &Name, namespace: &ResolveResult<'_>, local: &str) -> bool {
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => match unescape(namespace.0) {
            Ok(namespace) => Some(namespace),
            Err(_) => return false,
        },
        ResolveResult::Unbound => None,
        ResolveResult::Unknown(_) => return false,
    };
    wanted.local == local && wanted.namespace.as_deref() == namespace.as_deref()
}

/// The names of the elements that are open at the end, as they are written.
fn way(decoded: &[u8], depth: usize) -> Option<Vec<String>> {
    let mut reader = NsReader::from_reader(decoded);
    reader.config_mut().expand_empty_elements = true;
    let (mut buffer, mut open) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).ok()? {
            Event::Start(start) => open.push(start.name().into_inner().to_owned()),
            Event::End(_) => drop(open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    (open.len() == depth).then_some(open)
}
