//! Exact sums of decimals: control totals have every digit.

/// Most digits of an amount on each side of its mark: 10,000 of them cannot overflow their sum.
const MOST_DIGITS: usize = 30;

/// 10 to the power of [`MOST_DIGITS`].
const ONE: i128 = 10i128.pow(30);

/// A decimal, or a sum of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    whole: i128,
    /// In units of 10 to the power of minus [`MOST_DIGITS`], with the sign of its own.
    fraction: i128,
    /// As many decimals as the amount with the most of them.
    scale: usize,
}

impl Amount {
    /// Reads a number without exponent, as [`super::number::plain`] writes it; `None` where it has too many digits.
    pub(super) fn of(plain: &str) -> Option<Self> {
        let (sign, digits) = plain.strip_prefix('-').map_or((1, plain), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() > MOST_DIGITS || fraction.len() > MOST_DIGITS {
            return None;
        }
        Some(Self {
            whole: sign * whole.parse::<i128>().ok()?,
            fraction: sign * format!("{fraction:0<MOST_DIGITS$}").parse::<i128>().ok()?,
            scale: fraction.len(),
        })
    }

    /// Adds another one.
    pub(super) fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.fraction += other.fraction;
        self.scale = self.scale.max(other.scale);
    }

    /// Its digits, with as many decimals as the amount with the most of them has.
    pub(super) fn digits(self) -> String {
        let (mut whole, mut fraction) = (self.whole + self.fraction / ONE, self.fraction % ONE);
        // Both with one sign.
        if whole > 0 && fraction < 0 {
            (whole, fraction) = (whole - 1, fraction + ONE);
        } else if whole < 0 && fraction > 0 {
            (whole, fraction) = (whole + 1, fraction - ONE);
        }
        let sign = if whole < 0 || fraction < 0 { "-" } else { "" };
        let decimals = format!("{:0MOST_DIGITS$}", fraction.unsigned_abs());
        let mark = if self.scale > 0 { "." } else { "" };
        format!("{sign}{}{mark}{}", whole.unsigned_abs(), &decimals[..self.scale])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(amounts: &[&str]) -> String {
        let mut sum = Amount::default();
        for amount in amounts {
            sum.add(Amount::of(amount).unwrap());
        }
        sum.digits()
    }

    #[test]
    fn sums_are_exact_with_the_most_decimals_of_their_amounts() {
        for (amounts, wanted) in [
            (&[][..], "0"),
            (&["1.50", "2"], "3.50"),
            (&["0.1", "0.2"], "0.3"),
            (&["0.99", "0.01"], "1.00"),
            (&["-0.5", "0.25"], "-0.25"),
            (&["-1.5", "2"], "0.5"),
            (&["1.5", "-2"], "-0.5"),
            (&["-0.5", "0.50"], "0.00"),
            (&["-0"], "0"),
            (&["007.5"], "7.5"),
            (&["9999999999999999999999999999.99", "0.01"], "10000000000000000000000000000.00"),
            (
                &[
                    "123456789012345678901234567890.123456789012345678901234567890",
                    "-0.000000000000000000000000000001",
                ],
                "123456789012345678901234567890.123456789012345678901234567889",
            ),
        ] {
            assert_eq!(sum(amounts), wanted, "{amounts:?}");
        }
        assert_eq!(Amount::of(&"1".repeat(31)), None);
        assert_eq!(Amount::of(&format!("0.{}", "1".repeat(31))), None);
    }

    #[test]
    fn a_whole_file_of_the_largest_amounts_overflows_nothing() {
        let largest = Amount::of(&format!("{0}.{0}", "9".repeat(MOST_DIGITS))).unwrap();
        let mut sum = Amount::default();
        for _ in 0..10_000 {
            sum.add(largest);
        }
        assert_eq!(sum.digits(), format!("{}.{}0000", "9".repeat(34), "9".repeat(26)));
    }

    proptest! {
        /// Integers in hundredths are an independent sum.
        #[test]
        fn hundredths_agree(hundredths in prop::collection::vec(-1_000_000_000_000i64..1_000_000_000_000, 1..50)) {
            let write = |n: i128| {
                let sign = if n < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", n.unsigned_abs() / 100, n.unsigned_abs() % 100)
            };
            let texts: Vec<String> = hundredths.iter().map(|n| write((*n).into())).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(sum(&texts), write(hundredths.iter().map(|n| i128::from(*n)).sum()));
        }
    }
}
