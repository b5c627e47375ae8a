//! Files that nobody here wrote: those of `make corpora`, held against what their own makers say of them.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::mapping::{Mapping, Outcome, records};

/// Says another phone number than its table, and is one object in place of a list of them.
const CONTRADICTS_ITSELF: &str = "location_coordinates";

fn corpus(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.local/corpora").join(path)
}

/// Maps a table of text as it is; an empty cell is an empty text.
fn texts(bytes: &[u8], names: &BTreeSet<String>) -> Result<Vec<Value>> {
    let columns =
        names.iter().map(|name| json!({ "name": name, "from": name, "type": "text", "default": "" }));
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "texts",
        "input": { "format": "csv", "encoding": "utf-8", "delimiter": "," },
        "columns": columns.collect::<Vec<_>>(),
    }))?;
    let compiled = mapping.compile().map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut all = Vec::new();
    for outcome in records(bytes, &compiled)? {
        match outcome? {
            Outcome::Record(record) => all.push(serde_json::from_str(&record.data)?),
            other => anyhow::bail!("{other:?}"),
        }
    }
    Ok(all)
}

#[test]
fn csv_spectrum_is_read_as_it_says() -> Result<()> {
    let mut seen = 0;
    for entry in fs::read_dir(corpus("csv-spectrum/csvs")).context("make corpora fetches it")? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file has a name")?.to_owned();
        let expected = fs::read(corpus(&format!("csv-spectrum/json/{name}.json")))?;
        let mut expected = match serde_json::from_slice(&expected)? {
            Value::Array(records) => records,
            object => vec![object],
        };
        let names: BTreeSet<String> =
            expected.iter().filter_map(Value::as_object).flat_map(|record| record.keys().cloned()).collect();
        if name == CONTRADICTS_ITSELF {
            expected[0]["Contact Phone Number"] = json!("2095257564");
        }
        let mapped = texts(&fs::read(&path)?, &names).with_context(|| name.clone())?;
        ensure!(mapped == expected, "{name}: {mapped:?} is not {expected:?}");
        seen += 1;
    }
    ensure!(seen == 12, "{seen} files of 12 are there");
    Ok(())
}
