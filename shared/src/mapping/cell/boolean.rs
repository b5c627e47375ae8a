//! True or false, by the words that the mapping lists.

use super::Unfit;
use crate::mapping::outcome::Reason;

/// The words for true and for false, compared exactly.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct BooleanFormat {
    pub true_values: Vec<String>,
    pub false_values: Vec<String>,
}

impl BooleanFormat {
    /// Appends `true` or `false`.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let is = |words: &[String]| words.iter().any(|word| word == cell);
        if is(&self.true_values) {
            out.push_str("true");
        } else if is(&self.false_values) {
            out.push_str("false");
        } else {
            let words = [self.true_values.as_slice(), &self.false_values].concat().join(", ");
            return Err(Unfit { reason: Reason::NotABoolean, expected: format!("one of {words}") });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_words_fit() {
        let format =
            BooleanFormat { true_values: vec!["J".into(), "1".into()], false_values: vec!["N".into()] };
        for (cell, expected) in
            [("J", Some("true")), ("1", Some("true")), ("N", Some("false")), ("j", None), ("true", None)]
        {
            let mut out = String::new();
            let result = format.convert(cell, &mut out);
            assert_eq!(result.is_ok().then_some(out.as_str()), expected, "{cell}");
            if let Err(unfit) = result {
                assert_eq!(unfit, Unfit { reason: Reason::NotABoolean, expected: "one of J, 1, N".into() });
            }
        }
    }
}
