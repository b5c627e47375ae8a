//! Carrying a frozen batch to its server: temporary name, size check, rename.

use crate::{
    Context, done_file,
    error::Stop,
    place::{self, Placed},
    remote::Remote,
    settle::{self, Through},
    upload::upload,
};
use shared::{
    aws::{AwsError, gates::Of},
    export::{Decision, Export, Overwrite, Phase, Push},
    run::{Failure, Origin, OutputResult, Run},
};

/// Carries the open batch through to its end, from wherever it stands.
pub(crate) async fn carry(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
) -> Result<(), Stop> {
    let Some(mut batch) = push.open_batch.clone() else { return Ok(()) };
    let decided = push.decision.clone();
    match &decided {
        Some(Decision::Discard) => {
            no_longer_renaming(context, of, push).await?;
            remote.remove_quietly(&batch.temporary_name()).await;
            return settle::settle(context, of, push, run, Through::of(OutputResult::Discarded, remote))
                .await;
        }
        Some(Decision::Rename(name)) => {
            batch.name = name.clone();
            (batch.is_blocked, batch.renames_to) = (false, None);
            context.table.note_batch(of, push, batch.clone(), true).await?;
        }
        None => {}
    }
    if batch.records == 0 {
        return settle::settle(context, of, push, run, Through::of(OutputResult::Nothing, remote)).await;
    }
    // What was whole in another place is not whole in this one.
    if batch.phase == Phase::Renaming && batch.uploaded_to.as_deref() != Some(&remote.place()) {
        (batch.phase, batch.uploaded_to, batch.renames_to) = (Phase::Frozen, None, None);
        batch.has_done_file = false;
        context.table.note_batch(of, push, batch.clone(), false).await?;
    }
    if batch.phase == Phase::Frozen {
        // A name that is taken is found before the bytes go over, not after.
        match export.overwrite {
            Overwrite::Fail if remote.exists(&batch.name).await? => {
                return Err(blocked(context, of, push, remote).await?);
            }
            Overwrite::Ignore if remote.exists(&batch.name).await? => {
                remote.remove_quietly(&batch.temporary_name()).await; // of an earlier attempt
                return settle::settle(context, of, push, run, Through::of(OutputResult::Exists, remote))
                    .await;
            }
            _ => {}
        }
        batch.attempts += 1;
        batch.is_blocked = false;
        context.table.note_batch(of, push, batch.clone(), false).await?;
        upload(context, of, remote, push, run).await?;
        batch = push.open_batch.clone().unwrap_or(batch);
        batch.phase = Phase::Renaming;
        batch.uploaded_to = Some(remote.place());
        batch.sent = None;
        batch.renames_to = None;
        context.table.note_batch(of, push, batch.clone(), false).await?;
    }
    let (result, name) = match place::place(context, of, export, remote, push, run).await? {
        Placed::Under(name) => {
            done_file::write(context, of, export, remote, push, run, &name).await?;
            (OutputResult::Written, name)
        }
        Placed::NotNeeded => {
            no_longer_renaming(context, of, push).await?;
            remote.remove_quietly(&batch.temporary_name()).await;
            (OutputResult::Exists, batch.name)
        }
        Placed::Taken => return Err(blocked(context, of, push, remote).await?),
    };
    let through = Through { name: Some(name), ..Through::of(result, remote) };
    settle::settle(context, of, push, run, through).await
}

/// Writes down that the batch's name keeps it, and says so.
async fn blocked(context: &Context, of: Of<'_>, push: &mut Push, remote: &Remote) -> Result<Stop, AwsError> {
    let Some(mut batch) = push.open_batch.clone() else {
        return Ok(Stop::Hub(AwsError::LostLease("the open batch".into())));
    };
    let path = remote.path(&batch.name);
    let message = format!(
        "{path} is on the server already, and the target's policy leaves it there: file {} waits, and what comes after \
         it; move that file away, or decide about batch {} (rename or discard)",
        batch.number, batch.id
    );
    batch.is_blocked = true;
    (batch.phase, batch.uploaded_to, batch.renames_to) = (Phase::Frozen, None, None);
    context.table.note_batch(of, push, batch, false).await?;
    Ok(Stop::Failed(Failure::new(Origin::Target, "name_exists", message, false)))
}

/// Takes RENAMING back, since it is certain that nothing was renamed: a temporary name that is gone later means nothing
/// any more.
async fn no_longer_renaming(context: &Context, of: Of<'_>, push: &mut Push) -> Result<(), AwsError> {
    let Some(mut batch) = push.open_batch.clone().filter(|b| b.phase == Phase::Renaming) else {
        return Ok(());
    };
    (batch.phase, batch.uploaded_to, batch.renames_to) = (Phase::Frozen, None, None);
    context.table.note_batch(of, push, batch, false).await
}
