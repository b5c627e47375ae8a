//! What a request carries: bytes at hand, or an object of the bucket that goes out piece by piece.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{Body, RequestBuilder, header::CONTENT_LENGTH};
use shared::{
    aws::{AwsError, objects::Bucket},
    notification::{MOST_WHOLE_BYTES, Payload},
    signature::{Signing, SigningKey, sign},
};

/// What a request carries.
pub(crate) enum Content {
    /// These bytes.
    Whole(Bytes),
    /// An object that is too large to be handled whole.
    Stored {
        /// Its key.
        object: String,
        /// Its size.
        size_bytes: u64,
    },
}

impl Content {
    /// A notification's payload.
    pub(crate) async fn of(bucket: &Bucket, payload: &Payload, size_bytes: u64) -> Result<Self, AwsError> {
        match payload {
            Payload::Object(object) if size_bytes > MOST_WHOLE_BYTES as u64 => {
                Ok(Self::Stored { object: object.clone(), size_bytes })
            }
            payload => bucket.payload(payload).await.map(Self::Whole),
        }
    }

    /// Signs it. An object is read once for that, and once more to be sent.
    pub(crate) async fn sign(
        &self,
        bucket: &Bucket,
        keys: Vec<&SigningKey>,
        id: &str,
        now: Timestamp,
    ) -> Result<String, AwsError> {
        let object = match self {
            Self::Whole(bytes) => return Ok(sign(keys, id, now, bytes)),
            Self::Stored { object, .. } => object,
        };
        let mut signing = Signing::begin(keys, id, now);
        let mut pieces = bucket.open_known(object).await?;
        while let Some(piece) = pieces.next().await {
            let broken =
                |e| AwsError::Call { call: "s3:GetObject", code: "body cut".into(), source: Box::new(e) };
            signing.update(&piece.map_err(broken)?);
        }
        Ok(signing.finish())
    }

    /// Puts it into a request.
    pub(crate) async fn put_into(
        &self,
        request: RequestBuilder,
        bucket: &Bucket,
    ) -> Result<RequestBuilder, AwsError> {
        match self {
            Self::Whole(bytes) => Ok(request.body(bytes.clone())),
            Self::Stored { object, size_bytes } => {
                let body = Body::wrap(bucket.open_known(object).await?.into_inner());
                Ok(request.header(CONTENT_LENGTH, *size_bytes).body(body))
            }
        }
    }
}
