//! An object as something to write to, for code that does not wait for calls otherwise.

use std::io::{self, Write};

use shared::aws::{AwsError, piecewise::PiecewiseObject};
use tokio::runtime::Handle;

use crate::transform::open::Files;

/// An object that is being written.
pub(super) struct ObjectWriter {
    object: PiecewiseObject,
    runtime: Handle,
}

impl ObjectWriter {
    /// Begins one.
    pub(super) fn begin(files: &Files, key: &str) -> Self {
        Self { object: PiecewiseObject::begin(&files.bucket, key), runtime: files.runtime.clone() }
    }

    /// Makes the object of what was written.
    pub(super) fn complete(self) -> Result<(), AwsError> {
        self.runtime.block_on(self.object.complete())
    }

    /// Gives it up.
    pub(super) fn abort(self) {
        self.runtime.block_on(self.object.abort());
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.object.add(bytes)).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
