use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use serde_json::{Value, json};

use super::*;
use crate::export::{Export, Named, Rendering, Totals, Unfit};

fn export(columns: Value, header: bool) -> Export {
    let xlsx = json!({ "sheet": "Lønn & <sånt>", "columns": columns, "header": header });
    serde_json::from_value(json!({ "file_name": "f.xlsx", "format": "xlsx", "xlsx": xlsx })).unwrap()
}

/// A file of these records, which all fit.
fn file(export: &Export, records: &[Value]) -> Vec<u8> {
    let rendering = Rendering::of(export).unwrap();
    let named = Named::example("2026-11-25T09:30:00Z");
    let mut packer = rendering.packer("f.xlsx").unwrap().unwrap();
    let mut file = packer.add(&rendering.begin(&named, &Totals::default()).unwrap()).unwrap();
    let mut totals = Totals::default();
    for record in records {
        let piece = rendering.record(record.to_string().as_bytes()).unwrap();
        file.extend(packer.add(&rendering.placed(&piece, &totals)).unwrap());
        piece.add_to(&mut totals);
    }
    file.extend(packer.add(&rendering.end(&named, &totals).unwrap()).unwrap());
    file.extend(packer.finish().unwrap());
    file
}

fn unfit(column: Value, value: Value) -> Unfit {
    let export = export(json!([column]), true);
    let rendering = Rendering::of(&export).unwrap();
    rendering.record(json!({ "a": value }).to_string().as_bytes()).unwrap_err()
}

#[test]
fn another_program_reads_text_numbers_and_dates_and_no_formula() {
    let columns = json!([
        { "name": "id", "header": "Ansatt nr" },
        { "name": "n", "type": "number" },
        { "name": "d", "type": "date" },
        { "name": "t", "type": "timestamp", "time_zone": "Europe/Oslo" },
    ]);
    let export = export(columns, true);
    let records = [
        json!({ "id": "0042", "n": "7.50", "d": "2026-10-25", "t": "2026-10-25T05:00:00Z" }),
        json!({ "id": "=HYPERLINK(\"http://evil.example\")", "n": -12, "d": null }),
        json!({ "id": "12345678901234567890", "n": 123456789012345.0, "t": "2026-07-01T23:30:00.250Z" }),
        json!({ "id": 1.50, "n": 100000000000000000000.0 }),
        json!({ "id": true }),
        json!({}),
        json!({ "id": " _x0041_\u{1}\r\n& <b> " }),
    ];
    let bytes = file(&export, &records);
    assert_eq!(bytes, file(&export, &records), "the same records, the same bytes");
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    assert_eq!(book.sheet_names(), ["Lønn & <sånt>"]);
    let formulas = book.worksheet_formula("Lønn & <sånt>").unwrap();
    assert!(formulas.cells().all(|(_, _, formula)| formula.is_empty()));
    let range = book.worksheet_range("Lønn & <sånt>").unwrap();
    let cell = |row, column| range.get_value((row, column)).cloned().unwrap_or_default();
    let text = |text: &str| Data::String(text.into());
    assert_eq!((cell(0, 0), cell(0, 3)), (text("Ansatt nr"), text("t")));
    assert_eq!((cell(1, 0), cell(1, 1)), (text("0042"), Data::Float(7.5)));
    let day = |row, column| match cell(row, column) {
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, ms) = at.to_ymd_hms_milli();
            format!("{year}-{month}-{day} {hour}:{minute}:{second}.{ms}")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!((day(1, 2), day(1, 3)), ("2026-10-25 0:0:0.0".into(), "2026-10-25 6:0:0.0".into()));
    assert_eq!((cell(2, 0), cell(2, 2)), (text("=HYPERLINK(\"http://evil.example\")"), Data::Empty));
    assert_eq!(cell(3, 0), text("12345678901234567890"));
    assert_eq!((cell(3, 1), day(3, 3)), (Data::Float(123_456_789_012_345.0), "2026-7-2 1:30:0.250".into()));
    assert_eq!((cell(4, 0), cell(4, 1)), (text("1.5"), Data::Float(1e20)));
    assert_eq!((cell(5, 0), cell(6, 0)), (text("true"), Data::Empty));
    assert_eq!(cell(7, 0), text(" _x0041_\u{1}\r\n& <b> "));
}

#[test]
fn what_a_cell_cannot_have_is_not_sent() {
    let of = |kind: &str| json!({ "name": "a", "type": kind });
    let a = || "a".to_string();
    for (column, value, wanted) in [
        (of("number"), json!("1234567890.123456"), Unfit::TooManyDigits(a())),
        (of("number"), json!(12345678901234567u64), Unfit::TooManyDigits(a())),
        (of("number"), json!("0042"), Unfit::NotANumber(a())),
        (of("number"), json!(true), Unfit::NotANumber(a())),
        (of("date"), json!("25.10.2026"), Unfit::NotADate(a())),
        (of("date"), json!(20261025), Unfit::NotADate(a())),
        (of("date"), json!("1900-02-28"), Unfit::DateOutOfRange(a())),
        (of("timestamp"), json!("2026-10-25"), Unfit::NoTimeOfDay(a())),
        (of("text"), json!([1]), Unfit::NotACell(a())),
        (of("text"), json!("x".repeat(32_768)), Unfit::TooLong { column: a(), length: 32_768, most: 32_767 }),
    ] {
        assert_eq!(unfit(column.clone(), value), wanted, "{column}");
    }
    let export = export(json!([of("text")]), true);
    let rendering = Rendering::of(&export).unwrap();
    assert!(rendering.has_room(1_048_574, 0) && !rendering.has_room(1_048_575, 0));
    assert!(!rendering.has_room(1, 4 << 30));
}

#[test]
fn what_cannot_be_written_is_named_when_it_is_saved() {
    let column = json!([{ "name": "a" }]);
    for (xlsx, field) in [
        (json!({ "sheet": "S", "columns": column, "header": true }), None),
        (json!({ "sheet": "a/b", "columns": column, "header": true }), Some("sheet")),
        (json!({ "sheet": "", "columns": column, "header": true }), Some("sheet")),
        (json!({ "sheet": "x".repeat(32), "columns": column, "header": true }), Some("sheet")),
        (json!({ "sheet": "'S", "columns": column, "header": true }), Some("sheet")),
        (json!({ "sheet": "S", "columns": [], "header": true }), Some("columns")),
        (
            json!({ "sheet": "S", "columns": [{ "name": "a" }, { "name": "a" }], "header": true }),
            Some("columns"),
        ),
        (
            json!({ "sheet": "S", "columns": [{ "name": "a", "time_zone": "UTC" }], "header": true }),
            Some("columns[0].time_zone"),
        ),
        (
            json!({ "sheet": "S", "columns": [{ "name": "a", "type": "date", "time_zone": "Oslo" }], "header": true }),
            Some("columns[0].time_zone"),
        ),
    ] {
        let mut errors = Vec::new();
        serde_json::from_value::<XlsxOutput>(xlsx.clone()).unwrap().check(&mut errors);
        let found: Vec<String> = errors.into_iter().map(|e| e.field).collect();
        assert_eq!(
            found,
            field.map(|f| format!("export.xlsx.{f}")).into_iter().collect::<Vec<_>>(),
            "{xlsx}"
        );
    }
}

#[cfg(feature = "workbooks")]
mod read_again {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::{Outcome, records};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Any table of text comes back through the mapping engine as it was.
        #[test]
        fn what_is_written_is_read_again(
            rows in prop::collection::vec(prop::collection::vec("(?s).{0,6}|[ \r\n\t_x04<&=]{0,9}|_x[0-9a-f]{4}_|[0-9]{1,20}", 3), 0..6),
            header in any::<bool>(),
        ) {
            let columns = ["A", "B", "C"];
            let export = export(json!([{ "name": "A" }, { "name": "B" }, { "name": "C" }]), header);
            let written: Vec<Value> = rows
                .iter()
                .map(|row| columns.iter().zip(row).map(|(name, cell)| (name.to_string(), json!(cell))).collect())
                .collect();
            let texts: Vec<Value> =
                columns.iter().map(|name| json!({ "name": name, "from": name, "type": "text" })).collect();
            let mut input = json!({ "format": "workbook", "sheet": 1, "empty_rows": "read" });
            if header {
                input["header_row"] = json!(1);
            }
            let mapping: crate::mapping::Mapping = serde_json::from_value(json!({ "name": "m", "input": input, "columns": texts })).unwrap();
            let mapping = mapping.compile().unwrap();
            let bytes = file(&export, &written);
            let mut read = Vec::new();
            for outcome in records(&bytes[..], &mapping).unwrap() {
                let Outcome::Record(record) = outcome.unwrap() else { panic!("text fits") };
                read.push(serde_json::from_str::<Value>(&record.data).unwrap());
            }
            // No text is an empty cell, and behind the last row with a cell there are none.
            let mut wanted: Vec<Value> = written;
            for cell in wanted.iter_mut().flat_map(|row| row.as_object_mut().unwrap().values_mut()) {
                if cell == "" {
                    *cell = Value::Null;
                }
            }
            while wanted.last().is_some_and(|row| row.as_object().unwrap().values().all(Value::is_null)) {
                wanted.pop();
            }
            prop_assert_eq!(read, wanted);
        }
    }
}
