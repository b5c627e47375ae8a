//! Settings in YAML, which says the same as JSON. Numbers and words are taken as text where text is wanted: `0042` of an
//! identifier stays as it is.
//!
//! Source: YAML 1.2.2; RFC 9512 for the media type.

use serde::de::DeserializeOwned;

/// The media type of a body in YAML.
pub const MEDIA_TYPE: &str = "application/yaml";

/// Reads settings.
///
/// # Errors
/// In words, with the place, where it is not YAML or not such settings.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_saphyr::from_slice(text).map_err(|error| error.to_string().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::Mapping;

    const YAML: &str = "
name: punches
input: { format: csv, encoding: utf-8, delimiter: ; }
columns:
  - { name: id, from: Nr, type: text, default: 0042, values: { NO: 1.50, J: true } }
  - name: at # when
    from: Tid
    type: date
    format: '%d.%m.%Y'
key: [id]
";

    #[test]
    fn yaml_says_what_json_says() {
        let mapping: Mapping = parse(YAML.as_bytes()).unwrap();
        let same: Mapping = serde_json::from_value(json!({
            "name": "punches",
            "input": { "format": "csv", "encoding": "utf-8", "delimiter": ";" },
            "columns": [
                { "name": "id", "from": "Nr", "type": "text", "default": "0042", "values": { "NO": "1.50", "J": "true" } },
                { "name": "at", "from": "Tid", "type": "date", "format": "%d.%m.%Y" },
            ],
            "key": ["id"],
        }))
        .unwrap();
        assert_eq!(mapping, same);
        let json = serde_json::to_vec(&same).unwrap();
        assert_eq!(parse::<Mapping>(&json).unwrap(), same, "JSON is YAML");
    }

    #[test]
    fn columns_of_all_kinds_can_be_written_in_yaml() {
        let yaml = "
name: punches
input: { format: csv, encoding: utf-8, delimiter: ;, header: false }
columns:
  - { name: first, from: 1, type: text }
  - name: both
    from: { columns: [1, 2], join: ' ', skip_empty: true }
    type: text
    transforms: [trim, { pad_left: { to: 6, with: 0 } }, { take: { last: 3 } }]
    when: { any: [{ column: 2, not_empty: true }, { not: { column: 1, equals: 7 } }] }
  - { name: half, from: 3, type: decimal, decimal_mark: '.', transforms: [{ multiply: 0.50 }], scale: 2 }
  - { name: phones, items: [{ from: 4, type: text, pii: true }] }
";
        let mapping: Mapping = parse(yaml.as_bytes()).unwrap();
        assert_eq!(mapping.validate(), []);
        let json = serde_json::to_value(&mapping).unwrap();
        assert_eq!(json["columns"][0]["from"], "1");
        assert_eq!(json["columns"][1]["transforms"][1], json!({ "pad_left": { "to": 6, "with": "0" } }));
        assert_eq!(json["columns"][2]["transforms"][0], json!({ "multiply": "0.50" }));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (wrong, expected) in [
            (YAML.replace("format: csv", "format: cvs"), "cvs"),
            (YAML.replace("name: at #", "nam: at #"), "nam"),
            (YAML.replace("key: [id]", "key: [id"), "line"),
        ] {
            let error = parse::<Mapping>(wrong.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
