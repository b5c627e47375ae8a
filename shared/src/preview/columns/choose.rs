//! Chooses what a column is among the types whose readers read its cells.

use std::cmp::Reverse;

use super::candidate::Candidate;
use super::cells::is_nothing;
use super::{CellType, Cells, ColumnGuess, Kind, booleans, dates, identifiers, numbers, times};
use crate::mapping::ColumnType;
use crate::preview::guess::{Guess, rounded};

/// How large a share of cells must fit.
const ENOUGH: f64 = 0.9;
/// With fewer cells than these all must fit.
const FEW: usize = 10;
/// How sure the fullest evidence is.
const SUREST: f64 = 0.99;
/// Most rivals that are told.
const RIVALS: usize = 3;

/// A candidate and how many cells fit it.
struct Tried {
    candidate: Candidate,
    fit: usize,
}

/// Guesses one column; `zone` is suggested for local times.
pub(super) fn column(cells: &Cells<'_>, zone: &str) -> ColumnGuess {
    // Words for nothing say nothing of the type; they are told as what does not fit it.
    let counted = cells.count(|cell| !is_nothing(cell));
    let mut tried: Vec<Tried> = if counted == 0 { Vec::new() } else { candidates(cells, zone) }
        .into_iter()
        .map(|candidate| {
            let mut token = String::new();
            let fit = cells.count(|cell| !is_nothing(cell) && candidate.test.passes(cell, &mut token));
            Tried { candidate, fit }
        })
        .filter(|tried| is_enough(tried.fit, counted))
        .collect();
    tried.sort_by(|a, b| {
        (b.fit, b.candidate.weight).partial_cmp(&(a.fit, a.candidate.weight)).expect("weights are numbers")
    });
    let most = tried.first().map_or(0, |best| best.fit);
    tried.retain(|one| one.fit == most || one.candidate.weight >= 0.2);
    match tried.split_first() {
        None => words(cells, counted),
        Some((best, rivals)) => typed(cells, counted, best, rivals),
    }
}

/// Describes a column whose type is known from elsewhere.
pub(in crate::preview) fn stated(cells: &Cells<'_>, cell_type: CellType, why: &str) -> ColumnGuess {
    let reader = super::candidate::reader(&cell_type);
    let fits = |cell: &str| reader.as_ref().is_none_or(|reader| reader.reads(cell, &mut String::new()));
    describe(cells, Guess::new(cell_type, SUREST, why), &fits)
}

fn is_enough(fit: usize, counted: usize) -> bool {
    fit == counted || counted >= FEW && fit as f64 >= ENOUGH * counted as f64
}

fn candidates(cells: &Cells<'_>, zone: &str) -> Vec<Candidate> {
    let mut all = booleans::candidates(cells);
    all.extend(numbers::candidates(cells));
    all.extend(dates::candidates(cells, zone));
    all.extend(times::candidates(cells));
    all
}

fn typed(cells: &Cells<'_>, counted: usize, best: &Tried, rivals: &[Tried]) -> ColumnGuess {
    let sum: f64 = best.candidate.weight
        + rivals.iter().map(|rival| rival.candidate.weight * share(rival.fit, counted)).sum::<f64>();
    let confidence = |one: &Tried| (share(one.fit, counted) * one.candidate.weight / sum).min(SUREST);
    let cell_type = best.candidate.cell_type.clone();
    let mut guess = Guess::new(cell_type, confidence(best), best.reason(cells));
    for rival in rivals.iter().take(RIVALS) {
        guess.rival(rival.candidate.cell_type.clone(), confidence(rival), rival.reason(cells));
    }
    if let Some((why, confidence)) = identifiers::why(cells, &guess.value) {
        let number = Guess { confidence: rounded(guess.confidence * (1.0 - confidence)), ..guess };
        guess = Guess::new(CellType::plain(Kind::Identifier, ColumnType::Identifier), confidence, why);
        guess.rival(number.value, number.confidence, number.reason);
        return describe(cells, guess, &|_| true);
    }
    let test = &best.candidate.test;
    describe(cells, guess, &|cell| test.passes(cell, &mut String::new()))
}

impl Tried {
    fn reason(&self, cells: &Cells<'_>) -> String {
        let mut text = format!("{} of {} cells fit", self.fit, cells.filled);
        if cells.empty > 0 {
            text += &format!(", {} are empty", cells.empty);
        }
        if let Some(remark) = &self.candidate.remark {
            text += &format!("; {remark}");
        }
        text
    }
}

/// What no reader but that of text reads.
fn words(cells: &Cells<'_>, counted: usize) -> ColumnGuess {
    let plain = |kind| CellType::plain(kind, ColumnType::Text);
    let distinct = cells.distinct.len();
    let guess = if cells.filled == 0 {
        Guess::new(plain(Kind::Empty), 0.5, "no cell has anything, which says nothing of those to come")
    } else if counted == 0 {
        Guess::new(plain(Kind::Empty), 0.5, "all cells are words for nothing")
    } else if distinct <= 12 && cells.filled >= 10 && distinct * 4 <= cells.filled {
        let mut sorted: Vec<_> = cells.distinct.iter().collect();
        sorted.sort_by_key(|word| Reverse(word.count));
        let words = sorted.iter().map(|word| word.text.to_string()).collect();
        let reason = format!("{distinct} words make up all of {} cells", cells.filled);
        let mut guess = Guess::new(CellType { words, ..plain(Kind::Enumeration) }, 0.8, reason);
        guess.rival(plain(Kind::Text), 0.2, "a word may come that is not in the sample");
        guess
    } else if let Some(why) = identifiers::code(cells) {
        Guess::new(CellType::plain(Kind::Identifier, ColumnType::Identifier), 0.8, why)
    } else {
        Guess::new(plain(Kind::Text), 0.95, format!("{} cells are of no other type", cells.filled))
    };
    describe(cells, guess, &|_| true)
}

fn describe(cells: &Cells<'_>, kind: Guess<CellType>, fits: &dyn Fn(&str) -> bool) -> ColumnGuess {
    ColumnGuess {
        name: cells.name.clone(),
        kind,
        filled: cells.filled,
        empty: cells.empty,
        distinct: cells.distinct.len(),
        fit: cells.count(|cell| fits(cell)),
        counterexamples: cells.examples(|cell| !fits(cell)),
        examples: cells.examples(|_| true),
    }
}

/// A share of cells, as evidence: three of three say less than four hundred of four hundred.
fn share(fit: usize, counted: usize) -> f64 {
    (fit as f64 + 0.5) / (counted as f64 + 1.0)
}
