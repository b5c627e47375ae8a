//! The clock on a row by which functions at once keep to one rate.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use jiff::SignedDuration;
use shared::{
    aws::clock::{Reservation, Slots, interval_us},
    keys,
};
use tests::{rows::now, stack::Stack};

#[tokio::test]
async fn those_who_ask_at_once_and_know_nothing_of_each_other_get_times_of_their_own() -> Result<()> {
    let table = Stack::from_env()?.table().await?;
    let mut random = [0; 6];
    getrandom::fill(&mut random)?;
    let key = keys::source_rate(&format!("t-{}", shared::id::hex(&random)), "src");
    let now = now();
    let wanted = Reservation {
        slots: 1,
        interval_us: interval_us(10),
        latest: now.saturating_add(SignedDuration::from_secs(1))?,
        seen: 0,
    };
    let answers = try_join_all((0..40).map(|_| table.reserve_slots(&key, wanted, now))).await?;
    let mut times = BTreeSet::new();
    for answer in &answers {
        match answer {
            Slots::From(at) => ensure!(times.insert(*at), "{at} was given twice"),
            Slots::TooLate(next) => {
                ensure!(*next > wanted.latest.as_microsecond(), "{next} was still to be had")
            }
        }
    }
    let first = now.as_microsecond();
    let all: BTreeSet<i64> = (0..=10).map(|n| first + n * 100_000).collect();
    ensure!(times == all, "one each tenth of a second, and none after a second: {times:?}");

    // What a caller believes changes nothing but which question it asks first.
    for seen in [0, i64::MAX / 2] {
        let full = table.reserve_slots(&key, Reservation { seen, ..wanted }, now).await?;
        ensure!(full == Slots::TooLate(first + 1_100_000), "{full:?}");
    }
    let later = now.saturating_add(SignedDuration::from_secs(60))?;
    for (seen, expected) in [(i64::MAX / 2, 0), (0, 5 * 100_000)] {
        let wanted = Reservation {
            slots: 5,
            latest: later.saturating_add(SignedDuration::from_secs(1))?,
            seen,
            ..wanted
        };
        let answer = table.reserve_slots(&key, wanted, later).await?;
        let at = later.as_microsecond() + expected;
        ensure!(
            answer == Slots::From(at),
            "a clock that was left behind begins anew: {answer:?} and not {at}"
        );
    }
    ensure!(interval_us(700) == 1429, "rounded so that no more come than were allowed");
    Ok(())
}
