//! What other columns of the file say: one that must be day-first speaks for those that could be.

use super::{CellType, ColumnGuess};

/// How sure an order of day and month is that another column settles.
const SETTLED: f64 = 0.9;

/// Settles the order of day and month by the columns that leave no choice.
pub(super) fn by_neighbours(columns: &mut [ColumnGuess]) {
    let settled: Vec<(String, bool)> = columns
        .iter()
        .filter(|column| rival_order(column).is_none())
        .filter_map(|column| Some((column.name.clone(), is_day_first(&column.kind.value)?)))
        .collect();
    let Some((by, day_first)) = settled.first().cloned() else { return };
    if settled.iter().any(|(_, other)| *other != day_first) {
        return;
    }
    for column in columns {
        let Some(at) = rival_order(column) else { continue };
        let reason = format!("; column {by:?} of the same file settles the order of day and month");
        let guess = &mut column.kind;
        if is_day_first(&guess.value) == Some(day_first) {
            guess.reason += &reason;
        } else {
            let rival = &mut guess.rivals[at];
            std::mem::swap(&mut guess.value, &mut rival.value);
            std::mem::swap(&mut guess.reason, &mut rival.reason);
            guess.reason += &reason;
        }
        guess.rivals[at].confidence = 1.0 - SETTLED;
        guess.confidence = SETTLED;
    }
}

/// The rival that has day and month the other way around.
fn rival_order(column: &ColumnGuess) -> Option<usize> {
    let day_first = is_day_first(&column.kind.value)?;
    column.kind.rivals.iter().position(|rival| is_day_first(&rival.value) == Some(!day_first))
}

/// Whether numbers come day before month, with the year last; None of other formats.
fn is_day_first(cell_type: &CellType) -> Option<bool> {
    let format = cell_type.format.as_ref()?;
    let (day, month) = (format.find("%d")?, format.find("%m")?);
    let year = format.find("%Y").or_else(|| format.find("%y"))?;
    (year > day.max(month)).then_some(day < month)
}
