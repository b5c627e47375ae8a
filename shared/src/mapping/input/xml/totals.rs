//! The control totals of a SAF-T file: what it says of itself has to be so, exactly.
//!
//! They are those of `GeneralLedgerEntries`: how many transactions there are, and what their lines
//! come to in debit and in credit. A file without that element has none.

use super::path::{Name, Path, Step};
use super::saft::NAMESPACE;
use super::tree::{Target, Tree};
use crate::mapping::file_error::FileError;

/// How many digits are kept behind the point; SAF-T has two.
const SCALE: usize = 12;

const ENTRIES: [&str; 2] = ["AuditFile", "GeneralLedgerEntries"];

/// What there is to watch, below `GeneralLedgerEntries`.
const SECTION: usize = 0;
const TRANSACTION: usize = 1;
const STATED_ENTRIES: usize = 2;
const STATED_DEBIT: usize = 3;
const STATED_CREDIT: usize = 4;
const DEBIT: usize = 5;
const CREDIT: usize = 6;

/// What is stated and what came.
pub(super) struct Totals {
    sections: u64,
    transactions: u64,
    entries: Option<String>,
    debit: Side,
    credit: Side,
}

#[derive(Default)]
struct Side {
    stated: Option<String>,
    /// In units of the last digit that is kept.
    sum: i128,
    /// The first amount that cannot be added.
    unclear: Option<String>,
}

impl Totals {
    /// Asks a tree for what is needed.
    pub fn new(tree: &mut Tree) -> Self {
        let path = |below: &[&str]| Path {
            steps: ENTRIES
                .iter()
                .chain(below)
                .map(|local| Step {
                    name: Name { namespace: Some(NAMESPACE.into()), local: (*local).into() },
                    index: None,
                })
                .collect(),
            anchor: 1,
            attribute: None,
            join: None,
        };
        tree.count(&path(&[]), SECTION);
        tree.count(&path(&["Journal", "Transaction"]), TRANSACTION);
        tree.want(&path(&["NumberOfEntries"]), Target::Total(STATED_ENTRIES));
        tree.want(&path(&["TotalDebit"]), Target::Total(STATED_DEBIT));
        tree.want(&path(&["TotalCredit"]), Target::Total(STATED_CREDIT));
        let line = ["Journal", "Transaction", "Line"];
        tree.want(&path(&[&line[..], &["DebitAmount", "Amount"]].concat()), Target::Total(DEBIT));
        tree.want(&path(&[&line[..], &["CreditAmount", "Amount"]].concat()), Target::Total(CREDIT));
        Self { sections: 0, transactions: 0, entries: None, debit: Side::default(), credit: Side::default() }
    }

    /// Takes the end of an element that is counted.
    pub fn count(&mut self, total: usize) {
        match total {
            SECTION => self.sections += 1,
            TRANSACTION => self.transactions += 1,
            _ => {}
        }
    }

    /// Takes a text that is asked for.
    pub fn text(&mut self, total: usize, text: &str) {
        match total {
            STATED_ENTRIES => self.entries = Some(text.to_owned()),
            STATED_DEBIT => self.debit.stated = Some(text.to_owned()),
            STATED_CREDIT => self.credit.stated = Some(text.to_owned()),
            DEBIT => self.debit.add(text),
            CREDIT => self.credit.add(text),
            _ => {}
        }
    }

    /// Compares.
    ///
    /// # Errors
    /// The first total that is not what came.
    pub fn check(&self) -> Result<(), FileError> {
        if self.sections == 0 {
            return Ok(());
        }
        let found = self.transactions.to_string();
        if self.entries.as_deref().map(str::trim).and_then(|text| text.parse().ok())
            != Some(self.transactions)
        {
            return Err(mismatch("NumberOfEntries", self.entries.as_deref(), found));
        }
        self.debit.check("TotalDebit")?;
        self.credit.check("TotalCredit")
    }
}

impl Side {
    fn add(&mut self, text: &str) {
        match units(text).and_then(|units| self.sum.checked_add(units)) {
            Some(sum) => self.sum = sum,
            None => {
                self.unclear.get_or_insert_with(|| text.chars().take(60).collect());
            }
        }
    }

    fn check(&self, what: &'static str) -> Result<(), FileError> {
        if let Some(amount) = &self.unclear {
            let found = format!("no sum, since {amount:?} is an amount that cannot be added");
            return Err(mismatch(what, self.stated.as_deref(), found));
        }
        if self.stated.as_deref().and_then(units) != Some(self.sum) {
            return Err(mismatch(what, self.stated.as_deref(), shown(self.sum)));
        }
        Ok(())
    }
}

fn mismatch(what: &'static str, stated: Option<&str>, found: String) -> FileError {
    let stated = stated.map_or_else(|| "as nothing".into(), |text| text.trim().chars().take(60).collect());
    FileError::ControlTotals { what, stated, found }
}

/// An amount in units of the last digit that is kept; None where it is no such number.
fn units(text: &str) -> Option<i128> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > SCALE {
        return None;
    }
    if !unsigned.contains(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let units: i128 = format!("{whole}{fraction:0<SCALE$}").parse().ok()?;
    Some(if text.starts_with('-') { -units } else { units })
}

/// An amount as people write it, with at least two digits behind the point.
fn shown(units: i128) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = SCALE + 1);
    let (whole, fraction) = digits.split_at(digits.len() - SCALE);
    let fraction = fraction.trim_end_matches('0');
    format!("{}{whole}.{fraction:0<2}", if units < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let cases = [
            ("0", "0.00"),
            ("12500", "12500.00"),
            ("11367.50", "11367.50"),
            ("-0.07", "-0.07"),
            ("+1.5", "1.50"),
            (" 1.000000000001 ", "1.000000000001"),
            (".5", "0.50"),
            ("99999999999999999999999999.99", "99999999999999999999999999.99"),
        ];
        for (text, expected) in cases {
            assert_eq!(units(text).map(shown).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "-", ".", "1,5", "1e5", "1.0000000000001", "x", "--1", "1 000"] {
            assert_eq!(units(text), None, "{text}");
        }
        // 0.1 and 0.2 are where binary floats go wrong.
        assert_eq!(units("0.1").unwrap() + units("0.2").unwrap(), units("0.3").unwrap());
    }
}
