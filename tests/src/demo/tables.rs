//! Reports as tables.

use serde_json::Value;

/// Prints rows under headings, columns aligned; numbers to the right.
pub(crate) fn print(headings: &[&str], rows: &[Vec<String>]) {
    let width = |i: usize| {
        let cells = rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count());
        cells.chain([headings[i].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let pad = " ".repeat(width - cell.chars().count());
            if cell.parse::<f64>().is_ok() { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        println!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(headings.iter().map(ToString::to_string).collect());
    line(widths.iter().map(|w| "-".repeat(*w)).collect());
    rows.iter().for_each(|row| line(row.clone()));
    println!();
}

const COUNTS: [&str; 8] =
    ["read", "filtered", "unchanged", "created", "updated", "errors", "owed", "written"];

/// Prints runs, one a line.
pub(crate) fn runs(runs: &[Value]) {
    let mut headings = vec!["run", "trigger", "status", "ended"];
    headings.extend(COUNTS);
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            let id = text(&run["id"]);
            let mut row = vec![
                format!("{}…", &id[..id.len().min(16)]),
                text(&run["trigger"]),
                text(&run["status"]),
                text(&run["local"]["ended_at"]),
            ];
            row.extend(COUNTS.iter().map(|c| text(&run["counts"][*c])));
            row
        })
        .collect();
    print(&headings, &rows);
}

/// Prints some record results.
pub(crate) fn records(records: &[Value]) {
    let fields = ["line", "source_id", "name", "processor", "writer", "target_id", "reason"];
    let rows: Vec<_> = records.iter().map(|r| fields.iter().map(|f| text(&r[*f])).collect()).collect();
    print(&fields, &rows);
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
