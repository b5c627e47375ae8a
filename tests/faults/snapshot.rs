//! A world at a certain step, to begin others with: what comes before that step is played once.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use bytes::Bytes;

use super::{
    setting::Item,
    world::{World, sort_key},
};

/// Rows and objects. Messages are none: what has work is woken by its row.
#[derive(Clone, Debug)]
pub struct Snapshot {
    items: Vec<Item>,
    objects: Vec<(String, Bytes, Option<String>)>,
}

/// Rows of one call.
const ROWS_AT_ONCE: usize = 25;

impl Snapshot {
    /// Takes what a world has now.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn of(world: &World) -> Result<Self> {
        let dynamodb = &world.setting.dynamodb;
        let items = dynamodb.scan().table_name(&world.name).consistent_read(true).send().await?.items;
        let mut objects = Vec::new();
        for key in world.rows.objects().await? {
            let bytes = world.bucket.get(&key).await?.context("an object that is listed")?.bytes;
            let by = world.bucket.written_by(&key).await?;
            objects.push((key, bytes, by));
        }
        Ok(Self { items: items.unwrap_or_default(), objects })
    }

    /// Puts it into a world that has none of it; settings keep what is the world's own.
    pub(super) async fn restore(&self, world: &World) -> Result<()> {
        let rows = self.items.iter().filter(|item| !sort_key(item).starts_with("TARGET#")).cloned();
        write(world, rows.collect()).await?;
        for (key, bytes, by) in &self.objects {
            let put = world.setting.s3.put_object().bucket(&world.name).key(key).body(bytes.clone().into());
            put.set_metadata(by.clone().map(|by| [("by".to_string(), by)].into())).send().await?;
        }
        Ok(())
    }
}

/// Writes rows.
pub(super) async fn write(world: &World, items: Vec<Item>) -> Result<()> {
    for chunk in items.chunks(ROWS_AT_ONCE) {
        let put = |item: &Item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let requests = chunk.iter().map(put).collect::<Result<Vec<_>>>()?;
        let write = world.setting.dynamodb.batch_write_item().request_items(&world.name, requests);
        let left = write.send().await?.unprocessed_items.unwrap_or_default();
        anyhow::ensure!(left.is_empty(), "the local cloud left out rows");
    }
    Ok(())
}
