//! What administrators set up: target servers, mappings, connections and schedules.

use aws_sdk_dynamodb::types::{Put, ReturnValue, TransactWriteItem};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::{conditions, is_condition},
    table::{Item, every_item, item, key_item, n, number, read, s, string},
};
use crate::{
    keys::{self, Key},
    resource::{Resource, Settings},
};

/// What a row carries beside its settings.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// When `dispatch` must look at it.
    pub due: Option<Timestamp>,
    /// Hash of the request that made it, where it had an Idempotency-Key.
    pub request_hash: Option<String>,
    /// The run that holds it, for a connection.
    pub active_run: Option<String>,
}

impl Beside {
    fn read(item: &Item) -> Self {
        Self {
            due: number(item, "due").and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            request_hash: string(item, "request_hash"),
            active_run: string(item, "active_run"),
        }
    }

    fn write(&self, key: &Key, into: &mut Item) {
        if let Some(due) = self.due {
            into.insert("due_shard".into(), s(keys::due_shard(key)));
            into.insert("due".into(), n(due.as_millisecond()));
            into.insert("next_at".into(), s(due.to_string()));
        }
        into.extend(self.request_hash.as_ref().map(|h| ("request_hash".into(), s(h))));
        into.extend(self.active_run.as_ref().map(|r| ("active_run".into(), s(r))));
    }
}

/// Settings as stored, and what the row carries beside them.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The settings.
    pub resource: Resource<T>,
    /// What stands beside them.
    pub beside: Beside,
}

/// Why a row was not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// There was none.
    NotFound,
    /// A run holds it.
    Held,
}

impl Table {
    /// Writes a new row; `false` when the id is taken.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn create<T: Settings>(
        &self,
        account: &str,
        resource: &Resource<T>,
        beside: &Beside,
    ) -> Result<bool, AwsError> {
        self.write(account, resource, beside, "attribute_not_exists(pk)", Item::new()).await
    }

    /// Replaces a row that is still as it was read; `false` when it has changed since.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn replace<T: Settings>(
        &self,
        account: &str,
        resource: &Resource<T>,
        beside: &Beside,
        seen: &Found<T>,
    ) -> Result<bool, AwsError> {
        // What stands beside the settings must not have moved either: it would be put back.
        let mut condition = String::from("version = :version");
        let mut values: Item = [(":version".into(), n(seen.resource.version))].into();
        for (name, value) in [
            ("active_run", seen.beside.active_run.as_ref().map(s)),
            ("due", seen.beside.due.map(|t| n(t.as_millisecond()))),
        ] {
            match value {
                None => condition.push_str(&format!(" AND attribute_not_exists({name})")),
                Some(value) => {
                    condition.push_str(&format!(" AND {name} = :{name}"));
                    values.insert(format!(":{name}"), value);
                }
            }
        }
        self.write(account, resource, beside, &condition, values).await
    }

    async fn write<T: Settings>(
        &self,
        account: &str,
        resource: &Resource<T>,
        beside: &Beside,
        condition: &str,
        values: Item,
    ) -> Result<bool, AwsError> {
        let damaged = |e| AwsError::damaged("a transaction", e);
        let key = keys::resource(account, T::KIND, &resource.id);
        let mut row = item(&key, resource)?;
        beside.write(&key, &mut row);
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(row))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()
            .map_err(damaged)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        if T::VERSIONED {
            let row = item(&keys::mapping_version(account, &resource.id, resource.version), resource)?;
            let put = Put::builder()
                .table_name(&self.name)
                .set_item(Some(row))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map_err(damaged)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(e) if conditions(&e).contains(&true) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    /// Reads a row of an account.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn find<T: Settings>(&self, account: &str, id: &str) -> Result<Option<Found<T>>, AwsError> {
        let item = self.get_item(&keys::resource(account, T::KIND, id)).await?;
        item.map(|item| Ok(Found { beside: Beside::read(&item), resource: read(item)? })).transpose()
    }

    /// Says whether a row of an account is there.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn exists(&self, account: &str, kind: &str, id: &str) -> Result<bool, AwsError> {
        Ok(self.get_item(&keys::resource(account, kind, id)).await?.is_some())
    }

    /// Reads one version of a row whose versions are kept.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn find_version<T: Settings>(
        &self,
        account: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<Resource<T>>, AwsError> {
        self.get(&keys::mapping_version(account, id, version)).await
    }

    /// Lists rows by id, after `after`.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn list<T: Settings>(
        &self,
        account: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Found<T>>, AwsError> {
        let first = keys::resource(account, T::KIND, "");
        let mut start = after.map(|id| key_item(&keys::resource(account, T::KIND, id)));
        let mut found: Vec<Found<T>> = Vec::new();
        // One answer has 1 MB at most, which may be fewer rows than asked for.
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":pk", s(&first.pk))
                .expression_attribute_values(":sk", s(&first.sk))
                .set_exclusive_start_key(start)
                .limit(limit - i32::try_from(found.len()).unwrap_or(limit))
                .send()
                .await
                .map_err(AwsError::call("dynamodb:Query"))?;
            for item in answer.items.unwrap_or_default() {
                found.push(Found { beside: Beside::read(&item), resource: read(item)? });
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= usize::try_from(limit).unwrap_or(0) {
                return Ok(found);
            }
        }
    }

    /// Reads every row of a kind.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn list_all<T: Settings>(&self, account: &str) -> Result<Vec<Found<T>>, AwsError> {
        let first = keys::resource(account, T::KIND, "");
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(&first.pk))
            .expression_attribute_values(":sk", s(&first.sk));
        let rows = every_item(query).await?;
        rows.into_iter().map(|row| Ok(Found { beside: Beside::read(&row), resource: read(row)? })).collect()
    }

    /// Says whether a row with this id was there and was removed: its id is not given again, since ledger and
    /// state of the old one are still kept under it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn was_removed<T: Settings>(&self, account: &str, id: &str) -> Result<bool, AwsError> {
        // What is about to be removed is marked first, and stays if a run holds it.
        Ok(self.get_item(&keys::removed(account, T::KIND, id)).await?.is_some()
            && !self.exists(account, T::KIND, id).await?)
    }

    /// Removes a row that no run holds. Versions of a mapping stay: runs name them.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn remove<T: Settings>(&self, account: &str, id: &str) -> Result<Removed, AwsError> {
        if self.get_item(&keys::resource(account, T::KIND, id)).await?.is_none() {
            return Ok(Removed::NotFound);
        }
        self.put_new(&keys::removed(account, T::KIND, id), &serde_json::Map::new()).await?;
        let removed = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::resource(account, T::KIND, id))))
            .condition_expression("attribute_not_exists(active_run)")
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match removed {
            Ok(answer) if answer.attributes.is_some() => Ok(Removed::Yes),
            Ok(_) => Ok(Removed::NotFound),
            Err(e) if is_condition(&e) => Ok(Removed::Held),
            Err(e) => Err(AwsError::call("dynamodb:DeleteItem")(e)),
        }
    }
}
