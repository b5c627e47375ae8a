//! What a batch is called outside: `{run}-{first ordinal}-{part}`, from which its key follows.

use std::{fmt, str::FromStr};

use super::Batch;
use crate::{
    id,
    keys::{self, Key},
};

/// Names a batch within its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchName {
    /// Its run.
    pub run: String,
    /// Ordinal of its first record.
    pub first_ordinal: u64,
    /// Its part.
    pub part: u32,
}

impl BatchName {
    /// The name of a batch.
    pub fn of(batch: &Batch) -> Self {
        Self { run: batch.run.clone(), first_ordinal: batch.first_ordinal, part: batch.part }
    }

    /// Its row in an account.
    pub fn key(&self, account: &str) -> Key {
        keys::batch(account, &self.run, self.first_ordinal, self.part)
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.first_ordinal, self.part)
    }
}

/// A text that names no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not name a delivery")]
pub struct NoName;

impl FromStr for BatchName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let mut parts = text.rsplitn(3, '-');
        let part = parts.next().and_then(|p| p.parse().ok()).ok_or(NoName)?;
        let first_ordinal = parts.next().and_then(|p| p.parse().ok()).ok_or(NoName)?;
        let run = parts.next().filter(|r| id::is_id(r)).ok_or(NoName)?.to_string();
        Ok(Self { run, first_ordinal, part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = BatchName { run: id::derived("run", &["a"]), first_ordinal: 999_999_999_999, part: 999 };
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert!(id::is_id(&name.to_string()), "it is part of a path");
        for bad in ["", "run_1", "run_1-x-0", "run_1-1", "run#1-1-0", "-1-0", "run_1-1--1"] {
            assert_eq!(bad.parse::<BatchName>(), Err(NoName), "{bad}");
        }
    }
}
