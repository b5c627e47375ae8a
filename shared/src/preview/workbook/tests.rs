use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};
use serde_json::json;

use super::super::{Format, Kind, Preview, Sample, preview};
use crate::mapping::{ColumnType, Mapping};

fn of(bytes: &[u8], is_whole: bool) -> Preview {
    let sample = Sample {
        bytes,
        is_whole,
        file_name: Some("Timer 2026.xlsx"),
        time_zone: "Europe/Oslo",
        mapping: None,
    };
    preview(&sample).unwrap()
}

/// The files that other programs made; see `mapping/tests/workbooks`.
const MADE: [(&[u8], Format); 7] = [
    (include_bytes!("../../mapping/tests/workbooks/openpyxl.xlsx"), Format::Xlsx),
    (include_bytes!("../../mapping/tests/workbooks/openpyxl-1904.xlsx"), Format::Xlsx),
    (include_bytes!("../../mapping/tests/workbooks/libreoffice.xlsx"), Format::Xlsx),
    (include_bytes!("../../mapping/tests/workbooks/xlwt.xls"), Format::Xls),
    (include_bytes!("../../mapping/tests/workbooks/libreoffice.xls"), Format::Xls),
    (include_bytes!("../../mapping/tests/workbooks/odfpy.ods"), Format::Ods),
    (include_bytes!("../../mapping/tests/workbooks/libreoffice.ods"), Format::Ods),
];

#[test]
fn workbooks_of_every_program_show_their_sheet_header_and_types() {
    for (at, (bytes, format)) in MADE.into_iter().enumerate() {
        let found = of(bytes, true);
        assert_eq!(found.format.value, format, "{at}");
        let sheet = found.sheet.as_ref().unwrap_or_else(|| panic!("{at} {:?}", found.notes));
        assert_eq!((sheet.value.as_str(), sheet.rivals[0].value.as_str()), ("Timer", "Forside"), "{at}");
        assert_eq!(found.header_row.as_ref().unwrap().value, Some(3), "{at} {:#?}", found.header_row);
        let kind = |name: &str| {
            let column = found.columns.iter().find(|column| column.name == name).unwrap();
            (column.kind.value.kind, column.kind.confidence >= 0.5)
        };
        assert_eq!(kind("Dato"), (Kind::Date, true), "{at}");
        assert_eq!(kind("Inn"), (Kind::Timestamp, true), "{at}");
        let draft = found.draft.as_ref().unwrap();
        assert_eq!(draft.validate(), [], "{at}");
        let outcome = found.outcome.as_ref().unwrap();
        assert!(outcome.failure.is_none() && outcome.mapped > 0, "{at} {outcome:#?}");
    }
}

#[test]
fn a_workbook_that_is_cut_says_what_to_do() {
    for (bytes, _) in MADE {
        for part in [3, 2] {
            let found = of(&bytes[..bytes.len() * (part - 1) / part], false);
            assert!(found.draft.is_none());
            assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
            assert_eq!(found.notes[0].code, "workbook_cut");
            assert!(found.notes[0].detail.contains("send the whole file"), "{}", found.notes[0].detail);
        }
        let damaged = of(&bytes[..bytes.len() / 2], true);
        assert!(damaged.draft.is_none());
        assert_ne!(damaged.notes[0].code, "workbook_cut", "it is said to be whole, so it is damaged");
    }
}

fn written(fill: impl FnOnce(&mut Workbook)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(&mut workbook);
    workbook.save_to_buffer().unwrap()
}

#[test]
fn the_kinds_of_cells_say_what_their_texts_leave_open() {
    let date = CellFormat::new().set_num_format("dd.mm.yyyy");
    let bytes = written(|workbook| {
        let sheet = workbook.add_worksheet().set_name("Lønn").unwrap();
        for (at, name) in ["Nr", "Beløp", "Antall", "Dato", "Aktiv", "Postnr", "Tid"].into_iter().enumerate()
        {
            sheet.write(0, at as u16, name).unwrap();
        }
        for row in 1..13u32 {
            sheet.write(row, 0, format!("00{row:02}")).unwrap();
            sheet.write(row, 1, f64::from(row) + 0.125).unwrap();
            sheet.write(row, 2, f64::from(row * row % 7)).unwrap();
            let at = ExcelDateTime::from_ymd(2026, 3, row as u8).unwrap();
            sheet.write_with_format(row, 3, &at, &date).unwrap();
            sheet.write(row, 4, row % 2 == 0).unwrap();
            sheet.write(row, 5, format!("0{}", 150 + row)).unwrap();
            let at = at.and_hms(if row == 3 { 0 } else { 6 }, 30 * u16::from(row != 3) as u8, 0).unwrap();
            sheet
                .write_with_format(row, 6, &at, &CellFormat::new().set_num_format("yyyy-mm-dd hh:mm"))
                .unwrap();
        }
    });
    let found = of(&bytes, true);
    assert_eq!((found.header_row.unwrap().value, found.sheet.unwrap().value.as_str()), (Some(1), "Lønn"));
    let of = |name: &str| &found.columns.iter().find(|column| column.name == name).unwrap().kind;
    let amount = of("Beløp");
    assert_eq!((amount.value.decimal_mark.as_deref(), amount.value.grouping.as_deref()), (Some("."), None));
    assert!(
        amount.rivals.is_empty() && amount.confidence >= 0.97,
        "in text 1.125 could be a thousand: {amount:#?}"
    );
    assert_eq!(of("Antall").value.kind, Kind::Integer);
    assert!(of("Antall").rivals.iter().any(|rival| rival.value.mapped_as == ColumnType::Decimal));
    assert_eq!(of("Dato").value.format.as_deref(), Some("%Y-%m-%d"));
    assert!(of("Dato").rivals.is_empty(), "days and months cannot be confused");
    assert_eq!(of("Aktiv").value.true_values, ["true"]);
    assert_eq!(of("Postnr").value.kind, Kind::Identifier);
    assert_eq!(of("Tid").value.kind, Kind::Timestamp, "midnight among other times is one");
    let outcome = found.outcome.as_ref().unwrap();
    assert_eq!((outcome.read, outcome.mapped, outcome.errors), (12, 12, 0), "{outcome:#?}");
    assert_eq!(outcome.records[2].data["Tid"], "2026-03-02T23:00:00Z");
    assert_eq!(found.draft.unwrap().name, "Timer 2026");
}

#[test]
fn without_a_header_columns_are_letters_and_titles_are_passed_over() {
    let bare = written(|workbook| {
        let sheet = workbook.add_worksheet();
        for row in 0..9u32 {
            sheet.write(row, 0, row + 100).unwrap();
            sheet.write(row, 2, f64::from(row) * 1.5).unwrap();
        }
    });
    let found = of(&bare, true);
    assert_eq!(found.header_row.as_ref().unwrap().value, None);
    assert_eq!(found.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["A", "C"]);
    assert_eq!(found.outcome.unwrap().mapped, 9);
    let titled = written(|workbook| {
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "Hours of March").unwrap();
        sheet.write(1, 0, "by x").unwrap();
        for (at, name) in ["Id", "Name", "Name", "Hours"].into_iter().enumerate() {
            sheet.write(3, at as u16, name).unwrap();
        }
        for row in 4..12u32 {
            sheet.write(row, 0, format!("e{row}")).unwrap();
            sheet.write(row, 1, "x").unwrap();
            sheet.write(row, 2, "y").unwrap();
            sheet.write(row, 3, f64::from(row)).unwrap();
            sheet.write(row, 4, "unnamed").unwrap();
        }
    });
    let found = of(&titled, true);
    assert_eq!(found.header_row.as_ref().unwrap().value, Some(4));
    let codes: Vec<&str> = found.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["repeated_column", "unnamed_column"]);
    assert_eq!(found.outcome.unwrap().mapped, 8);
    let empty = written(|workbook| {
        workbook.add_worksheet();
    });
    assert_eq!(of(&empty, true).notes[0].code, "empty");
}

#[test]
fn a_mapping_that_is_given_is_used_and_masks() {
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "mine", "input": {"format": "workbook", "sheet": "Timer", "header_row": 3},
        "columns": [{"name": "navn", "from": "Navn", "type": "text", "pii": true}],
    }))
    .unwrap();
    let sample = Sample {
        bytes: MADE[0].0,
        is_whole: true,
        file_name: None,
        time_zone: "UTC",
        mapping: Some(&mapping),
    };
    let found = preview(&sample).unwrap();
    assert!(found.outcome.as_ref().unwrap().mapped > 0);
    let shown = found.columns.iter().find(|column| column.name == "Navn").unwrap();
    assert!(shown.examples.iter().all(|example| example.cell.ends_with("•••")), "{shown:#?}");
}

#[test]
fn what_unpacks_to_too_much_is_told() {
    let bytes = written(|workbook| {
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "a").unwrap();
    });
    // The sheet with 80 MiB of spaces, which pack to next to nothing.
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        out.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut text).unwrap();
        if name.ends_with("sheet1.xml") {
            let at = text.windows(11).position(|eleven| eleven == b"<sheetData>").unwrap() + 11;
            text.splice(
                at..at,
                "<row r=\"1\"></row>".bytes().chain(std::iter::repeat_n(b' ', 80 * 1024 * 1024)),
            );
        }
        std::io::Write::write_all(&mut out, &text).unwrap();
    }
    let bomb = out.finish().unwrap().into_inner();
    assert!(bomb.len() < 1024 * 1024);
    let found = of(&bomb, true);
    assert!(found.draft.is_none() && found.outcome.is_none(), "{:?}", found.notes);
}
