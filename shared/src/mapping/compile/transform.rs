//! Resolves transforms: those of the text first, then those of the number, date or timestamp.

use super::column::Check;
use super::regex::with_one_group;
use crate::mapping::cell::{Exact, Move, Operation};
use crate::mapping::document::{ColumnType, Part, Shift, Source, Transform, Unit};
use crate::mapping::transform::{TextTransform, TextWork};

/// The longest text that padding makes.
const MOST_PADDED: u32 = 1000;
/// Moves beyond this leave the calendar anyway.
const MOST_MONTHS: u32 = 120_000;

impl Check<'_, '_, '_> {
    /// Resolves the transforms of the text, and checks that the rest come after them and fit the type.
    pub(super) fn text_transforms(&mut self, kind: ColumnType) -> Vec<TextTransform> {
        let column = self.column;
        let mut texts = Vec::new();
        let mut value_at = None;
        if let (Some(Source::Parts(parts)), false) = (&column.from, column.transforms.is_empty())
            && parts.start.is_some()
        {
            self.error("transforms", "are not for durations between two times; leave them out");
            return texts;
        }
        for (at, transform) in column.transforms.iter().enumerate() {
            let field = format!("transforms[{at}]");
            let fits = match transform {
                Transform::Add(_)
                | Transform::Subtract(_)
                | Transform::Multiply(_)
                | Transform::Divide { .. } => kind == ColumnType::Decimal,
                Transform::Shift(_) | Transform::Truncate(_) => {
                    matches!(kind, ColumnType::Date | ColumnType::Timestamp)
                }
                text => {
                    if value_at.is_some() {
                        self.error(
                            &field,
                            "works on the text, so it has to come before those that work on the value",
                        );
                    }
                    texts.extend(self.text_transform(&field, at, text));
                    continue;
                }
            };
            value_at = Some(at);
            if !fits {
                self.error(&field, "is not for columns of this type; leave it out");
            }
        }
        texts
    }

    fn text_transform(&mut self, field: &str, at: usize, transform: &Transform) -> Option<TextTransform> {
        let needs = |check: &mut Self, member: &str, text: &str| {
            if text.is_empty() {
                check.error(&format!("{field}.{member}"), "is empty; state a text");
            }
        };
        let work = match transform {
            Transform::Trim => TextWork::Trim,
            Transform::CollapseSpaces => TextWork::CollapseSpaces,
            Transform::Upper => TextWork::Upper,
            Transform::Lower => TextWork::Lower,
            Transform::PadLeft { to, with } => {
                if !(1..=MOST_PADDED).contains(to) {
                    self.error(&format!("{field}.pad_left.to"), format!("is not from 1 to {MOST_PADDED}"));
                }
                let mut characters = with.chars();
                let (Some(with), None) = (characters.next(), characters.next()) else {
                    self.error(&format!("{field}.pad_left.with"), format!("{with:?} is not one character"));
                    return None;
                };
                TextWork::PadLeft { to: *to as usize, with }
            }
            Transform::StripLeft(text) => {
                needs(self, "strip_left", text);
                TextWork::StripLeft(text.clone())
            }
            Transform::Replace { find, with } => {
                needs(self, "replace.find", find);
                TextWork::Replace { find: find.clone(), with: with.clone() }
            }
            Transform::Capture(pattern) => {
                let regex = with_one_group(pattern);
                TextWork::Capture(regex.map_err(|why| self.error(&format!("{field}.capture"), why)).ok()?)
            }
            Transform::Split { by, part } => {
                needs(self, "split.by", by);
                if *part == 0 {
                    self.error(
                        &format!("{field}.split.part"),
                        "is 0, but the first part is 1, and the last is -1",
                    );
                }
                TextWork::Split { by: by.clone(), part: *part }
            }
            Transform::Lookup { table, otherwise } => {
                if table.is_empty() {
                    self.error(&format!("{field}.lookup.table"), "is empty; list at least one text");
                }
                TextWork::Lookup { table: table.clone(), otherwise: otherwise.clone() }
            }
            Transform::Take(part) => {
                let (Part::First(count) | Part::Last(count)) = *part;
                if count == 0 {
                    self.error(&format!("{field}.take"), "takes no character; take at least one");
                }
                TextWork::Take(*part)
            }
            _ => return None,
        };
        Some(TextTransform { at, work })
    }

    /// Resolves what is done to numbers.
    pub(super) fn operations(&mut self) -> Vec<Operation> {
        let column = self.column;
        let mut operations = Vec::new();
        for (at, transform) in column.transforms.iter().enumerate() {
            let operand = |check: &mut Self, member: &str, text: &str| {
                let number = Exact::stated(text);
                if number.is_none() {
                    let detail = format!("{text:?} is not a number such as -1.25, of at most 38 digits");
                    check.error(&format!("transforms[{at}].{member}"), detail);
                }
                number
            };
            operations.extend(match transform {
                Transform::Add(text) => operand(self, "add", text).map(Operation::Add),
                Transform::Subtract(text) => operand(self, "subtract", text).map(Operation::Subtract),
                Transform::Multiply(text) => operand(self, "multiply", text).map(Operation::Multiply),
                Transform::Divide { by, scale, round } => {
                    let divisor = operand(self, "divide.by", by);
                    if divisor.is_some_and(Exact::is_zero) {
                        self.error(
                            &format!("transforms[{at}].divide.by"),
                            "is zero, by which nothing can be divided",
                        );
                    }
                    if *scale > Exact::MOST_DIGITS {
                        let detail = format!("is not from 0 to {}", Exact::MOST_DIGITS);
                        self.error(&format!("transforms[{at}].divide.scale"), detail);
                    }
                    divisor.map(|by| Operation::Divide { by, scale: *scale, round: *round })
                }
                _ => None,
            });
        }
        operations
    }

    /// Resolves what is done to dates and timestamps: on the calendar, and the minutes after that.
    pub(super) fn moves(&mut self, is_timestamp: bool) -> (Vec<Move>, i64) {
        let column = self.column;
        let (mut moves, mut minutes) = (Vec::new(), 0);
        for (at, transform) in column.transforms.iter().enumerate() {
            let field = format!("transforms[{at}]");
            let after_minutes = "comes after minutes, which are counted on the instant; put the minutes last";
            match transform {
                Transform::Shift(shift) => {
                    if *shift == Shift::default() {
                        self.error(
                            &format!("{field}.shift"),
                            "moves by nothing; state months, days or minutes",
                        );
                    }
                    if shift.months.unsigned_abs() > MOST_MONTHS {
                        self.error(&format!("{field}.shift.months"), "is more than 10000 years");
                    }
                    if shift.minutes != 0 && !is_timestamp {
                        self.error(&format!("{field}.shift.minutes"), "is only for timestamps; leave it out");
                    }
                    if shift.months != 0 || shift.days != 0 {
                        if minutes != 0 {
                            self.error(&format!("{field}.shift"), after_minutes);
                        }
                        moves.push(Move::Shift { months: shift.months, days: shift.days });
                    }
                    minutes += i64::from(shift.minutes);
                }
                Transform::Truncate(unit) => {
                    if !is_timestamp && *unit > Unit::Week {
                        let detail = "is only for timestamps; a date begins its year, month or week";
                        self.error(&format!("{field}.truncate"), detail);
                    }
                    if minutes != 0 {
                        self.error(&format!("{field}.truncate"), after_minutes);
                    }
                    moves.push(Move::Truncate(*unit));
                }
                _ => {}
            }
        }
        (moves, minutes)
    }
}
