//! Batches and notifications that targets owe an answer for: lists, and what a person does about them.

mod decide;
mod remap;
mod view;

pub(crate) use decide::{Retried, confirm, retry};
pub(crate) use remap::remap;
pub(crate) use view::{DeliveryPage, DeliveryView, list, show};
