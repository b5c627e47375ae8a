//! A million schedules that are due in one minute: **simulated**, in units, seconds and dollars.
//!
//! Nothing here calls AWS. Calls and capacity units of a claim are measured on the local cloud by
//! `tests/tests/dispatch_scale.rs`. The processor time of a claim is measured here, in this run, with a canned
//! DynamoDB, if it is a release build; otherwise it is assumed, and the output says so. Latencies, limits and prices are stated in `model.rs` with their sources. Sockets and TLS are in
//! the model as a stated allowance, not as a measurement.

mod canned;
mod model;
mod queue;

use anyhow::Result;

use model::{ASSUMED_CPU_US, Model, NEW_TABLE_WRITE_UNITS, WARM_TABLE_WRITE_UNITS};
use queue::{Cohort, Drained};

const MILLION: u64 = 1_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Prints the figures.
///
/// # Errors
/// When the canned tick does not go through.
pub(crate) async fn run() -> Result<()> {
    let measured = canned::cpu_us_a_claim().await?;
    let cpu_us = measured.unwrap_or(ASSUMED_CPU_US);
    match measured {
        Some(us) => println!("figure dispatch_claim_cpu_us {us:.0} us"),
        None => {
            println!("assumed, since a development build is no measure: {cpu_us:.0} us of processor a claim")
        }
    }
    let warm = Model { cpu_us, table_write_units: WARM_TABLE_WRITE_UNITS };
    let new = Model { cpu_us, table_write_units: NEW_TABLE_WRITE_UNITS };
    println!("simulated, not measured: {warm}");
    println!("figure dispatch_claims_per_s.simulated {:.0} 1/s", warm.claims_a_second());

    // As `make test` does for real.
    let thousand = queue::drain(&warm, vec![Cohort { due: 0, schedules: 1_000, every: DAY }], 0);
    println!("figure dispatch_1k_seconds.simulated {:.1} s", thousand.seconds);

    // All at once, each once a day; the same on a table that was made today.
    let daily = || vec![Cohort { due: 0, schedules: MILLION, every: DAY }];
    print("dispatch_1m", &warm, &queue::drain(&warm, daily(), 0));
    print("dispatch_1m_new_table", &new, &queue::drain(&new, daily(), 0));

    // Down for an hour: a tenth is due every quarter of an hour, the rest once an hour, spread over its minutes.
    let mixed = (0..60).flat_map(|minute| {
        let of = |share: u64, every: u64| Cohort { due: minute * 60, schedules: share / (every / 60), every };
        let quarter = (minute < 15).then(|| of(MILLION / 10, HOUR / 4));
        quarter.into_iter().chain([of(MILLION * 9 / 10, HOUR)])
    });
    print("dispatch_1m_down_1h", &warm, &queue::drain(&warm, mixed.collect(), HOUR));
    Ok(())
}

fn print(name: &str, model: &Model, drained: &Drained) {
    let cost = model.cost(drained);
    println!("{name}, simulated: {drained}; {cost}");
    println!("figure {name}_seconds.simulated {:.0} s", drained.seconds);
    println!("figure {name}_latest_seconds.simulated {:.0} s", drained.latest);
    println!("figure {name}_missed_rows.simulated {} rows", drained.missed_rows);
    println!("figure {name}_write_units.simulated {:.0} units", cost.write_units);
    println!("figure {name}_usd.simulated {:.2} usd", cost.usd());
}
