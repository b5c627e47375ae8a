//! Files that nobody here wrote: those of `make corpora`, held against what their own makers say of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::{
    mapping::{Mapping, Outcome, records},
    preview::{Sample, preview},
};
use tests::python;

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

/// The charts of accounts of gnucash-common, by path; nothing where this machine's apt has not got that version.
fn charts() -> Result<Vec<(String, Vec<u8>)>> {
    if let Ok(why) = fs::read_to_string(corpus("gnucash-common.not-here")) {
        println!("the charts of accounts are not here: {why}");
        return Ok(Vec::new());
    }
    let mut charts = Vec::new();
    for folder in fs::read_dir(corpus("gnucash-common")).context("make corpora fetches it")? {
        let folder = folder?.path();
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "gnucash-xea") {
                charts.push((path.display().to_string(), fs::read(&path)?));
            }
        }
    }
    charts.sort();
    ensure!(charts.len() == 454, "{} charts of 454 are there", charts.len());
    Ok(charts)
}

/// What another reader of XML says of the accounts of each chart: name, id, type, parent and the commodity's id.
fn element_tree(charts: &[(String, Vec<u8>)]) -> Result<BTreeMap<String, Vec<Vec<String>>>> {
    let of = |prefix: &str, local: &str| format!("{{http://www.gnucash.org/XML/{prefix}}}{local}");
    let commodity = format!("{}/{}", of("act", "commodity"), of("cmdty", "id"));
    let columns = ["name", "id", "type", "parent"].map(|local| of("act", local));
    let columns: Vec<String> = columns.into_iter().chain([commodity]).collect();
    let files: Vec<&String> = charts.iter().map(|(path, _)| path).collect();
    let asked = json!({ "files": files, "record": of("gnc", "account"), "columns": columns });
    Ok(serde_json::from_slice(&python::xml_texts(asked.to_string().as_bytes())?)?)
}

#[test]
fn every_account_of_every_chart_is_read_as_another_reader_reads_it() -> Result<()> {
    let charts = charts()?;
    let expected = element_tree(&charts)?;
    let mut accounts = 0;
    for (path, bytes) in &charts {
        // One chart lacks the namespace that the root of all others is in.
        let has_namespace = bytes.windows(7).any(|seven| seven == b"xmlns=\"");
        let root = if has_namespace { "g:gnc-account-example" } else { "gnc-account-example" };
        let column =
            |name: &str, from: &str| json!({ "name": name, "from": from, "type": "text", "default": "" });
        let mapping: Mapping = serde_json::from_value(json!({
            "name": "accounts",
            "input": {
                "format": "xml", "record": format!("/{root}/gnc:account"),
                "namespaces": {
                    "g": "http://www.gnucash.org/XML/", "gnc": "http://www.gnucash.org/XML/gnc",
                    "act": "http://www.gnucash.org/XML/act", "cmdty": "http://www.gnucash.org/XML/cmdty",
                },
            },
            "columns": [
                column("0", "act:name"), column("1", "act:id"), column("2", "act:type"), column("3", "act:parent"),
                column("4", "act:commodity/cmdty:id"),
            ],
        }))?;
        let compiled = mapping.compile().map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let mut read = Vec::new();
        for outcome in records(&bytes[..], &compiled).with_context(|| path.clone())? {
            let Outcome::Record(record) = outcome.with_context(|| path.clone())? else {
                anyhow::bail!("{path}: a record is in error")
            };
            let record: BTreeMap<String, String> = serde_json::from_str(&record.data)?;
            read.push(record.into_values().collect::<Vec<_>>());
        }
        ensure!(Some(&read) == expected.get(path), "{path}: {} accounts were read otherwise", read.len());
        accounts += read.len();
    }
    ensure!(charts.is_empty() || accounts == 15_199, "{accounts} accounts of 15199 were read");
    Ok(())
}

#[test]
fn every_chart_is_previewed_as_accounts_and_none_is_lost() -> Result<()> {
    let charts = charts()?;
    let (mut right, mut others) = (0, Vec::new());
    for (path, bytes) in &charts {
        let of = |bytes: &[u8], is_whole| {
            let sample = Sample { bytes, is_whole, file_name: None, time_zone: "Europe/Oslo", mapping: None };
            preview(&sample).map_err(|errors| anyhow::anyhow!("{path}: {errors:?}"))
        };
        let found = of(bytes, true)?;
        let opening = b"<gnc:account ";
        let accounts = bytes.windows(opening.len()).filter(|window| window == opening).count();
        let outcome = found.outcome.with_context(|| format!("{path}: {:?}", found.notes))?;
        ensure!(outcome.failure.is_none(), "{path}: {:?}", outcome.failure);
        match found.record.is_some_and(|record| record.value.ends_with("/gnc:account")) {
            true => {
                ensure!(outcome.read == accounts, "{path}: {} of {accounts} accounts", outcome.read);
                right += 1;
            }
            false => others.push(path),
        }
        let cut = of(&bytes[..bytes.len() * 2 / 3], false)?;
        if let Some(outcome) = cut.outcome {
            ensure!(outcome.errors == 0 || outcome.failure.is_none(), "{path}: {outcome:?}");
        }
    }
    println!("accounts are the records of {right} charts of {}; not of {others:?}", charts.len());
    ensure!(
        others.len() * 20 <= charts.len(),
        "{} charts of {} are seen otherwise: {others:?}",
        others.len(),
        charts.len()
    );
    Ok(())
}
