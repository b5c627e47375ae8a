//! What the demo pulls: a real file where it is beside the project, and a punches file of its own.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::flow::real_data;

/// A file, how it is mapped, and how one of its lines is changed.
pub(crate) struct Input {
    pub(crate) title: &'static str,
    pub(crate) file: &'static str,
    pub(crate) content: Vec<u8>,
    pub(crate) mapping: Value,
    /// Bytes that occur once, and two others that take their place one after the other.
    edits: [(&'static [u8], &'static [u8]); 2],
}

const REAL: &str = "RF-1167_Grouping_Category_Code.csv";

/// The inputs, the first of which goes through every step.
pub(crate) fn inputs() -> Vec<Input> {
    let mut inputs = vec![Input {
        title: "time punches (made for this demo)",
        file: "punches.csv",
        content: include_bytes!("../../data/punches.csv").to_vec(),
        mapping: punches(),
        edits: [(b"07:31;22.10.2026 15:31;8,00", b"07:31;22.10.2026 15:31;7,75"), (b";231,25;", b";233,25;")],
    }];
    if let Some(content) = real_data(REAL) {
        let real = Input {
            title: "grouping codes of the Norwegian Tax Administration",
            file: REAL,
            content,
            mapping: grouping_codes(),
            edits: [
                (b";Utsatt skattefordel;", b";Utsatt skattefordel (endret);"),
                (b";Forskning og utvikling;", b";Forskning;"),
            ],
        };
        inputs.insert(0, real);
    }
    inputs
}

impl Input {
    /// Records in the file, counted without the hub: lines after the header.
    pub(crate) fn lines(&self) -> u64 {
        let lines = self.content.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count();
        lines as u64 - 1
    }

    /// The file with its first `n` edits.
    pub(crate) fn edited(&self, n: usize) -> Result<Vec<u8>> {
        let mut content = self.content.clone();
        for (old, new) in self.edits.iter().take(n) {
            let at = content
                .windows(old.len())
                .position(|w| w == *old)
                .context("the line to change is not there")?;
            content.splice(at..at + old.len(), new.iter().copied());
        }
        ensure!(n == 0 || content != self.content, "nothing was changed");
        Ok(content)
    }
}

fn csv() -> Value {
    json!({ "format": "csv", "encoding": "iso-8859-1", "delimiter": ";", "quote": "\"", "header": true })
}

fn grouping_codes() -> Value {
    json!({
        "name": "grouping codes",
        "input": csv(),
        "columns": [
            { "name": "code", "from": "GroupingCode", "type": "text", "required": true },
            { "name": "category", "from": "GroupingCategory", "type": "text" },
            { "name": "description", "from": "CodeDescriptionNOB", "type": "text" },
        ],
        "key": ["code"],
        "record_name": "description",
    })
}

fn punches() -> Value {
    let time = |name: &str, from: &str| {
        json!({
            "name": name, "from": from, "type": "timestamp", "format": "%d.%m.%Y %H:%M",
            "time_zone": "Europe/Oslo", "ambiguous": "earliest",
        })
    };
    json!({
        "name": "punches",
        "input": csv(),
        "columns": [
            { "name": "employee", "from": "Ansatt", "type": "text", "required": true },
            { "name": "name", "from": "Navn", "type": "text" },
            { "name": "date", "from": "Dato", "type": "date", "format": "%d.%m.%Y", "required": true },
            time("in", "Inn"),
            time("out", "Ut"),
            { "name": "hours", "from": "Timer", "type": "decimal", "decimal_mark": "," },
            { "name": "rate", "from": "Sats", "type": "decimal", "decimal_mark": "," },
            { "name": "kind", "from": "Type", "type": "text",
              "values": { "O": "ordinary", "H": "weekend", "N": "night", "K": "correction" } },
        ],
        "key": ["employee", "date"],
        "record_name": "name",
        "filters": [{ "column": "Type", "equals": "K", "reason": "correction" }],
    })
}
