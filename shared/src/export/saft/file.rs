//! A file of SAF-T: its header, its totals, and its records in the elements that they share.

use std::collections::HashSet;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::elements::{Element, Entity, LINE};
use super::progress::{Group, Progress};
use super::record::{Values, Within};
use super::{NAMESPACE, SaftOutput, VERSION};
use crate::export::{
    Named, Unfit,
    cells::{Members, members},
    sum::Amount,
};
use crate::mapping::SaftEntity;

/// What a record may say of its file, beside what its entity has, and what that has to be.
pub(super) const HEADER: [&str; 5] = [
    "AuditFileVersion",
    "AuditFileDateCreated",
    "CompanyRegistrationNumber",
    "CompanyName",
    "DefaultCurrencyCode",
];
/// The columns whose sums are the control totals.
const SIDES: [&str; 2] = ["DebitAmount", "CreditAmount"];
/// The member of a transaction that has its lines.
const LINES: &str = "Lines";

/// How a file of SAF-T is written: the settings, read.
#[derive(Debug)]
pub(in crate::export) struct SaftFile<'a> {
    settings: &'a SaftOutput,
    entity: Entity,
    /// The members that a record may have.
    columns: HashSet<&'static str>,
    /// The members that a line may have.
    columns_of_line: HashSet<&'static str>,
}

impl<'a> SaftFile<'a> {
    /// Reads the settings.
    pub(in crate::export) fn of(settings: &'a SaftOutput) -> Self {
        let entity = Entity::of(settings.entity);
        let of = |element: &Element| -> Vec<&'static str> {
            element.parts.iter().flat_map(|part| part.columns().to_vec()).collect()
        };
        let elements = entity.around.iter().chain([&entity.record]);
        let mut columns: HashSet<_> = elements.flat_map(of).chain(HEADER).collect();
        if settings.entity == SaftEntity::Transactions {
            columns.insert(LINES);
        }
        Self { settings, entity, columns, columns_of_line: of(&LINE).into_iter().collect() }
    }

    /// Whether the file has control totals, which stand before its records.
    pub(in crate::export) fn has_totals(&self) -> bool {
        matches!(self.settings.entity, SaftEntity::Transactions | SaftEntity::TransactionLines)
    }

    /// What stands before the first record.
    pub(in crate::export) fn begin(
        &self,
        named: &Named<'_>,
        progress: &Progress,
        sums: &[Amount],
    ) -> Result<Vec<u8>, Unfit> {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AuditFile xmlns=\"{NAMESPACE}\">\n<Header>"
        );
        let created = named.at.to_zoned(named.zone.clone()).date().to_string();
        let fixed =
            [("AuditFileVersion", VERSION), ("AuditFileCountry", "NO"), ("AuditFileDateCreated", &created)];
        let mut within = Within::default();
        for (name, text) in fixed {
            within.value(&[name], text, name, &mut out)?;
        }
        let mut has_address = false;
        for (field, path, _, text) in self.settings.header() {
            // The schema has to have an address, whatever is in it.
            if path[..2.min(path.len())] == ["Company", "Contact"] && !has_address {
                within.enter(&["Company", "Address"], &mut out);
            }
            has_address |= path.contains(&"Contact") || path.contains(&"Address") && text.is_some();
            if let Some(text) = text {
                within.value(path, text, field, &mut out)?;
            }
        }
        within.value(&["TaxAccountingBasis"], "A", "TaxAccountingBasis", &mut out)?;
        out.push_str("</Header>\n");
        for name in self.entity.section {
            out.push_str(&format!("<{name}>\n"));
        }
        if self.has_totals() {
            let total = |at: usize| sums.get(at).copied().unwrap_or_default().digits();
            within.value(
                &["NumberOfEntries"],
                &progress.transactions().to_string(),
                "NumberOfEntries",
                &mut out,
            )?;
            within.value(&["TotalDebit"], &total(0), "TotalDebit", &mut out)?;
            within.value(&["TotalCredit"], &total(1), "TotalCredit", &mut out)?;
            out.push('\n');
        }
        Ok(out.into_bytes())
    }

    /// What stands behind the last record.
    pub(in crate::export) fn end(&self, progress: &Progress) -> Vec<u8> {
        let mut out = String::new();
        self.leave(progress.open.len(), 0, &mut out);
        for name in self.entity.section.iter().rev() {
            out.push_str(&format!("</{name}>\n"));
        }
        out.push_str("</AuditFile>\n");
        out.into_bytes()
    }

    /// A record's element, the elements around it, and what it adds to debit and credit.
    pub(in crate::export) fn record(&self, record: &[u8]) -> Result<(Vec<u8>, Group, Vec<Amount>), Unfit> {
        let members = members(record)?;
        let values = Values { members: &members, prefix: String::new() };
        self.check_members(&values, &self.columns)?;
        self.check_header(&values)?;
        let mut around = Vec::with_capacity(self.entity.around.len());
        for element in self.entity.around {
            let mut begin = String::new();
            values.open(element, &mut begin)?;
            begin.push('\n');
            around.push(begin);
        }
        let mut out = String::new();
        values.open(&self.entity.record, &mut out)?;
        let mut amounts = vec![Amount::default(); if self.has_totals() { SIDES.len() } else { 0 }];
        match self.settings.entity {
            SaftEntity::Transactions => self.lines(&members, &mut amounts, &mut out)?,
            SaftEntity::TransactionLines => add_sides(&values, &mut amounts)?,
            _ => {}
        }
        out.push_str(&format!("</{}>\n", self.entity.record.name));
        let transaction = self.has_totals().then(|| transaction(&values)).transpose()?;
        let is_whole = self.settings.entity == SaftEntity::Transactions;
        Ok((out.into_bytes(), Group { around, transaction, is_whole }, amounts))
    }

    /// A record's element with what has to be closed and opened before it.
    pub(in crate::export) fn placed(&self, record: &[u8], group: &Group, progress: &Progress) -> Vec<u8> {
        let common = progress.open.iter().zip(&group.around).take_while(|(open, next)| open == next).count();
        let mut out = String::new();
        self.leave(progress.open.len(), common, &mut out);
        out.extend(group.around[common..].iter().map(String::as_str));
        let mut out = out.into_bytes();
        out.extend_from_slice(record);
        out
    }

    /// Closes the elements around records that are open, but for so many.
    fn leave(&self, open: usize, but: usize, out: &mut String) {
        for element in self.entity.around[but..open].iter().rev() {
            out.push_str(&format!("</{}>\n", element.name));
        }
    }

    fn lines(&self, members: &Members<'_>, amounts: &mut [Amount], out: &mut String) -> Result<(), Unfit> {
        let lines = members.get(LINES).map_or("null", |value| value.get());
        if lines.starts_with('n') {
            return Ok(());
        }
        let lines: Vec<&RawValue> = serde_json::from_str(lines).map_err(|_| Unfit::NotSaft {
            column: LINES.into(),
            why: "is no list of objects, which the lines of a transaction have to be".into(),
        })?;
        for (at, line) in lines.into_iter().enumerate() {
            let prefix = format!("{LINES}[{at}].");
            let line: Members<'_> = serde_json::from_str(line.get()).map_err(|_| Unfit::NotSaft {
                column: format!("{LINES}[{at}]"),
                why: "is no object, which a line of a transaction has to be".into(),
            })?;
            let values = Values { members: &line, prefix };
            self.check_members(&values, &self.columns_of_line)?;
            out.push('\n');
            values.open(&LINE, out)?;
            out.push_str(&format!("</{}>", LINE.name));
            add_sides(&values, amounts)?;
        }
        Ok(())
    }

    fn check_members(&self, values: &Values<'_, '_>, columns: &HashSet<&'static str>) -> Result<(), Unfit> {
        // What is null says nothing, whatever it is called.
        let says_something = |(_, value): &(_, &&RawValue)| !matches!(value.get(), "null" | "\"\"");
        let said = values.members.iter().filter(says_something).map(|(member, _)| member);
        match said.filter(|member| !columns.contains(member.as_str())).min() {
            Some(unknown) => Err(Unfit::NotSaft {
                column: values.named(unknown),
                why: format!("is no column of this entity that SAF-T {VERSION} has a place for").into(),
            }),
            None => Ok(()),
        }
    }

    /// Refuses a record of another company, or in another currency.
    fn check_header(&self, values: &Values<'_, '_>) -> Result<(), Unfit> {
        let company = &self.settings.company;
        for (column, wanted) in [
            ("CompanyRegistrationNumber", &company.registration_number),
            ("CompanyName", &company.name),
            ("DefaultCurrencyCode", &self.settings.currency),
        ] {
            if values.text(column)?.is_some_and(|text| text != *wanted) {
                let why = "is another than the file's, which the target states";
                return Err(Unfit::NotSaft { column: column.into(), why: why.into() });
            }
        }
        Ok(())
    }
}

/// Adds what a line has in debit and credit.
fn add_sides(line: &Values<'_, '_>, amounts: &mut [Amount]) -> Result<(), Unfit> {
    for (sum, side) in amounts.iter_mut().zip(SIDES) {
        if let Some(text) = line.text(side)? {
            sum.add(Amount::of(&text).ok_or_else(|| Unfit::NotAnAmount(line.named(side)))?);
        }
    }
    Ok(())
}

/// What tells a transaction from all others: its journal and its number.
fn transaction(values: &Values<'_, '_>) -> Result<[u8; 16], Unfit> {
    let mut hash = Sha256::new();
    for column in ["JournalID", "TransactionID"] {
        let text = values.text(column)?.unwrap_or_default();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    Ok(first)
}
