use serde_json::{Value, json};

use super::{data, invalid, outcome, texts};
use crate::mapping::formats::SaftEntity;
use crate::mapping::input::xml::saft::columns;
use crate::mapping::tests::real_files;

const ENTITIES: [(&str, usize); 7] = [
    ("accounts", 22),
    ("customers", 6),
    ("suppliers", 6),
    ("transactions", 53),
    ("transaction_lines", 170),
    ("tax_codes", 9),
    ("dimensions", 8),
];

/// A file of one account and one transaction, as 1.30 has it, with these control totals.
fn file(entries: &str, debit: &str, credit: &str) -> String {
    format!(
        "<AuditFile xmlns='urn:StandardAuditFile-Taxation-Financial:NO'><Header><AuditFileVersion>1.30</AuditFileVersion></Header>\
        <MasterFiles><GeneralLedgerAccounts><Account><AccountID>1920</AccountID></Account></GeneralLedgerAccounts>\
        <Customers><Customer><Name>N</Name><CustomerID>1</CustomerID><BalanceAccount><AccountID>1500</AccountID></BalanceAccount>\
        <BalanceAccount><AccountID>1510</AccountID></BalanceAccount></Customer></Customers></MasterFiles>\
        <GeneralLedgerEntries><NumberOfEntries>{entries}</NumberOfEntries><TotalDebit>{debit}</TotalDebit><TotalCredit>{credit}</TotalCredit>\
        <Journal><JournalID>J</JournalID><Transaction><TransactionID>T</TransactionID>\
        <Line><RecordID>1</RecordID><DebitAmount><Amount>0.10</Amount></DebitAmount></Line>\
        <Line><RecordID>2</RecordID><DebitAmount><Amount>0.20</Amount></DebitAmount></Line>\
        <Line><RecordID>3</RecordID><CreditAmount><Amount>0.30</Amount></CreditAmount></Line>\
        </Transaction></Journal></GeneralLedgerEntries></AuditFile>"
    )
}

fn saft(entity: &str, from: &[&str]) -> Value {
    texts(json!({"format": "saft", "entity": entity}), from)
}

/// The column names of an entity.
fn names(entity: &str) -> Vec<&'static str> {
    let entity: SaftEntity = serde_json::from_value(json!(entity)).unwrap();
    columns(entity).map(|(name, _)| *name).collect()
}

/// Every entity of the Tax Administration's own example, with every column there is.
#[test]
fn the_example_of_the_tax_administration_is_read_whole() {
    let stand_in = file("1", "0.3", "0.300");
    let (bytes, is_real) =
        real_files::data("ExampleFile SAF-T Financial_888888888_20180228235959.xml", stand_in.into_bytes());
    for (entity, count) in ENTITIES {
        // What several versions write in several places is one column: none is there twice.
        let names: Vec<&str> = names(entity).into_iter().filter(|name| !name.is_empty()).collect();
        let columns: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "from": name, "type": "text"})).collect();
        let mapping =
            json!({"name": entity, "input": {"format": "saft", "entity": entity}, "columns": columns});
        if !is_real {
            data(&bytes, saft(entity, &names[..1])).unwrap();
            continue;
        }
        let records = data(&bytes, mapping).unwrap();
        assert_eq!(records.len(), count, "{entity}");
        assert!(records.iter().all(|record| record["CompanyName"] == "Tøyen Lekefabrikk AS"));
        let first = &records[0];
        let last = &records[count - 1];
        match entity {
            "accounts" => assert_eq!(
                (&first["AccountID"], &first["ClosingDebitBalance"]),
                (&json!("1250"), &json!("145500"))
            ),
            "tax_codes" => assert_eq!(
                (&records[1]["TaxCode"], &records[1]["BaseRates"]),
                (&json!("1"), &json!("100;70"))
            ),
            "dimensions" => assert_eq!(
                (&first["AnalysisTypeDescription"], &first["AnalysisID"]),
                (&json!("Avdeling"), &json!("100"))
            ),
            "suppliers" => assert_eq!(
                (&first["SupplierID"], &first["StreetName"]),
                (&json!("2000"), &json!("Jacob Alls Gate"))
            ),
            "transactions" => {
                assert_eq!((&first["TransactionID"], &first["JournalID"]), (&json!("1001"), &json!("123ABC")))
            }
            "transaction_lines" => {
                let expected = json!([
                    "123ABC",
                    "1001",
                    "2017-01-04",
                    "1",
                    "4000",
                    "A;P",
                    "102;202",
                    "10000",
                    null,
                    "2500"
                ]);
                let wanted = [
                    "JournalID",
                    "TransactionID",
                    "TransactionDate",
                    "RecordID",
                    "AccountID",
                    "AnalysisTypes",
                    "AnalysisIDs",
                    "DebitAmount",
                    "CreditAmount",
                    "TaxAmount",
                ];
                assert_eq!(Value::Array(wanted.iter().map(|name| first[name].clone()).collect()), expected);
                assert_eq!(last["JournalID"], "123ABC");
            }
            _ => assert!(first["CustomerID"].is_string() && first["AccountID"].is_string()),
        }
    }
    // The file's totals hold, and would not with one digit changed.
    if is_real {
        let text = String::from_utf8(bytes).unwrap().replacen(
            "<n1:Amount>12500</n1:Amount>",
            "<n1:Amount>12500.01</n1:Amount>",
            1,
        );
        let wrong = outcome(text, saft("accounts", &["AccountID"]));
        assert_eq!(
            wrong,
            "control_totals: the file states TotalCredit 9487049.35, but what is in it comes to 9487049.36"
        );
    }
}

#[test]
fn control_totals_have_to_be_so_exactly() {
    let cases = [
        (["1", "0.30", "0.3"], "1 record 1 {\"a\":\"1920\"}"),
        (
            ["2", "0.30", "0.30"],
            "control_totals: the file states NumberOfEntries 2, but what is in it comes to 1",
        ),
        (
            ["1", "0.31", "0.30"],
            "control_totals: the file states TotalDebit 0.31, but what is in it comes to 0.30",
        ),
        (
            ["1", "0.30", "-0.30"],
            "control_totals: the file states TotalCredit -0.30, but what is in it comes to 0.30",
        ),
        (
            ["", "0.30", "0.30"],
            "control_totals: the file states NumberOfEntries , but what is in it comes to 1",
        ),
        (
            ["1", "0,30", "0.30"],
            "control_totals: the file states TotalDebit 0,30, but what is in it comes to 0.30",
        ),
    ];
    for ([entries, debit, credit], expected) in cases {
        assert_eq!(outcome(file(entries, debit, credit), saft("accounts", &["AccountID"])), expected);
    }
    let good = file("1", "0.30", "0.30");
    let unclear = good.replace("0.20", "x");
    assert_eq!(
        outcome(unclear, saft("accounts", &["AccountID"])),
        "control_totals: the file states TotalDebit 0.30, but what is in it comes to no sum, since \"x\" is an amount that cannot be added"
    );
    let unstated = good.replace("<TotalCredit>0.30</TotalCredit>", "");
    assert!(
        outcome(unstated, saft("accounts", &["AccountID"]))
            .starts_with("control_totals: the file states TotalCredit as nothing")
    );
    // A file of master data only has no totals.
    let start = good.find("<GeneralLedgerEntries>").unwrap();
    let end = good.find("</GeneralLedgerEntries>").unwrap() + "</GeneralLedgerEntries>".len();
    let without = format!("{}{}", &good[..start], &good[end..]);
    assert_eq!(outcome(without, saft("accounts", &["AccountID"])), "1 record 1 {\"a\":\"1920\"}");
    // A transaction that is cut off the middle of a file is missed.
    let cut = good
        .replace("<Line><RecordID>2</RecordID><DebitAmount><Amount>0.20</Amount></DebitAmount></Line>", "");
    assert!(outcome(cut, saft("transaction_lines", &["RecordID"])).ends_with("comes to 0.10"));
}

#[test]
fn several_balance_accounts_are_an_error_or_joined() {
    let good = file("1", "0.30", "0.30");
    assert_eq!(outcome(&good, saft("customers", &["AccountIDs"])), "1 record 1 {\"a\":\"1500;1510\"}");
    let one = outcome(&good, saft("customers", &["AccountID"]));
    assert!(one.starts_with("1 ? error repeated_element -: AccountID is there 2 times"), "{one}");
}

#[test]
fn only_the_columns_that_are_there_can_be_named() {
    let errors = invalid(&saft("dimensions", &["AnalysisId"]));
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with(
            "columns[0].from: \"AnalysisId\" is no column of this entity; it has AnalysisType, "
        ),
        "{errors:?}"
    );
    for (entity, _) in ENTITIES {
        let mut names = names(entity);
        assert_eq!(invalid(&saft(entity, &names[..names.len().min(26)])), [""; 0]);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{entity}");
        let mapping = saft(entity, &[names[0]]);
        let wrong = outcome("<AuditFile xmlns='urn:OECD:StandardAuditFile-Tax:2.00'/>", mapping);
        assert!(wrong.starts_with("no_records: "), "{wrong}");
    }
}
