//! What happens to a remote file once the ledger has it: it stays, is moved, or is removed, and its done-file with it.
//!
//! The ledger's row says whether it is still to be done, and whoever sees the file there does it: doing it twice
//! changes nothing. A post-action that fails is a warning, since the file is safe. The done-file goes first: a file
//! that the ledger knows needs none to be looked at again, while a done-file without its file is no one's.

use shared::{
    aws::ledger::{LedgerEntry, PostActionState},
    connection::{FilesSide, PostAction},
    run::Run,
    sftp::RemoteFile,
};

use super::remote::Remote;
use crate::{Context, error::Stop};

/// Does what is still to be done to a file that the ledger has.
pub(super) async fn finish(
    context: &Context,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    file: &RemoteFile,
    entry: &LedgerEntry,
) -> Result<(), Stop> {
    if entry.post_action == PostActionState::Done {
        return Ok(());
    }
    match act(source, remote, file, entry).await {
        Ok(()) => {}
        // Gone already: an earlier attempt did it and died before it could say so.
        Err(Stop::Failed(_)) if matches!(remote.is_gone(file).await, Ok(true)) => {}
        Err(Stop::Failed(failure)) => {
            let what = match source.post_action {
                PostAction::Delete => "removed",
                PostAction::Move | PostAction::Keep => "moved",
            };
            run.warn(format!("{} was taken but not {what}: {}", file.path, failure.message));
            return Ok(());
        }
        Err(other) => return Err(other),
    }
    // A file that was written anew meanwhile stands there again; what was taken is out of the way all the same.
    Ok(context.table.post_action_done(&run.account, &run.connection, &entry.fingerprint).await?)
}

async fn act(
    source: &FilesSide,
    remote: &Remote,
    file: &RemoteFile,
    entry: &LedgerEntry,
) -> Result<(), Stop> {
    let target = match (source.post_action, &source.move_to) {
        (PostAction::Move, Some(folder)) => Some(remote.folder_for(folder)),
        (PostAction::Delete, _) => None,
        _ => return Ok(()),
    };
    let mark = entry.fingerprint[..entry.fingerprint.len().min(8)].to_string();
    let (file, suffix) = (file.clone(), source.done_suffix.clone());
    remote
        .call(move |client| {
            client.check(&file)?;
            let done = suffix.map(|s| client.beside(&file, &s)).transpose()?.flatten();
            for one in done.iter().chain([&file]) {
                match &target {
                    Some(folder) => client.move_into(one, folder, &format!("{mark}.{}", one.name))?,
                    None => client.remove(one)?,
                }
            }
            Ok(())
        })
        .await
}
