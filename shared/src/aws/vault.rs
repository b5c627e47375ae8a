//! The key service: one data key per account, opened under a context that names the account.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use aws_sdk_kms::{Client, primitives::Blob, types::DataKeySpec};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::AwsError;

const CACHED_FOR: Duration = Duration::from_secs(300);

/// Opens accounts' data keys, and keeps them for five minutes.
#[derive(Debug)]
pub struct Vault {
    client: Client,
    opened: Mutex<HashMap<String, (Instant, DataKey)>>,
}

/// An opened data key.
#[derive(Clone)]
pub struct DataKey([u8; 32]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(data key)")
    }
}

impl DataKey {
    /// The key itself, for [`crate::secret`].
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Vault {
    /// Makes a vault with nothing opened.
    pub fn new(client: Client) -> Self {
        Self { client, opened: Mutex::default() }
    }

    /// Makes a data key for a new account; base64 of its encrypted form. `key_arn` names the KMS key.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn new_data_key(&self, key_arn: &str, account: &str) -> Result<String, AwsError> {
        let answer = self
            .client
            .generate_data_key()
            .key_id(key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("account", account)
            .send()
            .await
            .map_err(AwsError::call("kms:GenerateDataKey"))?;
        let blob = answer.ciphertext_blob.ok_or_else(|| AwsError::damaged("a data key", "it is empty"))?;
        Ok(STANDARD.encode(blob))
    }

    /// Opens an account's data key.
    ///
    /// # Errors
    /// When the call fails, or the key belongs to another account.
    pub async fn open(&self, account: &str, data_key: &str) -> Result<DataKey, AwsError> {
        let cache_key = format!("{account}#{data_key}");
        if let Some(key) = self.cached(&cache_key) {
            return Ok(key);
        }
        let blob = STANDARD.decode(data_key).map_err(|e| AwsError::damaged("a data key", e))?;
        let answer = self
            .client
            .decrypt()
            .ciphertext_blob(Blob::new(blob))
            .encryption_context("account", account)
            .send()
            .await
            .map_err(AwsError::call("kms:Decrypt"))?;
        let plain = answer.plaintext.ok_or_else(|| AwsError::damaged("a data key", "it is empty"))?;
        let bytes = plain
            .into_inner()
            .try_into()
            .map_err(|_| AwsError::damaged("a data key", "it has no 256 bits"))?;
        let key = DataKey(bytes);
        if let Ok(mut opened) = self.opened.lock() {
            opened.insert(cache_key, (Instant::now(), key.clone()));
        }
        Ok(key)
    }

    fn cached(&self, cache_key: &str) -> Option<DataKey> {
        let opened = self.opened.lock().ok()?;
        let (at, key) = opened.get(cache_key)?;
        (at.elapsed() < CACHED_FOR).then(|| key.clone())
    }
}
