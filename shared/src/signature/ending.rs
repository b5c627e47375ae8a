//! When people are told that a secret ends.

use jiff::{SignedDuration, Timestamp};

use super::LiveSecret;

/// How long before a secret ends people are told, where it was made to end later than that.
const BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When the first of those that have not ended at `now` is to be told of: a week before its end, or at once.
pub fn first_reminder(secrets: &[LiveSecret], now: Timestamp) -> Option<Timestamp> {
    secrets.iter().filter(|s| s.is_live(now)).filter_map(reminder).map(|at| at.max(now)).min()
}

/// When the next is to be told of after `after`.
pub fn next_reminder(secrets: &[LiveSecret], after: Timestamp) -> Option<Timestamp> {
    let reminders = secrets.iter().filter_map(reminder);
    reminders.filter(|at| *at > after).min()
}

/// Those that are to be told of by `now` and have not ended.
pub fn ending(secrets: &[LiveSecret], now: Timestamp) -> Vec<&LiveSecret> {
    secrets.iter().filter(|s| s.is_live(now) && reminder(s).is_some_and(|at| at <= now)).collect()
}

fn reminder(secret: &LiveSecret) -> Option<Timestamp> {
    secret.ends_at?.checked_sub(BEFORE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretField;

    #[test]
    fn each_secret_is_told_of_a_week_before_its_end() {
        let at = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        let secret = |name: &str, ends: Option<i64>| LiveSecret {
            name: name.into(),
            secret: SecretField::plain("x"),
            ends_at: ends.map(at),
        };
        let secrets = [secret("a", Some(10)), secret("b", None), secret("c", Some(30))];
        assert_eq!(next_reminder(&secrets, at(0)), Some(at(3)));
        assert_eq!(next_reminder(&secrets, at(3)), Some(at(23)));
        assert_eq!(next_reminder(&secrets, at(23)), None);
        assert_eq!(first_reminder(&secrets, at(5)), Some(at(5)), "at once");
        assert_eq!(first_reminder(&secrets, at(11)), Some(at(23)));
        let names = |now| ending(&secrets, at(now)).iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert!(names(2).is_empty());
        assert_eq!(names(3), ["a"]);
        assert_eq!(names(24), ["c"], "a has ended");
    }
}
