//! The due times of a schedule, whichever way it states them.

use jiff::{SignedDuration, Timestamp};

use super::{Cron, Occurrence, window::Moments};

/// The due times of a schedule: they only go forward, and no instant is due twice.
#[derive(Clone, Debug)]
pub enum Times {
    /// As cron fields say.
    Cron(Box<Cron>),
    /// One moment of each window.
    Window(Moments),
}

impl Times {
    /// First due time after `after`, or `None` when there is none up to the year 2199.
    pub fn next_after(&self, after: Timestamp) -> Option<Occurrence> {
        match self {
            Self::Cron(cron) => cron.next_after(after),
            Self::Window(moments) => moments.next_after(after),
        }
    }

    /// The next `n` due times after `after`.
    pub fn upcoming(&self, after: Timestamp, n: usize) -> Vec<Occurrence> {
        let mut last = after;
        std::iter::from_fn(|| {
            let next = self.next_after(last)?;
            last = next.at;
            Some(next)
        })
        .take(n)
        .collect()
    }

    /// Last due time after `after` and not after `until`, if there is one.
    ///
    /// Halves the span instead of walking it: some 30 steps for a year, however many times lie in it. Due
    /// times are whole seconds, so no two of them are in the last step.
    pub fn last_until(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let first_after = |t| self.next_after(t).map(|o| o.at).filter(|at| *at <= until);
        let mut last = first_after(after)?;
        let (mut low, mut high) = (after, until);
        while high.duration_since(low) > SignedDuration::from_secs(1) {
            let middle = low.saturating_add(high.duration_since(low) / 2).unwrap_or(high);
            match first_after(middle) {
                Some(at) => (last, low) = (at, middle),
                None => high = middle,
            }
        }
        Some(last)
    }
}
