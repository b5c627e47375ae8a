//! SAF-T Financial of Norway, version 1.10, as a file of one entity: its settings, which are the file's header.
//!
//! A record has the columns that a mapping reads the entity with (`mapping::input::xml::saft`), and what it lacks or has
//! too much for the schema is its error: nothing is made up, cut or left out. The control totals, which stand before the
//! transactions, are those of a pass before.
//!
//! Deliberately absent: what no column reads (further addresses, contacts, bank accounts and taxes of a record, amounts of
//! dimensions, owners, assets, stock and source documents), several entities in one file, and a check of what the
//! schema does not say, such as whether an account is in the file or a transaction balances.
//!
//! Source: Norwegian SAF-T Financial, schema 1.10, Skatteetaten.

mod elements;
mod file;
mod kind;
mod progress;
mod record;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use file::SaftFile;
pub(super) use progress::{Group, Progress};

use crate::{mapping::SaftEntity, problem::FieldError};
use kind::{COUNTRY, CURRENCY, Kind, LONG, MIDDLE_1, MIDDLE_2, SHORT};

/// The version that is written.
const VERSION: &str = "1.10";
/// The namespace of all elements.
const NAMESPACE: &str = "urn:StandardAuditFile-Taxation-Financial:NO";

/// What a SAF-T Financial file has: its entity, and what its header says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftOutput {
    /// What a record is. Its members are called as the columns that a mapping reads the entity with.
    pub entity: SaftEntity,
    /// Whose accounts they are. A record that says otherwise (`CompanyRegistrationNumber`, `CompanyName`) is not sent.
    pub company: SaftCompany,
    /// The currency of all amounts, for example `NOK`. A record that says otherwise (`DefaultCurrencyCode`) is not sent.
    pub currency: String,
    /// The program that the records come from.
    pub software: SaftSoftware,
    /// The days that the file is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<SaftPeriod>,
}

/// Whose accounts they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftCompany {
    /// The organization number.
    pub registration_number: String,
    /// Its name.
    pub name: String,
    /// Its address.
    #[serde(default)]
    pub address: SaftAddress,
    /// Whom to ask.
    pub contact: SaftContact,
    /// The number in the VAT register, for example `888888888MVA`, where it is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_registration_number: Option<String>,
}

/// An address, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftAddress {
    /// Street, or post box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_name: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country, as two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftContact {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Telephone number.
    pub telephone: String,
    /// Email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftSoftware {
    /// Who makes it.
    pub company: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The days that a file is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftPeriod {
    /// The first, for example `2026-01-01`.
    pub from: String,
    /// The last.
    pub to: String,
}

impl SaftOutput {
    /// What the header has of the settings: the field, the elements, what it has to be, and its value.
    fn header(&self) -> Vec<(&'static str, &'static [&'static str], Kind, Option<&str>)> {
        let SaftCompany { registration_number, name, address, contact, tax_registration_number } =
            &self.company;
        let period = self.period.as_ref();
        vec![
            (
                "software.company",
                &["SoftwareCompanyName"][..],
                MIDDLE_2,
                Some(self.software.company.as_str()),
            ),
            ("software.name", &["SoftwareID"], LONG, Some(&self.software.name)),
            ("software.version", &["SoftwareVersion"], SHORT, Some(&self.software.version)),
            (
                "company.registration_number",
                &["Company", "RegistrationNumber"],
                MIDDLE_1,
                Some(registration_number),
            ),
            ("company.name", &["Company", "Name"], MIDDLE_2, Some(name)),
            (
                "company.address.street_name",
                &["Company", "Address", "StreetName"],
                MIDDLE_2,
                address.street_name.as_deref(),
            ),
            ("company.address.city", &["Company", "Address", "City"], MIDDLE_1, address.city.as_deref()),
            (
                "company.address.postal_code",
                &["Company", "Address", "PostalCode"],
                SHORT,
                address.postal_code.as_deref(),
            ),
            (
                "company.address.country",
                &["Company", "Address", "Country"],
                COUNTRY,
                address.country.as_deref(),
            ),
            (
                "company.contact.first_name",
                &["Company", "Contact", "ContactPerson", "FirstName"],
                MIDDLE_1,
                Some(&contact.first_name),
            ),
            (
                "company.contact.last_name",
                &["Company", "Contact", "ContactPerson", "LastName"],
                MIDDLE_2,
                Some(&contact.last_name),
            ),
            (
                "company.contact.telephone",
                &["Company", "Contact", "Telephone"],
                SHORT,
                Some(&contact.telephone),
            ),
            ("company.contact.email", &["Company", "Contact", "Email"], MIDDLE_2, contact.email.as_deref()),
            (
                "company.tax_registration_number",
                &["Company", "TaxRegistration", "TaxRegistrationNumber"],
                MIDDLE_1,
                tax_registration_number.as_deref(),
            ),
            ("currency", &["DefaultCurrencyCode"], CURRENCY, Some(&self.currency)),
            (
                "period.from",
                &["SelectionCriteria", "SelectionStartDate"],
                Kind::Date,
                period.map(|period| period.from.as_str()),
            ),
            (
                "period.to",
                &["SelectionCriteria", "SelectionEndDate"],
                Kind::Date,
                period.map(|period| period.to.as_str()),
            ),
        ]
    }

    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("export.saft.{field}"), detail));
        };
        for (field, _, kind, text) in self.header() {
            let Some(text) = text else { continue };
            if let Err(why) = kind.check(text) {
                wrong(field, why);
            } else if text.trim().is_empty() {
                wrong(field, "is blank, and SAF-T has to have it".into());
            } else if let Some(character) = text.chars().find(|c| !super::xml::is_character(*c)) {
                wrong(
                    field,
                    format!("has the character U+{:04X}, which XML does not have", u32::from(character)),
                );
            }
        }
        if let Some(SaftPeriod { from, to }) = &self.period
            && to < from
        {
            wrong("period.to", "is before the first day".into());
        }
    }
}
