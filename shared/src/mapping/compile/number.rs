//! Resolves what a mapping states about decimals beyond their mark and grouping.

use super::column::Check;
use crate::mapping::cell::{CellFormat, DecimalFormat, Exact, NumberFormat, Operation};
use crate::mapping::document::SignStyle;

impl Check<'_, '_, '_> {
    /// Resolves a decimal; the plain format where nothing but mark and grouping is stated.
    pub(super) fn number(&mut self, operations: Vec<Operation>) -> Option<CellFormat> {
        let column = self.column;
        let decimal = self.decimal()?;
        for (field, affixes) in [("prefixes", &column.prefixes), ("suffixes", &column.suffixes)] {
            for affix in affixes {
                self.check_affix(field, affix);
            }
        }
        match (column.scale, column.round) {
            (Some(scale), _) if scale > Exact::MOST_DIGITS => {
                self.error("scale", format!("is not from 0 to {}", Exact::MOST_DIGITS));
            }
            (None, Some(_)) => self.error("round", "is only for columns with `scale`; leave it out"),
            _ => {}
        }
        let sign = column.sign.unwrap_or_default();
        let is_plain = sign == SignStyle::Leading
            && column.prefixes.is_empty()
            && column.suffixes.is_empty()
            && column.scale.is_none()
            && operations.is_empty();
        if is_plain {
            return Some(CellFormat::Decimal(decimal));
        }
        let longest_first = |affixes: &[String]| {
            let mut affixes = affixes.to_vec();
            affixes.sort_by_key(|affix| std::cmp::Reverse(affix.len()));
            affixes
        };
        Some(CellFormat::Number(Box::new(NumberFormat {
            decimal,
            sign,
            prefixes: longest_first(&column.prefixes),
            suffixes: longest_first(&column.suffixes),
            operations,
            scale: column.scale,
            round: column.round,
        })))
    }

    fn decimal(&mut self) -> Option<DecimalFormat> {
        let Some(mark) = &self.column.decimal_mark else {
            self.error("decimal_mark", "is missing; state `,` or `.`");
            return None;
        };
        if DecimalFormat::new(mark, None).is_none() {
            self.error("decimal_mark", format!("{mark:?} is neither `,` nor `.`"));
            return None;
        }
        let format = DecimalFormat::new(mark, self.column.grouping.as_deref());
        if format.is_none() {
            self.error("grouping", "is not one of space, `.`, `,` and `'`, or is the decimal mark");
        }
        format
    }

    /// Refuses what would change a number if it were taken off, or can never be found.
    fn check_affix(&mut self, field: &str, affix: &str) {
        let is_of_numbers = |c: char| c.is_ascii_digit() || "+-\u{2212}()'".contains(c);
        if affix.trim().is_empty() || affix.trim() != affix {
            self.error(field, format!("{affix:?} is blank or has outer spaces, which are taken off anyway"));
        } else if affix.contains(is_of_numbers) || affix.trim_matches([',', '.']).is_empty() {
            self.error(field, format!("{affix:?} could be part of a number"));
        }
    }
}
