use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Format, Preview, Sample, preview};
use crate::mapping::{ColumnType, Input, Mapping, SaftEntity};

fn of(bytes: &[u8], is_whole: bool) -> Preview {
    with(bytes, is_whole, None)
}

fn with(bytes: &[u8], is_whole: bool, mapping: Option<&Mapping>) -> Preview {
    let sample =
        Sample { bytes, is_whole, file_name: Some("in/orders.xml"), time_zone: "Europe/Oslo", mapping };
    preview(&sample).unwrap()
}

fn names(found: &Preview) -> Vec<&str> {
    found.columns.iter().map(|column| column.name.as_str()).collect()
}

/// Orders with lines, in a namespace without a prefix.
fn orders(count: usize) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\"?>\n<orders xmlns=\"urn:o\" xmlns:x=\"urn:x\">\n <head><made>2026-10-01</made></head>\n",
    );
    for at in 1..=count {
        text += &format!(
            " <order no=\"00{at:02}\">\n  <at>{:02}.10.2026</at><x:sum cur=\"NOK\">1{at},50</x:sum><to><name>Åse {at}</name></to>\n  \
             <tag>a</tag><tag>b</tag>\n  <line><sku>A{at}</sku></line><line><sku>B</sku></line>\n </order>\n",
            13 + at
        );
    }
    text + "</orders>\n"
}

#[test]
fn records_and_columns_are_paths_and_the_draft_maps_them() {
    let text = orders(9);
    let found = of(text.as_bytes(), true);
    assert_eq!(found.format.value, Format::Xml);
    let record = found.record.as_ref().unwrap();
    assert_eq!(record.value, "/n:orders/n:order");
    assert!(record.confidence >= 0.5, "{record:?}");
    assert!(record.rivals.iter().any(|rival| rival.value == "/n:orders/n:order/n:line"), "{record:?}");
    assert_eq!(found.record_paths[0].records, 9);
    assert_eq!(json!(found.namespaces), json!({"n": "urn:o", "x": "urn:x"}));
    assert_eq!(names(&found), ["@no", "n:at", "x:sum", "x:sum/@cur", "n:to/n:name", "n:tag[join:;]"]);
    let draft = serde_json::to_value(found.draft.as_ref().unwrap()).unwrap();
    let expected = json!({
        "name": "orders",
        "input": {"format": "xml", "record": "/n:orders/n:order", "namespaces": {"n": "urn:o", "x": "urn:x"}},
        "columns": [
            {"name": "no", "from": "@no", "type": "identifier"},
            {"name": "at", "from": "n:at", "type": "date", "format": "%d.%m.%Y"},
            {"name": "sum", "from": "x:sum", "type": "decimal", "decimal_mark": ","},
            {"name": "cur", "from": "x:sum/@cur", "type": "text"},
            {"name": "name", "from": "n:to/n:name", "type": "text"},
            {"name": "tag", "from": "n:tag[join:;]", "type": "text"},
        ],
        "key": ["no"], "duplicates": "error",
    });
    assert_eq!(draft, expected);
    let outcome = found.outcome.as_ref().unwrap();
    assert_eq!((outcome.read, outcome.mapped, outcome.errors), (9, 9, 0), "{outcome:#?}");
    let first = json!({"no": "0001", "at": "2026-10-14", "sum": "11.50", "cur": "NOK", "name": "Åse 1", "tag": "a;b"});
    assert_eq!(outcome.records[0].data, first);
    assert_eq!(found.notes.iter().map(|note| note.code.as_str()).collect::<Vec<_>>(), ["repeated_elements"]);
}

#[test]
fn only_whole_records_of_a_cut_file_count_in_every_encoding() {
    let text = orders(9);
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let declared = text.replace("\"1.0\"", "\"1.0\" encoding=\"ISO-8859-1\"");
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, encoding) in
        [(text.clone().into_bytes(), "utf-8"), (latin(&declared), "iso-8859-1"), (wide, "utf-16le")]
    {
        let end = bytes.len();
        let mut seen = Vec::new();
        for cut in (end / 3..end).step_by(7) {
            let found = of(&bytes[..cut], false);
            assert_eq!(found.encoding.as_ref().unwrap().value, encoding);
            let outcome = found.outcome.unwrap();
            assert_eq!((outcome.failure, outcome.errors), (None, 0), "{encoding} {cut}");
            seen.push((cut, outcome.mapped));
        }
        // What is whole by the text itself, counted without any reader.
        for (cut, mapped) in seen {
            let close: Vec<u8> = match encoding {
                "utf-16le" => "</order>".encode_utf16().flat_map(u16::to_le_bytes).collect(),
                _ => b"</order>".to_vec(),
            };
            let whole = bytes[..cut].windows(close.len()).filter(|window| *window == close).count();
            assert_eq!(mapped, whole, "{encoding} {cut}");
        }
    }
    let found = of(&text.as_bytes()[..150], false);
    assert!(found.outcome.is_none_or(|outcome| outcome.read == 0), "no record is whole");
    assert!(found.notes.iter().any(|note| note.code == "no_whole_record"), "{:?}", found.notes);
}

#[test]
fn what_is_around_a_record_comes_before_it_or_is_no_column() {
    let journal = |name: &str, behind: &str| {
        let line =
            |n: usize| format!("<l><n>{n}</n><a>{n}.5</a><t>x{n}</t><u>{n}</u><v>w{n}</v><w>{n}</w></l>");
        let lines: String = (1..9).map(line).collect();
        format!("<j k='1'><id>{name}</id>{lines}{behind}</j>")
    };
    let file = format!("<f>{}{}</f>", journal("A", "<late>1</late>"), journal("B", "<late>2</late>"));
    let found = of(file.as_bytes(), true);
    assert_eq!(found.record.as_ref().unwrap().value, "/f/j/l");
    assert_eq!(names(&found), ["../@k", "../id", "n", "a", "t", "u", "v", "w"]);
    let outcome = found.outcome.unwrap();
    assert_eq!((outcome.mapped, outcome.failure), (16, None));
    assert_eq!(outcome.records[15].data["id"], "B");
}

#[test]
fn shapes_that_are_no_tables_have_a_draft_or_say_why() {
    let cases = [
        ("<r><id>1</id><id>2</id></r>", Some("/r/id"), vec!["."]),
        ("<r><p a='1'/><p a='2'/></r>", Some("/r/p"), vec!["@a"]),
        ("<r><p><a>1</a><b>x</b></p></r>", Some("/r/p"), vec!["a", "b"]),
        ("<r a='1'/>", Some("/r"), vec!["@a"]),
        ("<r>x</r>", Some("/r"), vec!["."]),
        ("<r><a:b xmlns:a='u'>1</a:b><a:b xmlns:a='u'>2</a:b></r>", Some("/r/a:b"), vec!["."]),
        ("<r><!-- --><p xml:lang='no'>1</p><p xml:lang='sv'>2</p></r>", Some("/r/p"), vec!["@xml:lang", "."]),
    ];
    for (text, record, columns) in cases {
        let found = of(text.as_bytes(), true);
        assert_eq!(found.record.as_ref().map(|guess| guess.value.as_str()), record, "{text}");
        assert_eq!(names(&found), columns, "{text}");
        let outcome = found.outcome.unwrap_or_else(|| panic!("{text} {:?}", found.notes));
        assert!(
            outcome.mapped > 0 && outcome.errors == 0 && outcome.failure.is_none(),
            "{text} {outcome:#?}"
        );
    }
    let broken = of(b"<?xml version='1.0'?><r><p>1</p><p>2</p><q></r>", true);
    assert_eq!(broken.outcome.unwrap().failure.unwrap().field, "not_xml");
    let unknown = of(b"<?xml version='1.0' encoding='EBCDIC-CP-NO'?><r/>", true);
    assert_eq!(unknown.notes[0].code, "encoding_not_readable");
}

#[test]
fn a_given_mapping_decides_which_records_are_whole_and_masks() {
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "mine", "input": {"format": "xml", "record": "/n:orders/n:order/n:line", "namespaces": {"n": "urn:o"}},
        "columns": [
            {"name": "sku", "from": "n:sku", "type": "text"},
            {"name": "who", "from": "../n:to/n:name", "type": "text", "pii": true},
        ],
    }))
    .unwrap();
    let text = orders(4);
    let cut = text.rfind("<line>").unwrap();
    let found = with(&text.as_bytes()[..cut], false, Some(&mapping));
    let outcome = found.outcome.as_ref().unwrap();
    assert_eq!((outcome.mapped, outcome.errors), (7, 0), "{outcome:#?}");
    assert_eq!(outcome.records[0].data, json!({"sku": "A1", "who": "•••"}));
    let personal: Mapping = serde_json::from_value(json!({
        "name": "mine", "input": {"format": "xml", "record": "/n:orders/n:order", "namespaces": {"n": "urn:o"}},
        "columns": [{"name": "who", "from": "n:to/n:name", "type": "text", "pii": true}],
    }))
    .unwrap();
    let mut found = with(text.as_bytes(), true, Some(&personal));
    found.draft = None;
    assert!(!serde_json::to_string(&found).unwrap().contains("Åse"), "names are masked everywhere");
}

#[test]
fn saft_is_recognised_and_offers_its_entities() {
    let line = |n: usize| {
        format!(
            "<n1:Line><n1:RecordID>{n}</n1:RecordID><n1:AccountID>1920</n1:AccountID><n1:DebitAmount><n1:Amount>{n}.50</n1:Amount></n1:DebitAmount></n1:Line>"
        )
    };
    let transaction = |n: usize| {
        format!(
            "<n1:Transaction><n1:TransactionID>{n}</n1:TransactionID><n1:TransactionDate>2026-10-{:02}</n1:TransactionDate>{}{}</n1:Transaction>",
            10 + n,
            line(2 * n),
            line(2 * n + 1)
        )
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><n1:AuditFile xmlns:n1=\"urn:StandardAuditFile-Taxation-Financial:NO\">\
         <n1:Header><n1:AuditFileVersion>1.30</n1:AuditFileVersion></n1:Header>\
         <n1:MasterFiles><n1:GeneralLedgerAccounts><n1:Account><n1:AccountID>1920</n1:AccountID></n1:Account></n1:GeneralLedgerAccounts></n1:MasterFiles>\
         <n1:GeneralLedgerEntries><n1:NumberOfEntries>3</n1:NumberOfEntries><n1:TotalDebit>30.00</n1:TotalDebit><n1:TotalCredit>0</n1:TotalCredit>\
         <n1:Journal><n1:JournalID>GL</n1:JournalID>{}{}{}</n1:Journal></n1:GeneralLedgerEntries></n1:AuditFile>",
        transaction(1),
        transaction(2),
        transaction(3)
    );
    let found = of(text.as_bytes(), true);
    assert_eq!(found.format.value, Format::Saft);
    let entity = found.entity.as_ref().unwrap();
    assert_eq!(entity.value, SaftEntity::TransactionLines);
    assert_eq!(entity.rivals.len(), 6, "all others are offered");
    assert_eq!(entity.rivals[0].value, SaftEntity::Transactions);
    assert!(matches!(found.draft.as_ref().unwrap().input, Input::Saft(_)));
    let outcome = found.outcome.as_ref().unwrap();
    assert_eq!((outcome.read, outcome.mapped, &outcome.failure), (6, 6, &None), "{outcome:#?}");
    assert_eq!(outcome.records[0].data["JournalID"], "GL");
    // The totals of a beginning cannot be right, and are not held against it; those of a whole file are.
    let cut = of(&text.as_bytes()[..text.find("<n1:TransactionID>3").unwrap()], false);
    let outcome = cut.outcome.unwrap();
    assert_eq!((outcome.read, outcome.mapped, outcome.failure), (4, 4, None));
    let wrong = of(text.replace("30.00", "31.00").as_bytes(), true);
    assert_eq!(wrong.outcome.unwrap().failure.unwrap().field, "control_totals");
}

#[test]
fn a_record_of_nothing_but_records_of_their_own_has_its_text() {
    let found = of(b"<r><a/><a><b/><b><b/></b></a><a><b/></a></r>", true);
    assert!(found.notes.iter().all(|note| note.code != "no_draft"), "{:?}", found.notes);
    let from: Vec<_> = found.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((found.record.unwrap().value.as_str(), from), ("/r/a", vec!["."]));
}

proptest! {
    /// Any tree of elements, cut anywhere: no panic, a draft that is valid, and no error that the cut makes.
    #[test]
    fn any_elements_are_previewed(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<a>", "</a>", "<b>", "</b>", "<b/>", "<c d='1'>", "</c>", "x", "1,5", " ", "<p:e xmlns:p='u'/>", "&amp;",
                "<![CDATA[x]]>", "<!-- x -->", "<r:f>", "\u{e5}",
            ]),
            0..40,
        ),
        is_whole: bool,
    ) {
        let text = format!("<?xml version='1.0'?><r xmlns:r='urn:r'>{}</r>", pieces.concat());
        for end in [text.len(), text.len() * 2 / 3] {
            let Some(text) = text.get(..end) else { continue };
            let found = of(text.as_bytes(), is_whole);
            if let Some(draft) = &found.draft {
                prop_assert_eq!(draft.validate(), []);
            }
            prop_assert!(found.notes.iter().all(|note| note.code != "no_draft"), "{:?}", found.notes);
        }
    }

    /// Records of any number of fields: each comes back, in the draft's records too.
    #[test]
    fn records_come_back(rows in prop::collection::vec(prop::collection::vec("[a-zåø]{1,8}", 3), 2..12)) {
        let row = |cells: &Vec<String>| {
            let cells: String = cells.iter().enumerate().map(|(at, cell)| format!("<c{at}>{cell}</c{at}>")).collect();
            format!("<row>{cells}</row>")
        };
        let text = format!("<f>{}</f>", rows.iter().map(row).collect::<String>());
        let found = of(text.as_bytes(), true);
        prop_assert_eq!(&found.record.as_ref().unwrap().value, "/f/row");
        let outcome = found.outcome.unwrap();
        prop_assert_eq!(outcome.read, rows.len());
        for (record, cells) in outcome.records.iter().zip(&rows) {
            let wanted: Value = json!({"c0": cells[0], "c1": cells[1], "c2": cells[2]});
            if outcome.errors == 0 && record.data["c0"].is_string() && record.data["c1"].is_string() && record.data["c2"].is_string() {
                prop_assert_eq!(&record.data, &wanted);
            }
        }
    }
}

/// The example that comes with the standard, where it is beside the repository; the other test has one of the same form.
#[test]
fn the_example_of_saft_is_previewed_whole_and_cut() {
    let name = "../../shared/data/ExampleFile SAF-T Financial_888888888_20180228235959.xml";
    let Ok(bytes) = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)) else {
        eprintln!("{name} is not there");
        return;
    };
    let count = |bytes: &[u8], tag: &str| bytes.windows(tag.len()).filter(|w| *w == tag.as_bytes()).count();
    for (bytes, is_whole) in
        [(&bytes[..], true), (&bytes[..bytes.len() - 9_000], false), (&bytes[..100_000], false)]
    {
        let found = of(bytes, is_whole);
        assert_eq!(found.format.value, Format::Saft);
        let entity = found.entity.as_ref().unwrap();
        assert_eq!(entity.value, SaftEntity::TransactionLines, "{entity:#?}");
        let outcome = found.outcome.as_ref().unwrap();
        assert_eq!(outcome.read, count(bytes, "</n1:Line>"));
        assert_eq!((outcome.errors, &outcome.failure), (0, &None), "{outcome:#?}");
        let kind = |name: &str| {
            let column = found.columns.iter().find(|column| column.name == name).unwrap();
            column.kind.value.mapped_as
        };
        assert_eq!(kind("TransactionDate"), ColumnType::Date);
        assert_eq!(kind("DebitAmount"), ColumnType::Decimal);
        assert_eq!(kind("AccountID"), ColumnType::Text);
        assert_eq!(kind("TaxCode"), ColumnType::Text, "1 in nearly all records, and 1R in one");
        let accounts = entity.rivals.iter().find(|rival| rival.value == SaftEntity::Accounts).unwrap();
        assert!(
            accounts.reason.starts_with(&format!("{} whole", count(bytes, "</n1:Account>"))),
            "{accounts:?}"
        );
    }
}
