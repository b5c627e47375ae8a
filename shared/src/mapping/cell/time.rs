//! Times of day, without a date and so without a zone.

use jiff::civil::Time;
use jiff::fmt::temporal::DateTimePrinter;

use super::{Pattern, Unfit};
use crate::mapping::outcome::Reason;

static PRINTER: DateTimePrinter = DateTimePrinter::new();

/// Appends a time as a JSON string, such as `"06:30:00"`.
pub(super) fn convert(pattern: &Pattern, cell: &str, out: &mut String) -> Result<(), Unfit> {
    let time = read(pattern, cell)?;
    out.push('"');
    PRINTER.print_time(&time, &mut *out).expect("a String takes all that is written to it");
    out.push('"');
    Ok(())
}

/// Reads a time.
pub(super) fn read(pattern: &Pattern, cell: &str) -> Result<Time, Unfit> {
    pattern.read_time(cell).ok_or_else(|| Unfit {
        reason: Reason::NotATime,
        expected: format!("a time of day, as {}", pattern.text()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_a_day() {
        let cases = [
            ("%H:%M", "06:30", Some("06:30:00")),
            ("%H:%M", "6:30", Some("06:30:00")),
            ("%H:%M", "00:00", Some("00:00:00")),
            ("%H:%M", "23:59", Some("23:59:00")),
            ("%H:%M", "24:00", None),
            ("%H:%M", "06:60", None),
            ("%H:%M", "06:30:00", None),
            ("%H:%M", "06.30", None),
            ("%H%M", "0630", Some("06:30:00")),
            ("%H%M", "630", None),
            ("%I:%M %p", "12:05 AM", Some("00:05:00")),
            ("%I:%M %p", "01:05 pm", Some("13:05:00")),
            ("%T", "06:30:59", Some("06:30:59")),
            ("%T", "06:30:60", None),
            ("%T%.f", "06:30:00.250", Some("06:30:00.25")),
        ];
        for (format, cell, expected) in cases {
            let mut out = String::new();
            let result = convert(&Pattern::new(format).unwrap(), cell, &mut out);
            let token = expected.map(|time| format!("\"{time}\""));
            assert_eq!(result.is_ok().then_some(out), token, "{format} {cell}");
            assert!(result.err().is_none_or(|unfit| unfit.reason == Reason::NotATime));
        }
    }
}
