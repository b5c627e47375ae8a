//! A world's part of the local cloud: its table, bucket and queues, made and removed.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{BillingMode, GlobalSecondaryIndex};
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, VersioningConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::{setting::Setting, world::World};

/// A queue and where its messages go that fail too often.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// The URL of its dead-letter queue.
    pub dead_letters: String,
}

/// A table like the deployed one, indexes included.
pub(super) async fn make_table(setting: &Setting, name: &str) -> Result<()> {
    let like = &setting.table;
    let indexes = like.global_secondary_indexes().iter().map(|index| {
        GlobalSecondaryIndex::builder()
            .set_index_name(index.index_name.clone())
            .set_key_schema(index.key_schema.clone())
            .set_projection(index.projection.clone())
            .build()
    });
    setting
        .dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(like.attribute_definitions.clone())
        .set_key_schema(like.key_schema.clone())
        .set_global_secondary_indexes(Some(indexes.collect::<Result<_, _>>()?))
        .send()
        .await?;
    Ok(())
}

/// A bucket with versions.
pub(super) async fn make_bucket(setting: &Setting, name: &str) -> Result<()> {
    setting.s3.create_bucket().bucket(name).send().await?;
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    setting.s3.put_bucket_versioning().bucket(name).versioning_configuration(versioned).send().await?;
    Ok(())
}

/// A queue as the template makes it, but for its visibility: the harness is the only one that receives, and makes a
/// message that failed visible at once.
pub(super) async fn make_queue(setting: &Setting, name: &str) -> Result<Queue> {
    let dead = setting.sqs.create_queue().queue_name(format!("{name}-dead-letters")).send().await?;
    let dead = dead.queue_url.context("a queue has a URL")?;
    let arn = setting
        .sqs
        .get_queue_attributes()
        .queue_url(&dead)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await?
        .attributes
        .and_then(|mut a| a.remove(&QueueAttributeName::QueueArn))
        .context("a queue has an ARN")?;
    let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 5 });
    let queue = setting
        .sqs
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::VisibilityTimeout, "60")
        .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
        .send()
        .await?;
    Ok(Queue { url: queue.queue_url.context("a queue has a URL")?, dead_letters: dead })
}

impl World {
    /// Removes what the world has in the local cloud.
    ///
    /// # Errors
    /// When the local cloud refuses.
    pub async fn end(mut self) -> Result<()> {
        self.functions.clear();
        let Setting { s3, sqs, dynamodb, .. } = &*self.setting;
        dynamodb.delete_table().table_name(&self.name).send().await?;
        for queue in [&self.pulls, &self.deliveries, &self.pushes] {
            sqs.delete_queue().queue_url(&queue.url).send().await?;
            sqs.delete_queue().queue_url(&queue.dead_letters).send().await?;
        }
        let versions =
            s3.list_object_versions().bucket(&self.name).send().await?.versions.unwrap_or_default();
        let objects = versions.into_iter().filter_map(|v| {
            ObjectIdentifier::builder().key(v.key?).set_version_id(v.version_id).build().ok()
        });
        let objects: Vec<_> = objects.collect();
        if !objects.is_empty() {
            let delete = Delete::builder().set_objects(Some(objects)).build()?;
            s3.delete_objects().bucket(&self.name).delete(delete).send().await?;
        }
        s3.delete_bucket().bucket(&self.name).send().await?;
        Ok(())
    }
}
