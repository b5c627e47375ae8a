//! Whatever table is written in whatever format and dialect, the mapping that says the same reads the same table.
//!
//! A record that a format cannot take is refused when it is written: each refusal's reason is checked by a rule of its own
//! here. Two things are as they are stated, and are expected so: a text before which `quote_prefix` puts its mark, and
//! cells filled with something else than spaces, which nobody can tell from their filling. Of a sheet the empty rows at
//! its end are none.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{compile, decode::ENCODINGS};
use crate::export::{Align, Export, FileFormat, FixedColumn, FormulaCells, Named, Rendering, Totals, Unfit};
use crate::mapping::{Encoding, Outcome, records};

/// Names of columns, and rows of as many cells.
#[derive(Clone, Debug)]
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The mapping that reads what an output writes, of columns with these names: each to its number, as text.
fn mapping_of(export: &Export, names: &[String]) -> Value {
    let column = |at: usize, from: Value, transforms: Value| json!({ "name": at.to_string(), "from": from, "type": "text", "default": "", "transforms": transforms });
    let plain = |from: Vec<String>| -> Vec<Value> {
        from.into_iter().enumerate().map(|(at, from)| column(at, json!(from), json!([]))).collect()
    };
    let (input, columns) = match export.format {
        FileFormat::Csv => {
            let csv = export.csv.as_ref().unwrap();
            let from = |at: usize| match csv.header {
                true => names[at].clone(),
                false => (at + 1).to_string(),
            };
            let input = json!({
                "format": "csv", "encoding": csv.encoding, "delimiter": csv.delimiter.to_string(), "header": csv.header,
            });
            (input, plain((0..names.len()).map(from).collect()))
        }
        FileFormat::Ndjson | FileFormat::JsonArray => {
            let format = if export.format == FileFormat::Ndjson { "ndjson" } else { "json" };
            let pointer = |name: &String| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            (json!({ "format": format }), plain(names.iter().map(pointer).collect()))
        }
        FileFormat::Xml => {
            let xml = export.xml.as_ref().unwrap();
            let prefix = if xml.namespace.is_some() { "n:" } else { "" };
            let path = |member: &String| {
                let name = xml.names.get(member).unwrap_or(member);
                if xml.attributes.contains(member) { format!("@{name}") } else { format!("{prefix}{name}") }
            };
            let input = json!({
                "format": "xml", "record": format!("/{prefix}{}/{prefix}{}", xml.root, xml.record),
                "namespaces": xml.namespace.iter().map(|namespace| ("n".to_owned(), json!(namespace))).collect::<Map<_, _>>(),
            });
            (input, plain(names.iter().map(path).collect()))
        }
        FileFormat::FixedWidth => {
            let fixed = export.fixed_width.as_ref().unwrap();
            let mut start = 1;
            let mut places = Vec::new();
            let mut columns = Vec::new();
            for (at, place) in fixed.columns.iter().enumerate() {
                places.push(json!({ "name": at.to_string(), "start": start, "width": place.width }));
                start += place.width;
                let transforms = match (place.fill, place.align) {
                    (' ', Align::Left) => json!([{ "capture": "(?s)^(.*?) *$" }]),
                    (' ', Align::Right) => json!([{ "capture": "(?s)^ *(.*)$" }]),
                    _ => json!([]),
                };
                columns.push(column(at, json!(at.to_string()), transforms));
            }
            let input = json!({
                "format": "fixed_width", "encoding": fixed.encoding, "columns": places, "skip_rows": u32::from(fixed.header),
            });
            (input, columns)
        }
        FileFormat::Xlsx => {
            let xlsx = export.xlsx.as_ref().unwrap();
            let letter = |at: usize| char::from(b'A' + u8::try_from(at).unwrap()).to_string();
            let from = |at: usize| if xlsx.header { names[at].clone() } else { letter(at) };
            let input = json!({
                "format": "workbook", "sheet": xlsx.sheet, "header_row": xlsx.header.then_some(1), "empty_rows": "read",
            });
            (input, plain((0..names.len()).map(from).collect()))
        }
        FileFormat::Saft => {
            unreachable!("its columns are those of the schema: `export/saft/tests.rs` reads them back")
        }
        FileFormat::Payload => unreachable!("a payload is no table"),
    };
    json!({ "name": "table", "input": input, "columns": columns })
}

/// What a row comes to that is written.
fn expected(export: &Export, row: &[String]) -> Vec<String> {
    let cell = |(at, text): (usize, &String)| {
        if let Some(csv) = &export.csv
            && csv.formula_cells == FormulaCells::QuotePrefix
            && looks_like_a_formula(text)
        {
            return format!("'{text}");
        }
        match &export.fixed_width {
            Some(fixed) if fixed.columns[at].fill != ' ' => filled(&fixed.columns[at], text),
            _ => text.clone(),
        }
    };
    row.iter().enumerate().map(cell).collect()
}

fn filled(column: &FixedColumn, text: &str) -> String {
    let fill = if text.is_empty() { ' ' } else { column.fill };
    let filling: String = std::iter::repeat_n(fill, column.width as usize - text.chars().count()).collect();
    match column.align {
        Align::Left => format!("{text}{filling}"),
        Align::Right => format!("{filling}{text}"),
    }
}

/// As the export documents it, by another way: a first character that begins formulas, and letters or marks behind it.
fn looks_like_a_formula(text: &str) -> bool {
    let begins = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let number = regex::Regex::new(r"^([+-][0-9]+([.,][0-9]+)?|\+[0-9][0-9 ()-]*)$").unwrap();
    text.trim_start_matches(' ').starts_with(begins) && !number.is_match(text)
}

/// Says whether a record had to be refused for this reason.
fn is_right(unfit: &Unfit, export: &Export, table: &Table, row: &[String]) -> bool {
    let at = |name: &String| table.names.iter().position(|known| known == name).unwrap();
    let cell = |name: &String| &row[at(name)];
    let fixed = |name: &String| &export.fixed_width.as_ref().unwrap().columns[at(name)];
    match unfit {
        Unfit::Formula(column) => {
            export.csv.as_ref().is_some_and(|csv| csv.formula_cells == FormulaCells::Refuse)
                && looks_like_a_formula(cell(column))
        }
        Unfit::NoSuchCharacter { column, character, encoding } => {
            let encoding = Encoding::named(encoding).unwrap();
            let is_wide = encoding.name().starts_with("utf");
            cell(column).contains(*character)
                && !is_wide
                && (0..=255).all(|byte| encoding.character(byte) != Some(*character))
        }
        Unfit::NotInXml { column, character } => {
            let is_control = u32::from(*character) < 0x20 && !matches!(character, '\t' | '\n' | '\r');
            export.xml.is_some()
                && cell(column).contains(*character)
                && (is_control || matches!(character, '\u{fffe}' | '\u{ffff}'))
        }
        Unfit::TooLong { column, .. } => cell(column).chars().count() > fixed(column).width as usize,
        Unfit::EdgedBySpace(column) => {
            let is_edged = match fixed(column).align {
                Align::Left => cell(column).ends_with(' '),
                Align::Right => cell(column).starts_with(' '),
            };
            fixed(column).fill == ' ' && is_edged
        }
        Unfit::LineBreak(column) => cell(column).contains(|c: char| c.is_control() && c != '\t'),
        Unfit::BeginsAsAMark(column) => {
            let mut bytes = Vec::new();
            let encoding = Encoding::named(&export.fixed_width.as_ref().unwrap().encoding).unwrap();
            let text = match fixed(column).fill {
                ' ' => cell(column).clone(),
                _ => filled(fixed(column), cell(column)),
            };
            let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
            // UTF-32 has marks that contain those of UTF-16, and one with zeros before it.
            at(column) == 0
                && encoding.encode(&text, &mut bytes).is_ok()
                && (marks.iter().any(|mark| bytes.starts_with(mark)) || bytes.starts_with(b"\0\0\xFE\xFF"))
        }
        _ => false,
    }
}

/// Writes the rows that fit, and returns them as they are expected back.
fn written(export: &Export, table: &Table) -> Result<(Vec<u8>, Vec<Vec<String>>), TestCaseError> {
    let rendering = Rendering::of(export).unwrap();
    let named = Named::example("2026-11-25T09:30:00Z");
    let mut packer = rendering.packer("table.xlsx").unwrap();
    let mut file = Vec::new();
    let mut add = |bytes: &[u8]| match &mut packer {
        Some(packer) => file.extend(packer.add(bytes).unwrap()),
        None => file.extend_from_slice(bytes),
    };
    add(&rendering.begin(&named, &Totals::default()).unwrap());
    let (mut rows, mut totals) = (Vec::new(), Totals::default());
    for row in &table.rows {
        let record: Map<String, Value> =
            table.names.iter().cloned().zip(row.iter().map(|cell| json!(cell))).collect();
        match rendering.record(Value::from(record).to_string().as_bytes()) {
            Ok(piece) => {
                if !rows.is_empty() {
                    add(rendering.between());
                }
                add(&rendering.placed(&piece, &totals));
                piece.add_to(&mut totals);
                rows.push(expected(export, row));
            }
            Err(unfit) => prop_assert!(is_right(&unfit, export, table, row), "{unfit:?} of {row:?}"),
        }
    }
    add(&rendering.end(&named, &totals).unwrap());
    if let Some(packer) = packer {
        file.extend(packer.finish().unwrap());
    }
    if export.xlsx.is_some() {
        while rows.last().is_some_and(|row: &Vec<String>| row.iter().all(String::is_empty)) {
            rows.pop();
        }
    }
    Ok((file, rows))
}

fn read_back(file: &[u8], mapping: Value) -> Result<Vec<Vec<String>>, TestCaseError> {
    let mapping = compile(mapping);
    let failed = |error: &dyn std::fmt::Display| {
        TestCaseError::fail(format!("{error} of {:?}", String::from_utf8_lossy(file)))
    };
    let mut rows = Vec::new();
    for outcome in records(file, &mapping).map_err(|error| failed(&error))? {
        let outcome = outcome.map_err(|error| failed(&error))?;
        let Outcome::Record(record) = &outcome else { return Err(failed(&format!("{outcome:?}"))) };
        let members: Map<String, Value> = serde_json::from_str(&record.data).unwrap();
        let cell = |at: usize| members[&at.to_string()].as_str().unwrap().to_owned();
        rows.push((0..members.len()).map(cell).collect());
    }
    Ok(rows)
}

fn texts() -> impl Strategy<Value = String> {
    let awkward = vec![
        "",
        " ",
        "0042",
        "00",
        "=1+1",
        "-1",
        "+47 22 33",
        "\u{feff}",
        "\u{feff}x",
        "ï»¿",
        "ÿþ",
        "þÿ",
        "'x",
        "_x0041_",
        "null",
        "\\N",
        "#",
        "a\\\"b",
        " a ",
        "\"",
        "\"\"",
        "\r\n",
        "\r",
        "1e5",
        "a\u{0}b",
        "<![CDATA[x]]>",
        "]]>",
        "&amp;",
        "\u{85}",
        "\u{2028}",
        "\u{fffe}",
    ];
    prop_oneof![
        "[a-zA-Z0-9 ]{0,6}",
        "[ \"';,|\t\r\n=+@_x&<>'0-9åÅé€ж\u{1}\u{a0}\u{feff}\u{1f600}-]{0,6}",
        "(?s).{0,5}",
        prop::sample::select(awkward).prop_map(str::to_owned),
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let awkward = vec![
        "é",
        "、x",
        "a·b",
        "/x",
        "~",
        "1",
        "\u{feff}a",
        "ï»¿b",
        "a b",
        "a.b",
        "名",
        "x\u{301}",
        "=a",
        ".",
    ];
    let name = prop_oneof![
        3 => "[a-zA-Z_][a-z0-9.-]{0,5}",
        1 => "[ \"';,|/~\t\r\nå€]{1,4}",
        2 => prop::sample::select(awkward).prop_map(str::to_owned),
    ];
    prop::collection::vec(name, 1..5).prop_map(|mut names| {
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    })
}

fn tables() -> impl Strategy<Value = Table> {
    names().prop_flat_map(|names| {
        let row = prop::collection::vec(texts(), names.len());
        let rows = prop::collection::vec(row, 1..8);
        rows.prop_map(move |rows| Table { names: names.clone(), rows })
    })
}

/// What an output may state, in numbers that settings are taken from.
#[derive(Clone, Debug)]
struct Choices {
    format: usize,
    encoding: &'static str,
    delimiter: char,
    flags: [bool; 6],
    widths: Vec<u32>,
    fill: char,
    policy: &'static str,
}

fn choices() -> impl Strategy<Value = Choices> {
    let delimiter = prop_oneof![
        prop::sample::select(vec![
            ',', ';', '\t', '|', ' ', ':', '\'', '\\', '=', 'a', '0', '\u{1}', '\u{1f}', '#'
        ]),
        (1u8..128).prop_map(char::from),
    ];
    let policies = vec!["refuse", "keep", "keep", "quote_prefix"];
    (
        0usize..6,
        prop::sample::select(ENCODINGS.to_vec()),
        delimiter,
        any::<[bool; 6]>(),
        prop::collection::vec(1u32..9, 4),
        prop::sample::select(vec![' ', ' ', '0', '*', 'é']),
        prop::sample::select(policies),
    )
        .prop_map(|(format, encoding, delimiter, flags, widths, fill, policy)| Choices {
            format,
            encoding,
            delimiter,
            flags,
            widths,
            fill,
            policy,
        })
}

/// The settings of an output for a table.
fn output(choices: &Choices, names: &[String]) -> Value {
    let [header, crlf, bom, all, attributes, right] = choices.flags;
    let line_end = if crlf { "crlf" } else { "lf" };
    match choices.format {
        0 => json!({ "file_name": "f", "format": "ndjson" }),
        1 => json!({ "file_name": "f", "format": "json_array" }),
        2 => json!({ "file_name": "f", "format": "csv", "csv": {
            "columns": names, "delimiter": choices.delimiter.to_string(), "header": header, "line_end": line_end,
            "encoding": choices.encoding, "bom": bom && choices.encoding.starts_with("utf"),
            "quoting": if all { "all" } else { "needed" }, "formula_cells": choices.policy,
        } }),
        3 => {
            let columns = names.iter().zip(&choices.widths).enumerate().map(|(at, (name, width))| {
                let align = if right == (at % 2 == 0) { "right" } else { "left" };
                json!({ "name": name, "width": width, "align": align, "fill": if all || at == 1 { ' ' } else { choices.fill } })
            });
            let columns: Vec<Value> = columns.collect();
            json!({ "file_name": "f", "format": "fixed_width", "fixed_width": {
                "columns": columns, "line_end": line_end, "header": header, "encoding": choices.encoding,
            } })
        }
        4 => {
            let is_name = regex::Regex::new(r"^([A-Za-z_][A-Za-z0-9_.-]*|é|、x|a·b|名|x\x{301})$").unwrap();
            let renamed: Map<String, Value> = names
                .iter()
                .enumerate()
                .filter(|(_, name)| !is_name.is_match(name))
                .map(|(at, name)| (name.clone(), json!(format!("renamed{at}"))))
                .collect();
            let attributes: Vec<&String> = names.iter().filter(|_| attributes).step_by(2).collect();
            let mut xml = json!({ "root": "f", "record": "r", "names": renamed, "attributes": attributes, "nulls": if all { "empty" } else { "omit" } });
            if bom {
                xml["namespace"] = json!("urn:t&\"<>");
            }
            json!({ "file_name": "f", "format": "xml", "xml": xml })
        }
        _ => {
            let columns: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "file_name": "f.xlsx", "format": "xlsx", "xlsx": { "sheet": "Lønn & <sånt>", "columns": columns, "header": header } })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_the_same(table in tables(), choices in choices()) {
        let settings = output(&choices, &table.names);
        let export: Export = serde_json::from_value(settings).unwrap();
        let mut errors = Vec::new();
        export.check(&mut errors);
        // What cannot be stated is said when it is saved: names that a header cannot have, marks that part nothing.
        if !errors.is_empty() {
            for error in errors {
                let is_of_header = error.field.ends_with(".header") || error.field.ends_with(".fill") || error.field.ends_with(".delimiter");
                prop_assert!(is_of_header, "{} {}", error.field, error.detail);
            }
            return Ok(());
        }
        let (file, expected) = written(&export, &table)?;
        if expected.is_empty() {
            return Ok(());
        }
        prop_assert_eq!(read_back(&file, mapping_of(&export, &table.names))?, expected);
    }
}
