//! What kind of number a number format shows: a date or time, elapsed time, or a number.
//!
//! Source: ECMA-376 part 1, sections 18.8.30 and 18.8.31.

/// What kind of number a format shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shows {
    #[default]
    Number,
    /// A date, a time of day, or both.
    Moment,
    /// Hours, minutes or seconds beyond a day, as `[h]:mm`.
    Elapsed,
}

impl Shows {
    /// The formats that have a number instead of a code.
    pub(super) fn by_id(id: u32) -> Self {
        match id {
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => Self::Moment,
            46 => Self::Elapsed,
            _ => Self::Number,
        }
    }

    /// Reads a format's code. What positive numbers look like decides, as the first section says it.
    pub(super) fn by_code(code: &str) -> Self {
        let mut characters = code.chars();
        let mut shows = Self::Number;
        if code.eq_ignore_ascii_case("general") {
            return shows;
        }
        while let Some(character) = characters.next() {
            match character {
                ';' => break,
                '\\' | '_' | '*' => _ = characters.next(),
                '"' => _ = characters.by_ref().find(|c| *c == '"'),
                '[' => {
                    let within: String = characters.by_ref().take_while(|c| *c != ']').collect();
                    if is_elapsed(&within) {
                        return Self::Elapsed;
                    }
                }
                'd' | 'D' | 'y' | 'Y' | 'h' | 'H' | 'm' | 'M' | 's' | 'S' => shows = Self::Moment,
                _ => {}
            }
        }
        shows
    }
}

/// Says whether brackets hold hours, minutes or seconds; otherwise they hold a colour, a condition or a language.
fn is_elapsed(within: &str) -> bool {
    let mut letters = within.chars().map(|c| c.to_ascii_lowercase());
    let first = letters.next();
    matches!(first, Some('h' | 'm' | 's')) && letters.all(|letter| Some(letter) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_dates_from_numbers() {
        for (code, shows) in [
            ("General", Shows::Number),
            ("0.00", Shows::Number),
            ("#,##0.00\\ \"kr/md\"", Shows::Number),
            ("0.00E+00", Shows::Number),
            ("@", Shows::Number),
            ("[Red]0;[Blue]-0", Shows::Number),
            ("0;yyyy", Shows::Number),
            ("_-* #,##0_-", Shows::Number),
            ("_d0*y", Shows::Number),
            ("", Shows::Number),
            ("yyyy\\-mm\\-dd", Shows::Moment),
            ("dd.mm.yyyy hh:mm;@", Shows::Moment),
            ("[$-414]d. mmmm yyyy;@", Shows::Moment),
            ("h:mm AM/PM", Shows::Moment),
            ("\"Y\"0m", Shows::Moment),
            ("[h]:mm", Shows::Elapsed),
            ("[HH]:MM:SS", Shows::Elapsed),
            ("[$-F400][mm]:ss", Shows::Elapsed),
            ("[hm]", Shows::Number),
            ("[", Shows::Number),
            ("\"", Shows::Number),
            ("\\", Shows::Number),
        ] {
            assert_eq!(Shows::by_code(code), shows, "{code}");
        }
        assert_eq!(
            [0, 2, 14, 22, 46, 47, 49, 200].map(Shows::by_id),
            [
                Shows::Number,
                Shows::Number,
                Shows::Moment,
                Shows::Moment,
                Shows::Elapsed,
                Shows::Moment,
                Shows::Number,
                Shows::Number
            ]
        );
    }
}
