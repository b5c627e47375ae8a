//! An object whose bytes come piece by piece: memory for one part, whatever its size.
//!
//! A small one is written with a single call. Of one that is not completed nothing is ever seen.

use bytes::Bytes;

use super::{
    AwsError,
    objects::{Bucket, CompletedPart, Upload},
};

/// Bytes of a part; S3 wants 5 MiB at least.
const PART_BYTES: usize = 8 << 20;

/// An object that is being written.
pub struct PiecewiseObject {
    bucket: Bucket,
    key: String,
    pending: Vec<u8>,
    upload: Option<(Upload, Vec<CompletedPart>)>,
}

impl PiecewiseObject {
    /// Begins; nothing is sent yet.
    pub fn begin(bucket: &Bucket, key: &str) -> Self {
        Self { bucket: bucket.clone(), key: key.into(), pending: Vec::new(), upload: None }
    }

    /// Adds bytes, and sends a part when there are enough of them.
    ///
    /// # Errors
    /// When a call fails; the object is to be aborted then.
    pub async fn add(&mut self, bytes: &[u8]) -> Result<(), AwsError> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PART_BYTES { self.send().await } else { Ok(()) }
    }

    /// Makes the object of what was added.
    ///
    /// # Errors
    /// When a call fails; a lifecycle rule then removes what was sent.
    pub async fn complete(mut self) -> Result<(), AwsError> {
        if self.upload.is_none() {
            return self.bucket.put(&self.key, self.pending).await;
        }
        if !self.pending.is_empty() {
            self.send().await?;
        }
        match self.upload {
            Some((upload, parts)) => upload.complete(parts).await,
            None => Ok(()),
        }
    }

    /// Gives it up.
    pub async fn abort(self) {
        if let Some((upload, _)) = self.upload {
            upload.abort().await;
        }
    }

    async fn send(&mut self) -> Result<(), AwsError> {
        if self.upload.is_none() {
            self.upload = Some((self.bucket.begin(&self.key).await?, Vec::new()));
        }
        if let Some((upload, parts)) = &mut self.upload {
            let number = i32::try_from(parts.len() + 1).map_err(|e| AwsError::damaged("an upload", e))?;
            parts.push(upload.part(number, Bytes::from(std::mem::take(&mut self.pending))).await?);
        }
        Ok(())
    }
}
