//! SAF-T Financial: which of its entities are in a sample, and what its columns are by the standard, whatever the cells
//! of a sample look like: a tax code that is `1` in a hundred records may be `1R` in the next.
//!
//! Source: Norwegian SAF-T Financial, schemas 1.10, 1.20 and 1.30, Skatteetaten.

use super::columns_of;
use super::survey::Survey;
use crate::mapping::{ColumnType, Input, SAFT_NAMESPACE, SaftEntity, SaftInput, saft_columns, saft_record};
use crate::preview::columns::{CellType, Cells, ColumnGuess, Kind, stated};
use crate::preview::guess::Guess;
use crate::preview::{Format, Note, Preview, Sample};

/// What a record of SAF-T can be.
const ENTITIES: [SaftEntity; 7] = [
    SaftEntity::TransactionLines,
    SaftEntity::Transactions,
    SaftEntity::Accounts,
    SaftEntity::Customers,
    SaftEntity::Suppliers,
    SaftEntity::TaxCodes,
    SaftEntity::Dimensions,
];

/// Fills in what a SAF-T file shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>, survey: &Survey) {
    let mut format =
        Guess::new(Format::Saft, 0.99, "its root is AuditFile in the namespace of SAF-T Financial");
    format.rival(Format::Xml, 0.01, "SAF-T is XML, and can be mapped by paths too");
    preview.format = format;
    let count = |entity: SaftEntity| {
        survey.find(SAFT_NAMESPACE, &saft_record(entity)).map_or(0, |node| survey.nodes[node].ended)
    };
    let mut counts: Vec<(SaftEntity, usize)> = ENTITIES.map(|entity| (entity, count(entity))).into();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let sum: usize = counts.iter().map(|(_, count)| count).sum();
    let share = |count: usize| if sum == 0 { 0.0 } else { (count as f64 / sum as f64).min(0.9) };
    let what = |count: usize| format!("{count} whole ones are in the sample");
    let (best, most) = counts[0];
    if most == 0 {
        let detail = "no record of SAF-T is whole in the sample; send more of the file";
        preview.notes.push(Note::new("no_whole_record", detail));
    }
    let mut guess = Guess::new(best, share(most), what(most));
    for (entity, count) in &counts[1..] {
        guess.rival(*entity, share(*count), what(*count));
    }
    preview.entity = Some(guess);
    let all: Vec<String> = saft_columns(best).map(str::to_owned).collect();
    let names = all.iter().map(|name| (name.clone(), name.clone())).collect();
    columns_of(preview, sample, Input::Saft(SaftInput { entity: best }), &all, &names, true);
}

/// What says that a column is an amount, a rate or a quantity, at the end of its name.
const NUMBERS: [&str; 7] =
    ["Amount", "Balance", "Percentage", "TaxBase", "Quantity", "ExchangeRate", "FlatTaxRate"];

/// Whole numbers and times, of which the cells say enough.
const GUESSED: [&str; 4] = ["Period", "PeriodYear", "PaymentTermsDays", "SystemEntryTime"];

/// Takes the types of the standard.
pub(super) fn settle(columns: &[Cells<'_>], guesses: &mut [ColumnGuess]) {
    for (cells, guess) in columns.iter().zip(guesses) {
        let name = guess.name.as_str();
        let cell_type = if name.ends_with("Date") || name.ends_with("DateCreated") {
            let mut date = CellType::plain(Kind::Date, ColumnType::Date);
            date.format = Some("%Y-%m-%d".into());
            date
        } else if NUMBERS.iter().any(|end| name.ends_with(end)) {
            let mut number = CellType::plain(Kind::Decimal, ColumnType::Decimal);
            number.decimal_mark = Some(".".into());
            number
        } else if GUESSED.contains(&name) {
            continue;
        } else {
            // Nothing that a spreadsheet makes of numbers is in XML: codes are text as they are.
            let kind = match guess.kind.value.kind {
                Kind::Identifier => Kind::Identifier,
                _ => Kind::Text,
            };
            CellType::plain(kind, ColumnType::Text)
        };
        *guess = stated(cells, cell_type, "the standard says so");
    }
}
