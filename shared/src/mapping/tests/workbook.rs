//! Workbooks of several programs, and what no workbook may do.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{compile, read, report};
use crate::mapping::{FileError, Outcome, records};

/// A mapping of a sheet into text columns, without a key.
fn sheet(input: Value, columns: &[&str]) -> Value {
    let mut input = input;
    input["format"] = json!("workbook");
    let columns: Vec<Value> =
        columns.iter().map(|name| json!({ "name": name, "from": name, "type": "text" })).collect();
    json!({ "name": "test", "input": input, "columns": columns })
}

fn code(bytes: impl AsRef<[u8]>, mapping: Value) -> String {
    match read(bytes, mapping) {
        Err(error) => format!("{}: {error}", error.code()),
        Ok(outcomes) => report(&outcomes),
    }
}

/// What `tests/workbooks/make.py` writes, typed.
fn timesheet() -> Value {
    json!({
        "name": "timer",
        "input": { "format": "workbook", "sheet": "Timer", "header_row": 3 },
        "columns": [
            { "name": "id", "from": "Id", "type": "text" },
            { "name": "navn", "from": "Navn", "type": "text" },
            { "name": "dato", "from": "Dato", "type": "date", "format": "%Y-%m-%d" },
            { "name": "inn", "from": "Inn", "type": "timestamp", "format": "%Y-%m-%dT%H:%M:%S", "time_zone": "Europe/Oslo" },
            { "name": "varighet", "from": "Varighet", "type": "text" },
            { "name": "timer", "from": "Timer", "type": "decimal", "decimal_mark": "." },
            { "name": "fast", "from": "Fast", "type": "boolean",
                // In XLS LibreOffice writes numbers that are shown as TRUE and FALSE.
                "true_values": ["true", "1"], "false_values": ["false", "0"] },
        ],
        "key": ["id"],
        "filters": [{ "column": "Id", "one_of": ["merged"], "reason": "not_here" }],
    })
}

#[test]
fn workbooks_of_every_program_come_to_the_same_records() {
    let openpyxl: &[u8] = include_bytes!("workbooks/openpyxl.xlsx");
    let since_1904: &[u8] = include_bytes!("workbooks/openpyxl-1904.xlsx");
    let xlwt: &[u8] = include_bytes!("workbooks/xlwt.xls");
    let odfpy: &[u8] = include_bytes!("workbooks/odfpy.ods");
    let by_libreoffice: [&[u8]; 3] = [
        include_bytes!("workbooks/libreoffice.xlsx"),
        include_bytes!("workbooks/libreoffice.xls"),
        include_bytes!("workbooks/libreoffice.ods"),
    ];
    let wanted = [
        r#"4 0042 {"id":"0042","navn":"Åse  Ø ","dato":"2026-10-25","inn":"2026-10-25T05:00:00Z","varighet":"31:30:00","timer":"7.5","fast":true}"#,
        r#"6 12345678901234567890 {"id":"12345678901234567890","navn":"=1+1","dato":"2026-10-25","inn":"2026-10-25T05:00:00Z","varighet":"31:30:00","timer":"0.3","fast":false}"#,
        r#"7 42 {"id":"42","navn":null,"dato":null,"inn":null,"varighet":null,"timer":null,"fast":null}"#,
    ];
    let files = [("openpyxl", openpyxl), ("1904", since_1904), ("xlwt", xlwt), ("odfpy", odfpy)];
    let files = files.into_iter().chain(by_libreoffice.map(|file| ("libreoffice", file)));
    for (program, file) in files {
        let outcomes = report(&read(file, timesheet()).unwrap());
        let lines: Vec<&str> = outcomes.lines().collect();
        assert_eq!(lines[..3], wanted, "{program}");
        assert!(
            lines[3].starts_with("8 ? error excel_lost_digits Id: found a number of more than 15 digits"),
            "{program}"
        );
        let error = lines.iter().find(|line| line.contains("error error_cell")).unwrap();
        assert!(
            error.contains(" error error error_cell Navn: found the error value #N/A"),
            "{program}: {error}"
        );
        assert!(
            lines.iter().any(|line| line.ends_with("11 merged filtered not_here: filter 1 on Id")),
            "{program}: {outcomes}"
        );
        if program == "openpyxl" || program == "odfpy" {
            let formula = lines.iter().find(|line| line.contains("formula_without_value")).unwrap();
            assert!(formula.contains(" formula error formula_without_value Navn: "), "{program}: {formula}");
        }
    }
}

#[test]
fn a_sheet_is_chosen_by_its_name_or_its_number_and_errors_name_those_that_are_there() {
    let files: [&[u8]; 3] = [
        include_bytes!("workbooks/openpyxl.xlsx"),
        include_bytes!("workbooks/xlwt.xls"),
        include_bytes!("workbooks/odfpy.ods"),
    ];
    for file in files {
        let by = |choice: Value| code(file, sheet(json!({ "sheet": choice, "header_row": 3 }), &["Timer"]));
        assert_eq!(by(json!(2)), by(json!("Timer")));
        assert!(by(json!(2)).starts_with(r#"4 line 4 {"Timer":"7.5"}"#), "{}", by(json!(2)));
        assert_eq!(
            by(json!("timer")),
            r#"no_such_sheet: the workbook has no sheet "timer"; it has "Forside", "Timer""#
        );
        assert!(by(json!(3)).starts_with("no_such_sheet: the workbook has no sheet number 3; "));
        let missing = code(file, sheet(json!({ "sheet": "Timer", "header_row": 3 }), &["Lønn"]));
        assert!(
            missing.starts_with("missing_columns: the file has no column Lønn; it has \"Id\""),
            "{missing}"
        );
        let beyond = code(file, sheet(json!({ "sheet": "Timer", "header_row": 2000 }), &["Id"]));
        assert!(beyond.starts_with("missing_columns"), "{beyond}");
    }
}

#[test]
fn columns_without_a_header_are_letters_and_rows_without_cells_are_as_stated() {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.write(1, 0, "a").unwrap();
    page.write(4, 27, "b").unwrap();
    page.write(6, 2, "not mapped").unwrap();
    let file = book.save_to_buffer().unwrap();
    let with = |more: Value| {
        let mut input = json!({ "sheet": 1 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        code(&file, sheet(input, &["A", "AB"]))
    };
    let records = "2 line 2 {\"A\":\"a\",\"AB\":null}\n5 line 5 {\"A\":null,\"AB\":\"b\"}\n7 line 7 {\"A\":null,\"AB\":null}";
    assert_eq!(with(json!({})), records);
    assert_eq!(with(json!({ "first_row": 3 })), records.split_once('\n').unwrap().1);
    let empty = |line| format!("{line} line {line} {{\"A\":null,\"AB\":null}}");
    let lines: Vec<&str> = records.lines().collect();
    let all = [empty(1), lines[0].into(), empty(3), empty(4), lines[1].into(), empty(6), lines[2].into()]
        .join("\n");
    assert_eq!(with(json!({ "empty_rows": "read" })), all);
    assert_eq!(with(json!({ "first_row": 9 })), "");
    assert_eq!(code(Workbook::new().save_to_buffer().unwrap(), sheet(json!({ "sheet": 1 }), &["A"])), "");
}

#[test]
fn merged_cells_have_their_value_once_or_all_of_them_have_it() {
    let files: [&[u8]; 5] = [
        include_bytes!("workbooks/openpyxl.xlsx"),
        include_bytes!("workbooks/xlwt.xls"),
        include_bytes!("workbooks/odfpy.ods"),
        include_bytes!("workbooks/libreoffice.xls"),
        include_bytes!("workbooks/libreoffice.ods"),
    ];
    for file in files {
        for (merged, second) in [("first", "null"), ("fill", "\"merged\"")] {
            let mut mapping =
                sheet(json!({ "sheet": 2, "header_row": 3, "merged": merged }), &["Id", "Navn"]);
            mapping["filters"] = json!([{ "column": "Navn", "not_equals": "second", "reason": "other" }]);
            let outcomes = code(file, mapping);
            assert!(outcomes.ends_with(&format!("{{\"Id\":{second},\"Navn\":\"second\"}}")), "{outcomes}");
        }
    }
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.merge_range(0, 0, 0, 1, "Id", &Format::new()).unwrap();
    page.merge_range(1, 0, 6, 1, "x", &Format::new()).unwrap();
    let file = book.save_to_buffer().unwrap();
    let filled = json!({ "sheet": 1, "merged": "fill", "header_row": 1 });
    assert!(code(&file, sheet(filled, &["Id"])).starts_with("repeated_column"));
    // Rows that have nothing but a share in merged cells are rows.
    let letters = code(&file, sheet(json!({ "sheet": 1, "merged": "fill", "first_row": 2 }), &["B"]));
    assert_eq!(letters.lines().count(), 6);
    assert!(letters.ends_with("7 line 7 {\"B\":\"x\"}"), "{letters}");
}

#[test]
fn a_cell_without_a_text_is_an_error_only_where_it_is_looked_at() {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    for (column, title) in ["Id", "Kind", "N", "Other"].into_iter().enumerate() {
        page.write(0, column as u16, title).unwrap();
    }
    for row in 1..4 {
        page.write(row, 0, format!("id-{row}")).unwrap();
        page.write(row, 3, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    }
    page.write(1, 1, "test").unwrap();
    page.write(1, 2, Formula::new("=NA()").set_result("#N/A")).unwrap();
    page.write(2, 2, Formula::new("=NA()").set_result("#N/A")).unwrap();
    page.write(3, 1, Formula::new("=NA()").set_result("#N/A")).unwrap();
    let file = book.save_to_buffer().unwrap();
    let mut mapping = sheet(json!({ "sheet": 1, "header_row": 1 }), &["Id", "N"]);
    mapping["key"] = json!(["Id"]);
    mapping["filters"] = json!([{ "column": "Kind", "equals": "test", "reason": "test" }]);
    let detail = "found the error value #N/A, which its formula came to";
    let wanted = format!(
        "2 id-1 filtered test: filter 1 on Kind\n3 id-2 error error_cell N: {detail}\n4 id-3 error error_cell Kind: {detail}"
    );
    assert_eq!(code(&file, mapping), wanted);
}

#[test]
fn dates_have_a_time_where_a_timestamp_is_wanted_and_identifiers_stay() {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let moment = Format::new().set_num_format("d/m/yy h:mm");
    let clock = Format::new().set_num_format("hh:mm");
    let midnight = ExcelDateTime::from_ymd(2026, 10, 25).unwrap();
    for column in 0..2 {
        page.write_with_format(0, column, &midnight, &day).unwrap();
        page.write_with_format(1, column, midnight.clone().and_hms(6, 0, 0).unwrap(), &moment).unwrap();
        page.write_with_format(2, column, ExcelDateTime::from_hms(6, 30, 15.250).unwrap(), &clock).unwrap();
        page.write(3, column, "00421234567890123456").unwrap();
        page.write(4, column, 421.0).unwrap();
        page.write_with_format(5, column, 0.25, &Format::new().set_num_format("0%")).unwrap();
    }
    let file = book.save_to_buffer().unwrap();
    let mut mapping = sheet(json!({ "sheet": 1 }), &["A", "B"]);
    mapping["columns"][1] = json!({ "name": "B", "from": "B", "type": "timestamp", "format": "%Y-%m-%dT%H:%M:%S", "time_zone": "UTC" });
    let outcomes = code(&file, mapping);
    let lines: Vec<&str> = outcomes.lines().collect();
    assert_eq!(lines[0], r#"1 line 1 {"A":"2026-10-25","B":"2026-10-25T00:00:00Z"}"#);
    assert_eq!(lines[1], r#"2 line 2 {"A":"2026-10-25T06:00:00","B":"2026-10-25T06:00:00Z"}"#);
    let texts = code(&file, sheet(json!({ "sheet": 1, "first_row": 3 }), &["A"]));
    assert_eq!(
        texts.lines().map(|line| line.split_once("{\"A\":").unwrap().1).collect::<Vec<_>>(),
        ["\"06:30:15.250\"}", "\"00421234567890123456\"}", "\"421\"}", "\"0.25\"}"]
    );
}

/// A zip archive of these members.
fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An XLSX file of one sheet with this in it.
fn xlsx(sheet_data: &str) -> Vec<u8> {
    archive(&[
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/></Relationships>"#,
        ),
        ("xl/s.xml", &format!("<worksheet>{sheet_data}</worksheet>")),
    ])
}

#[test]
fn what_cannot_be_read_is_said_for_the_whole_file() {
    let input = || sheet(json!({ "sheet": 1 }), &["A"]);
    let rows = |rows: &str| xlsx(&format!("<sheetData>{rows}</sheetData>"));
    let ods = |content: &str| {
        let content = format!("<d><b><spreadsheet>{content}</spreadsheet></b></d>");
        archive(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)])
    };
    for (file, wanted) in [
        (b"id;name".to_vec(), "not_a_workbook: "),
        (Vec::new(), "not_a_workbook: "),
        (b"PK\x03\x04".to_vec(), "damaged_workbook: "),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(), "damaged_workbook: "),
        (archive(&[("word/document.xml", "<a/>")]), "not_a_workbook: "),
        (rows("<row r=\"2\"/><row r=\"1\"/>"), "damaged_workbook: "),
        (rows("<row r=\"1\"><c r=\"B1\"><v>1</v></c><c r=\"A1\"><v>1</v></c></row>"), "damaged_workbook: "),
        (
            rows("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>"),
            "damaged_workbook: the workbook is damaged: there is no text",
        ),
        (
            rows("<row r=\"1\"><c r=\"A1\" s=\"7\"><v>1</v></c></row>"),
            "damaged_workbook: the workbook is damaged: there is no style",
        ),
        (rows("<row r=\"1\"><c r=\"A1\"><v>1</v></c>"), "damaged_workbook: "),
        (rows(&"<a>".repeat(200)), "damaged_workbook: "),
        (rows("<row r=\"1048577\"/>"), "damaged_workbook: "),
        (rows(&format!("<!--{}-->", " ".repeat(5 << 20))), "workbook_too_large: "),
        (
            rows("<row r=\"1\"><c r=\"A1\" t=\"e\"><v>#SPILL!</v></c></row>"),
            "1 line 1 error error_cell A: found the error value #SPILL!",
        ),
        (rows("<row r=\"1\"><c r=\"A1\" t=\"n\"><v>x</v></c></row>"), "1 line 1 error unreadable_cell A: "),
        (rows("<row r=\"1\"><c r=\"A1\" t=\"b\"><v>2</v></c></row>"), "1 line 1 error unreadable_cell A: "),
        (
            rows("<row r=\"1\"><c r=\"A1\" t=\"d\"><v>2026-10-25T06:00:00Z</v></c></row>"),
            "1 line 1 {\"A\":\"2026-10-25T06:00:00\"}",
        ),
        (rows("<row r=\"1\"><c t=\"str\"><f>A2</f><v></v></c></row>"), ""),
        (
            rows(
                "<row><c t=\"inlineStr\"><is><r><t>0</t></r><r><t> 42</t></r><rPh><t>x</t></rPh></is></c></row>",
            ),
            "1 line 1 {\"A\":\"0 42\"}",
        ),
        (
            rows("<row r=\"1\"><c t=\"str\"><v>a&amp;&#x62;_x000D_&lt;</v></c></row>"),
            "1 line 1 {\"A\":\"a&b\\r<\"}",
        ),
        (rows("<row r=\"1\"><c t=\"str\"><v>&who;</v></c></row>"), "damaged_workbook: "),
        (
            ods(
                "<table name=\"S\"><table-row number-rows-repeated=\"9999999\"><table-cell value-type=\"float\" value=\"1\" number-columns-repeated=\"9\"/></table-row></table>",
            ),
            "workbook_too_large: ",
        ),
        (
            ods(
                "<table name=\"S\"><table-row><table-cell value-type=\"string\" number-columns-repeated=\"99999\"><p>x</p></table-cell></table-row></table>",
            ),
            "workbook_too_large: ",
        ),
        (
            ods(
                "<table name=\"S\"><table-row><table-cell value-type=\"string\"><p>x<s c=\"4000000000\"/></p></table-cell></table-row></table>",
            ),
            "1 ? error record_too_long -: ",
        ),
        (
            ods(
                "<table name=\"S\"><table-row number-rows-repeated=\"2\"><table-cell value-type=\"string\"><p> a\n b </p><p>c</p><annotation><p>no</p></annotation></table-cell></table-row></table>",
            ),
            "1 line 1 {\"A\":\"a b \\nc\"}\n2 line 2 {\"A\":\"a b \\nc\"}",
        ),
        (archive(&[("mimetype", "x"), ("content.xml", "<d><b><text/></b></d>")]), "not_a_workbook: "),
        (
            archive(&[
                ("mimetype", "x"),
                ("META-INF/manifest.xml", "<m><e><encryption-data/></e></m>"),
                ("content.xml", "?"),
            ]),
            "encrypted_workbook: ",
        ),
    ] {
        let came = code(&file, input());
        let fits = if wanted.ends_with(' ') || wanted.contains("found") || wanted.contains("there is") {
            came.starts_with(wanted)
        } else {
            came == wanted
        };
        assert!(fits, "{wanted:?}: {came}");
    }
}

#[test]
fn a_file_that_unpacks_to_too_much_is_refused_and_a_wide_one_takes_nothing() {
    // 130 MiB of texts, in a file of less than 1 MiB.
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        (
            "_rels/.rels",
            "<R><Relationship Id=\"r\" Type=\"/officeDocument\" Target=\"xl/workbook.xml\"/></R>",
        ),
        ("xl/workbook.xml", "<workbook><sheets><sheet name=\"S\" id=\"a\"/></sheets></workbook>"),
        (
            "xl/_rels/workbook.xml.rels",
            "<R><Relationship Id=\"a\" Type=\"/worksheet\" Target=\"s.xml\"/><Relationship Id=\"b\" Type=\"/sharedStrings\" Target=\"t.xml\"/></R>",
        ),
        ("xl/s.xml", "<worksheet><sheetData/></worksheet>"),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.start_file("xl/t.xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"<sst>").unwrap();
    let text = format!("<si><t>{}</t></si>", "x".repeat(1 << 20));
    for _ in 0..130 {
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.write_all(b"</sst>").unwrap();
    let file = zip.finish().unwrap().into_inner();
    assert!(file.len() < 1 << 20);
    let input = || sheet(json!({ "sheet": 1 }), &["A", "XFD"]);
    assert!(code(&file, input()).starts_with("workbook_too_large: "));

    // A row of texts that are each written once, and stand there again and again.
    let again = format!("<row><c t=\"inlineStr\"><is><t>{}</t></is></c></row>", "x".repeat(1 << 20));
    let mut filled = input();
    filled["input"]["merged"] = json!("fill");
    let wide = format!("<sheetData>{again}</sheetData><mergeCells><mergeCell ref=\"A1:XFD9\"/></mergeCells>");
    assert!(code(xlsx(&wide), filled).starts_with("workbook_too_large: "));

    let corners = "<dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
        <row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row></sheetData>";
    let wanted = "1 line 1 {\"A\":\"1\",\"XFD\":null}\n1048576 line 1048576 {\"A\":null,\"XFD\":\"2\"}";
    assert_eq!(code(xlsx(corners), input()), wanted);
    let mut merged = input();
    merged["input"]["merged"] = json!("fill");
    let corners = format!("{corners}<mergeCells><mergeCell ref=\"A1:XFD1048576\"/></mergeCells>");
    assert!(code(xlsx(&corners), merged).starts_with("workbook_too_large: "));
}

/// What calamine, an independent reader, finds in a file's cells.
fn by_calamine(file: &[u8]) -> Vec<Vec<String>> {
    use calamine::{Reader, open_workbook_auto_from_rs};
    let mut book = open_workbook_auto_from_rs(Cursor::new(file.to_vec())).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    let (rows, columns) = range.end().map_or((0, 0), |(row, column)| (row + 1, column + 1));
    let text = |row, column| range.get_value((row, column)).map(ToString::to_string).unwrap_or_default();
    (0..rows).map(|row| (0..columns).map(|column| text(row, column)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Text, whole numbers and booleans that another program writes are read as another reader reads them.
    #[test]
    fn cells_are_what_other_programs_say(
        cells in prop::collection::vec((0u32..6, 0u16..4, prop_oneof![
            "[ a-zåÅ0-9&<>\"'=_x\n]{1,12}".prop_map(Value::from),
            (-1_000_000i64..1_000_000).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ]), 1..20),
    ) {
        let mut book = Workbook::new();
        let page = book.add_worksheet();
        for (row, column, value) in &cells {
            match value {
                Value::String(text) => page.write(*row, *column, text),
                Value::Bool(is_true) => page.write(*row, *column, *is_true),
                number => page.write(*row, *column, number.as_f64().unwrap()),
            }
            .unwrap();
        }
        let file = book.save_to_buffer().unwrap();
        let mapping = compile(sheet(json!({ "sheet": 1, "empty_rows": "read" }), &["A", "B", "C", "D"]));
        let read: Vec<Vec<String>> = records(&file[..], &mapping)
            .unwrap()
            .map(|outcome| {
                let Outcome::Record(record) = outcome.unwrap() else { panic!("text fits") };
                let data: Value = serde_json::from_str(&record.data).unwrap();
                ["A", "B", "C", "D"].map(|name| data[name].as_str().unwrap_or_default().to_string()).to_vec()
            })
            .collect();
        let mut other = by_calamine(&file);
        other.iter_mut().for_each(|row| row.resize(4, String::new()));
        prop_assert_eq!(read, other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Bytes that are changed anywhere make a record, an error of one, or an error of the file; never a panic.
    #[test]
    fn no_bytes_make_it_panic(
        file in 0usize..7,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        merged in prop::sample::select(&["first", "fill"][..]),
    ) {
        let files: [&[u8]; 7] = [
            include_bytes!("workbooks/openpyxl.xlsx"),
            include_bytes!("workbooks/xlwt.xls"),
            include_bytes!("workbooks/odfpy.ods"),
            include_bytes!("workbooks/libreoffice.xls"),
            include_bytes!("workbooks/libreoffice.ods"),
            &unpacked(include_bytes!("workbooks/openpyxl.xlsx")),
            &unpacked(include_bytes!("workbooks/odfpy.ods")),
        ];
        let mut bytes = files[file].to_vec();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut mapping = timesheet();
        mapping["input"]["merged"] = json!(merged);
        let came = read(&bytes, mapping);
        if let Err(FileError::Workbook(error)) = came {
            prop_assert!(!error.to_string().contains("its reader has failed"), "{error}");
        }
    }
}

/// The same archive with its members stored as they are, so that changes reach what is in them.
fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut packed = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut members = Vec::new();
    for at in 0..packed.len() {
        let mut member = packed.by_index(at).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut member, &mut text).unwrap();
        members.push((member.name().unwrap().into_owned(), text));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in members {
        zip.start_file(name, stored).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
