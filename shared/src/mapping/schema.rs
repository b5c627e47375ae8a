//! The JSON Schema of mappings: what editors complete and check with. `docs/mapping.schema.json` is the same.

use serde_json::Value;

use super::Mapping;

/// The schema, JSON Schema 2020-12.
pub fn schema() -> Value {
    schemars::schema_for!(Mapping).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_SCHEMA=1` writes the file anew.
    #[test]
    fn the_published_schema_is_of_this_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/mapping.schema.json");
        let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == made,
            "docs/mapping.schema.json is not of this code; UPDATE_SCHEMA=1 writes it anew"
        );
    }
}
