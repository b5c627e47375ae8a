//! The main job: files from SFTP, mapped, delivered and reported.

use anyhow::Result;
use serde_json::json;
use tests::flow::{Flow, count};

#[tokio::test]
async fn every_record_of_a_file_arrives_once_and_is_reported() -> Result<()> {
    let flow = Flow::new().await?;
    let lines: String = (1..=250).map(|n| format!("k{n};v{n}\r\n")).collect();
    flow.put("a.csv", format!("id;value\r\n{lines}"))?;
    let run = flow.run().await?;
    assert_eq!(run["status"], "COMPLETE", "{run}");
    assert_eq!((count(&run, "read"), count(&run, "created"), count(&run, "owed")), (250, 250, 0));
    let taken = flow.receiver.taken()?;
    assert_eq!(taken.len(), 250);
    assert_eq!(taken[0].data, json!({"id": "k1", "value": "v1"}));
    let records = flow.records(&run).await?;
    assert_eq!(records.len(), 250);
    Ok(())
}
