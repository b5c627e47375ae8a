//! Trying an SFTP server out: where it answers, who it is, whether it lets the hub in, and what may be done there.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::gates::Of,
    diagnosis::{Diagnosis, Try},
    message::PushMessage,
    problem::Problem,
    target_server::{TargetServer, TargetServerKind},
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// How long an answer is waited for, and how often it is looked for.
const WAITS: Duration = Duration::from_secs(24);
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// How a server is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryServer {
    /// Whether a small file is written into the folder, renamed and removed.
    #[serde(default)]
    write: bool,
}

/// What was found when a server was tried.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TryView {
    /// Id of the try.
    id: String,
    /// When it was asked for.
    asked_at: jiff::Timestamp,
    /// Whether writing was to be tried.
    write: bool,
    /// What was found; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<Diagnosis>,
}

impl From<Try> for TryView {
    fn from(tried: Try) -> Self {
        let asked_at = jiff::Timestamp::from_millisecond(tried.asked_at).unwrap_or_default();
        Self { id: tried.id, asked_at, write: tried.write, diagnosis: tried.diagnosis }
    }
}

/// The SFTP server that a request names, in the caller's account.
async fn find<'a>(context: &Context, caller: &'a Caller, request: &'a Request) -> Result<Of<'a>, Problem> {
    let of = Of { account: &caller.account, target_server: request.param("id") };
    let found =
        context.table.find::<TargetServer>(of.account, of.target_server).await.map_err(unavailable)?;
    match found.map(|f| f.resource.settings.kind) {
        None => Err(Problem::not_found("target server")),
        Some(TargetServerKind::SftpImport | TargetServerKind::SftpExport) => Ok(of),
        Some(_) => Err(Problem::new(
            409,
            "not_sftp",
            "this is for a target server of kind sftp_import or sftp_export; a webservice has …/test-event",
        )),
    }
}

/// Has a server tried, and waits for what is found: 202 where that takes longer.
pub(crate) async fn try_server(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let wanted: TryServer =
        if request.body.is_empty() { TryServer::default() } else { http::parse(&request.body)? };
    let now = (context.clock)();
    let id = context.new_id("try");
    let asked = Try { id: id.clone(), asked_at: now.as_millisecond(), write: wanted.write, diagnosis: None };
    context.table.ask_for_try(of, &asked, now).await.map_err(unavailable)?;
    let message = PushMessage::Try {
        v: 1,
        account: of.account.into(),
        target_server: of.target_server.into(),
        id: id.clone(),
    };
    context.pushes.send(of.account, &message, 0).await.map_err(unavailable)?;
    let until = tokio::time::Instant::now() + WAITS;
    loop {
        tokio::time::sleep(LOOKS_EVERY).await;
        let tried = context.table.server_try(of).await.map_err(unavailable)?.filter(|t| t.id == id);
        let Some(tried) = tried else {
            return Err(Problem::new(
                409,
                "tried_anew",
                "somebody else has the server tried at the same time",
            ));
        };
        if tried.diagnosis.is_some() {
            return Response::json(200, &TryView::from(tried));
        }
        if tokio::time::Instant::now() >= until {
            return Response::json(202, &TryView::from(tried));
        }
    }
}

/// Shows the latest try of a server, of the last day.
pub(crate) async fn last_try(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let tried = context.table.server_try(of).await.map_err(unavailable)?;
    let tried = tried.ok_or_else(|| Problem::not_found("try of the last day"))?;
    Response::json(200, &TryView::from(tried))
}
