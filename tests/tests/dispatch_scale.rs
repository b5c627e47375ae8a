//! A thousand schedules that are due in one minute go out within it, and what that costs.
//!
//! Runs `dispatch`'s own code in this process, with the local cloud's DynamoDB and SQS, on a table and a queue of
//! its own: the stack's tick would otherwise take the schedules first.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::{
    config::timeout::TimeoutConfig,
    types::{GlobalSecondaryIndex, Projection},
};
use aws_sdk_sqs::types::QueueAttributeName;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::LambdaEvent;
use serde_json::json;
use shared::{
    aws::{Table, clients, due::DueRow, resources::Beside, runs::RunList},
    config::DispatchConfig,
    connection::Connection,
    event::Event,
    id, keys,
    resource::{Resource, Settings},
    run::{Run, RunStatus},
    schedule::Schedule,
};
use tests::{
    claim_costs::{READ_UNITS_A_PAGE, READ_UNITS_A_SCHEDULE, WRITE_UNITS_A_MISSED_ROW, WRITE_UNITS_A_RUN},
    counting::{Count, Counts, counted},
    rows::now,
    stack::Stack,
};

const SCHEDULES: usize = 1_000;
const ACCOUNTS: usize = 20;
const SHARDS: u64 = 32;

/// `dispatch` on a table and a queue of its own.
struct Own {
    context: dispatch::Context,
    counts: Counts,
    table: Table,
    tables: aws_sdk_dynamodb::Client,
    table_name: String,
    queues: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Own {
    async fn new() -> Result<Self> {
        let sdk = clients::sdk_config().await;
        let (tables, queues) = (clients::dynamodb(&sdk), clients::sqs(&sdk));
        let mut bytes = [0; 6];
        getrandom::fill(&mut bytes)?;
        let name = format!("scale-{}", id::hex(&bytes));
        let like = tables.describe_table().table_name(Stack::table_name()?).send().await?;
        let like = like.table.context("the stack's table")?;
        let index = |i: aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            GlobalSecondaryIndex::builder()
                .set_index_name(i.index_name)
                .set_key_schema(i.key_schema)
                .projection(i.projection.unwrap_or_else(|| Projection::builder().build()))
                .build()
        };
        let indexes = like.global_secondary_indexes.unwrap_or_default().into_iter().map(index);
        tables
            .create_table()
            .table_name(&name)
            .billing_mode(aws_sdk_dynamodb::types::BillingMode::PayPerRequest)
            .set_attribute_definitions(like.attribute_definitions)
            .set_key_schema(like.key_schema)
            .set_global_secondary_indexes(Some(indexes.collect::<Result<_, _>>()?))
            .send()
            .await?;
        let queue_url = queues.create_queue().queue_name(&name).send().await?.queue_url.context("a queue")?;
        // The local cloud is one Python process, which a thousand schedules keep busy: on AWS an attempt that takes
        // 1.5 s is given up, here it is waited for, so that no call is counted twice.
        let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(40)).build();
        let (sdk, counts) = counted(sdk.into_builder().timeout_config(patient).build());
        let config = DispatchConfig {
            table: name.clone(),
            pulls_queue_url: queue_url.clone(),
            deliveries_queue_url: queue_url.clone(),
            pushes_queue_url: queue_url.clone(),
        };
        let table = Table::new(tables.clone(), name.clone());
        let context = dispatch::Context::new(&sdk, config);
        Ok(Self { context, counts, table, tables, table_name: name, queues, queue_url })
    }

    /// Makes schedules that are all due at one time, each with a connection of its own.
    async fn schedules(&self, prefix: &str, number: usize, cron: &str, due: Timestamp) -> Result<()> {
        stream::iter(0..number)
            .map(async |i| -> Result<()> {
                let account = format!("account-{:02}", i % ACCOUNTS);
                let connection = id::derived("con", &[prefix, &i.to_string()]);
                let settings = json!({
                    "name": format!("Punches of client {i} to the time system"),
                    "mapping": id::derived("map", &[prefix]),
                    "source": { "target_server": id::derived("srv", &[prefix]), "files": "punches-*.csv" },
                    "target": { "target_server": id::derived("srv", &["to", prefix]) },
                });
                self.make::<Connection>(&account, &connection, settings, None).await?;
                let schedule = id::derived("sch", &[prefix, &i.to_string()]);
                let settings = json!({ "connection": connection, "cron": cron, "time_zone": "Europe/Oslo" });
                self.make::<Schedule>(&account, &schedule, settings, Some(due)).await
            })
            .buffer_unordered(8)
            .try_collect()
            .await
    }

    async fn make<T: Settings>(
        &self,
        account: &str,
        id: &str,
        settings: serde_json::Value,
        due: Option<Timestamp>,
    ) -> Result<()> {
        let (created_at, settings) = (now(), serde_json::from_value(settings)?);
        let resource = Resource { id: id.into(), version: 1, created_at, updated_at: created_at, settings };
        let beside = Beside { due, ..Beside::default() };
        anyhow::ensure!(self.table.create::<T>(account, &resource, &beside).await?, "{id} is there already");
        Ok(())
    }

    /// Ticks as the minute rule does; the calls it took, and for how long.
    async fn tick(&self) -> Result<(BTreeMap<String, Count>, Duration)> {
        self.counts.take();
        let begun = Instant::now();
        let deadline = now().saturating_add(SignedDuration::from_secs(50))?;
        let mut lambda = lambda_runtime::Context::default();
        lambda.deadline = deadline.as_millisecond().unsigned_abs();
        let done = dispatch::handle(&self.context, LambdaEvent::new(Event::Tick, lambda)).await;
        done.map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok((self.counts.take(), begun.elapsed()))
    }

    async fn runs(&self) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for account in 0..ACCOUNTS {
            let account = format!("account-{account:02}");
            let list = RunList {
                target_server: None,
                account: &account,
                connection: None,
                status: None,
                from: None,
                to: None,
                limit: 1_000,
                after: None,
            };
            runs.extend(self.table.runs(&list).await?.runs);
        }
        Ok(runs)
    }

    async fn messages(&self) -> Result<usize> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .queues
            .get_queue_attributes()
            .queue_url(&self.queue_url)
            .attribute_names(name.clone())
            .send()
            .await?;
        let number = answer.attributes.and_then(|mut a| a.remove(&name)).context("a number of messages")?;
        Ok(number.parse()?)
    }

    async fn remove(self) -> Result<()> {
        self.tables.delete_table().table_name(&self.table_name).send().await?;
        self.queues.delete_queue().queue_url(&self.queue_url).send().await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_schedules_due_in_one_minute_go_out_within_it() -> Result<()> {
    let own = Own::new().await?;
    let due = Timestamp::from_second(now().as_second().div_euclid(60) * 60)?;
    own.schedules("due", SCHEDULES, "0 6 1 1 ? 2198", due).await?;

    let (calls, took) = own.tick().await?;
    let runs = own.runs().await?;
    assert_eq!(runs.len(), SCHEDULES);
    assert!(runs.iter().all(|r| r.status == RunStatus::Queued && r.scheduled_for == Some(due)));
    assert_eq!(own.messages().await?, SCHEDULES);
    assert!(took < Duration::from_secs(60), "{took:?}");
    println!("{SCHEDULES} schedules in {took:?}: {calls:?}");

    // Calls: two a schedule; a query a page of 100, or of what is left in each of 32 shards, and one that counts what
    // each shard has of what is owed; a message call for each ten of a page, or what is left of it.
    let n = SCHEDULES as u64;
    let of = |operation: &str| calls.get(operation).copied().unwrap_or_default();
    assert_eq!((of("GetItem").calls, of("TransactWriteItems").calls), (n, n));
    let (pages, sends) = (of("Query").calls, of("SendMessageBatch").calls);
    assert!((2 * SHARDS..=2 * SHARDS + n / 100).contains(&pages), "{pages} queries");
    assert!((n / 10..=n / 10 + pages).contains(&sends), "{sends} calls for messages");
    let all: u64 = calls.values().map(|c| c.calls).sum();
    assert_eq!(all, 2 * n + pages + sends, "nothing else is called: {calls:?}");
    assert_eq!(of("TransactWriteItems").units, WRITE_UNITS_A_RUN * SCHEDULES as f64);
    assert_eq!(of("GetItem").units, READ_UNITS_A_SCHEDULE * SCHEDULES as f64);

    // A minute later nothing of it is due: no call but the look into each shard, and the count.
    let (calls, _) = own.tick().await?;
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["Query"]);
    assert_eq!(calls["Query"].calls, 2 * SHARDS);
    assert_eq!(own.messages().await?, SCHEDULES);

    // Hourly schedules after an outage of some hours: a run and a MISSED row each, in one transaction.
    const LATE: usize = 100;
    let first = now().saturating_sub(SignedDuration::from_hours(5))?;
    own.schedules("late", LATE, "0 * * * ? *", first).await?;
    let (calls, _) = own.tick().await?;
    assert_eq!((calls["GetItem"].calls, calls["TransactWriteItems"].calls), (LATE as u64, LATE as u64));
    let both = WRITE_UNITS_A_RUN + WRITE_UNITS_A_MISSED_ROW;
    assert_eq!(calls["TransactWriteItems"].units, both * LATE as f64, "{calls:?}");
    let missed = own.runs().await?.into_iter().filter(|r| r.status == RunStatus::Missed);
    assert_eq!(missed.count(), LATE);
    assert_eq!(own.messages().await?, SCHEDULES + LATE);
    own.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_of_due_rows_is_read_for_what_the_cost_model_says() -> Result<()> {
    let own = Own::new().await?;
    let (account, shard) = ("account-00", keys::due_shard_name(7));
    let ids = (0..).map(|i| id::derived("sch", &["page", &i.to_string()]));
    let in_shard = |id: &String| keys::due_shard(&keys::resource(account, Schedule::KIND, id)) == shard;
    for schedule in ids.filter(in_shard).take(100) {
        let settings = json!({ "connection": "con_1", "cron": "0 6 1 1 ? 2198", "time_zone": "Europe/Oslo" });
        own.make::<Schedule>(account, &schedule, settings, Some(now())).await?;
    }
    let table = Table::new(clients::dynamodb(&clients::sdk_config().await), own.table_name.clone());
    let page = table.due(7, now(), 100, None).await?;
    assert_eq!(page.rows.len(), 100);
    // The local cloud does not reckon reads by size, so it is done here: names and values, half a unit for each 4 KB
    // of a page. 30 bytes are more than its number and what else DynamoDB counts for a row.
    let row_bytes = |row: &DueRow| row.key.pk.len() + row.key.sk.len() + "pkskduedue_shardDUE#07".len() + 30;
    let bytes: usize = page.rows.iter().map(row_bytes).sum();
    assert!((bytes.div_ceil(4_096) as f64) / 2.0 <= READ_UNITS_A_PAGE, "{bytes} bytes");
    // There may be more after a full page; there is not.
    assert!(page.after.is_some());
    assert_eq!(table.due(7, now(), 100, page.after).await?.rows, []);
    own.remove().await
}
