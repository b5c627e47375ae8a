//! The elements of each entity, in the order of the schema, and the columns that they come from.
//!
//! The columns are those that a mapping reads the entity with. What is left out is what no column reads.
//!
//! Source: Norwegian SAF-T Financial, schema 1.10, Skatteetaten.

use super::kind::{
    ANY, CODE, COUNTRY, CURRENCY, DECIMAL, Kind, LONG, MIDDLE_1, MIDDLE_2, MONEY, QUANTITY, RATE, SHORT,
};
use crate::mapping::SaftEntity;

/// A part of an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// An element with a value, and those around it.
    Value { column: &'static str, path: &'static [&'static str], kind: Kind, is_needed: bool },
    /// The same as the value of another column, where it is one only.
    Same { column: &'static str, of: &'static str },
    /// An element for each of the values that a column has with `;` between.
    Values { column: &'static str, name: &'static str, kind: Kind },
    /// An element that has to be there, whatever is in it.
    Shell(&'static [&'static str]),
    /// Types and ids of dimensions, in pairs.
    Analysis,
}

/// What goes together, of the columns of an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    ExactlyOne(&'static [&'static str]),
    AtMostOne(&'static [&'static str]),
    /// Where one of the first is, all of the others are.
    With(&'static [&'static str], &'static [&'static str]),
}

/// An element of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) parts: &'static [Part],
    pub(super) rules: &'static [Rule],
}

/// An entity of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entity {
    /// The elements around all records, in the root.
    pub(super) section: &'static [&'static str],
    /// The elements around records that have one in common, from the outermost.
    pub(super) around: &'static [Element],
    pub(super) record: Element,
}

/// An element that may be there.
const fn may(column: &'static str, path: &'static [&'static str], kind: Kind) -> Part {
    Part::Value { column, path, kind, is_needed: false }
}

/// An element that has to be there.
const fn must(column: &'static str, path: &'static [&'static str], kind: Kind) -> Part {
    Part::Value { column, path, kind, is_needed: true }
}

const OPENING: &[&str] = &["OpeningDebitBalance", "OpeningCreditBalance"];
const CLOSING: &[&str] = &["ClosingDebitBalance", "ClosingCreditBalance"];

const ACCOUNT: Element = Element {
    name: "Account",
    parts: &[
        must("AccountID", &["AccountID"], MIDDLE_2),
        must("AccountDescription", &["AccountDescription"], LONG),
        may("StandardAccountID", &["StandardAccountID"], MIDDLE_1),
        may("GroupingCategory", &["GroupingCategory"], MIDDLE_1),
        may("GroupingCode", &["GroupingCode"], MIDDLE_1),
        must("AccountType", &["AccountType"], Kind::Word(&["GL"])),
        may("AccountCreationDate", &["AccountCreationDate"], Kind::Date),
        may("OpeningDebitBalance", &["OpeningDebitBalance"], MONEY),
        may("OpeningCreditBalance", &["OpeningCreditBalance"], MONEY),
        may("ClosingDebitBalance", &["ClosingDebitBalance"], MONEY),
        may("ClosingCreditBalance", &["ClosingCreditBalance"], MONEY),
    ],
    rules: &[Rule::ExactlyOne(OPENING), Rule::ExactlyOne(CLOSING)],
};

/// A customer or a supplier, which differ in the name of their number.
macro_rules! party {
    ($name:literal, $id:literal) => {
        Element {
            name: $name,
            parts: &[
                may("RegistrationNumber", &["RegistrationNumber"], MIDDLE_1),
                must("Name", &["Name"], MIDDLE_2),
                Part::Shell(&["Address"]),
                may("StreetName", &["Address", "StreetName"], MIDDLE_2),
                may("Number", &["Address", "Number"], SHORT),
                may("AdditionalAddressDetail", &["Address", "AdditionalAddressDetail"], MIDDLE_2),
                may("City", &["Address", "City"], MIDDLE_1),
                may("PostalCode", &["Address", "PostalCode"], SHORT),
                may("Region", &["Address", "Region"], MIDDLE_1),
                may("Country", &["Address", "Country"], COUNTRY),
                may("FirstName", &["Contact", "ContactPerson", "FirstName"], MIDDLE_1),
                may("LastName", &["Contact", "ContactPerson", "LastName"], MIDDLE_2),
                may("Telephone", &["Contact", "Telephone"], SHORT),
                may("Email", &["Contact", "Email"], MIDDLE_2),
                may("TaxRegistrationNumber", &["TaxRegistration", "TaxRegistrationNumber"], MIDDLE_1),
                may("IBANNumber", &["BankAccount", "IBANNumber"], MIDDLE_1),
                may("BankAccountNumber", &["BankAccount", "BankAccountNumber"], MIDDLE_1),
                must($id, &[$id], MIDDLE_1),
                may("SelfBillingIndicator", &["SelfBillingIndicator"], CODE),
                may("AccountID", &["AccountID"], MIDDLE_2),
                Part::Same { column: "AccountIDs", of: "AccountID" },
                may("OpeningDebitBalance", &["OpeningDebitBalance"], MONEY),
                may("OpeningCreditBalance", &["OpeningCreditBalance"], MONEY),
                may("ClosingDebitBalance", &["ClosingDebitBalance"], MONEY),
                may("ClosingCreditBalance", &["ClosingCreditBalance"], MONEY),
                may("PaymentTermsDays", &["PartyInfo", "PaymentTerms", "Days"], Kind::Whole),
                may("NaceCode", &["PartyInfo", "NaceCode"], SHORT),
                may("CurrencyCode", &["PartyInfo", "CurrencyCode"], CURRENCY),
                may("Type", &["PartyInfo", "Type"], Kind::Word(&["Private", "Company", "Government"])),
                may("Status", &["PartyInfo", "Status"], Kind::Word(&["Active", "Observation", "Passive"])),
                may("Notes", &["PartyInfo", "Notes"], ANY),
            ],
            rules: &[
                Rule::With(&["FirstName", "LastName", "Telephone", "Email"], &["FirstName", "LastName"]),
                Rule::AtMostOne(&["IBANNumber", "BankAccountNumber"]),
                Rule::AtMostOne(OPENING),
                Rule::AtMostOne(CLOSING),
            ],
        }
    };
}

const TAX_TABLE_ENTRY: Element = Element {
    name: "TaxTableEntry",
    parts: &[
        must("TaxType", &["TaxType"], Kind::Word(&["MVA"])),
        must("TaxTypeDescription", &["Description"], Kind::Word(&["Merverdiavgift"])),
    ],
    rules: &[],
};

const TAX_CODE: Element = Element {
    name: "TaxCodeDetails",
    parts: &[
        must("TaxCode", &["TaxCode"], MIDDLE_1),
        may("EffectiveDate", &["EffectiveDate"], Kind::Date),
        may("ExpirationDate", &["ExpirationDate"], Kind::Date),
        may("Description", &["Description"], LONG),
        may("TaxPercentage", &["TaxPercentage"], DECIMAL),
        may("FlatTaxRate", &["FlatTaxRate", "Amount"], MONEY),
        must("Country", &["Country"], COUNTRY),
        must("StandardTaxCode", &["StandardTaxCode"], MIDDLE_1),
        may("Compensation", &["Compensation"], Kind::Boolean),
        Part::Values { column: "BaseRates", name: "BaseRate", kind: DECIMAL },
    ],
    rules: &[Rule::AtMostOne(&["TaxPercentage", "FlatTaxRate"])],
};

const DIMENSION: Element = Element {
    name: "AnalysisTypeTableEntry",
    parts: &[
        must("AnalysisType", &["AnalysisType"], CODE),
        must("AnalysisTypeDescription", &["AnalysisTypeDescription"], LONG),
        must("AnalysisID", &["AnalysisID"], MIDDLE_1),
        must("AnalysisIDDescription", &["AnalysisIDDescription"], LONG),
        may("StartDate", &["StartDate"], Kind::Date),
        may("EndDate", &["EndDate"], Kind::Date),
        may("Status", &["Status"], Kind::Word(&["Active", "Closed", "Observation", "Passive"])),
    ],
    rules: &[],
};

const JOURNAL: Element = Element {
    name: "Journal",
    parts: &[
        must("JournalID", &["JournalID"], SHORT),
        must("JournalDescription", &["Description"], LONG),
        must("JournalType", &["Type"], CODE),
    ],
    rules: &[],
};

/// A transaction, whose description is called otherwise where records are its lines.
macro_rules! transaction {
    ($description:literal) => {
        Element {
            name: "Transaction",
            parts: &[
                must("TransactionID", &["TransactionID"], MIDDLE_2),
                must("Period", &["Period"], Kind::Whole),
                must("PeriodYear", &["PeriodYear"], Kind::Year),
                must("TransactionDate", &["TransactionDate"], Kind::Date),
                may("SourceID", &["SourceID"], MIDDLE_1),
                may("TransactionType", &["TransactionType"], SHORT),
                must($description, &["Description"], LONG),
                may("BatchID", &["BatchID"], MIDDLE_1),
                must("SystemEntryDate", &["SystemEntryDate"], Kind::Date),
                must("GLPostingDate", &["GLPostingDate"], Kind::Date),
                may("SystemID", &["SystemID"], SHORT),
            ],
            rules: &[],
        }
    };
}

const TAX_INFORMATION: &[&str] = &["TaxType", "TaxCode", "TaxPercentage", "TaxBase", "TaxAmount"];

/// A line of a transaction.
pub(super) const LINE: Element = Element {
    name: "Line",
    parts: &[
        must("RecordID", &["RecordID"], SHORT),
        must("AccountID", &["AccountID"], MIDDLE_2),
        Part::Analysis,
        may("ValueDate", &["ValueDate"], Kind::Date),
        may("SourceDocumentID", &["SourceDocumentID"], MIDDLE_1),
        may("CustomerID", &["CustomerID"], MIDDLE_1),
        may("SupplierID", &["SupplierID"], MIDDLE_1),
        must("Description", &["Description"], LONG),
        may("DebitAmount", &["DebitAmount", "Amount"], MONEY),
        may("DebitCurrencyCode", &["DebitAmount", "CurrencyCode"], CURRENCY),
        may("DebitCurrencyAmount", &["DebitAmount", "CurrencyAmount"], MONEY),
        may("DebitExchangeRate", &["DebitAmount", "ExchangeRate"], RATE),
        may("CreditAmount", &["CreditAmount", "Amount"], MONEY),
        may("CreditCurrencyCode", &["CreditAmount", "CurrencyCode"], CURRENCY),
        may("CreditCurrencyAmount", &["CreditAmount", "CurrencyAmount"], MONEY),
        may("CreditExchangeRate", &["CreditAmount", "ExchangeRate"], RATE),
        may("TaxType", &["TaxInformation", "TaxType"], Kind::Word(&["MVA"])),
        may("TaxCode", &["TaxInformation", "TaxCode"], MIDDLE_1),
        Part::Same { column: "TaxCodes", of: "TaxCode" },
        may("TaxPercentage", &["TaxInformation", "TaxPercentage"], DECIMAL),
        may("TaxBase", &["TaxInformation", "TaxBase"], DECIMAL),
        may("TaxAmount", &["TaxInformation", "TaxAmount", "Amount"], MONEY),
        may("ReferenceNumber", &["ReferenceNumber"], MIDDLE_1),
        may("CID", &["CID"], MIDDLE_1),
        may("DueDate", &["DueDate"], Kind::Date),
        may("Quantity", &["Quantity"], QUANTITY),
        may("CrossReference", &["CrossReference"], MIDDLE_1),
        may("SystemEntryTime", &["SystemEntryTime"], Kind::Moment),
        may("OwnerID", &["OwnerID"], MIDDLE_1),
    ],
    rules: &[
        Rule::ExactlyOne(&["DebitAmount", "CreditAmount"]),
        Rule::With(
            &["DebitCurrencyCode", "DebitCurrencyAmount", "DebitExchangeRate"],
            &["DebitAmount", "DebitCurrencyCode", "DebitCurrencyAmount"],
        ),
        Rule::With(
            &["CreditCurrencyCode", "CreditCurrencyAmount", "CreditExchangeRate"],
            &["CreditAmount", "CreditCurrencyCode", "CreditCurrencyAmount"],
        ),
        Rule::With(TAX_INFORMATION, &["TaxAmount"]),
        Rule::AtMostOne(&["CustomerID", "SupplierID"]),
    ],
};

const CUSTOMER: Element = party!("Customer", "CustomerID");
const SUPPLIER: Element = party!("Supplier", "SupplierID");
const TRANSACTION: Element = transaction!("Description");
const AROUND_TAX_CODES: &[Element] = &[TAX_TABLE_ENTRY];
const AROUND_TRANSACTIONS: &[Element] = &[JOURNAL];
const AROUND_LINES: &[Element] = &[JOURNAL, transaction!("TransactionDescription")];
const ENTRIES: &[&str] = &["GeneralLedgerEntries"];

impl Entity {
    pub(super) fn of(entity: SaftEntity) -> Self {
        let (section, around, record): (_, &[Element], _) = match entity {
            SaftEntity::Accounts => (&["MasterFiles", "GeneralLedgerAccounts"][..], &[], ACCOUNT),
            SaftEntity::Customers => (&["MasterFiles", "Customers"][..], &[], CUSTOMER),
            SaftEntity::Suppliers => (&["MasterFiles", "Suppliers"][..], &[], SUPPLIER),
            SaftEntity::TaxCodes => (&["MasterFiles", "TaxTable"][..], AROUND_TAX_CODES, TAX_CODE),
            SaftEntity::Dimensions => (&["MasterFiles", "AnalysisTypeTable"][..], &[], DIMENSION),
            SaftEntity::Transactions => (ENTRIES, AROUND_TRANSACTIONS, TRANSACTION),
            SaftEntity::TransactionLines => (ENTRIES, AROUND_LINES, LINE),
        };
        Self { section, around, record }
    }
}

impl Part {
    /// The columns that it is made of.
    pub(super) fn columns(&self) -> &[&'static str] {
        match self {
            Self::Value { column, .. } | Self::Same { column, .. } | Self::Values { column, .. } => {
                std::slice::from_ref(column)
            }
            Self::Analysis => &["AnalysisTypes", "AnalysisIDs"],
            Self::Shell(_) => &[],
        }
    }
}
