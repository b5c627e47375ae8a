//! Which numbers are names: personnel numbers, accounts, postcodes, telephone numbers.

use super::{CellType, Cells, Kind};
use crate::mapping::ColumnType;

/// Words in the names of columns that hold identifiers, in lower case.
const NAMES: [&str; 40] = [
    "id",
    "nr",
    "no",
    "num",
    "number",
    "nummer",
    "code",
    "kode",
    "kod",
    "ref",
    "reference",
    "key",
    "uuid",
    "guid",
    "ssn",
    "phone",
    "tel",
    "tlf",
    "telefon",
    "mobile",
    "mobil",
    "fax",
    "zip",
    "zipcode",
    "postal",
    "postcode",
    "postnr",
    "plz",
    "postnummer",
    "isbn",
    "ean",
    "sku",
    "konto",
    "iban",
    "personnr",
    "orgnr",
    "fodselsnr",
    "ansattnr",
    "fips",
    "barcode",
];
/// Ends of such names where words are run together.
const ENDS: [&str; 6] = ["id", "nr", "nummer", "code", "kode", "number"];

/// Says why numbers name something, and how sure that is; None where they count something.
pub(super) fn why(cells: &Cells<'_>, number: &CellType) -> Option<(String, f64)> {
    if number.kind != Kind::Integer {
        return None;
    }
    let digits = |cell: &str| cell.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = cells.count(|cell| cell.len() > 1 && cell.starts_with('0') && digits(cell));
    if zeros > 0 {
        return Some((
            format!("{zeros} of {} cells begin with a zero, which a number would lose", cells.filled),
            0.97,
        ));
    }
    let long = cells.count(|cell| cell.len() > 15);
    if long > 0 {
        return Some((format!("{long} of {} cells have more than 15 digits", cells.filled), 0.95));
    }
    let all_digits = cells.distinct.iter().all(|cell| digits(cell.text));
    if !all_digits {
        return None;
    }
    if names_something(&cells.name) {
        return Some((
            format!("its name, {:?}, says that the numbers name something", super::cells::shown(&cells.name)),
            0.9,
        ));
    }
    let width = cells.distinct[0].text.len();
    let is_even = cells.distinct.iter().all(|cell| cell.text.len() == width);
    if cells.are_unique() && cells.filled >= 3 {
        return match is_even && width >= 4 {
            true => Some((format!("all {} cells differ and have {width} digits", cells.filled), 0.8)),
            false => {
                Some((format!("all {} cells differ, as those do that name records", cells.filled), 0.55))
            }
        };
    }
    (is_even && width >= 8).then(|| (format!("all cells have {width} digits"), 0.7))
}

/// Says why text is a code: all cells without spaces, with digits, and each once.
pub(super) fn code(cells: &Cells<'_>) -> Option<String> {
    let is_code = |cell: &str| {
        !cell.contains(char::is_whitespace)
            && cell.len() <= 40
            && cell.bytes().any(|byte| byte.is_ascii_digit())
            && cell.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':'))
    };
    let identifier = super::candidate::reader(&CellType::plain(Kind::Identifier, ColumnType::Identifier))?;
    let mut token = String::new();
    // `1,23E+15` was an identifier before a spreadsheet had it.
    if !cells.distinct.iter().all(|cell| identifier.reads(cell.text, &mut token)) {
        return None;
    }
    let are_codes = cells.distinct.iter().all(|cell| is_code(cell.text));
    (are_codes && cells.distinct.len() * 2 > cells.filled)
        .then(|| format!("all {} cells are codes: digits, no spaces, few of them twice", cells.filled))
}

/// Whether a column's name says that its cells name something.
pub(super) fn names_something(name: &str) -> bool {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    for character in name.chars() {
        let begins = character.is_uppercase() && was_lower;
        if !character.is_alphanumeric() {
            words.push(String::new());
        } else {
            if begins || words.is_empty() {
                words.push(String::new());
            }
            if let Some(last) = words.last_mut() {
                last.extend(character.to_lowercase());
            }
        }
        was_lower = character.is_lowercase();
    }
    let lower = name.to_lowercase();
    words.iter().any(|word| NAMES.contains(&word.as_str()))
        || ENDS.iter().any(|end| lower.len() > end.len() + 2 && lower.ends_with(end) && end.len() > 2)
}
