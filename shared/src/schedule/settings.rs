//! A schedule as a customer's administrator sets it up.

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CatchUp, Cron, Times, Window};
use crate::{
    problem::FieldError,
    resource::{Reference, Settings},
};

/// When a connection runs, or a target server's buffer is flushed: exactly one of `cron` and `window` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The connection to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The target server of kind `sftp_export` whose buffer is flushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_server: Option<String>,
    /// Six fields as AWS writes them: minutes, hours, day of month, month, day of week, year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Between two local times, at a moment of the schedule's own that is always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// IANA zone in which cron fields or window are read.
    pub time_zone: String,
    /// Whether due times start runs.
    #[serde(default)]
    pub state: ScheduleState,
    /// What happens when the time comes while the last run goes on.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens to times that passed while nothing could start them.
    #[serde(default)]
    pub catch_up: CatchUp,
}

/// Whether due times start runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// They do.
    #[default]
    Active,
    /// They don't, until it is active again. What passes meanwhile is not missed.
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
    /// Reads when it is due, whether or not it is paused. `id` is the schedule's own: its moment of a window
    /// follows from it.
    ///
    /// # Errors
    /// Names the field that cannot be read.
    pub fn times(&self, id: &str) -> Result<Times, FieldError> {
        let zone = || {
            let unknown = super::check_zone("time_zone", &self.time_zone);
            TimeZone::get(&self.time_zone)
                .map_err(|e| unknown.unwrap_or_else(|| FieldError::new("time_zone", e.to_string())))
        };
        match (&self.cron, &self.window) {
            (Some(_), Some(_)) => {
                Err(FieldError::new("window", "state either cron or window, not both: remove one"))
            }
            (None, None) => Err(FieldError::new(
                "cron",
                "state when it is due: either cron, for example '30 6 * * ? *', or window, for example \
                 {\"from\": \"19:00\", \"to\": \"07:00\"}",
            )),
            (Some(cron), None) => {
                let cron = Cron::parse(cron, zone()?).map_err(|e| FieldError::new("cron", e.to_string()))?;
                Ok(Times::Cron(Box::new(cron)))
            }
            (None, Some(window)) if window.minutes() == 0 => Err(FieldError::new(
                "window.to",
                "must not be the same time as window.from: a window is shorter than a day",
            )),
            (None, Some(window)) => Ok(Times::Window(window.moments(id, zone()?))),
        }
    }

    /// When it is due next, or `None` while it is paused or has no time left. `id` is the schedule's own.
    pub fn next_at(&self, id: &str, now: Timestamp) -> Option<Timestamp> {
        (self.state == ScheduleState::Active)
            .then(|| self.times(id).ok()?.next_after(now))
            .flatten()
            .map(|o| o.at)
    }

    /// The next `n` times at which it is due; none while it is paused. `id` is the schedule's own.
    pub fn upcoming(&self, id: &str, now: Timestamp, n: usize) -> Vec<Timestamp> {
        let active = (self.state == ScheduleState::Active).then(|| self.times(id).ok()).flatten();
        active.map_or_else(Vec::new, |times| times.upcoming(now, n).into_iter().map(|o| o.at).collect())
    }
}

impl Settings for Schedule {
    const KIND: &'static str = "SCHEDULE";
    const PREFIX: &'static str = "sch";
    const WORD: &'static str = "schedule";

    fn validate(&self, now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match (&self.connection, &self.target_server) {
            (Some(_), None) | (None, Some(_)) => {}
            _ => errors.push(FieldError::new(
                "connection",
                "state either the connection that this schedule runs, or the target_server that it flushes",
            )),
        }
        // Every window has a moment each day or week, whatever the schedule's id.
        match self.times("") {
            Err(error) => errors.push(error),
            Ok(times) if times.next_after(now).is_none() => {
                errors.push(FieldError::new("cron", "never fires: no date from now to the year 2199 matches"))
            }
            Ok(_) => {}
        }
        errors
    }

    fn references(&self) -> Vec<Reference> {
        let connection = self.connection.iter().map(|id| Reference::new("connection", "CONNECTION", id));
        let target = self.target_server.iter().map(|id| Reference::new("target_server", "TARGET", id));
        connection.chain(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn errors(times: Value) -> Vec<(String, String)> {
        let mut settings = json!({ "connection": "con_1", "time_zone": "Europe/Oslo" });
        settings.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let schedule: Schedule = serde_json::from_value(settings).unwrap();
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        schedule.validate(now).into_iter().map(|e| (e.field, e.detail)).collect()
    }

    #[test]
    fn exactly_one_of_cron_and_window_is_stated() {
        let night = json!({ "from": "19:00", "to": "07:00" });
        assert_eq!(errors(json!({ "cron": "0 6 * * ? *" })), []);
        assert_eq!(errors(json!({ "window": night })), []);
        assert_eq!(
            errors(json!({ "window": { "from": "19:00", "to": "07:00", "weekday": "saturday" } })),
            []
        );
        for (times, field, words) in [
            (json!({}), "cron", "either cron"),
            (json!({ "cron": "0 6 * * ? *", "window": night }), "window", "not both"),
            (json!({ "window": { "from": "07:00", "to": "07:00" } }), "window.to", "shorter than a day"),
            (json!({ "cron": "0 0 30 2 ? *" }), "cron", "never fires"),
            (json!({ "window": night, "time_zone": "Mars/Base" }), "time_zone", "not an IANA time zone"),
        ] {
            let found = errors(times.clone());
            assert_eq!(found.len(), 1, "{times}: {found:?}");
            assert_eq!(found[0].0, field, "{times}");
            assert!(found[0].1.contains(words), "{times}: {}", found[0].1);
        }
    }

    #[test]
    fn it_runs_a_connection_or_flushes_a_target_server() {
        for (of, is_one) in [
            (json!({ "connection": "con_1" }), true),
            (json!({ "target_server": "tgt_1" }), true),
            (json!({ "connection": "con_1", "target_server": "tgt_1" }), false),
            (json!({}), false),
        ] {
            let mut settings = json!({ "cron": "0 6 * * ? *", "time_zone": "UTC" });
            settings.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
            let schedule: Schedule = serde_json::from_value(settings).unwrap();
            let errors = schedule.validate("2026-06-01T00:00:00Z".parse().unwrap());
            assert_eq!(errors.is_empty(), is_one, "{of}: {errors:?}");
            assert_eq!(schedule.references().len(), of.as_object().unwrap().len());
        }
    }

    #[test]
    fn a_schedule_stored_before_there_were_windows_is_read_as_it_was() {
        let old = json!({ "connection": "con_1", "cron": "0 6 * * ? *", "time_zone": "UTC", "state": "active", "overlap": "skip" });
        let schedule: Schedule = serde_json::from_value(old).unwrap();
        assert_eq!((schedule.cron.as_deref(), schedule.catch_up), (Some("0 6 * * ? *"), CatchUp::RunOnce));
    }
}
