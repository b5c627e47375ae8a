use std::path::Path;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::export::{Export, Named, Rendering, Totals, Unfit};
use crate::mapping::{FileError, Mapping, Outcome, records, saft_columns};

const ENTITIES: [&str; 7] =
    ["accounts", "customers", "suppliers", "transactions", "transaction_lines", "tax_codes", "dimensions"];

/// Columns of later versions of the schema, which are read and have no place in 1.10.
const LATER: [&str; 5] =
    ["VoucherType", "VoucherDescription", "ModificationDate", "DebitTaxAmount", "CreditTaxAmount"];

fn settings(entity: &str) -> Value {
    json!({
        "entity": entity,
        "company": {
            "registration_number": "888888888",
            "name": "Tøyen Lekefabrikk AS",
            "address": { "street_name": "Tøyenstredet 22", "city": "Oslo", "postal_code": "0235", "country": "NO" },
            "contact": { "first_name": "Fredrikke", "last_name": "Lie", "telephone": "87654321" },
            "tax_registration_number": "888888888MVA"
        },
        "currency": "NOK",
        "software": { "company": "Nøyaktig Regnskapssystem", "name": "N-SYS", "version": "12.002" },
        "period": { "from": "2017-01-01", "to": "2017-04-30" }
    })
}

fn export(entity: &str) -> Export {
    serde_json::from_value(json!({ "file_name": "{date}.xml", "format": "saft", "saft": settings(entity) }))
        .unwrap()
}

/// A file as a push writes it, the totals from a pass before; and the records that it does not take.
fn file(entity: &str, records: &[String]) -> (String, Vec<String>) {
    let export = export(entity);
    let rendering = Rendering::of(&export).unwrap();
    let named = Named::example("2018-01-10T09:30:00Z");
    let pieces: Vec<_> = records.iter().map(|record| rendering.record(record.as_bytes())).collect();
    let mut known = Totals::default();
    for piece in pieces.iter().flatten() {
        if rendering.takes(piece, &known).is_ok() {
            piece.add_to(&mut known);
        }
    }
    let (mut totals, mut refused) = (Totals::default(), Vec::new());
    let mut file = rendering.begin(&named, &known).unwrap();
    for piece in pieces {
        match piece.and_then(|piece| rendering.takes(&piece, &totals).map(|()| piece)) {
            Ok(piece) => {
                file.extend_from_slice(rendering.between());
                file.extend_from_slice(&rendering.placed(&piece, &totals));
                piece.add_to(&mut totals);
            }
            Err(unfit) => refused.push(unfit.to_string()),
        }
    }
    file.extend(rendering.end(&named, &totals).unwrap());
    assert!(!rendering.begins_with_totals() || known == totals);
    (String::from_utf8(file).unwrap(), refused)
}

fn unfit(entity: &str, record: Value) -> String {
    match Rendering::of(&export(entity)).unwrap().record(record.to_string().as_bytes()) {
        Ok(piece) => panic!("{}", String::from_utf8_lossy(&piece.bytes)),
        Err(unfit) => unfit.to_string(),
    }
}

fn columns(entity: &str) -> Vec<&'static str> {
    let entity = serde_json::from_value(json!(entity)).unwrap();
    saft_columns(entity).collect()
}

/// Reads a file with every column of an entity, as texts.
fn read(file: &[u8], entity: &str) -> Result<Vec<String>, FileError> {
    let columns: Vec<Value> = columns(entity)
        .into_iter()
        .filter(|name| *name != "AuditFileVersion") // the example is of an earlier one
        .map(|name| json!({ "name": name, "from": name, "type": "text" }))
        .collect();
    let mapping =
        json!({ "name": "saft", "input": { "format": "saft", "entity": entity }, "columns": columns });
    let mapping = serde_json::from_value::<Mapping>(mapping).unwrap().compile().unwrap();
    let outcomes = records(file, &mapping)?.map(|outcome| match outcome? {
        Outcome::Record(record) => Ok(record.data),
        other => panic!("{other:?}"),
    });
    outcomes.collect()
}

fn account() -> Value {
    json!({ "AccountID": "1920", "AccountDescription": "Bank", "StandardAccountID": "19", "AccountType": "GL",
        "OpeningDebitBalance": "370000", "ClosingCreditBalance": 1.50 })
}

fn line(transaction: &str, record: &str, side: &str, amount: &str) -> Value {
    json!({ "JournalID": "J", "JournalDescription": "Journal", "JournalType": "GL", "TransactionID": transaction,
        "Period": 1, "PeriodYear": 2017, "TransactionDate": "2017-01-04", "TransactionDescription": "T & Co",
        "SystemEntryDate": "2017-01-05", "GLPostingDate": "2017-01-05", "RecordID": record, "AccountID": "1920",
        "Description": "L", side: amount })
}

fn texts(records: &[Value]) -> Vec<String> {
    records.iter().map(Value::to_string).collect()
}

fn with(mut record: Value, changes: Value) -> Value {
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record
}

/// A record of each entity, where the example is not there.
fn stand_in(entity: &str) -> Vec<String> {
    let party = json!({ "RegistrationNumber": null, "Name": "N", "CustomerID": "1", "AccountID": "1500", "AccountIDs": "1500",
        "City": "Oslo", "FirstName": "A", "LastName": "B", "PaymentTermsDays": 30, "Notes": "n" });
    texts(&match entity {
        "accounts" => vec![account()],
        "customers" => vec![party],
        "suppliers" => {
            let mut supplier = with(party, json!({ "SupplierID": "2" }));
            supplier.as_object_mut().unwrap().remove("CustomerID");
            vec![supplier]
        }
        "tax_codes" => {
            vec![json!({ "TaxType": "MVA", "TaxTypeDescription": "Merverdiavgift", "TaxCode": "1",
            "Country": "NO", "StandardTaxCode": "1", "BaseRates": "100;70" })]
        }
        "dimensions" => {
            vec![json!({ "AnalysisType": "A", "AnalysisTypeDescription": "Avdeling", "AnalysisID": "100",
            "AnalysisIDDescription": "Salg" })]
        }
        "transactions" => vec![json!({ "JournalID": "J", "JournalDescription": "D", "JournalType": "GL",
            "TransactionID": "1", "Period": "01", "PeriodYear": "2017", "TransactionDate": "2017-01-04",
            "Description": "T", "SystemEntryDate": "2017-01-04", "GLPostingDate": "2017-01-04" })],
        _ => vec![line("1", "1", "DebitAmount", "0.10"), line("1", "2", "CreditAmount", "0.1")],
    })
}

/// The Tax Administration's own example, entity by entity, goes out as it came in.
#[test]
fn what_is_read_of_the_example_is_written_and_read_again() {
    let name = "ExampleFile SAF-T Financial_888888888_20180228235959.xml";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    let example = std::fs::read(&path)
        .map_err(|error| eprintln!("{} is not there ({error}): a stand-in is used", path.display()));
    for entity in ENTITIES {
        let came = match &example {
            Ok(example) => read(example, entity).unwrap(),
            Err(()) => {
                let (file, refused) = file(entity, &stand_in(entity));
                assert_eq!(refused, [""; 0]);
                read(file.as_bytes(), entity).unwrap()
            }
        };
        let (file, refused) = file(entity, &came);
        assert_eq!(refused, [""; 0], "{entity}");
        // The file's own totals are compared with what is in it when it is read.
        assert_eq!(read(file.as_bytes(), entity).unwrap(), came, "{entity}");
        let totals = file.find("<NumberOfEntries>").map(|at| &file[at..file.find("</TotalCredit>").unwrap()]);
        let expected = match entity {
            "transactions" => {
                Some("<NumberOfEntries>53</NumberOfEntries><TotalDebit>0</TotalDebit><TotalCredit>0")
            }
            "transaction_lines" => Some(
                "<NumberOfEntries>53</NumberOfEntries><TotalDebit>9487049.35</TotalDebit><TotalCredit>9487049.35",
            ),
            _ => None,
        };
        if example.is_ok() {
            assert_eq!(totals, expected, "{entity}");
        }
    }
}

#[test]
fn every_column_that_is_read_has_its_place_but_those_of_later_versions() {
    for entity in ENTITIES {
        let saft: SaftOutput = serde_json::from_value(settings(entity)).unwrap();
        let of = elements::Entity::of(saft.entity);
        let parts = of.around.iter().chain([&of.record]).flat_map(|element| element.parts);
        let written: Vec<&str> = parts.flat_map(|part| part.columns().to_vec()).collect();
        let read: Vec<&str> = columns(entity);
        for column in read.iter().filter(|column| !file::HEADER.contains(column)) {
            assert_eq!(written.contains(column), !LATER.contains(column), "{entity} {column}");
        }
        // A line is not read with what its transaction's system calls it.
        assert!(written.iter().all(|column| read.contains(column) || *column == "SystemID"), "{entity}");
    }
}

#[test]
fn a_file_has_its_header_and_its_elements_in_the_order_of_the_schema() {
    let lines = [
        with(
            line("1", "1", "DebitAmount", "0.10"),
            json!({ "AnalysisTypes": "A;P", "AnalysisIDs": "1;2", "TaxCode": "1",
            "TaxAmount": "0.02", "DueDate": "2017-02-01", "DebitCurrencyCode": "EUR", "DebitCurrencyAmount": 0.01,
            "CompanyName": "Tøyen Lekefabrikk AS" }),
        ),
        line("1", "2", "CreditAmount", "0.1"),
        with(line("2", "1", "DebitAmount", "-7"), json!({ "JournalID": "K" })),
    ];
    let (file, refused) = file("transaction_lines", &texts(&lines));
    assert_eq!(refused, [""; 0]);
    let transaction = |number: u8| {
        format!(
            "<Transaction><TransactionID>{number}</TransactionID><Period>1</Period><PeriodYear>2017</PeriodYear>\
            <TransactionDate>2017-01-04</TransactionDate><Description>T &amp; Co</Description>\
            <SystemEntryDate>2017-01-05</SystemEntryDate><GLPostingDate>2017-01-05</GLPostingDate>"
        )
    };
    let expected = [
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        r#"<AuditFile xmlns="urn:StandardAuditFile-Taxation-Financial:NO">"#,
        "<Header><AuditFileVersion>1.10</AuditFileVersion><AuditFileCountry>NO</AuditFileCountry>\
        <AuditFileDateCreated>2018-01-10</AuditFileDateCreated>\
        <SoftwareCompanyName>Nøyaktig Regnskapssystem</SoftwareCompanyName><SoftwareID>N-SYS</SoftwareID>\
        <SoftwareVersion>12.002</SoftwareVersion><Company><RegistrationNumber>888888888</RegistrationNumber>\
        <Name>Tøyen Lekefabrikk AS</Name><Address><StreetName>Tøyenstredet 22</StreetName><City>Oslo</City>\
        <PostalCode>0235</PostalCode><Country>NO</Country></Address><Contact><ContactPerson>\
        <FirstName>Fredrikke</FirstName><LastName>Lie</LastName></ContactPerson><Telephone>87654321</Telephone></Contact>\
        <TaxRegistration><TaxRegistrationNumber>888888888MVA</TaxRegistrationNumber></TaxRegistration></Company>\
        <DefaultCurrencyCode>NOK</DefaultCurrencyCode><SelectionCriteria>\
        <SelectionStartDate>2017-01-01</SelectionStartDate><SelectionEndDate>2017-04-30</SelectionEndDate>\
        </SelectionCriteria><TaxAccountingBasis>A</TaxAccountingBasis></Header>",
        "<GeneralLedgerEntries>",
        "<NumberOfEntries>2</NumberOfEntries><TotalDebit>-6.90</TotalDebit><TotalCredit>0.1</TotalCredit>",
        "<Journal><JournalID>J</JournalID><Description>Journal</Description><Type>GL</Type>",
        &transaction(1),
        "<Line><RecordID>1</RecordID><AccountID>1920</AccountID>\
        <Analysis><AnalysisType>A</AnalysisType><AnalysisID>1</AnalysisID></Analysis>\
        <Analysis><AnalysisType>P</AnalysisType><AnalysisID>2</AnalysisID></Analysis><Description>L</Description>\
        <DebitAmount><Amount>0.10</Amount><CurrencyCode>EUR</CurrencyCode><CurrencyAmount>0.01</CurrencyAmount></DebitAmount>\
        <TaxInformation><TaxCode>1</TaxCode><TaxAmount><Amount>0.02</Amount></TaxAmount></TaxInformation>\
        <DueDate>2017-02-01</DueDate></Line>",
        "<Line><RecordID>2</RecordID><AccountID>1920</AccountID><Description>L</Description>\
        <CreditAmount><Amount>0.1</Amount></CreditAmount></Line>",
        "</Transaction>",
        "</Journal>",
        "<Journal><JournalID>K</JournalID><Description>Journal</Description><Type>GL</Type>",
        &transaction(2),
        "<Line><RecordID>1</RecordID><AccountID>1920</AccountID><Description>L</Description>\
        <DebitAmount><Amount>-7</Amount></DebitAmount></Line>",
        "</Transaction>",
        "</Journal>",
        "</GeneralLedgerEntries>",
        "</AuditFile>",
        "",
    ];
    assert_eq!(file.lines().collect::<Vec<_>>(), expected[..expected.len() - 1]);
    assert_eq!(read(file.as_bytes(), "transaction_lines").unwrap().len(), 3);
}

#[test]
fn an_address_is_there_even_where_nothing_is_known_of_it() {
    let mut bare = settings("customers");
    bare["company"].as_object_mut().unwrap().remove("address");
    let export: Export =
        serde_json::from_value(json!({ "file_name": "a", "format": "saft", "saft": bare })).unwrap();
    let rendering = Rendering::of(&export).unwrap();
    let zone = TimeZone::get("Europe/Oslo").unwrap();
    let named = Named { zone: &zone, ..Named::example("2018-01-10T23:30:00Z") };
    let begin = String::from_utf8(rendering.begin(&named, &Totals::default()).unwrap()).unwrap();
    assert!(begin.contains("</Name><Address></Address><Contact>"), "{begin}");
    assert!(begin.contains("<AuditFileDateCreated>2018-01-11<"), "the date of the account's zone: {begin}");
    let customer = json!({ "Name": "N", "CustomerID": "1" }).to_string();
    let piece = rendering.record(customer.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(piece.bytes).unwrap(),
        "<Customer><Name>N</Name><Address></Address><CustomerID>1</CustomerID></Customer>\n"
    );
}

#[test]
fn a_transaction_may_have_its_lines_with_it() {
    let mut transaction = line("1", "1", "DebitAmount", "0");
    let members = transaction.as_object_mut().unwrap();
    for column in ["RecordID", "AccountID", "DebitAmount", "TransactionDescription"] {
        members.remove(column);
    }
    let of = |lines: Value| with(transaction.clone(), json!({ "Lines": lines }));
    let debit = json!({ "RecordID": "1", "AccountID": "1920", "Description": "L", "DebitAmount": "7.50" });
    let credit = json!({ "RecordID": "2", "AccountID": "3000", "Description": "L", "CreditAmount": 7.5 });
    let (file, refused) =
        file("transactions", &texts(&[of(json!([debit, credit])), of(json!([])), of(Value::Null)]));
    // The second and the third are the first once more.
    let twice = "its transaction is in the file already: what belongs to one comes together, in one journal and with \
        the same columns";
    assert_eq!(refused, [twice, twice]);
    assert!(file.contains(
        "<NumberOfEntries>1</NumberOfEntries><TotalDebit>7.50</TotalDebit><TotalCredit>7.5</TotalCredit>"
    ));
    let lines = read(file.as_bytes(), "transaction_lines").unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains(r#""CreditAmount":"7.5""#), "{}", lines[1]);
    for (lines, expected) in [
        (json!({}), "Lines is no list of objects, which the lines of a transaction have to be"),
        (json!([debit, 1]), "Lines[1] is no object, which a line of a transaction has to be"),
        (
            json!([debit, with(credit.clone(), json!({ "CreditAmount": "7,5" }))]),
            "Lines[1].CreditAmount is not a number of at most 18 digits, 2 of them decimals, as SAF-T has it",
        ),
        (
            json!([with(debit.clone(), json!({ "JournalID": "J" }))]),
            "Lines[0].JournalID is no column of this entity that SAF-T 1.10 has a place for",
        ),
    ] {
        assert_eq!(unfit("transactions", of(lines)), expected);
    }
}

#[test]
fn what_belongs_to_one_transaction_comes_together() {
    let ended = "its transaction is in the file already: what belongs to one comes together, in one journal and with \
        the same columns";
    let cases = [
        (
            vec![
                line("1", "1", "DebitAmount", "1"),
                line("2", "1", "DebitAmount", "2"),
                line("1", "2", "CreditAmount", "1"),
            ],
            1,
        ),
        // The same number with another date is no other transaction.
        (
            vec![
                line("1", "1", "DebitAmount", "1"),
                with(line("1", "2", "CreditAmount", "1"), json!({ "TransactionDate": "2017-01-05" })),
            ],
            1,
        ),
        // In another journal it is.
        (
            vec![
                line("1", "1", "DebitAmount", "1"),
                with(line("1", "1", "DebitAmount", "2"), json!({ "JournalID": "K" })),
                line("2", "1", "DebitAmount", "3"),
            ],
            0,
        ),
    ];
    for (lines, count) in cases {
        let (file, refused) = file("transaction_lines", &texts(&lines));
        assert_eq!(refused, vec![ended; count]);
        assert_eq!(read(file.as_bytes(), "transaction_lines").unwrap().len(), lines.len() - count);
    }
}

#[test]
fn a_record_that_the_schema_does_not_take_is_not_sent() {
    let nothing = with(account(), json!({ "VoucherType": null, "AccountId": "" }));
    assert_eq!(file("accounts", &texts(&[nothing])).0, file("accounts", &texts(&[account()])).0);
    let line = || line("1", "1", "DebitAmount", "1");
    let dimension = || {
        json!({ "AnalysisType": "A", "AnalysisTypeDescription": "B", "AnalysisID": "C",
        "AnalysisIDDescription": "D" })
    };
    let customer = || json!({ "Name": "N", "CustomerID": "1" });
    let cases = [
        (
            "accounts",
            with(account(), json!({ "AccountID": null })),
            "AccountID is missing, and SAF-T has to have it",
        ),
        (
            "accounts",
            with(account(), json!({ "AccountID": "" })),
            "AccountID is missing, and SAF-T has to have it",
        ),
        (
            "accounts",
            with(account(), json!({ "AccountType": "X" })),
            "AccountType is not GL, as SAF-T has it",
        ),
        (
            "accounts",
            with(account(), json!({ "OpeningDebitBalance": null })),
            "OpeningDebitBalance is missing, and SAF-T has to have one of OpeningDebitBalance, OpeningCreditBalance",
        ),
        (
            "accounts",
            with(account(), json!({ "OpeningCreditBalance": "1" })),
            "OpeningCreditBalance does not go with OpeningDebitBalance: SAF-T has one of them",
        ),
        (
            "accounts",
            with(account(), json!({ "AccountDescription": "x".repeat(257) })),
            "AccountDescription has 257 characters, and SAF-T takes 256: nothing is cut",
        ),
        (
            "accounts",
            with(account(), json!({ "OpeningDebitBalance": "7.505" })),
            "OpeningDebitBalance is not a number of at most 18 digits, 2 of them decimals, as SAF-T has it",
        ),
        (
            "accounts",
            with(account(), json!({ "AccountId": "1" })),
            "AccountId is no column of this entity that SAF-T 1.10 has a place for",
        ),
        (
            "accounts",
            with(account(), json!({ "AccountID": ["1"] })),
            &Unfit::NotACell("AccountID".into()).to_string(),
        ),
        (
            "accounts",
            with(account(), json!({ "AccountDescription": "a\u{1}" })),
            "AccountDescription has the character U+0001, which XML does not have",
        ),
        (
            "accounts",
            with(account(), json!({ "CompanyRegistrationNumber": "999999999" })),
            "CompanyRegistrationNumber is another than the file's, which the target states",
        ),
        (
            "accounts",
            with(account(), json!({ "DefaultCurrencyCode": "EUR" })),
            "DefaultCurrencyCode is another than the file's, which the target states",
        ),
        ("accounts", json!([]), &Unfit::NotAnObject.to_string()),
        (
            "customers",
            with(customer(), json!({ "Email": "a@b" })),
            "FirstName is missing, and SAF-T has it with Email",
        ),
        (
            "customers",
            with(customer(), json!({ "IBANNumber": "NO1", "BankAccountNumber": "1" })),
            "BankAccountNumber does not go with IBANNumber: SAF-T has one of them",
        ),
        (
            "customers",
            with(customer(), json!({ "AccountIDs": "1500;1510" })),
            "AccountIDs is not the same as AccountID, and SAF-T has room for one",
        ),
        (
            "customers",
            with(customer(), json!({ "Country": "NOR" })),
            "Country is not a code of 2 letters, as SAF-T has it",
        ),
        (
            "customers",
            with(customer(), json!({ "CustomerID": 1e99 })),
            &Unfit::NotANumber("CustomerID".into()).to_string(),
        ),
        (
            "tax_codes",
            json!({ "TaxType": "MVA", "TaxTypeDescription": "Merverdiavgift", "TaxCode": "1", "Country": "NO",
                "StandardTaxCode": "1" }),
            "BaseRates is missing, and SAF-T has to have it",
        ),
        (
            "tax_codes",
            json!({ "TaxType": "MVA", "TaxTypeDescription": "Merverdiavgift", "TaxCode": "1", "Country": "NO",
                "StandardTaxCode": "1", "BaseRates": "100;;70" }),
            "BaseRates is not a number without exponent, as SAF-T has it",
        ),
        (
            "dimensions",
            with(dimension(), json!({ "StartDate": "01.01.2026" })),
            "StartDate is not a date such as 2026-10-25, as SAF-T has it",
        ),
        (
            "dimensions",
            with(dimension(), json!({ "Status": "Open" })),
            "Status is not Active or Closed or Observation or Passive, as SAF-T has it",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "JournalID": null })),
            "JournalID is missing, and SAF-T has to have it",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "CreditAmount": 1 })),
            "CreditAmount does not go with DebitAmount: SAF-T has one of them",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "CreditCurrencyCode": "EUR", "CreditCurrencyAmount": 1 })),
            "CreditAmount is missing, and SAF-T has it with CreditCurrencyCode",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "AnalysisTypes": "A;P", "AnalysisIDs": "1" })),
            "AnalysisTypes has 2 values, and AnalysisIDs has 1: they go in pairs",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "TaxCode": "1", "TaxAmount": 1, "TaxCodes": "1;2" })),
            "TaxCodes is not the same as TaxCode, and SAF-T has room for one",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "TaxCode": "1" })),
            "TaxAmount is missing, and SAF-T has it with TaxCode",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "DebitTaxAmount": "1" })),
            "DebitTaxAmount is no column of this entity that SAF-T 1.10 has a place for",
        ),
        (
            "transaction_lines",
            with(line(), json!({ "Lines": [] })),
            "Lines is no column of this entity that SAF-T 1.10 has a place for",
        ),
    ];
    for (entity, record, expected) in cases {
        assert_eq!(unfit(entity, record.clone()), expected, "{entity} {record}");
    }
}

#[test]
fn what_the_header_cannot_have_is_named_when_it_is_saved() {
    for (pointer, value, field) in [
        ("/currency", json!("NOK"), None),
        ("/currency", json!("kroner"), Some("currency")),
        ("/company/name", json!("x".repeat(71)), Some("company.name")),
        ("/company/name", json!(" "), Some("company.name")),
        ("/company/contact/telephone", json!(""), Some("company.contact.telephone")),
        ("/company/address/country", json!("Norge"), Some("company.address.country")),
        ("/company/address/city", json!("a\u{1}"), Some("company.address.city")),
        ("/software/version", json!("1.2.3-20261025.abcdef"), Some("software.version")),
        ("/period/from", json!("01.01.2026"), Some("period.from")),
        ("/period/to", json!("2016-12-31"), Some("period.to")),
    ] {
        let mut saft = settings("accounts");
        *saft.pointer_mut(pointer).unwrap() = value.clone();
        let saft: SaftOutput = serde_json::from_value(saft).unwrap();
        let mut errors = Vec::new();
        saft.check(&mut errors);
        let found: Vec<String> = errors.into_iter().map(|error| error.field).collect();
        let expected: Vec<String> = field.map(|field| format!("export.saft.{field}")).into_iter().collect();
        assert_eq!(found, expected, "{pointer} {value}");
    }
}

proptest! {
    /// Totals are those of hundredths, and the reader, which checks them, finds every line again.
    #[test]
    fn totals_are_exact_and_every_line_is_there(
        lines in prop::collection::vec((0u8..4, any::<bool>(), -1_000_000_000_000i64..1_000_000_000_000, "[a-zå&<> ]{1,8}"), 1..40),
    ) {
        let hundredths = |n: i128| {
            format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.unsigned_abs() / 100, n.unsigned_abs() % 100)
        };
        let mut lines = lines;
        lines.sort_by_key(|line| line.0);
        let mut sums = [0i128; 2];
        let records: Vec<Value> = lines
            .iter()
            .enumerate()
            .map(|(at, (transaction, is_debit, amount, text))| {
                sums[usize::from(!is_debit)] += i128::from(*amount);
                let side = if *is_debit { "DebitAmount" } else { "CreditAmount" };
                let record = line(&transaction.to_string(), &at.to_string(), side, &hundredths((*amount).into()));
                with(record, json!({ "Description": text }))
            })
            .collect();
        let (file, refused) = file("transaction_lines", &texts(&records));
        prop_assert_eq!(refused, Vec::<String>::new());
        for (name, sum) in ["TotalDebit", "TotalCredit"].into_iter().zip(sums) {
            // Without a line on a side its sum has no decimals.
            let sum = hundredths(sum);
            let is_there = [sum.as_str(), sum.trim_end_matches(".00")].iter().any(|sum| file.contains(&format!("<{name}>{sum}</{name}>")));
            prop_assert!(is_there, "{} {}", name, file);
        }
        let back = read(file.as_bytes(), "transaction_lines").unwrap();
        prop_assert_eq!(back.len(), records.len());
        for (back, record) in back.iter().zip(&records) {
            let back: Value = serde_json::from_str(back).unwrap();
            for column in ["TransactionID", "RecordID", "Description", "DebitAmount", "CreditAmount"] {
                prop_assert_eq!(&back[column], &record[column]);
            }
        }
    }
}
