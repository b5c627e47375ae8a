//! The Runtime API of our own tells an answer, an error and a death apart.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests::{
    runtime_api::{Function, Outcome, development_build},
    stack::Stack,
};

const TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_function_answers_fails_and_dies() -> Result<()> {
    let stack = Stack::from_env()?;
    let mut variables = stack.function_variables();
    variables.push(("CROSSDOCK_TABLE".into(), "none".into()));
    variables.push(("CROSSDOCK_BUCKET".into(), "none".into()));
    variables.push(("CROSSDOCK_DELIVERIES_QUEUE_URL".into(), "none".into()));
    let log = tempfile::tempfile()?;
    let mut function = Function::start(&development_build("sftp-pull")?, variables, log).await?;
    assert!(function.first_poll().await? < TIME);

    let answer = function.invoke(json!({ "Records": [] }).to_string(), TIME).await?.answer()?;
    assert_eq!(answer["batchItemFailures"], json!([]));
    let failed = function.invoke(r#"{"Records":"none"}"#, TIME).await?;
    assert!(matches!(&failed, Outcome::Failed(_)), "{failed:?}");
    assert!(function.is_alive());

    function.killer().kill().await?;
    let died = function.invoke(json!({ "Records": [] }).to_string(), TIME).await?;
    assert!(matches!(&died, Outcome::Died(_)), "{died:?}");
    Ok(())
}
