//! SAF-T Financial of Norway, ready-made: what a record of each entity is, and what its columns are.
//!
//! Versions 1.00 to 1.30 have one namespace and differ in some elements; a column that two versions write
//! in two places is read from both. Names are those of the schema but where an element is in another,
//! such as `DebitAmount`. A column whose name ends with `s`, of something that may be there several
//! times, has all of them with `;` between. Addresses, contacts, tax registrations and bank accounts are
//! the first of several.
//!
//! Source: Norwegian SAF-T Financial, schemas 1.10, 1.20 and 1.30, Skatteetaten.

use std::collections::BTreeMap;

use super::path::{Name, Names, Path, parse_record};
use crate::mapping::formats::SaftEntity;

/// The namespace of all elements.
pub(crate) const NAMESPACE: &str = "urn:StandardAuditFile-Taxation-Financial:NO";

/// A column's name, and the paths of its values in one version or another.
type Columns = &'static [(&'static str, &'static [&'static str])];

/// The columns of every entity: whose file it is.
const HEADER: Columns = &[
    ("AuditFileVersion", &["/AuditFile/Header/AuditFileVersion"]),
    ("AuditFileDateCreated", &["/AuditFile/Header/AuditFileDateCreated"]),
    ("CompanyRegistrationNumber", &["/AuditFile/Header/Company/RegistrationNumber"]),
    ("CompanyName", &["/AuditFile/Header/Company/Name"]),
    ("DefaultCurrencyCode", &["/AuditFile/Header/DefaultCurrencyCode"]),
];

const ACCOUNTS: Columns = &[
    ("AccountID", &["AccountID"]),
    ("AccountDescription", &["AccountDescription"]),
    ("StandardAccountID", &["StandardAccountID"]),
    ("GroupingCategory", &["GroupingCategory"]),
    ("GroupingCode", &["GroupingCode"]),
    ("AccountType", &["AccountType"]),
    ("AccountCreationDate", &["AccountCreationDate"]),
    ("OpeningDebitBalance", &["OpeningDebitBalance"]),
    ("OpeningCreditBalance", &["OpeningCreditBalance"]),
    ("ClosingDebitBalance", &["ClosingDebitBalance"]),
    ("ClosingCreditBalance", &["ClosingCreditBalance"]),
];

/// Of customers and of suppliers. Balances are in `BalanceAccount` since 1.30.
const PARTIES: Columns = &[
    ("RegistrationNumber", &["RegistrationNumber"]),
    ("Name", &["Name"]),
    ("StreetName", &["Address[1]/StreetName"]),
    ("Number", &["Address[1]/Number"]),
    ("AdditionalAddressDetail", &["Address[1]/AdditionalAddressDetail"]),
    ("City", &["Address[1]/City"]),
    ("PostalCode", &["Address[1]/PostalCode"]),
    ("Region", &["Address[1]/Region"]),
    ("Country", &["Address[1]/Country"]),
    ("FirstName", &["Contact[1]/ContactPerson/FirstName"]),
    ("LastName", &["Contact[1]/ContactPerson/LastName"]),
    ("Telephone", &["Contact[1]/Telephone"]),
    ("Email", &["Contact[1]/Email"]),
    ("TaxRegistrationNumber", &["TaxRegistration[1]/TaxRegistrationNumber"]),
    ("BankAccountNumber", &["BankAccount[1]/BankAccountNumber"]),
    ("IBANNumber", &["BankAccount[1]/IBANNumber"]),
    ("SelfBillingIndicator", &["SelfBillingIndicator"]),
    ("AccountID", &["AccountID", "BalanceAccount/AccountID"]),
    ("AccountIDs", &["AccountID[join:;]", "BalanceAccount/AccountID[join:;]"]),
    ("OpeningDebitBalance", &["OpeningDebitBalance", "BalanceAccount/OpeningDebitBalance"]),
    ("OpeningCreditBalance", &["OpeningCreditBalance", "BalanceAccount/OpeningCreditBalance"]),
    ("ClosingDebitBalance", &["ClosingDebitBalance", "BalanceAccount/ClosingDebitBalance"]),
    ("ClosingCreditBalance", &["ClosingCreditBalance", "BalanceAccount/ClosingCreditBalance"]),
    ("PaymentTermsDays", &["PartyInfo/PaymentTerms/Days"]),
    ("NaceCode", &["PartyInfo/NaceCode"]),
    ("CurrencyCode", &["PartyInfo/CurrencyCode"]),
    ("Type", &["PartyInfo/Type"]),
    ("Status", &["PartyInfo/Status"]),
    ("Notes", &["PartyInfo/Notes"]),
];

const CUSTOMERS: Columns = &[("CustomerID", &["CustomerID"])];
const SUPPLIERS: Columns = &[("SupplierID", &["SupplierID"])];

const TRANSACTIONS: Columns = &[
    ("JournalID", &["../JournalID"]),
    ("JournalDescription", &["../Description"]),
    ("JournalType", &["../Type"]),
    ("TransactionID", &["TransactionID"]),
    ("Period", &["Period"]),
    ("PeriodYear", &["PeriodYear"]),
    ("TransactionDate", &["TransactionDate"]),
    ("SourceID", &["SourceID"]),
    ("VoucherType", &["VoucherType"]),
    ("VoucherDescription", &["VoucherDescription"]),
    ("TransactionType", &["TransactionType"]),
    ("Description", &["Description"]),
    ("BatchID", &["BatchID"]),
    ("SystemEntryDate", &["SystemEntryDate"]),
    ("GLPostingDate", &["GLPostingDate"]),
    ("ModificationDate", &["ModificationDate"]),
    ("SystemID", &["SystemID"]),
];

/// What a line has of its transaction and journal must be before it in the file, as the schema has it.
const LINES: Columns = &[
    ("JournalID", &["../../JournalID"]),
    ("JournalDescription", &["../../Description"]),
    ("JournalType", &["../../Type"]),
    ("TransactionID", &["../TransactionID"]),
    ("Period", &["../Period"]),
    ("PeriodYear", &["../PeriodYear"]),
    ("TransactionDate", &["../TransactionDate"]),
    ("SourceID", &["../SourceID"]),
    ("VoucherType", &["../VoucherType"]),
    ("VoucherDescription", &["../VoucherDescription"]),
    ("TransactionType", &["../TransactionType"]),
    ("TransactionDescription", &["../Description"]),
    ("BatchID", &["../BatchID"]),
    ("SystemEntryDate", &["../SystemEntryDate"]),
    ("GLPostingDate", &["../GLPostingDate"]),
    ("RecordID", &["RecordID"]),
    ("AccountID", &["AccountID"]),
    ("AnalysisTypes", &["Analysis/AnalysisType[join:;]"]),
    ("AnalysisIDs", &["Analysis/AnalysisID[join:;]"]),
    ("ValueDate", &["ValueDate"]),
    ("SourceDocumentID", &["SourceDocumentID"]),
    ("CustomerID", &["CustomerID"]),
    ("SupplierID", &["SupplierID"]),
    ("Description", &["Description"]),
    ("DebitAmount", &["DebitAmount/Amount"]),
    ("DebitCurrencyCode", &["DebitAmount/CurrencyCode"]),
    ("DebitCurrencyAmount", &["DebitAmount/CurrencyAmount"]),
    ("DebitExchangeRate", &["DebitAmount/ExchangeRate"]),
    ("CreditAmount", &["CreditAmount/Amount"]),
    ("CreditCurrencyCode", &["CreditAmount/CurrencyCode"]),
    ("CreditCurrencyAmount", &["CreditAmount/CurrencyAmount"]),
    ("CreditExchangeRate", &["CreditAmount/ExchangeRate"]),
    ("TaxType", &["TaxInformation/TaxType"]),
    ("TaxCode", &["TaxInformation/TaxCode"]),
    ("TaxCodes", &["TaxInformation/TaxCode[join:;]"]),
    ("TaxPercentage", &["TaxInformation/TaxPercentage"]),
    ("TaxBase", &["TaxInformation/TaxBase"]),
    ("TaxAmount", &["TaxInformation/TaxAmount/Amount"]),
    ("DebitTaxAmount", &["TaxInformation/DebitTaxAmount/Amount"]),
    ("CreditTaxAmount", &["TaxInformation/CreditTaxAmount/Amount"]),
    ("ReferenceNumber", &["ReferenceNumber"]),
    ("CID", &["CID"]),
    ("DueDate", &["DueDate"]),
    ("Quantity", &["Quantity"]),
    ("CrossReference", &["CrossReference"]),
    ("SystemEntryTime", &["SystemEntryTime"]),
    ("OwnerID", &["OwnerID"]),
];

const TAX_CODES: Columns = &[
    ("TaxType", &["../TaxType"]),
    ("TaxTypeDescription", &["../Description"]),
    ("TaxCode", &["TaxCode"]),
    ("EffectiveDate", &["EffectiveDate"]),
    ("ExpirationDate", &["ExpirationDate"]),
    ("Description", &["Description"]),
    ("TaxPercentage", &["TaxPercentage"]),
    ("FlatTaxRate", &["FlatTaxRate/Amount"]),
    ("Country", &["Country"]),
    ("StandardTaxCode", &["StandardTaxCode"]),
    ("Compensation", &["Compensation"]),
    ("BaseRates", &["BaseRate[join:;]"]),
];

const DIMENSIONS: Columns = &[
    ("AnalysisType", &["AnalysisType"]),
    ("AnalysisTypeDescription", &["AnalysisTypeDescription"]),
    ("AnalysisID", &["AnalysisID"]),
    ("AnalysisIDDescription", &["AnalysisIDDescription"]),
    ("StartDate", &["StartDate"]),
    ("EndDate", &["EndDate"]),
    ("Status", &["Status"]),
];

/// The path of an entity's records, and their columns.
fn entity(entity: SaftEntity) -> (&'static str, &'static [Columns]) {
    match entity {
        SaftEntity::Accounts => ("/AuditFile/MasterFiles/GeneralLedgerAccounts/Account", &[ACCOUNTS, HEADER]),
        SaftEntity::Customers => ("/AuditFile/MasterFiles/Customers/Customer", &[CUSTOMERS, PARTIES, HEADER]),
        SaftEntity::Suppliers => ("/AuditFile/MasterFiles/Suppliers/Supplier", &[SUPPLIERS, PARTIES, HEADER]),
        SaftEntity::Transactions => {
            ("/AuditFile/GeneralLedgerEntries/Journal/Transaction", &[TRANSACTIONS, HEADER])
        }
        SaftEntity::TransactionLines => {
            ("/AuditFile/GeneralLedgerEntries/Journal/Transaction/Line", &[LINES, HEADER])
        }
        SaftEntity::TaxCodes => {
            ("/AuditFile/MasterFiles/TaxTable/TaxTableEntry/TaxCodeDetails", &[TAX_CODES, HEADER])
        }
        SaftEntity::Dimensions => {
            ("/AuditFile/MasterFiles/AnalysisTypeTable/AnalysisTypeTableEntry", &[DIMENSIONS, HEADER])
        }
    }
}

/// The path of an entity's records.
pub(in crate::mapping) fn record(of: SaftEntity) -> Vec<Name> {
    let prefixes = BTreeMap::new();
    let names = Names { prefixes: &prefixes, unprefixed: Some(NAMESPACE) };
    parse_record(entity(of).0, &names).expect("the tables are right: a test reads them all")
}

/// Where the values of a column are.
///
/// # Errors
/// The entity has no such column.
pub(in crate::mapping) fn paths(of: SaftEntity, record: &[Name], name: &str) -> Result<Vec<Path>, String> {
    let prefixes = BTreeMap::new();
    let names = Names { prefixes: &prefixes, unprefixed: Some(NAMESPACE) };
    let path =
        |text: &&str| Path::parse(text, record, &names).expect("the tables are right: a test reads them all");
    match columns(of).find(|(column, _)| *column == name) {
        Some((_, texts)) => Ok(texts.iter().map(path).collect()),
        None => {
            let known: Vec<&str> = columns(of).map(|(column, _)| *column).collect();
            Err(format!("{name:?} is no column of this entity; it has {}", known.join(", ")))
        }
    }
}

/// The columns of an entity.
pub(in crate::mapping) fn columns(
    of: SaftEntity,
) -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
    entity(of).1.iter().flat_map(|columns| columns.iter())
}
