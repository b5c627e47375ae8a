//! Which run takes the records of an earlier one again, so that no two do so without knowing of each other.
//!
//! A run that takes failed records marks the run that they failed in, in the transaction of its admission, and that
//! run's dead batches before it sends anything. One that reruns such a run takes the marks over. A rerun of all records
//! leaves a mark too, and takes none away. Where the rerun sends nothing at all, its marks are given back.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use super::super::{
    AwsError, Table,
    table::{Item, key_item, n, s, update_if, value},
};
use crate::{
    delivery::{Batch, DeliveryState},
    keys,
    run::Run,
};

impl Table {
    /// The marks that the admission of a rerun sets: first the one that only one run can have.
    pub(super) fn taking_again(&self, run: &Run) -> Result<Vec<TransactWriteItem>, AwsError> {
        let Some(before) = &run.rerun_of else { return Ok(Vec::new()) };
        if run.retry_of.as_ref().is_some_and(|batch| &batch.run == before) {
            return Ok(Vec::new()); // it takes one batch, which has a mark of its own
        }
        let mark = |of: &str, expression: &str| {
            Update::builder()
                .table_name(&self.name)
                .set_key(Some(key_item(&keys::run(&run.account, of))))
                .update_expression(expression)
                .expression_attribute_values(":run", s(&run.id))
        };
        let mut marks = Vec::new();
        if let Some(failed) = &run.failed_of {
            marks.push(
                mark(failed, "SET taken_again_by = :run")
                    .condition_expression(
                        "attribute_exists(pk) AND (attribute_not_exists(taken_again_by) OR taken_again_by = :before)",
                    )
                    .expression_attribute_values(":before", s(before)),
            );
        }
        if run.failed_of.as_ref() != Some(before) {
            marks.push(
                mark(before, "SET taken_again_by = if_not_exists(taken_again_by, :run)")
                    .condition_expression("attribute_exists(pk)"),
            );
        }
        let built = marks.into_iter().map(|mark| {
            let update = mark.build().map_err(|e| AwsError::damaged("a transaction", e))?;
            Ok(TransactWriteItem::builder().update(update).build())
        });
        built.collect()
    }

    /// Marks a dead batch of the run whose failed records `run` takes: its target no longer owes it. `false` where
    /// another run has taken it again, or it is not dead. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_taken_again(&self, batch: &Batch, run: &Run) -> Result<bool, AwsError> {
        let before = run.rerun_of.as_deref().unwrap_or_default();
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_of(batch)))
            .update_expression("SET retried_by = :run REMOVE owed_by")
            .condition_expression(
                "#state = :dead AND (attribute_not_exists(retried_by) OR retried_by IN (:run, :before))",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":dead", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":before", s(before));
        update_if(update).await
    }

    /// Takes the marks of a rerun away that sent nothing, so that what it was to take can be taken by another. Doing so
    /// twice changes nothing.
    pub(super) async fn give_back(&self, run: &Run) -> Result<(), AwsError> {
        self.give_batch_back(run).await?;
        let Some(before) = &run.rerun_of else { return Ok(()) };
        if let Some(failed) = &run.failed_of {
            // What it took over from the run that it reruns goes back to that.
            let heir = (before != failed).then_some(before.as_str());
            for batch in self.batches(&run.account, failed).await? {
                if batch.retried_by.as_ref() == Some(&run.id) {
                    self.give_taken_batch_back(run, &batch, heir).await?;
                }
            }
            self.unmark(run, failed, heir).await?;
        }
        self.unmark(run, before, None).await
    }

    async fn unmark(&self, run: &Run, of: &str, heir: Option<&str>) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, of))))
            .condition_expression("taken_again_by = :run")
            .expression_attribute_values(":run", s(&run.id));
        let update = match heir {
            Some(heir) => update
                .update_expression("SET taken_again_by = :heir")
                .expression_attribute_values(":heir", s(heir)),
            None => update.update_expression("REMOVE taken_again_by"),
        };
        update_if(update).await?;
        Ok(())
    }

    async fn give_taken_batch_back(
        &self,
        run: &Run,
        batch: &Batch,
        heir: Option<&str>,
    ) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_of(batch)))
            .condition_expression("retried_by = :run")
            .expression_attribute_values(":run", s(&run.id));
        let update = match heir {
            Some(heir) => update
                .update_expression("SET retried_by = :heir")
                .expression_attribute_values(":heir", s(heir)),
            None => update
                .update_expression(
                    "SET owed_by = :owed, failed_retries = if_not_exists(failed_retries, :none) + :one \
                     REMOVE retried_by",
                )
                .expression_attribute_values(
                    ":owed",
                    s(keys::owed_by(&batch.account, &batch.target_server, &batch.id)),
                )
                .expression_attribute_values(":none", n(0))
                .expression_attribute_values(":one", n(1)),
        };
        update_if(update).await?;
        Ok(())
    }
}

fn key_of(batch: &Batch) -> Item {
    key_item(&keys::batch(&batch.account, &batch.run, batch.first_ordinal, batch.part))
}
