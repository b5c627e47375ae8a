//! The text of a member in formats that have columns: CSV and fixed width.

use super::{
    Unfit,
    csv::DecimalMark,
    moment::{MomentFormat, NoMoment},
    number::plain,
};

/// How the cells of a column are written.
#[derive(Debug)]
pub(super) enum Kind {
    AsItIs,
    Decimal,
    Moment(MomentFormat),
}

/// What a member comes to.
pub(super) enum Written {
    /// Text that the record itself has.
    Text(String),
    /// A number, a date, a boolean or nothing.
    Plain(String),
}

impl Kind {
    /// Reads what is stated of a column.
    ///
    /// # Errors
    /// Says what is wrong with which field.
    pub(super) fn of(
        date_format: Option<&str>,
        time_zone: Option<&str>,
        decimal: bool,
    ) -> Result<Self, (&'static str, String)> {
        match (date_format, time_zone) {
            (Some(_), _) if decimal => {
                Err(("decimal", "does not go with date_format: a cell is a number or a date".into()))
            }
            (Some(format), zone) => MomentFormat::of(format, zone).map(Self::Moment),
            (None, Some(_)) => Err(("time_zone", "is for columns with date_format only".into())),
            (None, None) => Ok(if decimal { Self::Decimal } else { Self::AsItIs }),
        }
    }

    /// The text of a member, which is given as its JSON; `null` is nothing.
    pub(super) fn text(&self, column: &str, value: &str, mark: DecimalMark) -> Result<Written, Unfit> {
        let number = |text: &str| match plain(text) {
            Some(number) => Ok(Written::Plain(mark.put_into(number))),
            None => Err(Unfit::NotANumber(column.into())),
        };
        match (value.as_bytes().first(), self) {
            (Some(b'n') | None, _) => Ok(Written::Plain(String::new())),
            (Some(b'{' | b'['), _) => Err(Unfit::NotACell(column.into())),
            (Some(b'"'), kind) => {
                let text: String = serde_json::from_str(value).map_err(|_| Unfit::NotJson)?;
                match kind {
                    Self::AsItIs => Ok(Written::Text(text)),
                    Self::Decimal => number(&text),
                    Self::Moment(format) => {
                        format.write(&text).map(Written::Plain).map_err(|why| no_moment(why, column))
                    }
                }
            }
            (_, Self::Moment(_)) => Err(Unfit::NotADate(column.into())),
            (Some(b't' | b'f'), Self::Decimal) => Err(Unfit::NotANumber(column.into())),
            (Some(b't' | b'f'), Self::AsItIs) => Ok(Written::Plain(value.into())),
            (Some(_), Self::AsItIs | Self::Decimal) => number(value),
        }
    }
}

pub(super) fn no_moment(why: NoMoment, column: &str) -> Unfit {
    match why {
        NoMoment::Unreadable => Unfit::NotADate(column.into()),
        NoMoment::DateOnly => Unfit::NoTimeOfDay(column.into()),
    }
}
