//! XLSX: which parts there are, and which of them is the sheet.
//!
//! Source: ECMA-376 part 1, sections 12.3 and 18.2; part 2, section 9.

mod escape;
mod sheet;
mod strings;
mod styles;

use quick_xml::events::Event;

use super::{
    error::WorkbookError,
    grid::{Grid, Halt, shown_names},
    moment::Epoch,
    package::Package,
    xml::attribute,
};
use crate::mapping::document::SheetChoice;

/// Most bytes of the parts that say what is where.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Most sheets.
const MOST_SHEETS: usize = 10_000;

/// What one part says of another.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

/// What the workbook's part says.
#[derive(Default)]
struct Book {
    epoch: Epoch,
    /// Name and relation of each sheet.
    sheets: Vec<(String, String)>,
}

/// Reads the chosen sheet.
pub(super) fn read(mut package: Package, choice: &SheetChoice, mut grid: Grid<'_>) -> Result<(), Halt> {
    let root = relations(&mut package, "_rels/.rels", "")?;
    let main =
        root.iter().find(|r| r.kind.ends_with("/officeDocument")).map_or("xl/workbook.xml", |r| &r.target);
    if main.ends_with(".bin") {
        return Err(WorkbookError::NotAWorkbook("it is XLSB".into()).into());
    }
    if !package.has(main) {
        return Err(WorkbookError::NotAWorkbook("it is a zip archive without a workbook in it".into()).into());
    }
    let book = book(&mut package, main)?;
    let (folder, file) = main.rsplit_once('/').unwrap_or(("", main));
    let relations = relations(&mut package, &format!("{folder}/_rels/{file}.rels"), folder)?;
    let sheet = chosen(&book, choice)?;
    let sheet = relations.iter().find(|relation| relation.id == *sheet);
    let sheet = sheet.ok_or_else(|| WorkbookError::Damaged("the sheet has no part".into()))?;
    if !sheet.kind.ends_with("/worksheet") {
        return Err(WorkbookError::NotAWorkbook("the sheet is a chart, or has no cells".into()).into());
    }
    let target = |kind: &str| relations.iter().find(|r| r.kind.ends_with(kind)).map(|r| r.target.as_str());
    let styles = match target("/styles") {
        Some(part) => styles::read(&mut package, part)?,
        None => Vec::new(),
    };
    let strings = match target("/sharedStrings") {
        Some(part) => strings::read(&mut package, part)?,
        None => strings::Strings::default(),
    };
    grid.epoch = book.epoch;
    sheet::read(&mut package, &sheet.target, &strings, &styles, grid)
}

/// The relation of the sheet that the mapping chooses.
fn chosen<'b>(book: &'b Book, choice: &SheetChoice) -> Result<&'b String, WorkbookError> {
    let found = match choice {
        SheetChoice::Name(name) => book.sheets.iter().find(|(other, _)| other == name),
        SheetChoice::Number(number) => book.sheets.get((*number as usize).wrapping_sub(1)),
    };
    found.map(|(_, relation)| relation).ok_or_else(|| WorkbookError::NoSheet {
        wanted: choice.to_string(),
        found: shown_names(book.sheets.iter().map(|(name, _)| name.as_str())),
    })
}

fn book(package: &mut Package, part: &str) -> Result<Book, WorkbookError> {
    let mut book = Book::default();
    let Some(mut xml) = package.part(part, MOST_BYTES)? else { return Ok(book) };
    while let Some((depth, event)) = xml.next()? {
        let Event::Start(start) = event else { continue };
        match (depth, start.local_name().as_ref()) {
            (2, "workbookPr") => {
                let is_1904 = attribute(&start, "date1904")?;
                if is_1904.is_some_and(|value| matches!(value.as_str(), "1" | "true" | "on")) {
                    book.epoch = Epoch::Since1904;
                }
            }
            (3, "sheet") if book.sheets.len() < MOST_SHEETS => {
                let (name, id) = (attribute(&start, "name")?, attribute(&start, "id")?);
                book.sheets.push((name.unwrap_or_default(), id.unwrap_or_default()));
            }
            _ => {}
        }
    }
    Ok(book)
}

/// What a part relates to; nothing where that is not said.
fn relations(package: &mut Package, part: &str, folder: &str) -> Result<Vec<Relation>, WorkbookError> {
    let mut relations = Vec::new();
    let Some(mut xml) = package.part(part.trim_start_matches('/'), MOST_BYTES)? else { return Ok(relations) };
    while let Some((_, event)) = xml.next()? {
        let Event::Start(start) = event else { continue };
        if start.local_name().as_ref() == "Relationship" {
            let of = |name| attribute(&start, name).map(Option::unwrap_or_default);
            let target = resolved(folder, &of("Target")?);
            relations.push(Relation { id: of("Id")?, kind: of("Type")?, target });
        }
    }
    Ok(relations)
}

/// A part's name, which may be said from a folder on.
fn resolved(folder: &str, target: &str) -> String {
    let mut steps: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').filter(|step| !step.is_empty()).collect(),
    };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => _ = steps.pop(),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_from_their_folder_or_from_the_root() {
        for (folder, target, part) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "../docs/./a.xml", "docs/a.xml"),
            ("", "xl/workbook.xml", "xl/workbook.xml"),
            ("", "../../x", "x"),
        ] {
            assert_eq!(resolved(folder, target), part);
        }
    }
}
