//! Tries of SFTP servers, the latest of each on a row, for a day.

use jiff::Timestamp;

use super::{
    AwsError, Table,
    gates::Of,
    table::{key_item, n, s, update_if, value},
};
use crate::{
    diagnosis::{Diagnosis, Try},
    keys,
};

impl Table {
    /// Notes that a server is to be tried, in the place of the try before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn ask_for_try(&self, of: Of<'_>, asked: &Try, now: Timestamp) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::server_try(of.account, of.target_server))))
            .update_expression(
                "SET id = :id, asked_at = :at, #write = :write, expires_at = :end REMOVE diagnosis",
            )
            .expression_attribute_names("#write", "write")
            .expression_attribute_values(":id", s(&asked.id))
            .expression_attribute_values(":at", n(asked.asked_at))
            .expression_attribute_values(":write", value(&asked.write)?)
            .expression_attribute_values(":end", n(now.as_second() + 86_400));
        update_if(update).await.map(|_| ())
    }

    /// Reads the latest try of a server.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn server_try(&self, of: Of<'_>) -> Result<Option<Try>, AwsError> {
        self.get(&keys::server_try(of.account, of.target_server)).await
    }

    /// Notes what a try found, unless another has been asked for since. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn end_try(&self, of: Of<'_>, id: &str, diagnosis: &Diagnosis) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::server_try(of.account, of.target_server))))
            .update_expression("SET diagnosis = :diagnosis")
            .condition_expression("id = :id")
            .expression_attribute_values(":id", s(id))
            .expression_attribute_values(":diagnosis", value(diagnosis)?);
        update_if(update).await.map(|_| ())
    }
}
