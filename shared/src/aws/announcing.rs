//! Announcing what a write makes true, in one transaction with it.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{TransactWriteItem, Update},
};
use jiff::Timestamp;

use super::{AwsError, Table, error::conditions, table::update_if};
use crate::{
    connection::{Connection, ConnectionStatus, HUB},
    notification::Kept,
};

impl Table {
    /// Says whether an account has a connection that takes what the hub has to tell.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn hears(&self, account: &str) -> Result<bool, AwsError> {
        let all = self.list_all::<Connection>(account).await?;
        Ok(all.into_iter().map(|f| f.resource.settings).any(|c| {
            c.status == ConnectionStatus::Active && c.notifications().is_some_and(|n| n.source == HUB)
        }))
    }

    /// Sends a conditional update, and announces it in the same transaction where there is something to announce;
    /// `false` when its condition does not hold.
    pub(super) async fn update_announcing(
        &self,
        update: UpdateItemFluentBuilder,
        announces: Option<&Kept>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let Some(kept) = announces else { return update_if(update).await };
        let input = update.as_input();
        let damaged = |e| AwsError::damaged("a transaction", e);
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(input.get_key().clone())
            .set_update_expression(input.get_update_expression().clone())
            .set_condition_expression(input.get_condition_expression().clone())
            .set_expression_attribute_names(input.get_expression_attribute_names().clone())
            .set_expression_attribute_values(input.get_expression_attribute_values().clone())
            .build()
            .map_err(damaged)?;
        let writes = vec![TransactWriteItem::builder().update(update).build(), self.announcing(kept, now)?];
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(e) if conditions(&e).contains(&true) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }
}
