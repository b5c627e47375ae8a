//! From parts to one object, with memory for one part and for one piece of the upload.

use shared::{
    aws::{objects::Bucket, piecewise::PiecewiseObject},
    problem::Problem,
    record::{RecordsPart, Writer, results},
};

use super::{
    super::records::{damaged, expired},
    lines,
};
use crate::http::unavailable;

/// Records that are turned into lines at once.
const RECORDS_AT_ONCE: usize = 1_000;

/// Writes the file. Twice, or by two at once, gives the same bytes; of one that is cut off nothing is seen.
pub(super) async fn render(
    bucket: &Bucket,
    key: &str,
    parts: &[RecordsPart],
    errors_only: bool,
) -> Result<(), Problem> {
    let mut object = PiecewiseObject::begin(bucket, key);
    match fill(&mut object, bucket, parts, errors_only).await {
        Ok(()) => object.complete().await.map_err(unavailable),
        Err(problem) => {
            object.abort().await;
            Err(problem)
        }
    }
}

async fn fill(
    object: &mut PiecewiseObject,
    bucket: &Bucket,
    parts: &[RecordsPart],
    errors_only: bool,
) -> Result<(), Problem> {
    object.add(&lines::header()).await.map_err(unavailable)?;
    for part in parts {
        let packed = bucket.get(&part.object).await.map_err(unavailable)?.ok_or_else(expired)?;
        let mut results = results(&packed.bytes);
        loop {
            let some = results.by_ref().take(RECORDS_AT_ONCE).collect::<Result<Vec<_>, _>>();
            let some = some.map_err(|error| damaged(&part.object, &error))?;
            if some.is_empty() {
                break;
            }
            let wanted = some.iter().filter(|r| !errors_only || r.writer == Writer::Error);
            let text = lines::lines(wanted).map_err(|error| damaged(&part.object, &error))?;
            object.add(&text).await.map_err(unavailable)?;
        }
    }
    Ok(())
}
