//! What a delivery is called outside: a batch `{run}-{first ordinal}-{part}`, a notification
//! `{notification}-{connection}`. Its key follows from that.

use std::{fmt, str::FromStr};

use super::Batch;
use crate::{
    id,
    keys::{self, Key},
};

/// Names a delivery within its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryName {
    /// A batch of a run.
    Batch(BatchName),
    /// A notification that is owed to the target of a connection.
    Notification(NotificationName),
}

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

/// Names a notification that is owed to the target of a connection, within its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationName {
    /// Id of the notification.
    pub notification: String,
    /// The connection that takes it.
    pub connection: String,
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

impl DeliveryName {
    /// Its row in an account.
    pub fn key(&self, account: &str) -> Key {
        match self {
            Self::Batch(name) => name.key(account),
            Self::Notification(name) => name.key(account),
        }
    }
}

impl fmt::Display for DeliveryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(name) => name.fmt(f),
            Self::Notification(name) => name.fmt(f),
        }
    }
}

impl NotificationName {
    /// Its row in an account.
    pub fn key(&self, account: &str) -> Key {
        keys::notification_delivery(account, &self.notification, &self.connection)
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.first_ordinal, self.part)
    }
}

impl fmt::Display for NotificationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.notification, self.connection)
    }
}

/// A text that names no delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not name a delivery")]
pub struct NoName;

impl FromStr for DeliveryName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        match text.strip_prefix("ntf_") {
            Some(_) => text.parse().map(Self::Notification),
            None => text.parse().map(Self::Batch),
        }
    }
}

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

impl FromStr for NotificationName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let (notification, connection) = text.split_once('-').ok_or(NoName)?;
        let both = id::is_id(notification) && id::is_id(connection);
        both.then(|| Self { notification: notification.into(), connection: connection.into() }).ok_or(NoName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = BatchName { run: id::derived("run", &["a"]), first_ordinal: 999_999_999_999, part: 999 };
        assert_eq!(name.to_string().parse(), Ok(DeliveryName::Batch(name.clone())));
        assert!(id::is_id(&name.to_string()), "it is part of a path");
        let connection = id::derived("con", &["a"]);
        let name = NotificationName { notification: id::derived("ntf", &["a"]), connection };
        assert_eq!(name.to_string().parse(), Ok(DeliveryName::Notification(name.clone())));
        assert!(id::is_id(&name.to_string()), "it is part of a path");
        for bad in [
            "",
            "run_1",
            "run_1-x-0",
            "run_1-1",
            "run#1-1-0",
            "-1-0",
            "run_1-1--1",
            "ntf_1",
            "ntf_1-",
            "ntf_#-c",
        ] {
            assert_eq!(bad.parse::<DeliveryName>(), Err(NoName), "{bad}");
        }
    }
}
