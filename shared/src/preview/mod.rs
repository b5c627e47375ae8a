//! A preview.
mod columns;
mod guess;
mod encoding;
mod dialect;
