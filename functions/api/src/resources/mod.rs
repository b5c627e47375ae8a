//! What administrators set up: the same five routes for every kind.

mod next;
mod rotate;
mod rules;
mod secrets;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    aws::resources::{Beside, Found, Removed},
    id,
    problem::Problem,
    resource::{Resource, Settings},
    schedule::Schedule,
};

pub(crate) use next::{NextTimes, next_times};
pub(crate) use rotate::{Rotate, Rotated, rotate};
pub(crate) use rules::Rules;

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// One page of settings.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// By id.
    items: Vec<T>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

/// Settings as they are shown: with what the hub itself keeps beside them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct View<T> {
    #[serde(flatten)]
    resource: Resource<T>,
    /// When a schedule is due next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<jiff::Timestamp>,
    /// The run that holds a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_run: Option<String>,
    /// Where clients post to a source, below the API's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_path: Option<String>,
}

fn view<T: Rules>(account: &str, found: Found<T>) -> View<T> {
    let mut resource = found.resource;
    let notifications_path = resource.settings.notifications_path(account, &resource.id);
    for (_, secret) in resource.settings.secrets() {
        secret.hide();
    }
    View {
        resource,
        next_at: found.beside.due.filter(|_| T::KIND == Schedule::KIND),
        active_run: found.beside.active_run,
        notifications_path,
    }
}

fn shown<T: Rules>(status: u16, caller: &Caller, found: Found<T>) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", found.resource.version);
    Ok(Response::json(status, &view(&caller.account, found))?.header("etag", etag))
}

async fn find<T: Rules>(context: &Context, caller: &Caller, id: &str) -> Result<Found<T>, Problem> {
    let found = context.table.find::<T>(&caller.account, id).await.map_err(unavailable)?;
    found.ok_or_else(|| Problem::not_found(T::WORD))
}

async fn check<T: Rules>(context: &Context, caller: &Caller, settings: &T) -> Result<(), Problem> {
    let mut errors = settings.validate((context.clock)());
    errors.extend(settings.check_others(context, &caller.account).await?);
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Hash of a request, to tell it from another under the same key. It says nothing about secrets.
fn hash<T: Rules>(settings: &T) -> Result<String, Problem> {
    let mut settings = settings.clone();
    for (_, secret) in settings.secrets() {
        secret.hide();
    }
    let text = serde_json::to_string(&settings)
        .map_err(|_| Problem::new(500, "internal", "the request cannot be kept"))?;
    Ok(id::hex(&id::hash128(&[&text])))
}

/// Makes one. The same request with the same `Idempotency-Key` finds the one that was made.
pub(crate) async fn create<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let mut settings: T = http::settings(&request)?;
    let (new_id, request_hash) = match request.header("idempotency-key") {
        Some(key) => (id::derived(T::PREFIX, &[&caller.account, "key", key]), Some(hash(&settings)?)),
        None => (context.new_id(T::PREFIX), None),
    };
    if request_hash.is_some()
        && context.table.was_removed::<T>(&caller.account, &new_id).await.map_err(unavailable)?
    {
        let detail = "what was made with this Idempotency-Key has been removed; use another key";
        return Err(Problem::new(409, "removed", detail));
    }
    check(&context, &caller, &settings).await?;
    secrets::seal(&context, &caller.account, &new_id, &mut settings, None).await?;
    let now = (context.clock)();
    let beside = Beside { due: settings.due(&new_id, now), request_hash, active_run: None };
    let resource = Resource { id: new_id, version: 1, created_at: now, updated_at: now, settings };
    if context.table.create(&caller.account, &resource, &beside).await.map_err(unavailable)? {
        return shown(201, &caller, Found { resource, beside });
    }
    let found = find::<T>(&context, &caller, &resource.id).await?;
    if found.beside.request_hash == beside.request_hash {
        return shown(201, &caller, found);
    }
    Err(Problem::new(409, "idempotency_conflict", "another request was made with this Idempotency-Key"))
}

/// Shows one.
pub(crate) async fn show<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    shown(200, &caller, find::<T>(&context, &caller, request.param("id")).await?)
}

/// Shows a version of one as it was saved and nothing else, so that it can be saved elsewhere.
pub(crate) async fn version<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let not_found = || Problem::not_found(T::WORD);
    let version = request.param("version").parse().map_err(|_| not_found())?;
    let found = context.table.find_version::<T>(&caller.account, request.param("id"), version).await;
    let resource = found.map_err(unavailable)?.ok_or_else(not_found)?;
    Ok(Response::json(200, &resource.settings)?.header("etag", format!("\"{version}\"")))
}

/// Replaces one, if it is still what the caller read.
pub(crate) async fn replace<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let wanted: T = http::settings(&request)?;
    check(&context, &caller, &wanted).await?;
    // A run or a tick may move what stands beside the settings at any moment; that is no conflict.
    for _ in 0..5 {
        let seen = find::<T>(&context, &caller, request.param("id")).await?;
        let etag = format!("\"{}\"", seen.resource.version);
        if request.header("if-match").is_some_and(|wanted| wanted != "*" && wanted != etag) {
            return Err(Problem::new(412, "changed", "it has been changed since; read it again"));
        }
        let (mut settings, mut old) = (wanted.clone(), seen.resource.settings.clone());
        secrets::seal(&context, &caller.account, &seen.resource.id, &mut settings, Some(&mut old)).await?;
        let now = (context.clock)();
        let same_times = settings.has_times_of(&seen.resource.settings);
        let due = if same_times { seen.beside.due } else { settings.due(&seen.resource.id, now) };
        let beside = Beside { due, ..seen.beside.clone() };
        let resource = Resource {
            id: seen.resource.id.clone(),
            version: seen.resource.version + 1,
            created_at: seen.resource.created_at,
            updated_at: now,
            settings,
        };
        if context.table.replace(&caller.account, &resource, &beside, &seen).await.map_err(unavailable)? {
            return shown(200, &caller, Found { resource, beside });
        }
    }
    Err(Problem::new(503, "unavailable", "it is being changed by others; try again"))
}

/// Lists a page.
pub(crate) async fn list<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let limit = http::limit(&request)?;
    let after: Option<String> = http::decode(T::KIND, &request)?.filter(|id: &String| id::is_id(id));
    let found = context
        .table
        .list::<T>(&caller.account, after.as_deref(), limit as i32)
        .await
        .map_err(unavailable)?;
    let last = found.last().filter(|_| found.len() == limit).map(|f| f.resource.id.clone());
    let next_cursor = last.map(|id| http::encode(T::KIND, &id));
    Response::json(
        200,
        &Page { items: found.into_iter().map(|f| view(&caller.account, f)).collect(), next_cursor },
    )
}

/// Removes one that nothing uses.
pub(crate) async fn delete<T: Rules>(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let id = request.param("id");
    if let Some(user) = rules::user_of(&context, &caller.account, T::KIND, id).await? {
        return Err(Problem::new(
            409,
            "in_use",
            format!("this {} is used by {user}; change or remove that first", T::WORD),
        ));
    }
    match context.table.remove::<T>(&caller.account, id).await.map_err(unavailable)? {
        Removed::Yes => Ok(Response::no_content()),
        Removed::NotFound => Err(Problem::not_found(T::WORD)),
        Removed::Held => Err(Problem::new(409, "run_active", "a run holds it; wait until the run has ended")),
    }
}
