//! The clock that functions put into their `Context`: the system's.
//!
//! A development build adds [`OFFSET`] to it, so that tests let days pass. A release build knows nothing of that. What is
//! measured by a monotonic clock is not moved, nor are the AWS SDK's signatures and the times of printed metrics.

use jiff::Timestamp;

/// The variable that moves the clock of a development build: whole seconds, also negative ones.
pub const OFFSET: &str = "CROSSDOCK_CLOCK_OFFSET_S";

#[cfg(debug_assertions)]
static MOVED_BY: std::sync::LazyLock<jiff::SignedDuration> =
    std::sync::LazyLock::new(crate::config::clock_offset);

/// The time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the functions' clock")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    #[cfg(debug_assertions)]
    let now = now.saturating_add(*MOVED_BY).expect("an offset in seconds has no unit that can fail");
    now
}
