//! Headers of one request.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

/// Headers by their names in lower case. Only the names are printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HashMap<String, String>);

impl Headers {
    /// Takes names in any case; values of the same name are joined with a comma.
    ///
    /// Source: RFC 9110, section 5.3.
    pub fn new<N: AsRef<str>, V: Into<String>>(headers: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut all = HashMap::new();
        for (name, value) in headers {
            match all.entry(name.as_ref().to_ascii_lowercase()) {
                Entry::Vacant(slot) => _ = slot.insert(value.into()),
                Entry::Occupied(mut slot) => slot.get_mut().extend([", ", value.into().as_str()]),
            }
        }
        Self(all)
    }

    /// The value of a header, whose name may be in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.0.get(&name.to_ascii_lowercase()),
            false => self.0.get(name),
        };
        found.map(String::as_str)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_are_not_printed() {
        let headers = Headers::new([("X-Id", "1"), ("x-ID", "2"), ("authorization", "hunter2")]);
        assert_eq!(headers.get("X-Id"), Some("1, 2"));
        assert_eq!(headers.get("x-id"), Some("1, 2"));
        assert_eq!(headers.get("x-other"), None);
        let printed = format!("{headers:?}");
        assert!(printed.contains("x-id") && !printed.contains("hunter2"), "{printed}");
    }
}
