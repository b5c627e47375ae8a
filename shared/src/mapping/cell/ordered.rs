//! Cells that can be compared: numbers, dates, times, instants and durations, each exactly.

use super::{
    CellFormat, DecimalFormat, DurationFormat, Exact, NumberFormat, Pattern, TimestampFormat, Unfit, integer,
    time, timestamp,
};
use crate::mapping::cell::timestamp::out_of_range;

/// How a cell is read that is compared.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum Ordered {
    Integer,
    Decimal(DecimalFormat),
    Number(Box<NumberFormat>),
    Date(Pattern),
    Time(Pattern),
    Timestamp(TimestampFormat),
    Duration(DurationFormat),
}

impl Ordered {
    /// Takes a column's format; None of one whose cells have no order, or to which something is done.
    pub fn of(format: CellFormat) -> Option<Self> {
        match format {
            CellFormat::Integer => Some(Self::Integer),
            CellFormat::Decimal(format) => Some(Self::Decimal(format)),
            CellFormat::Number(format) => Some(Self::Number(format)),
            CellFormat::Date(pattern) => Some(Self::Date(pattern)),
            CellFormat::Time(pattern) => Some(Self::Time(pattern)),
            CellFormat::Timestamp(format) => Some(Self::Timestamp(format)),
            CellFormat::Duration(format) => Some(Self::Duration(format)),
            CellFormat::Text
            | CellFormat::Identifier
            | CellFormat::Boolean(_)
            | CellFormat::MovedDate(_)
            | CellFormat::MovedTimestamp(_)
            | CellFormat::Span => None,
        }
    }

    /// Reads a trimmed cell that is not empty, as a number that is the larger the later or longer it is.
    pub fn read(&self, cell: &str) -> Result<Exact, Unfit> {
        match self {
            Self::Integer => {
                let mut token = String::new();
                integer::convert(cell, &mut token)?;
                Exact::canonical(&token).ok_or_else(out_of_range)
            }
            Self::Decimal(format) => format.read(cell),
            Self::Number(format) => format.read(cell),
            Self::Date(pattern) => {
                let date = timestamp::read_date(pattern, cell)?;
                let (year, month, day) = (date.year(), date.month(), date.day());
                units(i128::from(year) * 10_000 + i128::from(month) * 100 + i128::from(day))
            }
            Self::Time(pattern) => {
                let time = time::read(pattern, cell)?;
                units(time.duration_since(jiff::civil::Time::midnight()).as_nanos())
            }
            Self::Timestamp(format) => {
                let moment = format.moment(cell)?;
                let instant = format.resolve(moment.date.to_datetime(moment.time), moment.offset_seconds)?;
                units(instant.as_nanosecond())
            }
            Self::Duration(format) => format.read(cell),
        }
    }
}

fn units(digits: i128) -> Result<Exact, Unfit> {
    Exact::of(digits, 0).map_err(|_| out_of_range())
}
