//! Places of targets for requests in flight, a row each: any number of functions at once keep to them.

use jiff::Timestamp;

use super::{
    AwsError, Table,
    gates::Of,
    table::{every_item, key_item, n, number, s, string, update_if},
};
use crate::keys;

impl Table {
    /// Takes one of a target's `most` places for requests in flight, until `until` at most; `None` when all are taken.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn take_place(
        &self,
        of: Of<'_>,
        most: u32,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<u32>, AwsError> {
        let pk = keys::place(of.account, of.target_server, 0).pk;
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(&pk))
            .consistent_read(true);
        let taken: std::collections::HashSet<String> = every_item(query)
            .await?
            .iter()
            .filter(|row| number(row, "lease_until").is_some_and(|until| until >= now.as_millisecond()))
            .filter_map(|row| string(row, "sk"))
            .collect();
        for place in 0..most {
            let key = keys::place(of.account, of.target_server, place);
            if taken.contains(&key.sk) {
                continue;
            }
            let update = self
                .client
                .update_item()
                .table_name(&self.name)
                .set_key(Some(key_item(&key)))
                .update_expression("SET lease_until = :until, holder = :holder, expires_at = :end")
                .condition_expression("attribute_not_exists(lease_until) OR lease_until < :now")
                .expression_attribute_values(":until", n(until.as_millisecond()))
                .expression_attribute_values(":holder", s(holder))
                .expression_attribute_values(":end", n(until.as_second() + 86_400))
                .expression_attribute_values(":now", n(now.as_millisecond()));
            if update_if(update).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Gives a place back.
    ///
    /// # Errors
    /// When the call fails; the place is free again at the end of its time then.
    pub async fn give_place_back(&self, of: Of<'_>, place: u32, holder: &str) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::place(of.account, of.target_server, place))))
            .update_expression("REMOVE lease_until, holder")
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", s(holder));
        update_if(update).await.map(|_| ())
    }
}
