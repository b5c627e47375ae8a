//! Lengths of time, from the notations of time sheets to ISO 8601.
//!
//! What goes out is hours, minutes and seconds, such as `PT7H30M`, without days, which are not all 24 hours long.
//! Nothing is rounded: `0,333` hours are `PT19M58.8S`. A negative length, of a balance, has a minus in front, as XML
//! Schema has it.
//!
//! Source: ISO 8601-1:2019, 5.5.2; XML Schema Part 2, 3.2.6 (the minus).

use std::fmt::Write;

use super::{Exact, Unfit, take_sign};
use crate::mapping::document::Notation;
use crate::mapping::outcome::Reason;

/// How lengths of time are written.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct DurationFormat {
    pub notations: Vec<Notation>,
    /// Before the fraction of hours.
    pub mark: char,
}

impl DurationFormat {
    /// Appends the duration as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        push(self.read(cell)?, out);
        Ok(())
    }

    /// Reads a duration as seconds.
    pub(super) fn read(&self, cell: &str) -> Result<Exact, Unfit> {
        let (is_negative, unsigned) = take_sign(cell);
        let read = self.notations.iter().find_map(|notation| self.seconds(*notation, unsigned));
        let seconds = read.ok_or_else(|| self.unfit())?;
        // Three digits are kept back for the seconds of an hour.
        let seconds = seconds.map_err(|TooLong| Unfit {
            reason: Reason::OutOfRange,
            expected: "a length of time of at most 34 digits".into(),
        })?;
        Ok(if is_negative { seconds.negated() } else { seconds })
    }

    /// Reads a text of one notation as seconds; None where it is another's.
    fn seconds(&self, notation: Notation, text: &str) -> Option<Result<Exact, TooLong>> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let sixtieth = |text: &str| {
            let fits = text.len() == 2 && is_number(text);
            text.parse::<i128>().ok().filter(|value| fits && *value < 60)
        };
        match notation {
            Notation::HoursMinutes | Notation::HoursMinutesSeconds => {
                let (hours, rest) = text.split_once(':')?;
                let (minutes, seconds) = match notation {
                    Notation::HoursMinutes => (sixtieth(rest)?, 0),
                    _ => {
                        let (minutes, seconds) = rest.split_once(':')?;
                        (sixtieth(minutes)?, sixtieth(seconds)?)
                    }
                };
                is_number(hours).then(|| {
                    let hours = Exact::canonical(hours).ok_or(TooLong)?;
                    let whole = times(hours, 3600)?;
                    whole.add(Exact::of(minutes * 60 + seconds, 0).map_err(|_| TooLong)?).map_err(|_| TooLong)
                })
            }
            Notation::DecimalHours => {
                let (whole, fraction) = match text.split_once(self.mark) {
                    Some((whole, fraction)) => (whole, Some(fraction)),
                    None => (text, None),
                };
                (is_number(whole) && fraction.is_none_or(is_number)).then(|| {
                    let canonical =
                        fraction.map_or_else(|| whole.into(), |fraction| format!("{whole}.{fraction}"));
                    times(Exact::canonical(&canonical).ok_or(TooLong)?, 3600)
                })
            }
            Notation::Minutes => is_number(text).then(|| times(Exact::canonical(text).ok_or(TooLong)?, 60)),
        }
    }

    fn unfit(&self) -> Unfit {
        let notations = self.notations.iter().map(|notation| match notation {
            Notation::HoursMinutes => "7:30".into(),
            Notation::HoursMinutesSeconds => "7:30:00".into(),
            Notation::DecimalHours => format!("hours such as 7{}5", self.mark),
            Notation::Minutes => "minutes such as 450".into(),
        });
        let notations = notations.collect::<Vec<String>>().join(", or ");
        Unfit { reason: Reason::NotADuration, expected: format!("a length of time, as {notations}") }
    }
}

/// Appends seconds as a JSON string of ISO 8601.
pub(super) fn push(seconds: Exact, out: &mut String) {
    let (is_negative, whole, fraction) = seconds.parts();
    out.push_str(if is_negative { "\"-PT" } else { "\"PT" });
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut put = |value: u128, fraction: &str, unit: char| {
        let point = if fraction.is_empty() { "" } else { "." };
        write!(out, "{value}{point}{fraction}{unit}").expect("a String takes all that is written to it");
    };
    if hours > 0 {
        put(hours, "", 'H');
    }
    if minutes > 0 {
        put(minutes, "", 'M');
    }
    if seconds > 0 || !fraction.is_empty() || whole == 0 {
        put(seconds, &fraction, 'S');
    }
    out.push('"');
}

/// A length of time that has more digits than are counted with.
struct TooLong;

fn times(number: Exact, factor: i128) -> Result<Exact, TooLong> {
    Exact::of(factor, 0).and_then(|factor| number.multiply(factor)).map_err(|_| TooLong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn convert(notations: &[Notation], cell: &str) -> Result<String, Reason> {
        let mut out = String::new();
        let format = DurationFormat { notations: notations.to_vec(), mark: ',' };
        format.convert(cell, &mut out).map_err(|unfit| unfit.reason)?;
        Ok(out.trim_matches('"').to_owned())
    }

    #[test]
    fn no_time_is_lost() {
        use Notation::{DecimalHours, HoursMinutes, HoursMinutesSeconds, Minutes};
        use Reason::{NotADuration, OutOfRange};
        let (long, most) = ("9".repeat(36), "9".repeat(34));
        let cases: [(&[Notation], &str, Result<&str, Reason>); 38] = [
            (&[HoursMinutes], "7:30", Ok("PT7H30M")),
            (&[HoursMinutes], "07:00", Ok("PT7H")),
            (&[HoursMinutes], "0:05", Ok("PT5M")),
            (&[HoursMinutes], "0:00", Ok("PT0S")),
            (&[HoursMinutes], "112:05", Ok("PT112H5M")),
            (&[HoursMinutes], "-0:30", Ok("-PT30M")),
            (&[HoursMinutes], "\u{2212}0:30", Ok("-PT30M")),
            (&[HoursMinutes], "-0:00", Ok("PT0S")),
            (&[HoursMinutes], "7:5", Err(NotADuration)),
            (&[HoursMinutes], "7:60", Err(NotADuration)),
            (&[HoursMinutes], "7:300", Err(NotADuration)),
            (&[HoursMinutes], ":30", Err(NotADuration)),
            (&[HoursMinutes], "7:30:00", Err(NotADuration)),
            (&[HoursMinutes], "7,5", Err(NotADuration)),
            (&[HoursMinutes], "7.30", Err(NotADuration)),
            (&[HoursMinutes], "7:-5", Err(NotADuration)),
            (&[HoursMinutes], "7:+5", Err(NotADuration)),
            (&[HoursMinutesSeconds], "7:30:00", Ok("PT7H30M")),
            (&[HoursMinutesSeconds], "0:00:59", Ok("PT59S")),
            (&[HoursMinutesSeconds], "26:00:01", Ok("PT26H1S")),
            (&[HoursMinutesSeconds], "7:30:60", Err(NotADuration)),
            (&[HoursMinutesSeconds], "7:30", Err(NotADuration)),
            (&[DecimalHours], "7,5", Ok("PT7H30M")),
            (&[DecimalHours], "7,50", Ok("PT7H30M")),
            (&[DecimalHours], "7", Ok("PT7H")),
            (&[DecimalHours], "0,333", Ok("PT19M58.8S")),
            (&[DecimalHours], "-1,25", Ok("-PT1H15M")),
            (&[DecimalHours], "0,00000000000001", Ok("PT0.000000000036S")),
            (&[DecimalHours], "7,", Err(NotADuration)),
            (&[DecimalHours], ",5", Err(NotADuration)),
            (&[DecimalHours], "7.5", Err(NotADuration)),
            (&[DecimalHours], &long, Err(OutOfRange)),
            (&[DecimalHours], &most, Ok(&format!("PT{most}H"))),
            (&[Minutes], "450", Ok("PT7H30M")),
            (&[Minutes], "7,5", Err(NotADuration)),
            (&[HoursMinutes, DecimalHours], "7:30", Ok("PT7H30M")),
            (&[HoursMinutes, DecimalHours], "7,5", Ok("PT7H30M")),
            (&[HoursMinutes, HoursMinutesSeconds], "7:30:15", Ok("PT7H30M15S")),
        ];
        for (notations, cell, expected) in cases {
            assert_eq!(convert(notations, cell), expected.map(str::to_owned), "{notations:?} {cell}");
        }
    }

    proptest! {
        /// jiff, which reads ISO 8601 too, finds as many seconds as went in.
        #[test]
        fn others_read_what_is_written(hours in 0i64..100_000, minutes in 0i64..60, seconds in 0i64..60) {
            let text = convert(&[Notation::HoursMinutesSeconds], &format!("{hours}:{minutes:02}:{seconds:02}")).unwrap();
            let read: jiff::SignedDuration = text.parse().unwrap();
            prop_assert_eq!(read.as_secs(), hours * 3600 + minutes * 60 + seconds);
            let hundredths = convert(&[Notation::DecimalHours], &format!("{hours},{minutes:02}")).unwrap();
            let read: jiff::SignedDuration = hundredths.parse().unwrap();
            prop_assert_eq!(read.as_secs(), hours * 3600 + minutes * 36);
        }
    }
}
