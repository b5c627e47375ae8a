//! The demo's third part: notifications wait in a buffer while the server is down, and become one file.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    exports::{Exports, ndjson},
    flow::count,
};

/// Notifications that are posted while the server is down.
const WHILE_IT_IS_DOWN: usize = 3;

/// Shows it, and compares what was posted with the file that arrived.
pub(crate) async fn show() -> Result<()> {
    super::step("notifications wait in a buffer; a flush pushes them as one file over SFTP");
    let mut flow = Exports::new(ndjson(), "in").await?;
    println!("  SFTP server: {} at {}", flow.server.software(), flow.server.address());
    let event = |n: usize| json!({ "type": "employee.hours", "employee": n, "hours": "7.50" });
    let line = |n: usize| format!("{}\n", event(n));
    flow.buffered(&[("evt-1", event(1))]).await?;
    let first = flow.flush().await?;
    say(&first);
    ensure!(flow.arrived()?["events.ndjson"] == line(1), "{:?}", flow.arrived()?);
    std::fs::remove_file(flow.folder.join("events.ndjson"))?;
    println!("  the partner takes the file");

    super::step("the server stops; what comes meanwhile waits");
    flow.server.stop();
    let ids: Vec<String> = (2..2 + WHILE_IT_IS_DOWN).map(|n| format!("evt-{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        flow.buffered(&[(id, event(n + 2))]).await?;
    }
    let failed = flow.flush().await?;
    say(&failed);
    let buffer = flow.buffer().await?;
    println!("  in the buffer: {}, since {}", buffer["waiting"], buffer["oldest_waiting"]);
    ensure!(failed["status"] == "ERROR" && buffer["waiting"] == WHILE_IT_IS_DOWN, "{failed} {buffer}");

    super::step("the server is back; one file has all of it, in order");
    flow.server_is_back().await?;
    let run = flow.flush().await?;
    say(&run);
    let wanted: String = (2..2 + WHILE_IT_IS_DOWN).map(line).collect();
    let arrived = flow.arrived()?;
    ensure!(arrived.len() == 1 && arrived["events.ndjson"] == wanted, "{arrived:?}");
    ensure!(count(&run, "written") == WHILE_IT_IS_DOWN as u64, "{}", run["counts"]);
    println!("  posted {WHILE_IT_IS_DOWN} notifications, {WHILE_IT_IS_DOWN} lines arrived, byte for byte");
    Ok(())
}

fn say(run: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    match run["outputs"].as_array().and_then(|outputs| outputs.first()) {
        Some(output) => println!(
            "  {}: {} with {} records, {} bytes, SHA-256 {}…",
            text(&run["status"]),
            text(&output["path"]).rsplit('/').next().unwrap_or_default(),
            output["records"],
            output["size_bytes"],
            text(&output["sha256"]).chars().take(12).collect::<String>()
        ),
        None => println!("  {}: {}", text(&run["status"]), text(&run["failure"]["message"])),
    }
}
