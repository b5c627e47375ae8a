//! The files that hold the failed records of a run, one for each of its inputs that has any: to be mended and sent
//! again. `sftp-pull` writes them with the report, `api` links to them.

use serde::{Deserialize, Serialize};

/// The failed records of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// Which of the run's inputs, from 1.
    pub input: u32,
    /// Its remote path.
    pub file: String,
    /// Failed records of it, as the report has them.
    pub records: u64,
    /// These records in the input's own format, where that can be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<FailedLinesFile>,
    /// Key of these records' results, NDJSON, where their lines do not have the reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<String>,
}

/// A file of failed records in the input's own format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedLinesFile {
    /// Key of the object.
    pub object: String,
    /// Content type, with the encoding.
    pub content_type: String,
    /// Records in it.
    pub records: u64,
    /// Failed records that are not in it: none begins on their line as the mapping reads the file now.
    pub missing: u64,
    /// Name of its column of reasons, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_column: Option<String>,
}

/// The name under which an input's failed records are saved: the input's, unpacked, with `.failed` before what it ends
/// in, so that a pattern such as `punches_*.csv` still matches.
pub fn file_name(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    let lower = base.to_ascii_lowercase();
    let packed = [".gz", ".zip"].iter().find(|end| lower.ends_with(*end) && lower.len() > end.len());
    let base = packed.map_or(base, |end| &base[..base.len() - end.len()]);
    let (stem, ending) = match base.rfind('.').filter(|at| *at > 0) {
        Some(at) => base.split_at(at),
        None => (base, ""),
    };
    let named = format!("{stem}.failed{ending}");
    named.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_beginning_and_its_end() {
        for (path, name) in [
            ("/out/punches_10.csv", "punches_10.failed.csv"),
            ("/out/punches.csv.gz", "punches.failed.csv"),
            ("/out/punches.zip", "punches.failed"),
            ("/out/a.b.TXT", "a.b.failed.TXT"),
            ("/out/punches", "punches.failed"),
            ("/out/.csv", ".csv.failed"),
            ("/out/.gz", ".gz.failed"),
            ("/out/lønn \"x\".csv", "l_nn__x_.failed.csv"),
        ] {
            assert_eq!(file_name(path), name, "{path}");
        }
    }
}
