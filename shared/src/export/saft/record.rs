//! A record's members as an element, in the order of the schema.

use std::borrow::Cow;

use super::elements::{Element, Part, Rule};
use super::kind::{CODE, Kind, LONG};
use crate::export::{Unfit, cells::Members, number::plain, xml::push_escaped};

/// What stands between the values of a column that has several.
const BETWEEN: char = ';';

/// The members of a record, or of one of its lines.
pub(super) struct Values<'m, 'r> {
    pub(super) members: &'m Members<'r>,
    /// What errors put before a member's name.
    pub(super) prefix: String,
}

impl Values<'_, '_> {
    /// The text of a member; None where it is absent, null or empty.
    pub(super) fn text(&self, column: &str) -> Result<Option<String>, Unfit> {
        let value = self.members.get(column).map_or("null", |value| value.get());
        let text = match value.as_bytes().first() {
            Some(b'n') | None => None,
            Some(b'{' | b'[') => return Err(Unfit::NotACell(self.named(column))),
            Some(b'"') => Some(serde_json::from_str(value).map_err(|_| Unfit::NotJson)?),
            Some(b't' | b'f') => Some(value.to_owned()),
            Some(_) => Some(plain(value).ok_or_else(|| Unfit::NotANumber(self.named(column)))?),
        };
        Ok(text.filter(|text: &String| !text.is_empty()))
    }

    pub(super) fn named(&self, column: &str) -> String {
        format!("{}{column}", self.prefix)
    }

    fn wrong(&self, column: &str, why: impl Into<Cow<'static, str>>) -> Unfit {
        Unfit::NotSaft { column: self.named(column), why: why.into() }
    }

    /// A member's text, which is of this kind.
    fn checked(&self, column: &str, kind: Kind) -> Result<Option<String>, Unfit> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        kind.check(&text).map_err(|why| self.wrong(column, why))?;
        Ok(Some(text))
    }

    /// The values that a column has several of, each of this kind.
    fn several(&self, column: &str, kind: Kind) -> Result<Vec<String>, Unfit> {
        let Some(text) = self.text(column)? else { return Ok(Vec::new()) };
        text.split(BETWEEN)
            .map(|value| match kind.check(value) {
                Ok(()) if !value.is_empty() => Ok(value.to_owned()),
                Ok(()) => Err(self.wrong(column, "has an empty value between two ;")),
                Err(why) => Err(self.wrong(column, why)),
            })
            .collect()
    }

    /// Appends an element with what it is made of, up to its end.
    pub(super) fn open(&self, element: &Element, out: &mut String) -> Result<(), Unfit> {
        self.check(element.rules)?;
        out.push_str(&format!("<{}>", element.name));
        let mut within = Within::default();
        for part in element.parts {
            match part {
                Part::Value { column, path, kind, is_needed } => match self.checked(column, *kind)? {
                    Some(text) => within.value(path, &text, &self.named(column), out)?,
                    None if *is_needed => {
                        return Err(self.wrong(column, "is missing, and SAF-T has to have it"));
                    }
                    None => {}
                },
                Part::Same { column, of } => self.check_same(column, of)?,
                Part::Values { column, name, kind } => {
                    let values = self.several(column, *kind)?;
                    if values.is_empty() {
                        return Err(self.wrong(column, "is missing, and SAF-T has to have it"));
                    }
                    within.close(0, out);
                    for text in values {
                        within.value(&[name], &text, &self.named(column), out)?;
                    }
                }
                Part::Shell(path) => within.enter(path, out),
                Part::Analysis => {
                    within.close(0, out);
                    self.analysis(out)?;
                }
            }
        }
        within.close(0, out);
        Ok(())
    }

    fn analysis(&self, out: &mut String) -> Result<(), Unfit> {
        let (types, ids) = (self.several("AnalysisTypes", CODE)?, self.several("AnalysisIDs", LONG)?);
        if types.len() != ids.len() {
            let why =
                format!("has {} values, and AnalysisIDs has {}: they go in pairs", types.len(), ids.len());
            return Err(self.wrong("AnalysisTypes", why));
        }
        for (kind, id) in types.iter().zip(&ids) {
            let mut within = Within::default();
            within.value(&["Analysis", "AnalysisType"], kind, &self.named("AnalysisTypes"), out)?;
            within.value(&["Analysis", "AnalysisID"], id, &self.named("AnalysisIDs"), out)?;
            within.close(0, out);
        }
        Ok(())
    }

    /// Checks that a column says no more than another one.
    fn check_same(&self, column: &str, of: &str) -> Result<(), Unfit> {
        match self.text(column)? {
            Some(text) if self.text(of)?.as_ref() != Some(&text) => {
                Err(self.wrong(column, format!("is not the same as {of}, and SAF-T has room for one")))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, rules: &[Rule]) -> Result<(), Unfit> {
        let there = |columns: &[&'static str]| -> Result<Vec<&'static str>, Unfit> {
            let mut there = Vec::new();
            for column in columns {
                if self.text(column)?.is_some() {
                    there.push(*column);
                }
            }
            Ok(there)
        };
        for rule in rules {
            match rule {
                Rule::ExactlyOne(columns) | Rule::AtMostOne(columns) => {
                    match (there(columns)?.as_slice(), rule) {
                        ([first, second, ..], _) => {
                            return Err(self
                                .wrong(second, format!("does not go with {first}: SAF-T has one of them")));
                        }
                        ([], Rule::ExactlyOne(_)) => {
                            let why =
                                format!("is missing, and SAF-T has to have one of {}", columns.join(", "));
                            return Err(self.wrong(columns[0], why));
                        }
                        _ => {}
                    }
                }
                Rule::With(some, all) => {
                    if let [first, ..] = there(some)?.as_slice() {
                        let found = there(all)?;
                        if let Some(missing) = all.iter().find(|column| !found.contains(column)) {
                            return Err(
                                self.wrong(missing, format!("is missing, and SAF-T has it with {first}"))
                            );
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Which elements are open in another one.
#[derive(Default)]
pub(super) struct Within(Vec<&'static str>);

impl Within {
    /// Opens the elements of a path that are not open, and closes all others.
    pub(super) fn enter(&mut self, path: &[&'static str], out: &mut String) {
        let common = self.0.iter().zip(path).take_while(|(open, name)| open == name).count();
        self.close(common, out);
        for name in &path[common..] {
            out.push_str(&format!("<{name}>"));
            self.0.push(name);
        }
    }

    /// Appends an element with a value, in those of its path.
    pub(super) fn value(
        &mut self,
        path: &[&'static str],
        text: &str,
        called: &str,
        out: &mut String,
    ) -> Result<(), Unfit> {
        let (name, around) = path.split_last().expect("every path has a name");
        self.enter(around, out);
        out.push_str(&format!("<{name}>"));
        push_escaped(called, text, false, out)?;
        out.push_str(&format!("</{name}>"));
        Ok(())
    }

    /// Closes all elements but so many.
    pub(super) fn close(&mut self, but: usize, out: &mut String) {
        while self.0.len() > but {
            if let Some(name) = self.0.pop() {
                out.push_str(&format!("</{name}>"));
            }
        }
    }
}
