//! Which files of the folder a run takes.

use std::collections::HashMap;

use shared::{
    aws::ledger::LedgerEntry,
    connection::FilesSide,
    id::{hash128, hex},
    run::Run,
    sftp::RemoteFile,
};

use super::remote::Remote;
use crate::{Context, error::Stop};

/// What a look at the folder found.
pub(super) struct Selected {
    /// Never taken, in the order in which they are mapped: by time of change, then by name.
    pub(super) new: Vec<RemoteFile>,
    /// Taken before, by this run or an earlier one, and still there, with or without a done-file.
    pub(super) taken_before: Vec<(RemoteFile, LedgerEntry)>,
    /// The first that was never taken, and that this run does not take: it has no done-file, or no name in UTF-8.
    pub(super) not_ready: Option<String>,
}

/// Lists the folder and leaves out what does not match, has no done-file, or was taken before.
pub(super) async fn select(
    context: &Context,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
) -> Result<Selected, Stop> {
    let listed = remote.list().await?;
    if let Some(name) = listed.unreadable.first() {
        run.warn(format!(
            "{} names in {} are not UTF-8 and cannot be taken, for example {name}; rename the files at the source",
            listed.unreadable.len(),
            remote.folder
        ));
    }
    let candidates = candidates(listed.files, source)?;
    let fingerprints: Vec<_> = candidates.iter().map(|(file, _)| fingerprint(file)).collect();
    let mut taken = context.table.taken_files(&run.account, &run.connection, &fingerprints).await?;
    let not_ready = listed.unreadable.into_iter().next();
    let mut selected = Selected { new: Vec::new(), taken_before: Vec::new(), not_ready };
    // What a run that only validates has taken is in no ledger, and it is the only one to know.
    let is_own =
        |file: &RemoteFile| run.validate_only && run.inputs.iter().any(|input| super::is_of(input, file));
    for ((file, is_ready), fingerprint) in candidates.into_iter().zip(fingerprints) {
        match taken.remove(&fingerprint) {
            None if is_own(&file) => {}
            None if is_ready => selected.new.push(file),
            None => selected.not_ready = Some(file.path),
            Some(entry) => selected.taken_before.push((file, entry)),
        }
    }
    Ok(selected)
}

/// The files that the settings mean, and whether each is ready to be taken.
fn candidates(listed: Vec<RemoteFile>, source: &FilesSide) -> Result<Vec<(RemoteFile, bool)>, Stop> {
    let matches = source.matcher().map_err(|e| Stop::settings("bad_glob", &e.to_string()))?;
    // A done-file that is older than its file belongs to the file that stood here before.
    let times: HashMap<&str, i64> = listed.iter().map(|f| (f.name.as_str(), f.mtime)).collect();
    let has_done_file = |file: &RemoteFile| match &source.done_suffix {
        None => true,
        Some(suffix) => {
            times.get(format!("{}{suffix}", file.name).as_str()).is_some_and(|done| *done >= file.mtime)
        }
    };
    let is_done_file =
        |file: &RemoteFile| source.done_suffix.as_ref().is_some_and(|s| file.name.ends_with(s.as_str()));
    let meant = listed.iter().filter(|f| matches(&f.name) && !is_done_file(f));
    let mut chosen: Vec<_> = meant.map(|f| (f.clone(), has_done_file(f))).collect();
    chosen.sort_by(|(a, _), (b, _)| (a.mtime, &a.name).cmp(&(b.mtime, &b.name)));
    Ok(chosen)
}

/// What the ledger knows a file by: path, size and time of change. A name alone would miss a file that is
/// written anew; a time alone would miss one that arrives with an old time.
pub(super) fn fingerprint(file: &RemoteFile) -> String {
    hex(&hash128(&[&file.path, &file.size_bytes.to_string(), &file.mtime.to_string()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, mtime: i64) -> RemoteFile {
        RemoteFile { name: name.into(), path: format!("/out/{name}"), size_bytes: 1, mtime }
    }

    fn source(done_suffix: Option<&str>) -> FilesSide {
        let done = done_suffix.map_or(serde_json::Value::Null, Into::into);
        let source = serde_json::json!({"target_server": "s", "files": "*.csv*", "done_suffix": done});
        serde_json::from_value(source).unwrap()
    }

    fn names(files: Vec<RemoteFile>, source: &FilesSide) -> Vec<String> {
        let found = candidates(files, source).unwrap();
        found.into_iter().filter(|(_, is_ready)| *is_ready).map(|(f, _)| f.name).collect()
    }

    #[test]
    fn files_come_by_time_then_name() {
        let listed = vec![file("b.csv", 2), file("a.csv", 2), file("z.csv", 1), file("x.txt", 1)];
        assert_eq!(names(listed, &source(None)), ["z.csv", "a.csv", "b.csv"]);
    }

    #[test]
    fn with_a_done_suffix_only_files_that_have_theirs_are_taken() {
        let listed = vec![file("a.csv", 1), file("b.csv", 1), file("a.csv.done", 2)];
        assert_eq!(names(listed, &source(Some(".done"))), ["a.csv"]);
        let older = vec![file("a.csv", 3), file("a.csv.done", 2)];
        assert!(names(older, &source(Some(".done"))).is_empty(), "the done-file is of an earlier file");
    }

    #[test]
    fn a_file_is_known_by_path_size_and_time() {
        let base = file("a.csv", 1);
        for other in [file("b.csv", 1), file("a.csv", 2), RemoteFile { size_bytes: 2, ..base.clone() }] {
            assert_ne!(fingerprint(&base), fingerprint(&other));
        }
    }
}
