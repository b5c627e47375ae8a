//! Targets that answer as no HTTP server should: the attempt fails in time, says how, and nothing is lost.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tests::{
    flow::Flow,
    report::expect,
    rude::{Rude, Rudeness},
};

/// Sends a batch to such a target, holds how the attempt failed, and delivers it to a proper one.
async fn fails_and_goes_again(rudeness: Rudeness, words: &[&str]) -> Result<()> {
    let rude = Rude::start(rudeness).await?;
    fails_at(format!("http://{}/records", rude.address()), words).await
}

async fn fails_at(url: String, words: &[&str]) -> Result<()> {
    let flow = Flow::new().await?;
    let proper = flow.receiver.url();
    flow.change_target(|t| {
        t["address"] = url.into();
        t["timeout_secs"] = 2.into();
        t["retry_secs"] = json!([600, 600]);
    })
    .await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    let started = Instant::now();
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let error = batch.last_error.clone().unwrap_or_default();
    println!("{error}");
    for word in words {
        assert!(error.contains(word), "no '{word}' in: {error}");
    }
    assert!(error.len() < 1000, "an error is short: {} bytes", error.len());
    assert_eq!(batch.attempts, 1);
    flow.change_target(|t| t["address"] = proper.into()).await?;
    flow.let_time_pass(&run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 2), ("created", 2)]);
    assert_eq!(flow.receiver.requests()[0]["headers"]["idempotency-key"], json!(batch.id));
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn an_answer_that_is_no_http() -> Result<()> {
    fails_and_goes_again(Rudeness::Garbage, &["the connection broke", "invalid HTTP version"]).await
}

#[tokio::test]
async fn a_body_of_a_byte_a_second_is_cut_off_by_the_timeout_for_all_of_it() -> Result<()> {
    fails_and_goes_again(Rudeness::SlowBody, &["did not answer in 2 s"]).await
}

#[tokio::test]
async fn a_head_of_a_byte_a_second_is_cut_off_by_the_timeout_for_all_of_it() -> Result<()> {
    fails_and_goes_again(Rudeness::SlowHead, &["did not answer in 2 s"]).await
}

#[tokio::test]
async fn a_body_without_an_end_is_read_to_its_bound() -> Result<()> {
    fails_and_goes_again(Rudeness::EndlessBody, &["over 1 MiB"]).await
}

#[tokio::test]
async fn headers_without_an_end_are_read_to_their_bound() -> Result<()> {
    fails_and_goes_again(Rudeness::EndlessHeaders, &["the connection broke", "too large"]).await
}

#[tokio::test]
async fn a_connection_that_is_reset_within_the_head() -> Result<()> {
    fails_and_goes_again(Rudeness::ResetInHead, &["the connection broke", "closed before message completed"])
        .await
}

#[tokio::test]
async fn a_connection_that_is_reset_within_the_body_is_no_success() -> Result<()> {
    fails_and_goes_again(Rudeness::ResetInBody, &["the connection broke", "reading a body"]).await
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_is_no_success() -> Result<()> {
    fails_and_goes_again(Rudeness::ShortBody, &["the connection broke", "end of file before message length"])
        .await
}

#[tokio::test]
async fn a_length_that_is_no_number() -> Result<()> {
    fails_and_goes_again(Rudeness::BadLength, &["the connection broke", "invalid content-length"]).await
}

#[tokio::test]
async fn a_429_whose_retry_after_means_nothing_follows_the_schedule() -> Result<()> {
    fails_and_goes_again(Rudeness::BadRetryAfter, &["429"]).await
}

#[tokio::test]
async fn a_target_that_does_not_speak_tls_at_an_https_address() -> Result<()> {
    let rude = Rude::start(Rudeness::Garbage).await?;
    fails_at(format!("https://{}/records", rude.address()), &["cannot be reached"]).await
}
