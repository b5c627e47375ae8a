//! Takes a format apart into items, directive by directive.

use super::item::Item::{
    self, Afternoon, DotFraction, Fraction, Literal, MonthName, Number, Offset, WeekdayName,
};
use super::item::Part;

/// Takes a format apart; in words what is wrong with it.
pub(super) fn parse(format: &str, has_century: bool) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    push_items(format, has_century, &mut items)?;
    // Where no literal parts two numbers, only their full width tells where one ends.
    for at in 1..items.len() {
        let touches = matches!(items[at], Number { .. } | Fraction);
        if let (true, Number { is_exact, .. }) = (touches, &mut items[at - 1]) {
            *is_exact = true;
            if let Number { is_exact, .. } = &mut items[at] {
                *is_exact = true;
            }
        }
    }
    Ok(items)
}

fn push_items(format: &str, has_century: bool, items: &mut Vec<Item>) -> Result<(), String> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        items.extend(rest[..at].bytes().map(Literal));
        rest = &rest[at + 1..];
        let end =
            rest.find(|c: char| c.is_ascii_alphabetic() || c == '%').ok_or("ends within a directive")? + 1;
        push_directive(&rest[..end], has_century, items)?;
        rest = &rest[end..];
    }
    items.extend(rest.bytes().map(Literal));
    Ok(())
}

fn push_directive(directive: &str, has_century: bool, items: &mut Vec<Item>) -> Result<(), String> {
    let number = |part, digits| Number { part, digits, is_exact: part == Part::Year, is_padded: false };
    let padded = |part| Number { part, digits: 2, is_exact: false, is_padded: true };
    items.push(match directive {
        "%" => Literal(b'%'),
        "Y" => number(Part::Year, 4),
        "y" if has_century => number(Part::Year, 2),
        "m" | "-m" => number(Part::Month, 2),
        "d" | "-d" => number(Part::Day, 2),
        "e" => padded(Part::Day),
        "j" | "-j" => number(Part::DayOfYear, 3),
        "H" | "-H" => number(Part::Hour, 2),
        "k" => padded(Part::Hour),
        "I" | "-I" => number(Part::Hour12, 2),
        "l" => padded(Part::Hour12),
        "M" | "-M" => number(Part::Minute, 2),
        "S" | "-S" => number(Part::Second, 2),
        "B" => MonthName { is_full: true },
        "b" | "h" => MonthName { is_full: false },
        "A" => WeekdayName { is_full: true },
        "a" => WeekdayName { is_full: false },
        "p" | "P" => Afternoon,
        "f" => Fraction,
        ".f" => DotFraction,
        "z" => Offset { has_colon: false },
        ":z" => Offset { has_colon: true },
        "F" => return push_items("%Y-%m-%d", has_century, items),
        "T" => return push_items("%H:%M:%S", has_century, items),
        "R" => return push_items("%H:%M", has_century, items),
        "y" => {
            let detail =
                "%y has a two-digit year, which has no century; use %Y, or state two_digit_years_from";
            return Err(detail.into());
        }
        "g" | "D" => {
            return Err(format!(
                "%{directive} has a two-digit year, which has no century; only %Y and %y are read"
            ));
        }
        _ => return Err(format!("%{directive} is not a directive that is read")),
    });
    Ok(())
}
