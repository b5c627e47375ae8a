//! Giving a file that is whole on the server its name, under the target's policy.
//!
//! The phase RENAMING is written before: where the temporary name is gone then, the rename was done, whatever became
//! of its answer, and even if the partner has taken the file already.

use shared::{
    aws::gates::Of,
    export::{Export, OpenBatch, Overwrite, Push},
    run::Run,
};

use crate::{Context, done_file, error::Stop, remote::Remote};

/// What giving a file its name came to.
pub(crate) enum Placed {
    /// It is there under this name.
    Under(String),
    /// The name is taken, and the file is not needed.
    NotNeeded,
    /// The name is taken, and the file waits under its temporary name.
    Taken,
}

/// Names that are tried under the policy `rename`.
const MOST_NAMES: u32 = 1000;

pub(crate) async fn place(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
) -> Result<Placed, Stop> {
    let Some(mut batch) = push.open_batch.clone() else { return Ok(Placed::NotNeeded) };
    let temporary = batch.temporary_name();
    if !remote.exists(&temporary).await? {
        remote.remove_quietly(&batch.aside_name()).await;
        return Ok(Placed::Under(batch.renames_to.unwrap_or(batch.name)));
    }
    // Before it has its name: who takes it then finds it with its mode.
    if let Some(mode) = export.mode() {
        set_mode(remote, run, &batch, mode).await?;
    }
    if export.overwrite != Overwrite::Rename {
        return under_its_own(export, remote, &batch).await;
    }
    for taken in 0..MOST_NAMES {
        let name = batch.name_after(taken);
        if remote.exists(&name).await? {
            continue;
        }
        // Which of the names it is must be known before the rename.
        if batch.renames_to.as_ref() != Some(&name) {
            batch.renames_to = Some(name.clone());
            context.table.note_batch(of, push, batch.clone(), false).await?;
        }
        done_file::remove_earlier(export, remote, &name).await?;
        match rename(remote, &temporary, &name).await {
            Ok(()) => return Ok(Placed::Under(name)),
            // Taken in this very moment. Where that cannot be told, what came first says why.
            Err(stop) if remote.exists(&name).await.unwrap_or_default() => drop(stop),
            Err(stop) => return Err(stop),
        }
    }
    Ok(Placed::Taken)
}

async fn under_its_own(export: &Export, remote: &Remote, batch: &OpenBatch) -> Result<Placed, Stop> {
    let (temporary, name) = (batch.temporary_name(), &batch.name);
    if export.overwrite == Overwrite::Replace {
        done_file::remove_earlier(export, remote, name).await?;
        let (from, to) = (remote.path(&temporary), remote.path(name));
        let aside = remote.path(&batch.aside_name());
        remote.call(move |client| client.replace(&from, &to, &aside)).await?;
        return Ok(Placed::Under(name.clone()));
    }
    let is_taken = match remote.exists(name).await? {
        true => true,
        // On most servers a rename does not replace what came meanwhile.
        false => {
            done_file::remove_earlier(export, remote, name).await?;
            match rename(remote, &temporary, name).await {
                Ok(()) => return Ok(Placed::Under(name.clone())),
                // Where it cannot be told whether it is taken, what came first says why.
                Err(stop) if !remote.exists(name).await.unwrap_or_default() => return Err(stop),
                Err(_) => true,
            }
        }
    };
    debug_assert!(is_taken);
    Ok(if export.overwrite == Overwrite::Ignore { Placed::NotNeeded } else { Placed::Taken })
}

/// Sets a file's mode. A server may have none, or allow it to nobody: that is a warning.
async fn set_mode(remote: &Remote, run: &mut Run, batch: &OpenBatch, mode: u32) -> Result<(), Stop> {
    let path = remote.path(&batch.temporary_name());
    match remote.call(move |client| client.set_mode(&path, mode)).await {
        Err(Stop::Failed(failure)) => {
            run.warn(format!("{} did not get the mode {mode:04o}: {}", batch.name, failure.message));
            Ok(())
        }
        set => set,
    }
}

async fn rename(remote: &Remote, from: &str, to: &str) -> Result<(), Stop> {
    let (from, to) = (remote.path(from), remote.path(to));
    remote.call(move |client| client.rename(&from, &to)).await
}
