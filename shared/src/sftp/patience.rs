//! How long a server is waited for.

use std::time::{Duration, Instant};

use super::SftpError;

/// How long a server is waited for: a hung one must not take the caller's time.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest wait for any one answer, at least a second: libssh2 counts whole ones.
    pub call: Duration,
    /// When everything has to be over.
    pub until: Instant,
}

/// libssh2 counts a wait in whole seconds, so a shorter one may end at once.
const SHORTEST: Duration = Duration::from_secs(1);

impl Patience {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Bears it that nothing was taken since a time, for as long as one answer may take.
    pub(super) fn check_idle(&self, since: Instant, what: impl FnOnce() -> String) -> Result<(), SftpError> {
        if since.elapsed() < self.call {
            std::thread::sleep(Duration::from_millis(20));
            return Ok(());
        }
        Err(self.no_answer(what()))
    }

    /// How long the next call may take.
    pub(super) fn next_call(&self, what: impl FnOnce() -> String) -> Result<Duration, SftpError> {
        let left = self.left();
        if left < SHORTEST { Err(SftpError::OutOfTime { what: what() }) } else { Ok(self.call.min(left)) }
    }

    /// The error of a call that got no answer: the server's silence, or the end of the caller's time. Near the end
    /// the two look the same; whoever has more time finds out.
    pub(super) fn no_answer(&self, what: String) -> SftpError {
        if self.left() < self.call {
            return SftpError::OutOfTime { what };
        }
        SftpError::TimedOut { what, secs: self.call.as_secs() }
    }
}

/// Milliseconds as libssh2 takes them, where 0 would mean to wait for ever.
pub(super) fn millis(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1)
}
