#![no_main]
//! Workbooks: as they are, which mostly is XLS, and as the sheet of an XLSX and of an ODS, which are packed.

use std::{
    io::{Cursor, Write},
    sync::LazyLock,
};

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;
use zip::{ZipWriter, write::SimpleFileOptions};

static MAPPINGS: LazyLock<Vec<Compiled>> =
    LazyLock::new(|| mappings(&[(r#"{"format": "workbook", "sheet": 1}"#, &["A", "B", "AA"])]));

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
    <sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
    <Relationship Id="rId1" Target="worksheets/sheet1.xml"
    Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>"#;

fuzz_target!(|bytes: &[u8]| {
    check(&MAPPINGS, bytes);
    let xlsx = [
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/worksheets/sheet1.xml", bytes),
    ];
    check(&MAPPINGS, &packed(&xlsx));
    let mimetype = "application/vnd.oasis.opendocument.spreadsheet".as_bytes();
    check(&MAPPINGS, &packed(&[("mimetype", mimetype), ("content.xml", bytes)]));
});

fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        file.start_file(*name, stored).expect("a name is a name");
        file.write_all(bytes).expect("memory takes it");
    }
    file.finish().expect("memory takes it").into_inner()
}
