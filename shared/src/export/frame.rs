//! Lines before and behind the records: text with what is known of a file, control totals too.

use super::{
    csv::DecimalMark,
    file_name::{self, Named},
    saft::{Group, Progress},
    sum::Amount,
};

/// Longest line, in bytes.
const MOST_BYTES: usize = 1000;

/// A line, read: text, and what stands in it in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Named(file_name::Part),
    Records,
    Sum(String),
}

/// What the records of a file come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    records: u64,
    /// Of the columns that are summed, in their order.
    sums: Vec<Amount>,
    /// Of a file of SAF-T: how far it is.
    progress: Progress,
}

impl Totals {
    /// Adds a record, with its amount in each column that is summed.
    pub(super) fn add(&mut self, amounts: &[Amount]) {
        self.records += 1;
        self.sums.resize(amounts.len().max(self.sums.len()), Amount::default());
        for (sum, amount) in self.sums.iter_mut().zip(amounts) {
            sum.add(*amount);
        }
    }

    /// The sums, in the order of the columns.
    pub(super) fn sums(&self) -> &[Amount] {
        &self.sums
    }

    /// How far a file of SAF-T is.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Goes on by a record of SAF-T.
    pub(super) fn go_on(&mut self, group: &Group) {
        self.progress.add(group);
    }

    /// Records in the file.
    pub fn records(&self) -> u64 {
        self.records
    }
}

impl Frame {
    /// Reads a template.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        if template.is_empty() || template.len() > MOST_BYTES {
            return Err(format!("must have 1 to {MOST_BYTES} bytes"));
        }
        if template.chars().any(|c| c.is_control() && c != '\t') {
            return Err("must be one line: its end is put behind it".into());
        }
        let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), template);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braced) = rest.split_at(at);
            text.push_str(before);
            if let Some(tail) = braced.strip_prefix("{{").or_else(|| braced.strip_prefix("}}")) {
                text.push_str(&braced[..1]);
                rest = tail;
                continue;
            }
            let braced =
                braced.strip_prefix('{').ok_or("has a } without a {; write }} for one that stays")?;
            let (word, tail) =
                braced.split_once('}').ok_or("has a { without a }; write {{ for one that stays")?;
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::read(word)?);
            rest = tail;
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// The columns that are summed.
    pub(super) fn summed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Sum(column) => Some(column.as_str()),
            _ => None,
        })
    }

    /// Says whether it has the connection.
    pub(super) fn has_connection(&self) -> bool {
        self.0.contains(&Part::Named(file_name::Part::Connection))
    }

    /// Says whether something of it is known only when all records are.
    pub(super) fn has_totals(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Records | Part::Sum(_)))
    }

    /// The line of a file, without its end. `summed` are the columns of the totals.
    pub(super) fn line(
        &self,
        named: &Named<'_>,
        totals: &Totals,
        summed: &[String],
        mark: DecimalMark,
    ) -> String {
        let sum = |column: &String| {
            let at = summed.iter().position(|summed| summed == column);
            at.and_then(|at| totals.sums.get(at)).copied().unwrap_or_default()
        };
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Named(part) => part.text(named),
            Part::Records => totals.records.to_string(),
            Part::Sum(column) => mark.put_into(sum(column).digits()),
        };
        self.0.iter().map(text).collect()
    }
}

impl Part {
    fn read(word: &str) -> Result<Self, String> {
        match word.split_once(':').unwrap_or((word, "")) {
            ("records", "") => Ok(Self::Records),
            ("sum", column) if !column.is_empty() => Ok(Self::Sum(column.into())),
            _ => match file_name::Part::read(word) {
                Some(part) => part.map(Self::Named),
                None => Err(format!(
                    "{{{word}}} is unknown: use {{records}}, {{sum:column}}, {{date}}, {{time}}, {{counter}}, {{run}}, {{batch}} or {{connection}}"
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_line_has_what_is_known_of_its_file() {
        let named = Named::example("2026-11-25T21:30:05Z");
        let summed = ["hours".to_string(), "n:1".to_string()];
        let mut totals = Totals::default();
        for (hours, n) in [("7.50", "1"), ("-0.25", "2")] {
            totals.add(&[Amount::of(hours).unwrap(), Amount::of(n).unwrap()]);
        }
        for (template, line) in [
            ("T;{records};{sum:hours};{sum:n:1}", "T;2;7,25;3"),
            ("H{counter:6} {date}{time} {run} {batch}", "H000007 2026-11-25213005 run_1 exp_1"),
            (
                r#"{{"records":{records},"sums":{{"hours":"{sum:hours}"}}}}"#,
                r#"{"records":2,"sums":{"hours":"7,25"}}"#,
            ),
            ("plain", "plain"),
            ("{{records}}", "{records}"),
        ] {
            let frame = Frame::parse(template).unwrap();
            assert_eq!(frame.line(&named, &totals, &summed, DecimalMark::Comma), line);
            assert_eq!(
                frame.has_totals(),
                template.contains("{records}") && template != "{{records}}",
                "{template}"
            );
        }
        let none = Frame::parse("{records} {sum:hours}").unwrap();
        assert_eq!(none.line(&named, &Totals::default(), &summed, DecimalMark::Point), "0 0");
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for template in [
            "",
            "a\nb",
            "a\r",
            "{record}",
            "{sum}",
            "{sum:}",
            "{",
            "}",
            "{records",
            "a } b",
            "{counter:0}",
            "{}",
        ] {
            assert!(Frame::parse(template).is_err(), "{template:?}");
        }
        assert!(Frame::parse(&"x".repeat(1001)).is_err());
    }
}
