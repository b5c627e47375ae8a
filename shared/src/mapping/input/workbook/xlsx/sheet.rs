//! The cells of a sheet, as they come.
//!
//! Source: ECMA-376 part 1, sections 18.3.1.4 (c), 18.3.1.40 (f), 18.3.1.73 (row) and 18.18.11 (ST_CellType).

use std::io::Read;

use quick_xml::events::{BytesStart, Event};

use super::{
    escape::unescaped,
    strings::{Strings, push_string},
};
use crate::mapping::input::workbook::{
    cell::{Value, civil},
    columns::place,
    error::WorkbookError,
    grid::{Grid, Halt, Range},
    number_format::Shows,
    package::Package,
    xml::{Xml, attribute, number},
};

/// Most bytes of a sheet.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

pub(super) fn read(
    package: &mut Package,
    part: &str,
    strings: &Strings,
    styles: &[Shows],
    mut grid: Grid<'_>,
) -> Result<(), Halt> {
    if grid.wants_merged() {
        merged(package, part, &mut grid)?;
    }
    let mut cells = Cells { xml: opened(package, part)?, strings, styles, text: String::new() };
    let mut place = (0, 0);
    while let Some((depth, event)) = cells.xml.next()? {
        match event {
            Event::Start(start) if depth == 3 && start.local_name().as_ref() == "row" => {
                let row = number(&start, "r")?.unwrap_or(place.0 + 1);
                grid.row(row)?;
                place = (row, 0);
            }
            Event::Start(start) if depth == 4 && start.local_name().as_ref() == "c" => {
                let cell = Cell::of(&start, place)?;
                let value = cells.value(&cell)?;
                grid.cell(cell.column, value)?;
                place.1 = cell.column + 1;
            }
            Event::End(end) if depth == 2 && end.local_name().as_ref() == "sheetData" => break,
            _ => {}
        }
    }
    grid.finish()
}

fn opened<'p>(package: &'p mut Package, part: &str) -> Result<Xml<impl Read + use<'p>>, WorkbookError> {
    package.part(part, MOST_BYTES)?.ok_or_else(|| WorkbookError::Damaged(format!("{part} is missing")))
}

/// The merged ranges stand behind the cells, so they take a pass of their own.
fn merged(package: &mut Package, part: &str, grid: &mut Grid<'_>) -> Result<(), Halt> {
    let mut xml = opened(package, part)?;
    while let Some((depth, event)) = xml.next()? {
        let Event::Start(start) = event else { continue };
        if depth == 3 && start.local_name().as_ref() == "mergeCell" {
            let reference = attribute(&start, "ref")?.unwrap_or_default();
            let (first, last) = reference.split_once(':').unwrap_or((&reference, &reference));
            let (Some(first), Some(last)) = (place(first), place(last)) else {
                return Err(WorkbookError::Damaged(format!("{reference:?} is no range of cells")).into());
            };
            grid.merge(Range { rows: (first.0, last.0), columns: (first.1, last.1) })?;
        }
    }
    Ok(())
}

/// What a cell says of itself before its value.
struct Cell {
    column: u32,
    style: Option<u32>,
    kind: String,
}

impl Cell {
    /// Reads it; `next` is where it is unless it says that.
    fn of(start: &BytesStart<'_>, next: (u32, u32)) -> Result<Self, WorkbookError> {
        let (mut column, mut style, mut kind) = (next.1, None, String::new());
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|e| WorkbookError::Damaged(e.to_string()))?;
            let value = attribute.value.as_ref();
            let bad = || WorkbookError::Damaged(format!("a cell of row {} has {value:?}", next.0));
            match attribute.key.as_ref() {
                "r" => {
                    let place = place(value).filter(|(row, _)| *row == next.0);
                    column = place.ok_or_else(bad)?.1;
                }
                "s" => style = Some(value.parse().map_err(|_| bad())?),
                "t" => value.clone_into(&mut kind),
                _ => {}
            }
        }
        Ok(Self { column, style, kind })
    }
}

/// What cells are read from.
struct Cells<'s, R> {
    xml: Xml<R>,
    strings: &'s Strings,
    styles: &'s [Shows],
    text: String,
}

impl<'s, R: Read> Cells<'s, R> {
    /// Reads the cell that was begun last, to its end.
    fn value(&mut self, cell: &Cell) -> Result<Value<'s>, WorkbookError> {
        self.text.clear();
        let (mut is_formula, mut has_value) = (false, false);
        while let Some((depth, event)) = self.xml.next()? {
            match event {
                Event::Start(start) if depth == 5 => match start.local_name().as_ref() {
                    "v" if cell.kind != "inlineStr" => {
                        has_value = true;
                        self.xml.push_text(&mut self.text)?;
                    }
                    "is" => {
                        has_value = true;
                        push_string(&mut self.xml, &mut self.text)?;
                    }
                    "f" => is_formula = true,
                    _ => {}
                },
                Event::End(_) if depth == 4 => break,
                _ => {}
            }
        }
        let has_none = !has_value || (self.text.is_empty() && cell.kind != "str");
        Ok(match (has_none, is_formula) {
            (true, true) => Value::Uncalculated,
            (true, false) => Value::Empty,
            (false, _) => self.kept(cell)?,
        })
    }

    fn kept(&self, cell: &Cell) -> Result<Value<'s>, WorkbookError> {
        let text = self.text.as_str();
        Ok(match cell.kind.as_str() {
            "s" => {
                let shared = text.trim().parse().ok().and_then(|at| self.strings.get(at));
                let unknown = || WorkbookError::Damaged(format!("there is no text number {text:?}"));
                Value::text(shared.ok_or_else(unknown)?)
            }
            "inlineStr" => Value::text(text.to_string()),
            "str" => Value::text(unescaped(text).into_owned()),
            "b" => match text.trim() {
                "1" | "true" => Value::Boolean(true),
                "0" | "false" => Value::Boolean(false),
                _ => Value::Unreadable("a boolean"),
            },
            "e" => Value::Error(text.trim().into()),
            "d" => civil(text.trim()),
            "n" | "" => match text.trim().parse() {
                Ok(number) => Value::shown(number, self.shows(cell.style)?),
                Err(_) => Value::Unreadable("a number"),
            },
            _ => Value::Unreadable("of a kind that is known"),
        })
    }

    /// A style that is not there would make a number of a date.
    fn shows(&self, style: Option<u32>) -> Result<Shows, WorkbookError> {
        match style {
            None | Some(0) if self.styles.is_empty() => Ok(Shows::Number),
            style => {
                let style = style.unwrap_or_default();
                let unknown = || WorkbookError::Damaged(format!("there is no style number {style}"));
                self.styles.get(style as usize).copied().ok_or_else(unknown)
            }
        }
    }
}
