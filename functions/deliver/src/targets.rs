//! Target servers of notifications with their opened credentials and their gates, kept for some seconds: a
//! notification would otherwise cost more reads than writes. What changes counts after that long at the latest; an
//! end of a secret that was stated beforehand counts at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{AwsError, gates::Of},
    gate::Gate,
    target_server::TargetServer,
};

use crate::{
    Context,
    request::{Credentials, NotSent, To},
};

/// How long a target server is used as it was read.
const KEPT: SignedDuration = SignedDuration::from_secs(5);

/// How often this process notes at a target's gate that something waits for it.
const NOTED_EVERY_MS: i64 = 10_000;

/// How often this process notes at a realtime target of files that something is in its buffer. What comes in between is
/// covered by the push that was asked for, which begins later.
const BUFFER_NOTED_EVERY_MS: i64 = 1000;

/// A target that takes longer than this for an answer is slow.
const SLOW_MS: u64 = 1000;

/// A target server, ready to be sent to.
pub(crate) struct Ready {
    pub(crate) settings: TargetServer,
    pub(crate) credentials: Credentials,
    /// Networks that its account allows beside public addresses.
    pub(crate) networks: Vec<String>,
    pub(crate) gate: Gate,
    account: String,
    id: String,
    read_at: Timestamp,
    seen: Arc<Seen>,
}

/// What this process has seen of a target, which outlasts reading it again.
#[derive(Default)]
struct Seen {
    last_ms: AtomicU64,
    had_trouble: AtomicBool,
    noted_held_at: AtomicI64,
    noted_buffered_at: AtomicI64,
}

impl Ready {
    /// Which target it is.
    pub(crate) fn of(&self) -> Of<'_> {
        Of { account: &self.account, target_server: &self.id }
    }

    /// What a request to it needs.
    pub(crate) fn to(&self) -> To<'_> {
        To {
            of: self.of(),
            settings: &self.settings,
            credentials: &self.credentials,
            networks: &self.networks,
        }
    }

    /// Says whether its last answer to this process took long.
    pub(crate) fn is_slow(&self) -> bool {
        self.seen.last_ms.load(Ordering::Relaxed) > SLOW_MS
    }

    pub(crate) fn note_duration(&self, ms: u64) {
        self.seen.last_ms.store(ms, Ordering::Relaxed);
    }

    /// Says whether failures of it are counted.
    pub(crate) fn has_trouble(&self) -> bool {
        self.gate.failures > 0 || self.seen.had_trouble.load(Ordering::Relaxed)
    }

    pub(crate) fn note_trouble(&self) {
        self.seen.had_trouble.store(true, Ordering::Relaxed);
    }

    pub(crate) fn forget_trouble(&self) {
        self.seen.had_trouble.store(false, Ordering::Relaxed);
    }

    /// Says whether it is time again to note that something waits for it.
    pub(crate) fn should_note_held(&self, now: Timestamp) -> bool {
        now.as_millisecond() - self.seen.noted_held_at.load(Ordering::Relaxed) > NOTED_EVERY_MS
    }

    /// Says whether it is time again to note that something is in its buffer, and notes that it will be.
    pub(crate) fn should_note_buffered(&self, now: Timestamp) -> bool {
        let (now, last) = (now.as_millisecond(), &self.seen.noted_buffered_at);
        last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| {
            (now - at >= BUFFER_NOTED_EVERY_MS).then_some(now)
        })
        .is_ok()
    }

    /// What was to be noted was not.
    pub(crate) fn forget_buffered(&self) {
        self.seen.noted_buffered_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn noted_held(&self, now: Timestamp) {
        self.seen.noted_held_at.store(now.as_millisecond(), Ordering::Relaxed);
    }
}

/// A target server by its account and its id.
type Named = (String, String);

/// Held while a target server is read.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The target servers that this process has read.
#[derive(Default)]
pub(crate) struct Targets {
    read: Mutex<HashMap<Named, Arc<Ready>>>,
    /// Whoever reads a target reads it for all messages of its event.
    reading: Mutex<HashMap<Named, Turn>>,
}

impl Targets {
    /// Has a target read again at its next use.
    pub(crate) fn forget(&self, of: Of<'_>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (of.account.to_string(), of.target_server.to_string());
        if let Some(ready) = read.remove(&key) {
            ready.seen.noted_held_at.store(0, Ordering::Relaxed);
        }
    }
}

/// A target server of an account; `None` when it has been removed.
pub(crate) async fn get(
    context: &Context,
    account: &str,
    target_server: &str,
) -> Result<Option<Arc<Ready>>, NotSent> {
    let now = (context.clock)();
    let key = (account.to_string(), target_server.to_string());
    let all = || context.targets.read.lock().unwrap_or_else(PoisonError::into_inner);
    let is_fresh = |ready: &Arc<Ready>| now.duration_since(ready.read_at) <= KEPT;
    let known = || all().get(&key).cloned();
    if let Some(ready) = known().filter(is_fresh) {
        return Ok(Some(ready));
    }
    let reading = {
        let mut reading = context.targets.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.entry(key.clone()).or_default().clone()
    };
    let _reads = reading.lock().await;
    let known = known();
    if let Some(ready) = known.clone().filter(is_fresh) {
        return Ok(Some(ready));
    }
    let (row, found, gate) = futures::try_join!(
        context.table.account(account),
        context.table.find::<TargetServer>(account, target_server),
        context.table.gate(Of { account, target_server }),
    )?;
    let row = row.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let Some(found) = found else {
        all().remove(&key);
        return Ok(None);
    };
    let data_key = context.vault.open(account, &row.data_key).await?;
    let settings = found.resource.settings;
    let ready = Arc::new(Ready {
        credentials: Credentials::open(account, target_server, &settings, &data_key)?,
        settings,
        networks: row.account.allowed_networks,
        gate,
        account: account.into(),
        id: target_server.into(),
        read_at: now,
        seen: known.map(|ready| ready.seen.clone()).unwrap_or_default(),
    });
    all().insert(key, ready.clone());
    Ok(Some(ready))
}
