//! What AWS does around the functions: the minute rule, and time that passes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{
    aws::runs::{Admission, ScheduleMove},
    delivery::{Batch, DeliveryName},
    id::derived,
    keys::{self, Key},
    message::{DeliveryMessage, PullMessage, PushMessage},
    notification::NotificationDelivery,
    run::{Run, Trigger},
};

use super::{cloud::Queue, world::World};
use crate::{
    rows::{future_ms, now, past_ms},
    runtime_api::Outcome,
};

/// How often time may have to pass before a world has nothing left to do.
const MOST_WAITS: usize = 12;

/// How much time passes each time: a few minutes, in milliseconds.
const PASSES_MS: i64 = 180_000;

/// Times that rows state, which are over once it has passed.
const ENDS: [&str; 4] = ["lease_until", "attempt_at", "drain_until", "try_at"];

impl World {
    /// Plays on until no message and no row has anything left to do.
    ///
    /// # Errors
    /// When that does not come about, or when the local cloud fails.
    pub async fn run_out(&mut self) -> Result<()> {
        let mut waits = 0;
        let mut idle = 0;
        loop {
            if self.pull_next().await? || self.deliver_next(1).await? || self.push_next().await? {
                idle = 0;
                continue;
            }
            if self.has_work().await? {
                waits += 1;
                ensure!(waits <= MOST_WAITS, "after {MOST_WAITS} waits there is still work left");
                self.next_minute().await?;
            } else if self.messages().await? == 0 {
                return Ok(());
            } else {
                idle += 1;
                ensure!(idle < 200, "messages are left that do not come");
                self.moment().await;
            }
        }
    }

    /// Lets leases end and times come, and wakes what is due then: by `dispatch` where that is what is looked at, and
    /// otherwise as it does it, without the calls that it takes to find out.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn next_minute(&mut self) -> Result<()> {
        let rows = self.rows.all().await?;
        let open = rows.iter().filter(|row| is_open(row) && row["due"].is_i64());
        let is_dispatch = self.under == "dispatch";
        let due = if is_dispatch { past_ms() } else { future_ms(PASSES_MS / 1000) };
        for row in open {
            let mut change = json!({ "due": due });
            for name in ENDS.into_iter().filter(|name| row[*name].is_i64()) {
                change[name] = past_ms().into();
            }
            if let Some(held_at) = row["held_at"].as_i64() {
                change["held_at"] = (held_at - PASSES_MS).into();
            }
            self.rows.edit(&key(row), change).await?;
            if !is_dispatch {
                self.wake(row).await?;
            }
        }
        // What a process keeps of targets and their gates for some seconds is kept no longer.
        if rows.iter().any(is_of_notifications) {
            self.forget("deliver");
        }
        if is_dispatch {
            self.tick().await;
        }
        Ok(())
    }

    /// Lets the time pass until the queue makes a message visible again that was not deleted, which is longer than any
    /// lease. Only those of rows end that nothing else wakes: the message is all there is of them.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub(super) async fn visibility_ends(&self) -> Result<()> {
        for row in self.rows.all().await? {
            let is_claimed = sort_key(&row).starts_with(keys::DELIVERY) && row["lease_until"].is_i64();
            if is_claimed && row["due"].is_null() {
                self.rows.edit(&key(&row), json!({ "lease_until": past_ms() })).await?;
            }
        }
        Ok(())
    }

    /// Sends a message for every row that has work.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn wake_all(&self) -> Result<()> {
        for row in self.rows.all().await?.iter().filter(|row| is_open(row)) {
            self.wake(row).await?;
        }
        Ok(())
    }

    /// Sends the message that a row has work, as `dispatch` does.
    async fn wake(&self, row: &Value) -> Result<()> {
        let account = self.account();
        let message = match sort_key(row) {
            "RUN" => {
                let run: Run = serde_json::from_value(row.clone())?;
                let body = serde_json::to_string(&PullMessage::run(&run.account, &run.id))?;
                return self.send(&self.pulls, body).await;
            }
            "N" => DeliveryMessage::route(account, row["notification"].as_str().context("an id")?),
            sk if sk.starts_with(keys::DELIVERY) => {
                let delivery: NotificationDelivery = serde_json::from_value(row.clone())?;
                DeliveryMessage::of(account, &DeliveryName::Notification(delivery.name()))
            }
            sk if sk.starts_with(keys::PUSH) => {
                let target = sk.trim_start_matches(keys::PUSH);
                let body = serde_json::to_string(&PushMessage::flush(account, target))?;
                return self.send(&self.pushes, body).await;
            }
            sk => match sk.strip_prefix(keys::GATE) {
                Some(target) => DeliveryMessage::target(account, target),
                None => {
                    let b: Batch = serde_json::from_value(row.clone())?;
                    DeliveryMessage::batch(&b.account, &b.run, b.first_ordinal, b.part)
                }
            },
        };
        self.deliver_later(&message).await
    }

    /// Puts a message into the queue of `deliver`.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn deliver_later(&self, message: &DeliveryMessage) -> Result<()> {
        self.send(&self.deliveries, serde_json::to_string(message)?).await
    }

    /// Puts a message into a queue.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub(super) async fn send(&self, queue: &Queue, body: String) -> Result<()> {
        self.setting.sqs.send_message().queue_url(&queue.url).message_body(body).send().await?;
        Ok(())
    }

    /// Admits a run as `dispatch` does: for the schedule's due time, or for a request.
    ///
    /// # Errors
    /// When it is not admitted.
    pub async fn admit(&self, is_scheduled: bool) -> Result<Run> {
        let (account, connection) = (self.account(), self.connection());
        let run_id = derived("run", &[account, if is_scheduled { "scheduled" } else { "requested" }]);
        let trigger = if is_scheduled { Trigger::Scheduled } else { Trigger::Manual };
        let mut run = Run::queued(run_id, account, connection, trigger, now());
        let mut schedule = None;
        if is_scheduled {
            let due = self.rows.get(&self.schedule()).await?["due"].as_i64().context("a due time")?;
            let due = Timestamp::from_millisecond(due)?;
            run.scheduled_for = Some(due);
            let next = Timestamp::from_millisecond(future_ms(86_400))?;
            let schedule_id = self.setting.schedule.clone();
            schedule = Some(ScheduleMove {
                schedule: schedule_id,
                seen: due,
                next: Some(next),
                missed: None,
                hears: false,
            });
        }
        let admission = self.table.admit(&run, schedule.as_ref()).await?;
        ensure!(admission == Admission::Admitted, "{admission:?}");
        self.wake(&self.rows.get(&keys::run(account, &run.id)).await?).await?;
        Ok(run)
    }

    /// Calls `dispatch` as the minute rule does, which tries what fails again twice. What still fails, the next
    /// minute does.
    pub async fn tick(&mut self) {
        let event = json!({
            "version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "000000000000", "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1", "resources": [], "detail": {},
        });
        for _ in 0..3 {
            let Ok(dispatch) = self.function("dispatch").await else { continue };
            let outcome = dispatch.invoke(event.to_string(), Duration::from_secs(50)).await;
            if let Ok(Outcome::Answered(_)) = outcome {
                return;
            }
        }
    }

    /// Whether a row has work, or the schedule is due.
    async fn has_work(&self) -> Result<bool> {
        let rows = self.rows.all().await?;
        let waiting = runs_in_a_buffer(&rows);
        let is_in_a_buffer = |row: &Value| is_flushed_later(row) || waiting.contains(&&row["id"]);
        Ok(rows.iter().any(|row| (is_open(row) && !is_in_a_buffer(row)) || is_schedule_due(row)))
    }
}

fn key(row: &Value) -> Key {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_string();
    Key { pk: text("pk"), sk: text("sk") }
}

fn sort_key(row: &Value) -> &str {
    row["sk"].as_str().unwrap_or_default()
}

/// A run that is not final; a batch or a notification that waits or is being sent, unless it waits for its target or for a file; a
/// notification that is to be handed out; a gate whose backlog is looked at; a target that is to be pushed to.
pub(super) fn is_open(row: &Value) -> bool {
    let sk = sort_key(row);
    let of = |name: &str, open: &[&str]| row[name].as_str().is_some_and(|state| open.contains(&state));
    (sk == "RUN" && of("status", &["QUEUED", "RUNNING", "DELIVERING"]))
        || (sk.starts_with(keys::BATCH) && of("state", &["WAITING", "SENDING"]))
        || (sk.starts_with(keys::DELIVERY)
            && of("state", &["WAITING", "SENDING"])
            && row["waiting_for"] != "target"
            && row["waiting_for"] != "flush")
        || (sk == "N" && of("kept_state", &["pending"]))
        || ((sk.starts_with(keys::GATE) || sk.starts_with(keys::PUSH)) && row["due"].is_i64())
}

/// A batch that waits for a flush.
fn is_flushed_later(row: &Value) -> bool {
    sort_key(row).starts_with(keys::BATCH) && row["state"] == "WAITING" && row["waiting_for"] == "flush"
}

/// Ids of the runs that nothing but a flush gets further: those whose open batches are all in a buffer.
fn runs_in_a_buffer(rows: &[Value]) -> Vec<&Value> {
    let of_run = |run: &Value| {
        let is_open_batch =
            |row: &&Value| sort_key(row).starts_with(keys::BATCH) && row["run"] == *run && is_open(row);
        let mut open = rows.iter().filter(is_open_batch).peekable();
        open.peek().is_some() && open.all(is_flushed_later)
    };
    let runs = rows.iter().filter(|row| sort_key(row) == "RUN").map(|row| &row["id"]);
    runs.filter(|run| of_run(run)).collect()
}

fn is_of_notifications(row: &Value) -> bool {
    let sk = sort_key(row);
    sk == "N" || sk.starts_with(keys::DELIVERY)
}

fn is_schedule_due(row: &Value) -> bool {
    sort_key(row).starts_with("SCHEDULE#")
        && row["due"].as_i64().is_some_and(|due| due <= now().as_millisecond())
}
