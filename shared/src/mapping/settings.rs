//! A mapping as a resource of an account: every version is kept, since runs pin one.

use jiff::Timestamp;

use super::Mapping;
use crate::{problem::FieldError, resource::Settings};

impl Settings for Mapping {
    const KIND: &'static str = "MAPPING";
    const PREFIX: &'static str = "map";
    const WORD: &'static str = "mapping";
    const VERSIONED: bool = true;

    fn validate(&self, _now: Timestamp) -> Vec<FieldError> {
        Mapping::validate(self)
    }
}
