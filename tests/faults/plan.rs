//! Which call is interrupted, and how.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::runtime_api::Killer;

/// How a call is interrupted.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// The process is killed before the call goes out.
    KilledBefore,
    /// The call has its effect, and the process is killed before it hears of it.
    KilledAfter,
    /// The call fails, and so does each retry of it: 5xx, or the failure status of SFTP.
    Fails,
    /// The connection is cut before the call has an effect.
    CutBefore,
    /// The call has its effect, and its answer is lost once.
    AnswerLostOnce,
    /// The call has its effect, and its answer is lost each time.
    AnswerLost,
    /// The service is throttling, once.
    ThrottledOnce,
    /// The service is throttling each time.
    Throttled,
    /// The call has no effect, and is answered with 200 and what this makes of its JSON; once.
    AnsweredWith(fn(&Value) -> Value),
}

/// What lies between a function and the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Calls of AWS: one however often the SDK tries it.
    Aws,
    /// Requests to the target.
    Http,
    /// Requests to the server that files come from.
    Sftp,
}

impl Boundary {
    /// Every way to interrupt such a call.
    pub fn modes(self) -> &'static [Mode] {
        use Mode::{
            AnswerLost, AnswerLostOnce, CutBefore, Fails, KilledAfter, KilledBefore, Throttled, ThrottledOnce,
        };
        match self {
            Self::Aws => {
                &[KilledBefore, KilledAfter, Fails, AnswerLostOnce, AnswerLost, ThrottledOnce, Throttled]
            }
            Self::Http | Self::Sftp => &[KilledBefore, KilledAfter, Fails, CutBefore, AnswerLostOnce],
        }
    }

    /// The boundary that a call's name belongs to.
    pub fn of(call: &str) -> Self {
        match call.split(':').next() {
            Some("http") => Self::Http,
            Some("sftp") => Self::Sftp,
            _ => Self::Aws,
        }
    }
}

/// A call to interrupt: the `occurrence`th of its name in a run, from 1.
///
/// Calls are counted by name, since some are made at once and in any order.
#[derive(Clone, Debug)]
pub struct Point {
    /// Name, as `dynamodb:UpdateItem`.
    pub call: String,
    /// Which of that name.
    pub occurrence: u32,
    /// How.
    pub mode: Mode,
}

impl Point {
    /// Whether this fails a request over SFTP, or breaks its session off, so that a run may rightly fail.
    pub fn fails_sftp(&self) -> bool {
        let killed = matches!(self.mode, Mode::KilledBefore | Mode::KilledAfter);
        Boundary::of(&self.call) == Boundary::Sftp && !killed
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} no. {}, {:?}", self.call, self.occurrence, self.mode)
    }
}

/// Which way a file goes over SFTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the server.
    Down,
    /// To the server.
    Up,
}

/// Counts the calls of one function in one world, and says which of them is interrupted.
#[derive(Default)]
pub struct Plan {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    point: Option<Point>,
    counts: BTreeMap<String, u32>,
    /// Calls by the id that their retries repeat, where they have one: whether they are the point.
    known: HashMap<String, bool>,
    is_reached: bool,
    is_over: bool,
    /// After how many bytes of a file, and which way, an SFTP session is broken off, once.
    breaks_off: Option<(Way, usize)>,
    killer: Option<Killer>,
}

impl Plan {
    /// Interrupts at `point`, or only counts.
    pub fn new(point: Option<Point>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { point, ..Inner::default() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on interrupts at another point.
    pub fn then(&self, point: Point) {
        let mut inner = self.lock();
        inner.known.clear();
        (inner.point, inner.is_reached) = (Some(point), false);
    }

    /// Counts a call, or knows it as a retry by its `id`; what is to be done to it, if anything.
    pub fn meet(&self, call: &str, id: Option<&str>) -> Option<Mode> {
        let mut inner = self.lock();
        let mode = inner.point.as_ref().map(|p| p.mode);
        if let Some(&is_point) = id.and_then(|id| inner.known.get(id)) {
            let once =
                matches!(mode, Some(Mode::AnswerLostOnce | Mode::ThrottledOnce | Mode::AnsweredWith(_)));
            return mode.filter(|_| is_point && !once);
        }
        if inner.is_over {
            return None;
        }
        let count = inner.counts.entry(call.into()).or_default();
        *count += 1;
        let count = *count;
        let is_point = inner.point.as_ref().is_some_and(|p| p.call == call && p.occurrence == count);
        if let Some(id) = id {
            inner.known.insert(id.into(), is_point);
        }
        inner.is_reached |= is_point;
        mode.filter(|_| is_point)
    }

    /// Says whose process is killed.
    pub fn kills(&self, killer: Killer) {
        self.lock().killer = Some(killer);
    }

    /// Kills the process, and waits until it is gone.
    ///
    /// # Errors
    /// When there is none.
    pub async fn kill(&self) -> Result<()> {
        let killer = self.lock().killer.clone();
        killer.context("a process that calls is known")?.kill().await?;
        Ok(())
    }

    /// Has the first SFTP session that carries so many bytes of files this way broken off there, so that the file goes on
    /// in another. That is no interruption, but part of the path.
    pub fn breaks_off_after(&self, way: Way, bytes: usize) {
        self.lock().breaks_off = Some((way, bytes));
    }

    /// Whether a session that has carried so many bytes this way is broken off now.
    pub fn breaks_off(&self, way: Way, carried_bytes: usize) -> bool {
        let of = |(wanted, after): &mut (Way, usize)| *wanted == way && carried_bytes >= *after;
        self.lock().breaks_off.take_if(of).is_some()
    }

    /// Counts no further call: what comes now is another path.
    pub fn is_over(&self) {
        self.lock().is_over = true;
    }

    /// How often each call was made, retries apart.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        self.lock().counts.clone()
    }

    /// The call to interrupt.
    pub fn point(&self) -> Option<Point> {
        self.lock().point.clone()
    }

    /// Whether the call came that was to be interrupted.
    pub fn is_reached(&self) -> bool {
        self.lock().is_reached
    }
}
