//! A clock on a row, by which functions at once keep to one rate: each reservation moves it on by a conditional update,
//! and it never runs behind the time.

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::is_condition,
    table::{Item, key_item, n, number},
};
use crate::keys::Key;

/// What a caller wants of a clock.
#[derive(Clone, Copy, Debug)]
pub struct Reservation {
    /// Times it wants.
    pub slots: u32,
    /// How far they are apart, microseconds: at most a million a second fit.
    pub interval_us: i64,
    /// The latest that the first of them may be at.
    pub latest: Timestamp,
    /// What the caller last saw the clock at, microseconds since 1970; 0 where it has not seen it. It decides which of
    /// two updates is tried first, and nothing else.
    pub seen: i64,
}

/// What a reservation came to, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// The first of them is at this time; each next one an interval later.
    From(i64),
    /// The first would be at this time only, which is later than the caller can wait. Nothing is reserved.
    TooLate(i64),
}

/// How far times are apart of which `per_second` come in a second, microseconds.
pub fn interval_us(per_second: u32) -> i64 {
    1_000_000u32.div_ceil(per_second.max(1)).into()
}

impl Table {
    /// Reserves times on the clock of a row.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn reserve_slots(
        &self,
        key: &Key,
        wanted: Reservation,
        now: Timestamp,
    ) -> Result<Slots, AwsError> {
        let (now_us, latest_us) = (now.as_microsecond(), wanted.latest.as_microsecond());
        let span = i64::from(wanted.slots) * wanted.interval_us;
        let mut tat = wanted.seen;
        // The clock is ahead of the time or behind it; others may move it from one to the other meanwhile.
        for _ in 0..4 {
            let is_ahead = tat >= now_us;
            let update = match is_ahead {
                true => self
                    .clock_update(key, "SET tat_us = tat_us + :span")
                    .condition_expression("tat_us BETWEEN :now AND :latest")
                    .expression_attribute_values(":span", n(span))
                    .expression_attribute_values(":latest", n(latest_us)),
                false => self
                    .clock_update(key, "SET tat_us = :then")
                    .condition_expression("attribute_not_exists(tat_us) OR tat_us < :now")
                    .expression_attribute_values(":then", n(now_us + span)),
            };
            match update.expression_attribute_values(":now", n(now_us)).send().await {
                Ok(answer) => {
                    let before = answer.attributes.as_ref().and_then(|old| number(old, "tat_us"));
                    return Ok(Slots::From(before.filter(|_| is_ahead).unwrap_or(now_us)));
                }
                Err(e) if is_condition(&e) => {
                    tat = found(e.as_service_error()).and_then(|row| number(row, "tat_us")).unwrap_or(0);
                }
                Err(e) => return Err(AwsError::call("dynamodb:UpdateItem")(e)),
            }
            if tat >= now_us && tat > latest_us {
                break;
            }
        }
        Ok(Slots::TooLate(tat.max(now_us)))
    }

    fn clock_update(&self, key: &Key, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .update_expression(expression)
            .return_values(ReturnValue::UpdatedOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// The row on which a conditional update failed.
fn found(error: Option<&UpdateItemError>) -> Option<&Item> {
    match error {
        Some(UpdateItemError::ConditionalCheckFailedException(e)) => e.item(),
        _ => None,
    }
}
