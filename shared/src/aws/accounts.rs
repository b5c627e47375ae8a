//! Accounts, their data keys and their API keys.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::{AwsError, Table, table};
use crate::{
    account::{Account, ApiKey},
    keys,
};

/// An account as it is stored: with its data key, which only the key service can open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The data key, encrypted by the key service under a context that names the account; base64.
    pub data_key: String,
}

impl Table {
    /// Writes a new account; `false` when the id is taken.
    ///
    /// # Errors
    /// When the call fails. The operator's list may name it then although it is not there: it is made before.
    pub async fn create_account(&self, row: &AccountRow) -> Result<bool, AwsError> {
        self.put_new(&keys::listed_account(&row.account.id), &row.account).await?;
        self.put_new(&keys::account(&row.account.id), row).await
    }

    /// Lists accounts by id, after `after`, for the operator.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn accounts(&self, after: Option<&str>, limit: i32) -> Result<Vec<Account>, AwsError> {
        let first = keys::listed_account("");
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", AttributeValue::S(first.pk))
            .expression_attribute_values(":sk", AttributeValue::S(first.sk))
            .set_exclusive_start_key(after.map(|id| table::key_item(&keys::listed_account(id))))
            .limit(limit)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:Query"))?;
        answer.items.unwrap_or_default().into_iter().map(table::read).collect()
    }

    /// Reads an account.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn account(&self, id: &str) -> Result<Option<AccountRow>, AwsError> {
        self.get(&keys::account(id)).await
    }

    /// Writes a new API key; `false` when the id is taken.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn create_api_key(&self, key: &ApiKey) -> Result<bool, AwsError> {
        self.put_new(&keys::api_key(&key.account, &key.id), key).await
    }

    /// Reads an API key.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn api_key(&self, account: &str, id: &str) -> Result<Option<ApiKey>, AwsError> {
        self.get(&keys::api_key(account, id)).await
    }

    /// Reads the API keys of an account.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn api_keys(&self, account: &str) -> Result<Vec<ApiKey>, AwsError> {
        let key = keys::api_key(account, "");
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", AttributeValue::S(key.pk))
            .expression_attribute_values(":sk", AttributeValue::S(key.sk));
        table::every(query).await
    }

    /// Removes an API key; it stops working at once.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn delete_api_key(&self, account: &str, id: &str) -> Result<bool, AwsError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(table::key_item(&keys::api_key(account, id))))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:DeleteItem"))?;
        Ok(answer.attributes.is_some())
    }
}
