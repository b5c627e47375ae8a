//! Values over rounds and over invocations.

/// The median.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 50.0)
}

/// The value that so many percent do not exceed.
pub(super) fn percentile(values: impl IntoIterator<Item = f64>, percent: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// What a target comes to, in a word.
pub(super) fn verdict(is_held: bool) -> &'static str {
    if is_held { "held" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values_themselves() {
        let values = || (1..=100).rev().map(f64::from);
        assert_eq!(percentile(values(), 99.0), 99.0);
        assert_eq!(percentile(values(), 100.0), 100.0);
        assert_eq!(median(values()), 50.0);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert!(median([]).is_nan());
    }
}
