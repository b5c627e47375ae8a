//! How many records of a run may be in error before none of them is sent.
//!
//! A file with many errors is most often the wrong file, or written in another way than the mapping says: then what
//! does fit the mapping is not to be trusted either.

use crate::counts::Counts;

/// Bounds of a run's errors; without one there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// Most records in error.
    pub count: Option<u64>,
    /// Most records in error, in a hundred of those that were read.
    pub percent: Option<u8>,
}

impl Ceiling {
    /// Says whether so many are in error that there is no need to read on.
    pub fn ends_reading(&self, counts: &Counts) -> bool {
        self.count.is_some_and(|most| counts.errors() > most)
    }

    /// Says whether nothing may be sent of what was read to its end.
    pub fn forbids(&self, counts: &Counts) -> bool {
        let is_over =
            |percent: u8| u128::from(counts.errors()) * 100 > u128::from(percent) * u128::from(counts.read());
        self.ends_reading(counts) || self.percent.is_some_and(is_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_allowed_pass_and_one_more_does_not() {
        for (count, percent, errors, others, ends_reading, forbids) in [
            (None, None, 10, 0, false, false),
            (Some(0), None, 0, 10, false, false),
            (Some(0), None, 1, 10, true, true),
            (Some(2), None, 2, 0, false, false),
            (Some(2), None, 3, 1_000, true, true),
            (None, Some(10), 1, 9, false, false),
            (None, Some(10), 2, 17, false, true),
            (None, Some(0), 1, 999, false, true),
            (None, Some(0), 0, 0, false, false),
            (None, Some(99), 100, 0, false, true),
            (Some(5), Some(10), 4, 6, false, true),
        ] {
            let mut counts = Counts::default();
            (0..errors).for_each(|_| counts.add_error());
            (0..others).for_each(|_| counts.add_unchanged());
            let ceiling = Ceiling { count, percent };
            let said = (ceiling.ends_reading(&counts), ceiling.forbids(&counts));
            assert_eq!(said, (ends_reading, forbids), "{ceiling:?} {errors} {others}");
        }
    }
}
