//! What is guessed, how sure that is, and what else it could be.

use schemars::JsonSchema;
use serde::Serialize;

/// A guess: what is most likely, why, and its rivals, the likeliest first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Guess<T> {
    /// The likeliest.
    pub value: T,
    /// How sure it is, from 0 to 1; never 1 of what a sample alone cannot settle.
    pub confidence: f64,
    /// What speaks for it, in words.
    pub reason: String,
    /// What else it could be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival<T>>,
}

/// What it could be instead.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Rival<T> {
    /// The rival.
    pub value: T,
    /// How likely it is, from 0 to 1.
    pub confidence: f64,
    /// What speaks for it, or against it, in words.
    pub reason: String,
}

impl<T> Guess<T> {
    /// Makes a guess without rivals.
    pub(super) fn new(value: T, confidence: f64, reason: impl Into<String>) -> Self {
        Self { value, confidence: rounded(confidence), reason: reason.into(), rivals: Vec::new() }
    }

    /// Adds a rival.
    pub(super) fn rival(&mut self, value: T, confidence: f64, reason: impl Into<String>) {
        self.rivals.push(Rival { value, confidence: rounded(confidence), reason: reason.into() });
        self.rivals.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    }
}

/// Two digits are more than a confidence is worth; what no sample proves stays below 1.
pub(super) fn rounded(confidence: f64) -> f64 {
    (confidence.clamp(0.0, 1.0) * 100.0).round() / 100.0
}
