//! Files that people upload for a connection: their rows, which are part of the ledger.

use aws_sdk_dynamodb::types::Put;

use super::{
    AwsError, Table,
    ledger::LastContent,
    table::{item, s},
};
use crate::{
    file_upload::FileUpload,
    keys,
    run::{Input, Run},
};

impl Table {
    /// Keeps an upload that is announced; `false` when there is one with its id.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn announce_upload(&self, upload: &FileUpload) -> Result<bool, AwsError> {
        let key = keys::ledger_upload(&upload.account, &upload.connection, &upload.id);
        self.put_new(&key, upload).await
    }

    /// Reads an upload of a connection.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn upload(
        &self,
        account: &str,
        connection: &str,
        upload: &str,
    ) -> Result<Option<FileUpload>, AwsError> {
        self.get(&keys::ledger_upload(account, connection, upload)).await
    }

    /// Makes an uploaded file an input of its run, the run's own, and the content that the connection took last, in one
    /// transaction: no second run can have it. A run that only validates leaves the file to the next.
    ///
    /// # Errors
    /// When the call fails, the run's lease is lost, or another run has the file.
    pub async fn take_upload(&self, run: &Run, input: &Input, upload: &FileUpload) -> Result<(), AwsError> {
        if run.validate_only {
            return self.add_input(run, input, Vec::new()).await;
        }
        let damaged = |e| AwsError::damaged("a transaction", e);
        let key = keys::ledger_upload(&run.account, &run.connection, &upload.id);
        let taken = FileUpload { taken_by: Some(run.id.clone()), ..upload.clone() };
        let taken = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item(&key, &taken)?))
            .condition_expression("attribute_not_exists(taken_by) OR taken_by = :run")
            .expression_attribute_values(":run", s(&run.id))
            .build()
            .map_err(damaged)?;
        // What the server has is compared with this: bytes that the target got by hand need not go again, and those that
        // it had before have to, where they come back.
        let content =
            LastContent { sha256: input.sha256.clone(), path: input.path.clone(), run: run.id.clone() };
        let content = item(&keys::ledger_content(&run.account, &run.connection), &content)?;
        let content =
            Put::builder().table_name(&self.name).set_item(Some(content)).build().map_err(damaged)?;
        self.add_input(run, input, vec![taken, content]).await
    }
}
