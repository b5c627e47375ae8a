//! The texts of a workbook, which its cells only point to.

use quick_xml::events::Event;

use super::escape::unescaped;
use crate::mapping::input::workbook::{
    error::WorkbookError,
    package::Package,
    xml::{MOST_TEXT, Xml},
};

/// Most bytes of the part, and of the texts in it, which are all held in memory.
const MOST_PART_BYTES: u64 = 512 * 1024 * 1024;
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// Most of them.
const MOST_STRINGS: usize = 4_000_000;

/// All of them, one behind the other.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        Some(&self.text[start..end])
    }
}

pub(super) fn read(package: &mut Package, part: &str) -> Result<Strings, WorkbookError> {
    let mut strings = Strings::default();
    let Some(mut xml) = package.part(part, MOST_PART_BYTES)? else { return Ok(strings) };
    let mut text = String::new();
    loop {
        let Some((depth, event)) = xml.next()? else { return Ok(strings) };
        let is_string = depth == 2 && matches!(&event, Event::Start(s) if s.local_name().as_ref() == "si");
        if !is_string {
            continue;
        }
        text.clear();
        push_string(&mut xml, &mut text)?;
        strings.text.push_str(&text);
        if strings.text.len() > MOST_BYTES || strings.ends.len() >= MOST_STRINGS {
            let why =
                format!("it has more than {MOST_BYTES} bytes of text, or more than {MOST_STRINGS} texts");
            return Err(WorkbookError::TooLarge(why));
        }
        strings.ends.push(u32::try_from(strings.text.len()).expect("that many bytes are fewer than 4 GiB"));
    }
}

/// Appends the text of the element that was begun last: all its runs, without the sounds of characters.
pub(super) fn push_string<R: std::io::Read>(xml: &mut Xml<R>, out: &mut String) -> Result<(), WorkbookError> {
    let (outer, mut sounds, mut raw) = (xml.depth(), None, String::new());
    while let Some((depth, event)) = xml.next()? {
        let is_text = match &event {
            Event::End(_) if depth == outer => break,
            Event::End(_) if sounds == Some(depth) => {
                sounds = None;
                false
            }
            Event::Start(start) => match start.local_name().as_ref() {
                "rPh" if sounds.is_none() => {
                    sounds = Some(depth);
                    false
                }
                name => name == "t" && sounds.is_none(),
            },
            _ => false,
        };
        if is_text {
            raw.clear();
            xml.push_text(&mut raw)?;
            if out.len() < MOST_TEXT {
                out.push_str(&unescaped(&raw));
            }
        }
    }
    Ok(())
}
