//! The done-file: an empty file beside a file that has its name.
//!
//! It is never there before its file: one of an earlier file of the name goes before the rename, and the new one is written
//! after it, beside a file that is there. Writing it again makes the same empty file. That it was written is noted before
//! the batch's rows are, so that it comes a second time only where the holder died between the two calls, and the
//! partner has taken the done-file meanwhile but not yet the file.

use shared::{
    aws::gates::Of,
    export::{Export, Push},
    run::Run,
};

use crate::{Context, error::Stop, remote::Remote};

/// Writes the done-file of a file that has this name. Doing it again changes nothing.
pub(crate) async fn write(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
    name: &str,
) -> Result<(), Stop> {
    let Some(suffix) = &export.done_file else { return Ok(()) };
    let Some(mut batch) = push.open_batch.clone().filter(|batch| !batch.has_done_file) else { return Ok(()) };
    let done = format!("{}{suffix}", remote.path(name));
    if remote.exists(name).await? {
        remote.call(move |client| client.write(&done, || None)).await?;
    } else {
        // Whoever waits for done-files takes the file only once it has one: it had, or nobody waits.
        run.warn(format!("{done} was not written: its file is not there any more"));
    }
    batch.has_done_file = true;
    Ok(context.table.note_batch(of, push, batch, false).await?)
}

/// Removes the done-file of an earlier file of this name, which the next rename would make one of the new file.
pub(crate) async fn remove_earlier(export: &Export, remote: &Remote, name: &str) -> Result<(), Stop> {
    let Some(suffix) = &export.done_file else { return Ok(()) };
    let done = format!("{name}{suffix}");
    if remote.exists(&done).await? {
        let path = remote.path(&done);
        remote.call(move |client| client.unlink(&path)).await?;
    }
    Ok(())
}
