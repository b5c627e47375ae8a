//! Post-actions that an earlier holder of the run did and could not note: the file is gone from the folder, so no
//! later look at the folder would find it.

use shared::{
    aws::ledger::PostActionState,
    connection::{FilesSide, PostAction},
    run::Run,
    sftp::RemoteFile,
};

use super::{remote::Remote, select::fingerprint};
use crate::{Context, error::Stop};

/// Notes the post-actions of this run's own files that are done. Doing so twice changes nothing.
pub(super) async fn note(
    context: &Context,
    run: &Run,
    source: &FilesSide,
    remote: &Remote,
) -> Result<(), Stop> {
    if source.post_action == PostAction::Keep || run.inputs.is_empty() {
        return Ok(());
    }
    let files = run.inputs.iter().map(|input| RemoteFile {
        name: input.path.rsplit('/').next().unwrap_or_default().into(),
        path: input.path.clone(),
        size_bytes: input.size_bytes,
        mtime: input.mtime,
    });
    let files: Vec<_> = files.map(|file| (fingerprint(&file), file)).collect();
    let fingerprints: Vec<_> = files.iter().map(|(fingerprint, _)| fingerprint.clone()).collect();
    let taken = context.table.taken_files(&run.account, &run.connection, &fingerprints).await?;
    for (fingerprint, file) in &files {
        let is_pending = taken.get(fingerprint).is_some_and(|e| e.post_action == PostActionState::Pending);
        if is_pending && remote.is_gone(file).await? {
            context.table.post_action_done(&run.account, &run.connection, fingerprint).await?;
        }
    }
    Ok(())
}
