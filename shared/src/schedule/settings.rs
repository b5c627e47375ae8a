//! A schedule as a customer's administrator sets it up.

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cron, CronError};
use crate::{
    problem::FieldError,
    resource::{Reference, Settings},
};

/// When a connection runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The connection to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The target server whose buffer is flushed. Not available yet: no function flushes buffers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_server: Option<String>,
    /// Six fields as AWS writes them: minutes, hours, day of month, month, day of week, year.
    pub cron: String,
    /// IANA zone in which the fields are read.
    pub time_zone: String,
    /// Whether due times start runs.
    #[serde(default)]
    pub state: ScheduleState,
    /// What happens when the time comes while the last run goes on.
    #[serde(default)]
    pub overlap: Overlap,
}

/// Whether due times start runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// They do.
    #[default]
    Active,
    /// They don't, until it is active again.
    Paused,
}

/// What happens when the time comes while the last run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The time is skipped, and a SKIPPED run says so.
    #[default]
    Skip,
}

impl Schedule {
    /// Reads the cron fields in their zone.
    ///
    /// # Errors
    /// When they cannot be read or never match from `now` on.
    pub fn cron(&self, now: Timestamp) -> Result<Cron, CronError> {
        let zone = TimeZone::get(&self.time_zone).map_err(|e| CronError::Syntax(e.to_string()))?;
        Cron::parse(&self.cron, zone, now)
    }

    /// When it is due next, or `None` while it is paused or has no time left.
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        (self.state == ScheduleState::Active)
            .then(|| self.cron(now).ok()?.next_after(now))
            .flatten()
            .map(|o| o.at)
    }

    /// The next `n` times at which it is due; none while it is paused.
    pub fn upcoming(&self, now: Timestamp, n: usize) -> Vec<Timestamp> {
        let active = (self.state == ScheduleState::Active).then(|| self.cron(now).ok()).flatten();
        active.map_or_else(Vec::new, |cron| cron.upcoming(now, n).into_iter().map(|o| o.at).collect())
    }
}

impl Settings for Schedule {
    const KIND: &'static str = "SCHEDULE";
    const PREFIX: &'static str = "sch";
    const WORD: &'static str = "schedule";

    fn validate(&self, now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match (&self.connection, &self.target_server) {
            (Some(_), None) => {}
            (None, Some(_)) => errors.push(FieldError::new(
                "target_server",
                "flushing a target server's buffer by schedule is not available yet; set connection",
            )),
            _ => errors.push(FieldError::new("connection", "state the connection that this schedule runs")),
        }
        match super::check_zone("time_zone", &self.time_zone) {
            Some(error) => errors.push(error),
            None => errors.extend(self.cron(now).err().map(|e| FieldError::new("cron", e.to_string()))),
        }
        errors
    }

    fn references(&self) -> Vec<Reference> {
        self.connection.iter().map(|id| Reference::new("connection", "CONNECTION", id)).collect()
    }
}
