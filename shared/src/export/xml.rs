//! How XML is written, as an administrator states it, and a record as an element.
//!
//! UTF-8, indented by nothing: white space in it is that of the records. Numbers keep the digits that they came with.
//!
//! Source: XML 1.0, fifth edition, sections 2.2 (characters), 2.3 (names), 2.11 (line ends) and 3.3.3 (attributes).

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Unfit;
use crate::{mapping::is_xml_name as is_name, problem::FieldError};

/// Deepest nesting of a record.
const MOST_DEPTH: usize = 32;

/// How XML is written: nothing of it is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XmlOutput {
    /// Name of the element around all records.
    pub root: String,
    /// Name of the element of a record. Its members are elements in it, in their order, and objects have their members in
    /// them.
    pub record: String,
    /// The namespace of all elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Members of the record that are attributes of its element. A record that has an object or an array there is not
    /// sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// What members are called where that is not their own name, at any depth. A record with a member whose name XML
    /// cannot have is not sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Name of the elements that an array has.
    #[serde(default = "item")]
    pub item: String,
    /// What members are that are null.
    #[serde(default)]
    pub nulls: Nulls,
}

fn item() -> String {
    "item".into()
}

/// What members are that are null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// They are left out.
    #[default]
    Omit,
    /// They are empty elements and attributes.
    Empty,
}

impl XmlOutput {
    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("export.xml.{field}"), detail));
        };
        for (field, name) in [("root", &self.root), ("record", &self.record), ("item", &self.item)] {
            if !is_name(name) {
                wrong(field, format!("{name:?} is no name of an element"));
            }
        }
        for (member, name) in &self.names {
            if !is_name(name) {
                wrong(&format!("names.{member}"), format!("{name:?} is no name of an element"));
            }
        }
        if let Some(namespace) = &self.namespace
            && (namespace.is_empty() || namespace.chars().any(|c| c.is_whitespace() || !is_character(c)))
        {
            wrong("namespace", "must be an address, without spaces".into());
        }
        for (i, member) in self.attributes.iter().enumerate() {
            let name = self.names.get(member).unwrap_or(member);
            if !is_name(name) || name == "xmlns" {
                wrong(&format!("attributes[{i}]"), format!("{name:?} is no name of an attribute"));
            }
            if self.attributes[..i].iter().any(|other| self.names.get(other).unwrap_or(other) == name) {
                wrong(&format!("attributes[{i}]"), format!("{name:?} is there already"));
            }
        }
    }

    /// What stands before the first record.
    pub(super) fn begin(&self) -> Vec<u8> {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
        out.push_str(&self.root);
        if let Some(namespace) = &self.namespace {
            out.push_str(" xmlns=\"");
            // It was checked when it was saved.
            let _ = push_escaped("namespace", namespace, true, &mut out);
            out.push('"');
        }
        out.push_str(">\n");
        out.into_bytes()
    }

    /// What stands behind the last record.
    pub(super) fn end(&self) -> Vec<u8> {
        format!("</{}>\n", self.root).into_bytes()
    }

    /// A record's element.
    pub(super) fn record(&self, record: &[u8]) -> Result<Vec<u8>, Unfit> {
        let record: &RawValue = serde_json::from_slice(record).map_err(|_| Unfit::NotJson)?;
        let members: InOrder<'_> = serde_json::from_str(record.get()).map_err(|_| Unfit::NotAnObject)?;
        let mut out = format!("<{}", self.record);
        let mut seen = Vec::new();
        for (member, value) in members.0.iter().filter(|(member, _)| self.is_attribute(member)) {
            if seen.contains(&member) {
                return Err(Unfit::Twice(member.clone()));
            }
            seen.push(member);
            let text = match Kind::of(value) {
                Kind::Null if self.nulls == Nulls::Omit => continue,
                Kind::Null => Cow::Borrowed(""),
                Kind::Scalar => scalar(value)?,
                Kind::Object | Kind::Array => return Err(Unfit::NotACell(member.clone())),
            };
            out.push(' ');
            out.push_str(self.name(member)?);
            out.push_str("=\"");
            push_escaped(member, &text, true, &mut out)?;
            out.push('"');
        }
        out.push('>');
        for (member, value) in members.0.iter().filter(|(member, _)| !self.is_attribute(member)) {
            self.element(self.name(member)?, member, value, 1, &mut out)?;
        }
        out.push_str(&format!("</{}>\n", self.record));
        Ok(out.into_bytes())
    }

    fn is_attribute(&self, member: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute == member)
    }

    fn name<'n>(&'n self, member: &'n str) -> Result<&'n str, Unfit> {
        let name = self.names.get(member).map_or(member, String::as_str);
        if is_name(name) { Ok(name) } else { Err(Unfit::NoXmlName(member.into())) }
    }

    fn element(
        &self,
        name: &str,
        member: &str,
        value: &RawValue,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Unfit> {
        if depth > MOST_DEPTH {
            return Err(Unfit::TooDeep(member.into()));
        }
        let kind = Kind::of(value);
        if matches!(kind, Kind::Null) && self.nulls == Nulls::Omit {
            return Ok(());
        }
        out.push_str(&format!("<{name}>"));
        match kind {
            Kind::Null => {}
            Kind::Scalar => push_escaped(member, &scalar(value)?, false, out)?,
            Kind::Object => {
                let members: InOrder<'_> = serde_json::from_str(value.get()).map_err(|_| Unfit::NotJson)?;
                for (member, value) in &members.0 {
                    self.element(self.name(member)?, member, value, depth + 1, out)?;
                }
            }
            Kind::Array => {
                let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| Unfit::NotJson)?;
                for value in items {
                    self.element(&self.item, member, value, depth + 1, out)?;
                }
            }
        }
        out.push_str(&format!("</{name}>"));
        Ok(())
    }
}

/// What a value of JSON is.
enum Kind {
    Null,
    Scalar,
    Object,
    Array,
}

impl Kind {
    fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Scalar,
        }
    }
}

fn scalar(value: &RawValue) -> Result<Cow<'_, str>, Unfit> {
    match value.get().starts_with('"') {
        true => serde_json::from_str::<String>(value.get()).map(Cow::Owned).map_err(|_| Unfit::NotJson),
        false => Ok(Cow::Borrowed(value.get())),
    }
}

/// Appends text so that a reader has the same.
pub(super) fn push_escaped(
    member: &str,
    text: &str,
    is_attribute: bool,
    out: &mut String,
) -> Result<(), Unfit> {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if is_attribute => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' if is_attribute => out.push_str("&#10;"),
            '\t' if is_attribute => out.push_str("&#9;"),
            character if is_character(character) => out.push(character),
            character => return Err(Unfit::NotInXml { column: member.into(), character }),
        }
    }
    Ok(())
}

/// Says whether XML has a character.
pub(super) fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The members of an object in their order, each as its JSON.
struct InOrder<'j>(Vec<(String, &'j RawValue)>);

impl<'de: 'j, 'j> Deserialize<'de> for InOrder<'j> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Members).map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::{Reader, events::Event};
    use serde_json::{Value, json};

    use super::*;
    use crate::export::{Export, Rendering};

    fn export(more: Value) -> Export {
        let mut xml = json!({ "root": "Ansatte", "record": "Ansatt" });
        xml.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(json!({ "file_name": "f", "format": "xml", "xml": xml })).unwrap()
    }

    fn element(more: Value, record: &str) -> Result<String, Unfit> {
        let export = export(more);
        let piece = Rendering::of(&export).unwrap().record(record.as_bytes())?;
        Ok(String::from_utf8(piece.bytes).unwrap())
    }

    #[test]
    fn members_are_elements_or_attributes_with_every_digit() {
        let record = r#"{"id": "0042", "navn": "Å & <B>", "timer": 7.50, "n": 12345678901234567890, "null": null,
            "adresse": {"gate": "x", "nr": 1}, "roller": ["a", {"b": true}, []]}"#;
        assert_eq!(
            element(json!({ "attributes": ["id"] }), record).unwrap(),
            "<Ansatt id=\"0042\"><navn>Å &amp; &lt;B&gt;</navn><timer>7.50</timer><n>12345678901234567890</n>\
             <adresse><gate>x</gate><nr>1</nr></adresse><roller><item>a</item><item><b>true</b></item><item></item></roller>\
             </Ansatt>\n"
        );
        assert_eq!(
            element(
                json!({ "nulls": "empty", "names": { "a b": "AB" }, "item": "i" }),
                r#"{"a b": [null], "c": null}"#
            )
            .unwrap(),
            "<Ansatt><AB><i></i></AB><c></c></Ansatt>\n"
        );
        for (record, unfit) in [
            (r#"{"a b": 1}"#, Unfit::NoXmlName("a b".into())),
            (r#"{"x:y": 1}"#, Unfit::NoXmlName("x:y".into())),
            (r#"{"a": "\u0000"}"#, Unfit::NotInXml { column: "a".into(), character: '\0' }),
            (r#"{"a": "\ufffe"}"#, Unfit::NotInXml { column: "a".into(), character: '\u{fffe}' }),
            (r#"{"id": [1]}"#, Unfit::NotACell("id".into())),
            (r#"{"id": 1, "id": 2}"#, Unfit::Twice("id".into())),
            ("[1]", Unfit::NotAnObject),
            ("x", Unfit::NotJson),
        ] {
            assert_eq!(element(json!({ "attributes": ["id"] }), record), Err(unfit), "{record}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(element(json!({}), &deep), Err(Unfit::TooDeep("a".into())));
    }

    #[test]
    fn what_cannot_be_written_is_named_when_it_is_saved() {
        for (more, field) in [
            (json!({ "namespace": "urn:a", "attributes": ["id"] }), None),
            (json!({ "root": "1" }), Some("root")),
            (json!({ "record": "a b" }), Some("record")),
            (json!({ "item": "" }), Some("item")),
            (json!({ "names": { "x": "a:b" } }), Some("names.x")),
            (json!({ "namespace": "" }), Some("namespace")),
            (json!({ "attributes": ["xmlns"] }), Some("attributes[0]")),
            (json!({ "attributes": ["a", "b"], "names": { "b": "a" } }), Some("attributes[1]")),
        ] {
            let mut errors = Vec::new();
            export(more.clone()).xml.unwrap().check(&mut errors);
            let found: Vec<String> = errors.into_iter().map(|e| e.field).collect();
            assert_eq!(
                found,
                field.map(|f| format!("export.xml.{f}")).into_iter().collect::<Vec<_>>(),
                "{more}"
            );
        }
    }

    proptest! {
        /// quick-xml is an independent reader.
        #[test]
        fn what_is_written_is_read_again(rows in prop::collection::vec(("(?s).{0,8}|[ \r\n\t<>&\"']{0,4}", "(?s).{0,8}|[ \r\n\t<>&\"']{0,4}"), 0..6)) {
            let export = export(json!({ "attributes": ["a"], "namespace": "urn:x" }));
            let rendering = Rendering::of(&export).unwrap();
            let (mut file, mut written) = (export.xml.as_ref().unwrap().begin(), Vec::new());
            for (a, b) in rows {
                let is_fit = a.chars().chain(b.chars()).all(is_character);
                let record = json!({ "a": a, "b": b }).to_string();
                match rendering.record(record.as_bytes()) {
                    Ok(piece) => {
                        prop_assert!(is_fit);
                        file.extend(piece.bytes);
                        written.push((a, b));
                    }
                    Err(_) => prop_assert!(!is_fit),
                }
            }
            file.extend(export.xml.as_ref().unwrap().end());
            let mut reader = Reader::from_reader(&file[..]);
            let (mut buffer, mut read, mut within) = (Vec::new(), Vec::new(), false);
            loop {
                buffer.clear();
                match reader.read_event_into(&mut buffer).unwrap() {
                    Event::Eof => break,
                    Event::Start(start) if start.local_name().as_ref() == "Ansatt" => {
                        let a = start.try_get_attribute("a").unwrap().unwrap();
                        let a = a.normalized_value(quick_xml::XmlVersion::default()).unwrap().into_owned();
                        read.push((a, String::new()));
                    }
                    Event::Start(start) => within = start.local_name().as_ref() == "b",
                    Event::End(_) => within = false,
                    Event::Text(text) if within => read.last_mut().unwrap().1.push_str(&text.xml10_content()),
                    Event::GeneralRef(reference) if within => {
                        let character = match reference.resolve_char_ref().unwrap() {
                            Some(character) => character,
                            None => match reference.xml10_content().as_ref() {
                                "amp" => '&',
                                "lt" => '<',
                                "gt" => '>',
                                other => panic!("{other}"),
                            },
                        };
                        read.last_mut().unwrap().1.push(character);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(read, written);
        }
    }
}
