//! Trying a server out for a person who waits: from here, since a partner lets in the address that files come from.

use std::time::{Duration, Instant};

use shared::{
    aws::{AwsError, connections::Wanted, gates::Of},
    diagnosis::{Diagnosis, Step, StepName},
    sftp::{Patience, Trial, diagnose},
    target_server::TargetServer,
};

use crate::{Context, error::Stop, remote::server};

/// How long a try may take, and one answer in it: whoever asked waits for 25 s.
const TIME: Duration = Duration::from_secs(22);
const CALL: Duration = Duration::from_secs(10);

/// Tries a target server, and writes down what was found. Doing it twice is harmless.
pub(crate) async fn try_server(context: &Context, of: Of<'_>, id: &str) -> Result<(), AwsError> {
    let Some(asked) = context.table.server_try(of).await?.filter(|t| t.id == id && t.diagnosis.is_none())
    else {
        tracing::debug!("nobody waits for this try any more");
        return Ok(());
    };
    let found = context.table.find::<TargetServer>(of.account, of.target_server).await?;
    let Some(target) = found.map(|f| f.resource.settings) else { return Ok(()) };
    let wanted = Wanted { account: of.account, target: &target, holder: id };
    let now = (context.clock)();
    let until = now.saturating_add(jiff::SignedDuration::from_mins(1)).unwrap_or(now);
    let diagnosis = match context.table.take_connection(wanted, now, until).await? {
        None => {
            let why = format!(
                "all {} connections that the hub may have to {} are in use; try again when its runs have ended, or \
                 raise sftp.connections",
                target.sftp.connections(),
                target.address
            );
            cannot(StepName::Place, "no_connection_free", why)
        }
        Some(place) => {
            let diagnosis = try_it(context, of, &target, asked.write.then_some(id)).await;
            context.table.leave_connection(place).await;
            diagnosis?
        }
    };
    context.table.end_try(of, id, &diagnosis).await
}

async fn try_it(
    context: &Context,
    of: Of<'_>,
    target: &TargetServer,
    write_as: Option<&str>,
) -> Result<Diagnosis, AwsError> {
    let server = match server(context, of, target).await {
        Ok(server) => server,
        Err(Stop::Failed(failure)) => {
            return Ok(cannot(StepName::Settings, &failure.code, failure.message));
        }
        Err(Stop::Hub(error)) => return Err(error),
        Err(stop) => return Err(AwsError::damaged("a try", stop)),
    };
    let folder = target.path.clone().unwrap_or_default();
    let write_as = write_as.map(|id| format!(".crossdock-{id}"));
    let clock = context.clock;
    let tried = tokio::task::spawn_blocking(move || {
        let patience = Patience { call: CALL, until: Instant::now() + TIME };
        let now_secs = || clock().as_second();
        diagnose(&Trial {
            server: &server,
            folder: &folder,
            write_as: write_as.as_deref(),
            patience,
            now_secs: &now_secs,
        })
    });
    tried.await.map_err(|e| AwsError::damaged("a try", e))
}

fn cannot(step: StepName, code: &str, why: String) -> Diagnosis {
    let mut diagnosis = Diagnosis::begin();
    diagnosis.note(Step { step, ok: false, duration_ms: 0, detail: why, code: Some(code.into()) });
    diagnosis
}
