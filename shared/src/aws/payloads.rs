//! Payloads of notifications: in their message at first, in the bucket once they wait.

use bytes::Bytes;

use super::{AwsError, objects::Bucket};
use crate::notification::{NotificationDelivery, Payload};

impl Bucket {
    /// Reads a payload, wherever it is.
    ///
    /// # Errors
    /// When the call fails, or it is not where it should be.
    pub async fn payload(&self, payload: &Payload) -> Result<Bytes, AwsError> {
        let key = match payload {
            Payload::Object(key) => key,
            inline => {
                let bytes = inline.bytes().map_err(|e| AwsError::damaged("a message", e))?;
                return Ok(bytes.unwrap_or_default().into());
            }
        };
        let missing = || AwsError::damaged(format!("payload {key}"), "the object is not there");
        Ok(self.get(key).await?.ok_or_else(missing)?.bytes)
    }

    /// Sees to it that a notification's payload is in the bucket, and says where. Doing it again writes the same
    /// bytes under the same key.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn keep_payload(
        &self,
        row: &NotificationDelivery,
        payload: &Payload,
    ) -> Result<String, AwsError> {
        if let Payload::Object(key) = payload {
            return Ok(key.clone());
        }
        let key = row.payload_object();
        self.put(&key, self.payload(payload).await?).await?;
        Ok(key)
    }
}
