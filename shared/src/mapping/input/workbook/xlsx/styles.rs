//! What the styles of cells show: numbers, dates or elapsed time.

use std::collections::HashMap;

use quick_xml::events::Event;

use crate::mapping::input::workbook::{
    error::WorkbookError,
    number_format::Shows,
    package::Package,
    xml::{attribute, number},
};

const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What each style shows, by its index.
pub(super) fn read(package: &mut Package, part: &str) -> Result<Vec<Shows>, WorkbookError> {
    let (mut styles, mut formats) = (Vec::new(), HashMap::new());
    let Some(mut xml) = package.part(part, MOST_BYTES)? else { return Ok(styles) };
    let mut within = String::new();
    while let Some((depth, event)) = xml.next()? {
        let Event::Start(start) = event else { continue };
        match (depth, start.local_name().as_ref()) {
            (2, name) => within = name.into(),
            (3, "numFmt") if within == "numFmts" => {
                let code = attribute(&start, "formatCode")?.unwrap_or_default();
                if let Some(id) = number(&start, "numFmtId")? {
                    formats.insert(id, Shows::by_code(&code));
                }
            }
            (3, "xf") if within == "cellXfs" => {
                let id = number(&start, "numFmtId")?.unwrap_or_default();
                styles.push(formats.get(&id).copied().unwrap_or_else(|| Shows::by_id(id)));
            }
            _ => {}
        }
    }
    Ok(styles)
}
