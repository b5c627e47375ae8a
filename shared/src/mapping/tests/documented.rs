//! What `docs/mapping.md` says: its examples can be saved, and what it leaves out is not there.

use std::path::Path;

use serde_json::{Value, json};

use super::semicolons;
use crate::mapping::Mapping;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mapping.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The page's examples, each as a mapping: a whole one, a filter, or a column.
fn examples(page: &str) -> Vec<Value> {
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mappings = blocks.map(|block| {
        let example: Value = serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"));
        if example.get("input").is_some() {
            return example;
        }
        let id = json!({"name": "id", "from": "Id", "type": "text"});
        if example.get("reason").is_some() {
            let mut mapping = semicolons(json!([id]));
            mapping["filters"] = json!([example]);
            return mapping;
        }
        semicolons(json!([id, example]))
    });
    mappings.collect()
}

#[test]
fn every_example_can_be_saved() {
    let examples = examples(&page());
    assert!(examples.len() > 20, "{} examples", examples.len());
    for example in examples {
        let mapping: Mapping =
            serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert_eq!(mapping.validate(), [], "{example}");
    }
}

/// The names that the schema has: of members, and of words that they can be.
fn names(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("properties", Value::Object(properties)) => found.extend(properties.keys().cloned()),
                    ("const", Value::String(word)) => found.push(word.clone()),
                    ("enum", Value::Array(words)) => {
                        found.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn every_field_and_word_of_columns_is_named() {
    let page = page();
    let schema = serde_json::to_value(schemars::schema_for!(Mapping)).unwrap();
    for part in ["Column", "SourceParts", "Condition", "Filter", "Transform"] {
        assert!(schema["$defs"].get(part).is_some(), "{part} is a part of the schema");
    }
    let mut found = Vec::new();
    for (name, part) in schema["$defs"].as_object().unwrap() {
        // The formats that come in are on pages of their own.
        if !name.contains("Input") && name != "Ragged" {
            names(part, &mut found);
        }
    }
    assert!(found.len() > 80, "{found:?}");
    for name in found {
        let is_named = ["`", "\""].iter().any(|quote| page.contains(&format!("{quote}{name}{quote}")));
        assert!(is_named, "the page does not name {name}");
    }
}
