//! Amounts by what is billed, and their price.

use std::collections::BTreeMap;

use super::prices;

/// Something that is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// Requests to the HTTP API.
    ApiRequests,
    /// Invocations of a function.
    LambdaRequests(&'static str),
    /// GB-seconds of a function.
    LambdaTime(&'static str),
    /// Requests to queues.
    SqsRequests,
    /// Write units of the table.
    WriteUnits,
    /// Read units of the table.
    ReadUnits,
    /// Requests that write to the bucket.
    S3Puts,
    /// Requests that read from it.
    S3Gets,
    /// Requests to the key service.
    KmsRequests,
    /// Bytes of logs.
    LogBytes,
}

impl Line {
    /// What it is called in a bill.
    pub(super) fn name(self) -> String {
        match self {
            Self::ApiRequests => "HTTP API, requests".into(),
            Self::LambdaRequests(function) => format!("Lambda, requests of {function}"),
            Self::LambdaTime(function) => format!("Lambda, GB-seconds of {function}"),
            Self::SqsRequests => "SQS, requests".into(),
            Self::WriteUnits => "DynamoDB, write units".into(),
            Self::ReadUnits => "DynamoDB, read units".into(),
            Self::S3Puts => "S3, PUT requests".into(),
            Self::S3Gets => "S3, GET requests".into(),
            Self::KmsRequests => "KMS, requests".into(),
            Self::LogBytes => "CloudWatch Logs, bytes".into(),
        }
    }

    /// Dollars for one.
    fn price(self) -> f64 {
        match self {
            Self::ApiRequests => prices::HTTP_API_REQUEST,
            Self::LambdaRequests(_) => prices::LAMBDA_REQUEST,
            Self::LambdaTime(_) => prices::LAMBDA_GB_SECOND,
            Self::SqsRequests => prices::SQS_REQUEST,
            Self::WriteUnits => prices::WRITE_UNIT,
            Self::ReadUnits => prices::READ_UNIT,
            Self::S3Puts => prices::S3_PUT,
            Self::S3Gets => prices::S3_GET,
            Self::KmsRequests => prices::KMS_REQUEST,
            Self::LogBytes => prices::LOG_BYTE,
        }
    }
}

/// Amounts of one unit of work, or of many.
#[derive(Clone, Debug, Default)]
pub(super) struct Amounts(BTreeMap<Line, f64>);

impl Amounts {
    /// Adds an amount.
    pub(super) fn add(&mut self, line: Line, amount: f64) {
        *self.0.entry(line).or_default() += amount;
    }

    /// Leaves a line out.
    pub(super) fn without(mut self, line: Line) -> Self {
        self.0.remove(&line);
        self
    }

    /// The amounts for one of so many.
    pub(super) fn each_of(mut self, units: u64) -> Self {
        self.0.values_mut().for_each(|amount| *amount /= units as f64);
        self
    }

    /// An amount.
    pub(super) fn of(&self, line: Line) -> f64 {
        self.0.get(&line).copied().unwrap_or_default()
    }

    /// Dollars for a million times the amount of a line.
    pub(super) fn dollars(&self, line: Line) -> f64 {
        self.of(line) * line.price() * 1e6
    }

    /// Dollars for a million times all of it.
    pub(super) fn total(&self) -> f64 {
        self.0.keys().map(|line| self.dollars(*line)).sum()
    }
}

/// Prints dollars for a million of each column's unit, line by line, with the first column's amounts beside.
pub(super) fn print(of: &str, columns: &[(&str, &Amounts)]) {
    let lines: std::collections::BTreeSet<Line> =
        columns.iter().flat_map(|(_, amounts)| amounts.0.keys().copied()).collect();
    let lines = lines.into_iter().filter(|line| columns.iter().any(|(_, a)| a.of(*line) > 0.0));
    let row = |name: &str, amount: &str, cells: Vec<String>| {
        let cells: String = cells.into_iter().map(|cell| format!("{cell:>15}")).collect();
        println!("{name:<36}{amount:>16}{cells}");
    };
    let titles = columns.iter().map(|(title, _)| (*title).to_string()).collect();
    row(&format!("$ for a million {of}"), "amount for one*", titles);
    for line in lines {
        let amount = columns.first().map(|(_, a)| a.of(line)).unwrap_or_default();
        let cells = columns.iter().map(|(_, a)| format!("{:.4}", a.dollars(line))).collect();
        row(&line.name(), &format!("{amount:.6}"), cells);
    }
    row("together", "", columns.iter().map(|(_, a)| format!("{:.4}", a.total())).collect());
    if let Some((first, _)) = columns.first() {
        println!("* of the column `{first}`\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_the_sum_of_its_lines_for_one_unit() {
        let mut amounts = Amounts::default();
        amounts.add(Line::WriteUnits, 2000.0);
        amounts.add(Line::ApiRequests, 1000.0);
        let each = amounts.each_of(1000);
        assert_eq!(each.of(Line::WriteUnits), 2.0);
        assert!((each.total() - 2.25).abs() < 1e-9);
        assert!((each.without(Line::ApiRequests).total() - 1.25).abs() < 1e-9);
    }
}
