//! Replacing an object that is too large to be in memory a second time: piece by piece, under the same condition.

use aws_sdk_s3::types::CompletedMultipartUpload;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    AwsError,
    objects::{Bucket, CompletedPart, Expect, Replaced, Upload, is_changed},
};

/// Pieces that are sent at once.
const AT_ONCE: usize = 3;

impl Bucket {
    /// Replaces an object as [`Bucket::replace`] does, with pieces of at least 5 MiB but the last, of which few are in
    /// memory at once. One piece is one request.
    ///
    /// # Errors
    /// When a call fails: nothing is replaced then.
    pub async fn replace_in_pieces(
        &self,
        key: &str,
        pieces: impl Iterator<Item = Vec<u8>> + Send,
        expect: Expect<'_>,
        by: &str,
    ) -> Result<Replaced, AwsError> {
        let mut pieces = pieces.map(Bytes::from).peekable();
        let first = pieces.next().unwrap_or_default();
        if pieces.peek().is_none() {
            return self.replace(key, first, expect, by).await;
        }
        let upload = self.begin_by(key, Some(by)).await?;
        let parts = match send(&upload, std::iter::once(first).chain(pieces)).await {
            Ok(parts) => CompletedMultipartUpload::builder().set_parts(Some(parts)).build(),
            Err(error) => {
                upload.abort().await;
                return Err(error);
            }
        };
        let complete = self.client.complete_multipart_upload().bucket(&self.name).key(key);
        let complete = complete.upload_id(upload.id()).multipart_upload(parts);
        let complete = match expect {
            Expect::Nothing => complete.if_none_match("*"),
            Expect::ETag(etag) => complete.if_match(etag),
        };
        match complete.send().await {
            Ok(_) => Ok(Replaced::Yes),
            Err(e) if e.raw_response().is_some_and(|r| is_changed(r.status().as_u16())) => {
                upload.abort().await;
                Ok(Replaced::Changed)
            }
            Err(e) => Err(AwsError::call("s3:CompleteMultipartUpload")(e)),
        }
    }
}

/// Sends pieces as parts, some at once.
async fn send(upload: &Upload, pieces: impl Iterator<Item = Bytes>) -> Result<Vec<CompletedPart>, AwsError> {
    let (mut sending, mut parts) = (JoinSet::new(), Vec::new());
    for (number, bytes) in (1..).zip(pieces) {
        if sending.len() == AT_ONCE {
            parts.extend(next(&mut sending).await?);
        }
        let upload = upload.clone();
        sending.spawn(async move { upload.part(number, bytes).await });
    }
    while let Some(part) = next(&mut sending).await? {
        parts.push(part);
    }
    parts.sort_by_key(CompletedPart::part_number);
    Ok(parts)
}

async fn next(
    sending: &mut JoinSet<Result<CompletedPart, AwsError>>,
) -> Result<Option<CompletedPart>, AwsError> {
    let Some(sent) = sending.join_next().await else { return Ok(None) };
    sent.map_err(|e| AwsError::Call {
        call: "s3:UploadPart",
        code: "task ended".into(),
        source: Box::new(e),
    })?
    .map(Some)
}
