//! The batches of a push that are open: one, or several whose files go to the server together.
//!
//! Those behind the first one are in the same row, so that what becomes of all of them is one write. Each write of the
//! holder of the lease is conditional on its epoch.

use aws_sdk_dynamodb::types::{AttributeValue, builders::UpdateBuilder};
use jiff::Timestamp;

use super::{
    super::{
        AwsError, Table,
        gates::Of,
        table::{n, s, update_if, value},
    },
    held::{HELD, lost, of_update},
};
use crate::{
    counts::Counts,
    export::{OpenBatch, Push, VoidReason, void_numbers_with},
    run::{Output, Run},
};

impl Table {
    /// Opens batches: nothing else is sent to the target before them. Writes nothing where others are open.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn open_batches(
        &self,
        of: Of<'_>,
        push: &mut Push,
        batches: Vec<OpenBatch>,
    ) -> Result<(), AwsError> {
        let Some((first, last)) = batches.first().zip(batches.last()) else { return Ok(()) };
        let (files, id) = (last.number, first.id.clone());
        let (set, values) = opened(&batches)?;
        let update = self
            .push_update(of, &format!("{set}, files = :files"))
            .condition_expression(format!(
                "{HELD} AND (attribute_not_exists(open_batch) OR open_batch.id = :id)"
            ))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":id", s(&id))
            .expression_attribute_values(":epoch", n(push.epoch))
            .expression_attribute_values(":files", n(files));
        if !update_if(update).await? {
            return Err(lost(of));
        }
        push.files = files;
        push.set_open(batches);
        Ok(())
    }

    /// Writes down how far the open batches are.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn note_batches(
        &self,
        of: Of<'_>,
        push: &mut Push,
        batches: Vec<OpenBatch>,
    ) -> Result<(), AwsError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let id = first.id.clone();
        let (set, values) = opened(&batches)?;
        let update = self
            .push_update(of, &set)
            .condition_expression(format!("{HELD} AND open_batch.id = :id"))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":id", s(&id))
            .expression_attribute_values(":epoch", n(push.epoch));
        if !update_if(update).await? {
            return Err(lost(of));
        }
        push.set_open(batches);
        Ok(())
    }

    /// Forgets the open batches from the `keeping`th on without a file: nothing was left to be put into them. Their
    /// numbers are noted as void.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn drop_batches(
        &self,
        of: Of<'_>,
        push: &mut Push,
        keeping: usize,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let mut kept = push.all_open();
        let mut void = push.void_numbers.clone();
        for batch in kept.split_off(keeping.min(kept.len())) {
            void = void_numbers_with(&void, &batch, VoidReason::Empty, &batch.run, now);
        }
        let (set, remove, values) = left_open(&kept)?;
        let update = self
            .push_update(of, &format!("SET void_numbers = :void{set} {remove}"))
            .condition_expression(HELD)
            .set_expression_attribute_values(values)
            .expression_attribute_values(":void", value(&void)?)
            .expression_attribute_values(":epoch", n(push.epoch));
        if !update_if(update).await? {
            return Err(lost(of));
        }
        (push.decision, push.void_numbers) = (None, void);
        push.set_open(kept);
        Ok(())
    }

    /// Closes as many of the open batches as there are files, the first ones, and adds the files to the report, in one
    /// transaction: each is counted once. Their rows are written before. Where no file came of one, its number is noted
    /// as void.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn close_batches(
        &self,
        of: Of<'_>,
        push: &mut Push,
        run: &mut Run,
        outputs: Vec<Output>,
        counts: Counts,
    ) -> Result<(), AwsError> {
        let mut closed = push.all_open();
        let left = closed.split_off(outputs.len().min(closed.len()));
        let Some(first) = outputs.first() else { return Ok(()) };
        let mut void = push.void_numbers.clone();
        for (batch, output) in closed.iter().zip(&outputs) {
            if let Some(reason) = VoidReason::of(output.result) {
                void = void_numbers_with(&void, batch, reason, &run.id, output.ended_at);
            }
        }
        let (set, remove, values) = left_open(&left)?;
        let mut held: UpdateBuilder = self
            .held_push(of, push, &format!("SET void_numbers = :void{set} {remove}"), "open_batch.id = :batch")
            .expression_attribute_values(":void", value(&void)?)
            .expression_attribute_values(":batch", s(&first.batch));
        for (name, value) in values.unwrap_or_default() {
            held = held.expression_attribute_values(name, value);
        }
        let report = self
            .run_update(
                run,
                "SET outputs = list_append(if_not_exists(outputs, :none), :outputs), counts = :counts, \
                 progress_epoch = :epoch",
            )?
            .expression_attribute_values(":epoch", n(push.epoch))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":outputs", value(&outputs)?)
            .expression_attribute_values(":counts", value(&counts)?);
        self.send_held_push(of, vec![of_update(held)?, of_update(report)?]).await?;
        (push.decision, push.void_numbers) = (None, void);
        push.set_open(left);
        run.outputs.extend(outputs);
        (run.counts, run.progress_epoch) = (counts, push.epoch);
        Ok(())
    }
}

type Values = std::collections::HashMap<String, AttributeValue>;

/// The batches that are open, as they are set.
fn opened(batches: &[OpenBatch]) -> Result<(String, Values), AwsError> {
    let mut values = Values::new();
    let Some((first, behind)) = batches.split_first() else { return Ok((String::new(), values)) };
    values.insert(":first".into(), value(first)?);
    values.insert(":behind".into(), value(&behind)?);
    Ok(("SET open_batch = :first, open_behind = :behind".into(), values))
}

/// What becomes of the open batches once some of them are not any more: what is set, what is removed, the values.
fn left_open(left: &[OpenBatch]) -> Result<(&'static str, &'static str, Option<Values>), AwsError> {
    if left.is_empty() {
        return Ok(("", "REMOVE open_batch, open_behind, decision", None));
    }
    let (_, values) = opened(left)?;
    Ok((", open_batch = :first, open_behind = :behind", "REMOVE decision", Some(values)))
}
