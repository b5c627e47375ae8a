//! Access tokens of targets, one row each, sealed: whoever needs a new one fetches it for all, one at a time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AwsError, Table,
    gates::Of,
    table::{key_item, n, s, update_if, value},
};
use crate::{keys, secret::SecretField};

/// A token as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredToken {
    /// The token, sealed; absent where none was fetched yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretField>,
    /// Until when it holds, milliseconds since 1970.
    #[serde(default)]
    pub token_until: i64,
    /// Hash of the settings that it was fetched with.
    #[serde(default)]
    pub fetched_with: String,
}

impl Table {
    /// Reads a target's token.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn token(&self, of: Of<'_>) -> Result<Option<StoredToken>, AwsError> {
        self.get(&keys::token(of.account, of.target_server)).await
    }

    /// Takes the job of fetching a target's token until `until`; `false` when someone else is at it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take_fetching(
        &self,
        of: Of<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::token(of.account, of.target_server))))
            .update_expression("SET fetching_until = :until")
            .condition_expression("attribute_not_exists(fetching_until) OR fetching_until < :now")
            .expression_attribute_values(":until", n(until.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()));
        update_if(update).await
    }

    /// Writes a token that was fetched, or that none could be, and gives the job of fetching back.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn fetched(&self, of: Of<'_>, token: Option<&StoredToken>) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::token(of.account, of.target_server))));
        let update = match token {
            None => update.update_expression("REMOVE fetching_until"),
            Some(stored) => update
                .update_expression(
                    "SET #token = :token, token_until = :until, fetched_with = :with REMOVE fetching_until",
                )
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":token", value(&stored.token)?)
                .expression_attribute_values(":until", n(stored.token_until))
                .expression_attribute_values(":with", s(&stored.fetched_with)),
        };
        update_if(update).await.map(|_| ())
    }
}
