//! What a try found out about an SFTP server, step by step, for whoever is to mend it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A try of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// Whether every step went well that is needed to carry files.
    pub ok: bool,
    /// What was done, in order, up to the first step that failed and that the others need.
    pub steps: Vec<Step>,
    /// What the server says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    /// The key that the server shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<ShownKey>,
    /// Algorithms: what the server offers, what the hub takes, and what they agreed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<AlgorithmChoice>,
    /// Ways in which the server lets the user prove who it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authentication_methods: Vec<String>,
    /// Extensions of SFTP that the server has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Files in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// Whether giving a file a name that is taken replaces what has it; found out where writing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename_replaces: Option<bool>,
    /// Seconds by which the server's clock is ahead of the hub's, exact to one or two; found out where writing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_secs: Option<i64>,
}

/// One step of a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What was done.
    pub step: StepName,
    /// Whether it went well.
    pub ok: bool,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// What was found, or what went wrong and what to do.
    pub detail: String,
    /// Stable code of what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What is done to try a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Taking one of the connections that the hub may have.
    Place,
    /// Reading the address and opening the secrets of the target server.
    Settings,
    /// From the name to addresses that may be dialled.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// Asking what the server offers.
    Offers,
    /// Agreeing on keys.
    Handshake,
    /// Holding the server's key against the pins.
    HostKey,
    /// Proving who the hub is.
    Authentication,
    /// Starting SFTP.
    Sftp,
    /// Listing the folder.
    Folder,
    /// Writing a file of the hub's own.
    Write,
    /// Giving it another name.
    Rename,
    /// Removing it.
    Remove,
}

/// A key that a server shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownKey {
    /// As it goes into `host_keys`.
    pub line: String,
    /// `SHA256:…`, as OpenSSH prints it.
    pub fingerprint: String,
    /// Whether it is pinned.
    pub is_pinned: bool,
}

/// Algorithms for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlgorithmChoice {
    /// What for.
    pub purpose: String,
    /// What the server offers.
    pub server: Vec<String>,
    /// What the hub takes.
    pub hub: Vec<String>,
    /// What they agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<String>,
}

/// The latest try of a server, as it is kept for a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Try {
    /// Id.
    pub id: String,
    /// When it was asked for, milliseconds since 1970.
    pub asked_at: i64,
    /// Whether writing was to be tried.
    pub write: bool,
    /// What it found; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

impl Diagnosis {
    /// Nothing was done yet.
    pub fn begin() -> Self {
        Self {
            ok: true,
            steps: Vec::new(),
            software: None,
            host_key: None,
            algorithms: Vec::new(),
            authentication_methods: Vec::new(),
            extensions: Vec::new(),
            files: None,
            rename_replaces: None,
            clock_ahead_secs: None,
        }
    }

    /// Notes a step. What a server offers may stay unknown where it lets the hub in.
    pub fn note(&mut self, step: Step) {
        self.ok &= step.ok || step.step == StepName::Offers;
        self.steps.push(step);
    }
}
