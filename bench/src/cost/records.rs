//! Records of a file, pulled over SFTP, sent to a webservice, and reported line by line.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use shared::{
    aws::runs::Admission,
    keys,
    message::PullMessage,
    run::{Run, RunStatus, Trigger},
};
use tests::{
    claim_costs::{READ_UNITS_A_SCHEDULE, WRITE_UNITS_A_RUN},
    flow::{Flow, simple_mapping},
    receiver::Manner,
    rows::{future_ms, now},
    sftp_server::Entry,
};

use super::{
    bill::{Amounts, Line},
    queues::Queues,
    worker::{DELIVER, SFTP_PULL, Worker},
};

/// Records of the file.
pub(super) const RECORDS: u64 = 20_000;

/// The product's default.
pub(super) const BATCH_SIZE: u32 = 500;

/// Messages of an event of `deliver` at most, as in the template.
const MESSAGES: i32 = 10;

/// What a run came to.
pub(super) struct Measured {
    /// Amounts of one record.
    pub(super) amounts: Amounts,
    /// Invocations of `sftp-pull` and of `deliver`.
    pub(super) invocations: (u64, u64),
    /// The functions' calls, by name.
    pub(super) calls: [String; 2],
}

/// Takes one file through one run in which every record is new.
///
/// # Errors
/// When the run does not become COMPLETE with as many records.
pub(super) async fn measure() -> Result<Measured> {
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::Key).await?;
    flow.change_connection(|c| c["target"]["batch_size"] = BATCH_SIZE.into()).await?;
    flow.put("records.csv", file()?)?;
    let queues = Queues::make(&flow.stack).await?;
    let variables = queues.variables()?;
    let mut pull = Worker::start(SFTP_PULL, &flow.stack, &variables).await?;
    let mut deliver = Worker::start(DELIVER, &flow.stack, &variables).await?;
    let (table, rows) = (flow.stack.table().await?, flow.stack.rows().await?);
    let run = shared::id::derived("run", &[&flow.account, "cost"]);
    let queued = Run::queued(run.clone(), &flow.account, &flow.connection, Trigger::Manual, now());
    ensure!(table.admit(&queued, None).await? == Admission::Admitted, "the run was not admitted");
    // The stack's own functions are to leave it alone.
    let key = keys::run(&flow.account, &run);
    rows.set_due(&key, future_ms(3600)).await?;
    let mut amounts = Amounts::default();
    // What `dispatch` is billed for a due schedule, as its own bench has it; ten messages go in a call.
    amounts.add(Line::WriteUnits, WRITE_UNITS_A_RUN);
    amounts.add(Line::ReadUnits, READ_UNITS_A_SCHEDULE);
    amounts.add(Line::SqsRequests, 0.1);
    let (pulls, _) = flow.stack.queue("pulls").await?;
    let message = serde_json::to_string(&PullMessage::run(&flow.account, &run))?;
    pulls.send_message().queue_url(&queues.pulls).message_body(message).send().await?;
    let mut idle = 0;
    let ended = loop {
        let pulled = queues.hand_on(&queues.pulls, 1, &mut pull, &mut amounts).await?;
        let ended = table.run(&flow.account, &run).await?.context("the run is there")?;
        if !matches!(ended.status, RunStatus::Queued | RunStatus::Running | RunStatus::Delivering) {
            break ended;
        }
        if pulled > 0 {
            rows.set_due(&key, future_ms(3600)).await?;
        }
        let sent = queues.hand_on(&queues.deliveries, MESSAGES, &mut deliver, &mut amounts).await?;
        idle = if pulled + sent == 0 { idle + 1 } else { 0 };
        ensure!(idle < 100, "the run stands still: {ended:?}");
    };
    let is_whole = ended.status == RunStatus::Complete && ended.counts.written() == RECORDS;
    ensure!(is_whole && pull.invocations() >= 2, "the run ended otherwise: {ended:?}");
    pull.add_to(&mut amounts)?;
    deliver.add_to(&mut amounts)?;
    queues.remove().await?;
    Ok(Measured {
        amounts: amounts.each_of(RECORDS),
        invocations: (pull.invocations(), deliver.invocations()),
        calls: [pull.calls(), deliver.calls()],
    })
}

/// `id;value`, some 80 bytes a record.
fn file() -> Result<String> {
    let mut text = String::from("id;value\r\n");
    for record in 0..RECORDS {
        write!(
            text,
            "{record:08};Approved hours of week 14, cost centre 4711, project 0815, pay type 1000\r\n"
        )?;
    }
    Ok(text)
}
