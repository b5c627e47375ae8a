//! `crossdock preview` as it is called, on real files: what it prints is looked at, and its draft maps the file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/mapping/tests/workbooks").join(name)
}

fn crossdock(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .args(arguments)
        .output()
        .expect("it was built for this test")
}

/// What it prints, and that it ends well.
fn printed(arguments: &[&str]) -> String {
    let output = crossdock(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints JSON")
}

fn preview(file: &Path) -> Value {
    let file = file.to_str().expect("names here are ASCII");
    let said = printed(&["preview", "--in", file, "--time-zone", "Europe/Oslo"]);
    serde_json::from_str(&said).expect("it prints JSON")
}

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the target folder is there");
    folder
}

const ORDERS: &str = "<?xml version=\"1.0\"?>\n<orders xmlns=\"urn:o\">\n\
    <order no=\"0001\"><at>24.10.2026</at><sum>7,50</sum></order>\n\
    <order no=\"0002\"><at>25.10.2026</at><sum>x</sum></order>\n\
    <order no=\"0003\"><at>26.10.2026</at><sum>8,00</sum></order>\n</orders>\n";

#[test]
fn a_workbook_shows_its_sheet_header_types_and_first_records() {
    for name in ["openpyxl.xlsx", "libreoffice.xls", "libreoffice.ods"] {
        let found = preview(&made(name));
        assert_eq!(
            (&found["sheet"]["value"], &found["header_row"]["value"]),
            (&"Timer".into(), &3.into()),
            "{name}"
        );
        assert_eq!(found["sheet"]["rivals"][0]["value"], "Forside", "{name}");
        let columns = found["columns"].as_array().unwrap();
        let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert_eq!(names[..4], ["Id", "Navn", "Dato", "Inn"], "{name}");
        assert_eq!(found["draft"]["input"]["format"], "workbook");
        assert!(found["outcome"]["mapped"].as_u64().unwrap() > 0, "{name} {}", found["outcome"]);
    }
}

#[test]
fn a_draft_of_xml_is_a_mapping_that_maps_the_file() {
    let folder = folder("draft");
    let (file, mapping) = (folder.join("orders.xml"), folder.join("mapping.json"));
    fs::write(&file, ORDERS).unwrap();
    let found = preview(&file);
    assert_eq!(found["format"]["value"], "xml");
    assert_eq!(found["record"]["value"], "/n:orders/n:order");
    let draft = printed(&["preview", "--in", file.to_str().unwrap(), "--draft"]);
    assert_eq!(serde_json::from_str::<Value>(&draft).unwrap(), found["draft"]);
    fs::write(&mapping, draft).unwrap();
    let mapped = printed(&["map", "--mapping", mapping.to_str().unwrap(), "--in", file.to_str().unwrap()]);
    let records: Vec<Value> = mapped.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<&Value> =
        found["outcome"]["records"].as_array().unwrap().iter().map(|record| &record["data"]).collect();
    assert_eq!(records.iter().collect::<Vec<_>>(), shown, "what was previewed is what comes");
    assert_eq!(records.len(), 3);
}

#[test]
fn what_cannot_be_previewed_is_said_and_the_command_fails() {
    let folder = folder("cut");
    let file = folder.join("cut.xlsx");
    let whole = fs::read(made("openpyxl.xlsx")).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let output = crossdock(&["preview", "--in", file.to_str().unwrap(), "--draft"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("there is no draft") && said.contains("the workbook is damaged"), "{said}");
    let output = crossdock(&["preview", "--in", "/nowhere/a.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("reading /nowhere/a.csv"));
}

#[test]
fn of_a_large_workbook_all_is_read_and_of_other_files_the_beginning() {
    let folder = folder("large");
    let file = folder.join("large.csv");
    let lines = (0..200_000).fold("id;value\n".to_string(), |all, n| all + &format!("{n:07};x\n"));
    assert!(lines.len() > 1024 * 1024);
    fs::write(&file, &lines).unwrap();
    let found = preview(&file);
    // Lines of 10 bytes behind a header of 9, as many as are whole in 1 MiB.
    assert_eq!(found["outcome"]["read"], (1024 * 1024 - 9) / 10);
    let workbook = folder.join("large.xlsx");
    let mut bytes = fs::read(made("openpyxl.xlsx")).unwrap();
    // A comment of an archive comes last; here it is there several times, before the end that says where all is.
    let padding = vec![b' '; 1024 * 1024 + 1];
    let end = bytes.windows(4).rposition(|four| four == b"PK\x05\x06").unwrap();
    bytes.splice(end..end, padding);
    fs::write(&workbook, &bytes).unwrap();
    assert_eq!(preview(&workbook)["sheet"]["value"], "Timer");
}
