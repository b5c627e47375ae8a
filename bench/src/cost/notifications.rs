//! Notifications of 1 KiB, from the client's request to the target's 2xx at the first try.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{rows::now, webhooks::Webhooks};

use super::{
    bill::{Amounts, Line},
    queues::Queues,
    worker::{DELIVER, INTAKE, Worker},
};
use crate::webhooks::fixture;

/// How many are sent on each path.
pub(super) const NOTIFICATIONS: u64 = 1000;

/// How many go before them on the same path, so that both functions know their source and target.
const WARM_UP: u64 = 10;

/// A path that they take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Most messages of one event of `deliver`.
    pub(super) batch: i32,
    /// Requests a second that the target takes at most.
    pub(super) per_second: Option<u32>,
}

/// What a path came to.
pub(super) struct Measured {
    /// Amounts of one notification.
    pub(super) amounts: Amounts,
    /// Messages of an event of `deliver`, on average.
    pub(super) batch: f64,
    /// Milliseconds of an invocation of `intake` and of `deliver`, on average.
    pub(super) mean_ms: (f64, f64),
    /// The functions' calls, by name.
    pub(super) calls: [String; 2],
}

/// Sends them, in → out, through an account of its own.
///
/// # Errors
/// When one is not accepted, or not delivered once and at the first try.
pub(super) async fn measure(way: Way) -> Result<Measured> {
    let flow = Webhooks::new().await?;
    if let Some(per_second) = way.per_second {
        flow.change_target(|t| t["limits"] = json!({ "per_second": per_second })).await?;
    }
    let queues = Queues::make(&flow.stack).await?;
    let variables = queues.variables()?;
    let mut intake = Worker::start(INTAKE, &flow.stack, &variables).await?;
    let mut deliver = Worker::start(DELIVER, &flow.stack, &variables).await?;
    let mut amounts = Amounts::default();
    for i in 0..WARM_UP + NOTIFICATIONS {
        if i == WARM_UP {
            deliver_all(&queues, way, WARM_UP, &mut deliver, &mut amounts).await?;
            // Only now does the bill begin.
            intake.forget()?;
            deliver.forget()?;
            amounts = Amounts::default();
        }
        let answer = intake.invoke(fixture::request(&flow.path(), &format!("evt-{i}"), now())?).await?;
        ensure!(answer["statusCode"] == 202, "intake answered {answer}");
        amounts.add(Line::ApiRequests, 1.0);
    }
    deliver_all(&queues, way, NOTIFICATIONS, &mut deliver, &mut amounts).await?;
    let (sent, taken) = (flow.endpoint.hooks().len() as u64, flow.endpoint.taken().len() as u64);
    let all = WARM_UP + NOTIFICATIONS;
    ensure!(sent == all && taken == all, "{sent} were sent and {taken} taken");
    intake.add_to(&mut amounts)?;
    deliver.add_to(&mut amounts)?;
    queues.remove().await?;
    Ok(Measured {
        amounts: amounts.each_of(NOTIFICATIONS),
        batch: NOTIFICATIONS as f64 / deliver.invocations() as f64,
        mean_ms: (intake.mean_ms(), deliver.mean_ms()),
        calls: [intake.calls(), deliver.calls()],
    })
}

async fn deliver_all(
    queues: &Queues,
    way: Way,
    mut left: u64,
    deliver: &mut Worker,
    amounts: &mut Amounts,
) -> Result<()> {
    while left > 0 {
        left -= queues.hand_on(&queues.deliveries, way.batch, deliver, amounts).await?;
    }
    Ok(())
}
