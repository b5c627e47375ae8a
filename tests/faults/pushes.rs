//! The paths of pushes: what waits in a buffer becomes one file, whatever call is interrupted; and what must have come
//! of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    export::ManifestEntry,
    id::{derived, hex},
    keys,
    message::PushMessage,
    run::{OutputResult, Run, RunStatus, Trigger},
};

use super::{
    notifications::{Taker, events, events::Event},
    plan::Way,
    promises::{self, Left},
    sweep::Path,
    world::World,
};
use crate::{
    api::{Api, id},
    exports::sftp_export,
    rows::now,
    sftp_server::SftpServer,
};

/// What a file is called: without a counter, so that a second one would not go unseen.
pub(super) const FILE: &str = "events.ndjson";

/// What its done-file is called, where it has one.
const DONE_FILE: &str = "events.ndjson.done";

/// What it is called where its name is taken, under the policy `rename`.
const RENAMED: &str = "events-1.ndjson";

/// What a file holds that is replaced, and its done-file.
const OLD: &str = "old\n";

/// Makes a target of files and a connection that takes every type that begins with `file.`. Where its files go, each
/// world says itself.
///
/// # Errors
/// When the API refuses.
pub async fn make(api: &Api, server: &SftpServer, source: &str) -> Result<Taker> {
    let export = json!({ "file_name": FILE, "format": "ndjson" });
    let target = sftp_export(server, std::path::Path::new("/"), &export);
    let target = id(&api.post("/v1/target-servers", &target).await?);
    let connection = connect(api, source, "file.*", &target).await?;
    Ok(Taker { connection, target })
}

/// Makes one more connection to a target of files. Events name who takes them, so that its types do not matter.
///
/// # Errors
/// When the API refuses.
pub async fn beside(api: &Api, source: &str, files: &Taker) -> Result<Taker> {
    let connection = connect(api, source, "beside.*", &files.target).await?;
    Ok(Taker { connection, target: files.target.clone() })
}

async fn connect(api: &Api, source: &str, types: &str, target: &str) -> Result<String> {
    let connection = json!({
        "name": types, "source": { "source": source, "types": [types] }, "target": { "target_server": target },
    });
    Ok(id(&api.post("/v1/connections", &connection).await?))
}

/// Bytes that fill each of the three records of a file that goes on.
const LARGE_BYTES: usize = 3 * 1024 * 1024;

/// After how many bytes the session is broken off of a file that goes on: that is worth going on with.
const BROKEN_OFF_AFTER_BYTES: usize = 6 * 1024 * 1024;

fn buffered(world: &World, path: Path) -> Vec<Event> {
    let files = &world.setting.files;
    let [second, third] = &world.setting.beside;
    let takers = if path == Path::PushConnections { [files, second, third] } else { [files; 3] };
    let event = |(id, taker)| match path {
        Path::PushGoesOn => events::filed_by_bucket(id, LARGE_BYTES, taker),
        _ => events::filed(id, taker),
    };
    ["evt-1", "evt-2", "evt-3"].into_iter().zip(takers).map(event).collect()
}

/// Three notifications are in the buffer, and are flushed; or `deliver` puts them there, for a realtime target.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play(world: &mut World, path: Path) -> Result<()> {
    let files = world.setting.files.clone();
    let key = keys::resource(world.account(), "TARGET", &files.target);
    let mut export = world.rows.get(&key).await?["export"].clone();
    match path {
        Path::PushReplace => {
            export["overwrite"] = "replace".into();
            export["done_file"] = ".done".into();
            world.put(FILE, OLD)?;
            world.put(DONE_FILE, OLD)?;
        }
        Path::PushRename | Path::PushIgnore => {
            export["overwrite"] = if path == Path::PushRename { "rename" } else { "ignore" }.into();
            world.put(FILE, OLD)?;
        }
        Path::PushFiles => {
            export["file_name"] = "{counter}.ndjson".into();
            export["files_per"] = "record".into();
        }
        Path::PushConnections => {
            export["file_name"] = "{connection}.ndjson".into();
            export["files_per"] = "connection".into();
        }
        Path::Buffer => {
            export["realtime"] = true.into();
            export["file_name"] = "{counter:4}.ndjson".into();
        }
        Path::PushGoesOn => world.plan.breaks_off_after(Way::Up, BROKEN_OFF_AFTER_BYTES),
        _ => {}
    }
    world.rows.edit(&key, json!({ "export": export })).await?;
    let events = buffered(world, path);
    for event in &events {
        for message in event.messages(world).await? {
            world.deliver_later(&message).await?;
        }
        // One after another: the file has them in order of arrival.
        if path != Path::Buffer {
            while world.deliver_next(1).await? {}
        }
    }
    let is_whole = |left: &Left| match path {
        Path::PushIgnore => left.runs.iter().map(|run| run.counts.read()).sum::<u64>() == events.len() as u64,
        _ => left.pushed() == events.len() as u64,
    };
    if path != Path::Buffer {
        admit(world, &files, "first").await?;
    }
    world.run_out().await?;
    let mut left = Left::of(world).await?;
    // What fails over SFTP ends its run with a report; the next flush takes what is left. Where the session of that one
    // breaks off before it got much further than the first did, it ends too.
    let flushes: &[&str] = match path {
        Path::Buffer => &[],
        Path::PushGoesOn => &["second", "third"],
        _ => &["second"],
    };
    for flush in flushes {
        if is_whole(&left) {
            break;
        }
        let is_legitimate = world.plan.point().is_some_and(|point| point.fails_sftp());
        ensure!(is_legitimate, "the push did not go through: {:?}", left.runs.last().map(|run| &run.failure));
        admit(world, &files, flush).await?;
        world.run_out().await?;
        left = Left::of(world).await?;
    }
    if path == Path::PushGoesOn && world.setting.has_sftp() && world.plan.point().is_none() {
        let outputs: Vec<_> = left.runs.iter().flat_map(|run| &run.outputs).map(|o| o.attempts).collect();
        // What is there is compared with what was frozen before the file goes on behind it.
        let is_compared = world.plan.counts().contains_key("sftp:Read");
        ensure!(outputs == [2] && is_compared, "the file did not go on: {outputs:?}, {is_compared}");
    }
    hold(world, &left, path, &events).await
}

pub(super) async fn admit(world: &World, files: &Taker, which: &str) -> Result<()> {
    let run_id = derived("run", &[world.account(), "push", which]);
    let run = Run::push(run_id, world.account(), &files.target, Trigger::Manual, now());
    let admission = world.table.admit(&run, None).await?;
    ensure!(admission == shared::aws::runs::Admission::Admitted, "{admission:?}");
    let message = PushMessage::flush(world.account(), &files.target);
    world.send(&world.pushes, serde_json::to_string(&message)?).await
}

async fn hold(world: &World, left: &Left, path: Path, events: &[Event]) -> Result<()> {
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", arrived(world, path, events));
    hold("the runs", runs(left, path, events));
    hold("the rows", rows(world, path, events).await);
    hold("the frozen files", frozen(world, left).await);
    hold("the report", promises::report(world, left).await);
    hold("the queues", promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

/// Exactly one complete file under its name, and nothing but its done-file beside it; of a realtime target each record once.
fn arrived(world: &World, path: Path, events: &[Event]) -> Result<()> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&world.folder)? {
        let entry = entry?;
        files
            .insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path())?);
    }
    let wanted = events.iter().map(|event| Ok(format!("{}\n", std::str::from_utf8(&event.body)?)));
    let wanted: Vec<String> = wanted.collect::<Result<_>>()?;
    if path == Path::Buffer {
        let mut lines: Vec<_> = files.values().flat_map(|text| text.split_inclusive('\n')).collect();
        lines.sort_unstable();
        ensure!(lines == wanted, "{files:?}");
        ensure!(files.keys().all(|name| !name.starts_with('.')), "{files:?}");
        return Ok(());
    }
    if path == Path::PushReplace {
        let done_file = files.remove(DONE_FILE);
        ensure!(done_file.as_deref() == Some(""), "{done_file:?} beside {files:?}");
    }
    if matches!(path, Path::PushRename | Path::PushIgnore) {
        ensure!(files.remove(FILE).as_deref() == Some(OLD), "{files:?}");
    }
    let mut wanted: Vec<(String, String)> = match path {
        Path::PushIgnore => Vec::new(),
        Path::PushRename => vec![(RENAMED.into(), wanted.concat())],
        Path::PushFiles => (1..).map(|n| format!("{n}.ndjson")).zip(wanted).collect(),
        Path::PushConnections => {
            let takers = events.iter().flat_map(|event| &event.takers);
            takers.map(|taker| format!("{}.ndjson", taker.connection)).zip(wanted).collect()
        }
        _ => vec![(FILE.into(), wanted.concat())],
    };
    wanted.sort();
    let shown =
        |name: &String, text: &String| (name.clone(), text.len(), text.chars().take(100).collect::<String>());
    let are: Vec<_> = files.iter().map(|(name, text)| shown(name, text)).collect();
    let should_be: Vec<_> = wanted.iter().map(|(name, text)| shown(name, text)).collect();
    ensure!(files.into_iter().eq(wanted), "{are:?}, not {should_be:?}");
    Ok(())
}

/// All runs have ended, and together they have each record once.
fn runs(left: &Left, path: Path, events: &[Event]) -> Result<()> {
    let result = if path == Path::PushIgnore { OutputResult::Exists } else { OutputResult::Written };
    for run in &left.runs {
        ensure!(run.status.is_final(), "{} is {:?}", run.id, run.status);
        let is_said = matches!(run.status, RunStatus::Complete) == run.failure.is_none();
        ensure!(is_said, "{}: {:?} with {:?}", run.id, run.status, run.failure);
        let written: u64 = run.outputs.iter().map(|output| output.records).sum();
        let counted = if path == Path::PushIgnore { run.counts.filtered() } else { run.counts.created() };
        ensure!(written == counted && written == run.counts.read(), "{}: {:?}", run.id, run.counts);
        ensure!(run.outputs.iter().all(|output| output.result == result), "{:?}", run.outputs);
    }
    let pushed: u64 = left.runs.iter().map(|run| run.counts.read()).sum();
    ensure!(pushed == events.len() as u64, "{pushed} records are reported");
    Ok(())
}

/// Exactly these rows are DELIVERED, or filtered, nothing is open, held or due, and nothing is owed.
async fn rows(world: &World, path: Path, events: &[Event]) -> Result<()> {
    let (state, died_of) =
        if path == Path::PushIgnore { ("DEAD", json!("filtered")) } else { ("DELIVERED", json!(null)) };
    for event in events {
        for name in event.deliveries(world) {
            let row = world.rows.get(&name.key(world.account())).await?;
            ensure!(row["state"] == state && row["expires_at"].is_i64(), "{row}");
            ensure!(row["died_of"] == died_of, "{row}");
            for field in ["due", "due_shard", "owed_by", "lease_until", "waiting_for"] {
                ensure!(row[field].is_null(), "{field} is left: {row}");
            }
        }
    }
    nothing_is_open(world).await
}

/// Nothing is to be pushed any more.
pub(super) async fn nothing_is_open(world: &World) -> Result<()> {
    let push = world.rows.get(&keys::push(world.account(), &world.setting.files.target)).await?;
    for field in [
        "due",
        "due_shard",
        "lease_until",
        "open_batch",
        "open_behind",
        "active_run",
        "decision",
        "last_error",
    ] {
        ensure!(push[field].is_null(), "{field} is left: {push}");
    }
    Ok(())
}

/// What the bucket has of each file is what the report says of it.
pub(super) async fn frozen(world: &World, left: &Left) -> Result<()> {
    for output in left.runs.iter().flat_map(|run| &run.outputs) {
        let object = world.bucket.get(&output.object).await?.context("the object")?;
        ensure!(hex(&Sha256::digest(&object.bytes)) == output.sha256, "{output:?}");
        let manifest = world.bucket.get(&output.manifest).await?.context("the manifest")?;
        let entries = serde_json::Deserializer::from_slice(&manifest.bytes).into_iter::<ManifestEntry>();
        let records = entries.map(|entry| Ok(entry?.records())).sum::<Result<u64>>()?;
        ensure!(records == output.records, "{records} of {}", output.records);
    }
    Ok(())
}
