//! The table of routes: what the API is.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use shared::{
    connection::Connection, mapping::Mapping, problem::Problem, schedule::Schedule, source::Source,
    target_server::TargetServer,
};

use crate::{
    Context, accounts,
    caller::Caller,
    deliveries,
    http::{Request, Response},
    notifications, openapi, previews,
    resources::{self, Rules},
    runs, targets, uploads,
};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// The deployment's owner.
    Operator,
    /// An account's administrators.
    Admin,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;
type Handler = fn(Arc<Context>, Caller, Request) -> Answer;
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One thing the API does.
pub struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Whether an `Idempotency-Key` is honoured.
    pub(crate) idempotent: bool,
    pub(crate) body: Option<SchemaOf>,
    pub(crate) status: u16,
    pub(crate) answer: Option<SchemaOf>,
    pub(crate) handle: Handler,
}

impl Route {
    /// Matches a path, and says what its variable parts are.
    pub(crate) fn matches(&self, path: &str) -> Option<HashMap<&'static str, String>> {
        let (mut pattern, mut parts) = (self.path.split('/'), path.split('/'));
        let mut params = HashMap::new();
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return Some(params),
                (Some(p), Some(part)) => match p.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                    // What cannot be an id is no one's: it never reaches a key.
                    Some(name) if shared::id::is_id(part) => {
                        params.insert(name, part.to_string());
                    }
                    None if p == part => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|g| g.subschema_for::<T>());
        self
    }

    fn answer<T: JsonSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.answer = Some(|g| g.subschema_for::<T>());
        self
    }

    fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }
}

fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    summary: &'static str,
    handle: Handler,
) -> Route {
    Route {
        method,
        path,
        access,
        summary,
        query: &[],
        idempotent: false,
        body: None,
        status: 204,
        answer: None,
        handle,
    }
}

const PAGE: &[(&str, &str)] =
    &[("limit", "1 to 100, 50 without it"), ("cursor", "`next_cursor` of the page before")];

const RUNS: &[(&str, &str)] = &[
    ("connection", "of this connection only"),
    ("target", "pushes to this target server only"),
    ("status", "in this status only, for example PARTIAL"),
    ("from", "requested at or after, RFC 3339"),
    ("to", "requested at or before, RFC 3339"),
    PAGE[0],
    PAGE[1],
];

const DELIVERIES: &[(&str, &str)] = &[
    ("target", "id of the target server; required"),
    ("state", "WAITING, SENDING, UNKNOWN or DEAD; all of them without it"),
    ("connection", "of this connection only"),
    ("from", "accepted at or after, RFC 3339"),
    ("to", "accepted at or before, RFC 3339"),
    PAGE[0],
    PAGE[1],
];

const UNROUTED: &[(&str, &str)] = &[("routed", "`no`; required"), PAGE[0], PAGE[1]];

const ERRORS_ONLY: &[(&str, &str)] = &[("result", "`error` for the errors only")];

const RECORDS: &[(&str, &str)] = &[ERRORS_ONLY[0], PAGE[0], PAGE[1]];

/// Every route, in the order in which they are documented.
pub fn routes() -> Vec<Route> {
    use Access::{Admin, Operator, Public};
    let mut routes = vec![
        route("GET", "/v1/health", Public, "Says whether the hub works", |c, _, _| {
            Box::pin(accounts::health(c))
        })
        .answer::<accounts::Health>(200),
        route("GET", "/v1/openapi.json", Public, "This document", |_, _, _| {
            Box::pin(async { openapi::serve() })
        })
        .answer::<serde_json::Value>(200),
        route("GET", "/v1/mapping.schema.json", Public, "The JSON Schema of mappings", |_, _, _| {
            Box::pin(async { Response::json(200, &shared::mapping::schema()) })
        })
        .answer::<serde_json::Value>(200),
        route("GET", "/v1/accounts", Operator, "Lists accounts", |c, _, r| Box::pin(accounts::list(c, r)))
            .query(PAGE)
            .answer::<accounts::AccountPage>(200),
        route("POST", "/v1/accounts", Operator, "Makes an account", |c, _, r| {
            Box::pin(accounts::create(c, r))
        })
        .body::<shared::account::NewAccount>()
        .answer::<shared::account::Account>(201),
        route("GET", "/v1/accounts/{id}", Operator, "Shows an account", |c, _, r| {
            Box::pin(accounts::show(c, r))
        })
        .answer::<shared::account::Account>(200),
        route(
            "POST",
            "/v1/accounts/{id}/api-keys",
            Operator,
            "Makes an API key of an account, shown this once",
            |c, _, r| {
                Box::pin(async move {
                    let account = r.param("id").to_string();
                    accounts::create_key(c, account, r).await
                })
            },
        )
        .body::<accounts::NewApiKey>()
        .answer::<accounts::MadeApiKey>(201),
        route("GET", "/v1/api-keys", Admin, "Lists the account's API keys", |c, who, _| {
            Box::pin(accounts::list_keys(c, who))
        })
        .answer::<accounts::ApiKeyList>(200),
        route("POST", "/v1/api-keys", Admin, "Makes an API key, shown this once", |c, who, r| {
            Box::pin(accounts::create_key(c, who.account, r))
        })
        .body::<accounts::NewApiKey>()
        .answer::<accounts::MadeApiKey>(201),
        route(
            "DELETE",
            "/v1/api-keys/{id}",
            Admin,
            "Removes an API key; it stops working at once",
            |c, who, r| Box::pin(accounts::delete_key(c, who, r)),
        ),
    ];
    routes.extend(settings::<Source>("/v1/sources", "/v1/sources/{id}"));
    routes.extend(settings::<TargetServer>("/v1/target-servers", "/v1/target-servers/{id}"));
    routes.extend(settings::<Mapping>("/v1/mappings", "/v1/mappings/{id}"));
    routes.push(
        route(
            "GET",
            "/v1/mappings/{id}/versions/{version}",
            Admin,
            "Shows a version as it was saved, to be saved elsewhere or mapped with on the command line",
            |c, who, r| Box::pin(resources::version::<Mapping>(c, who, r)),
        )
        .answer::<Mapping>(200),
    );
    routes.extend(settings::<Connection>("/v1/connections", "/v1/connections/{id}"));
    routes.extend(settings::<Schedule>("/v1/schedules", "/v1/schedules/{id}"));
    routes.extend([
        route(
            "POST",
            "/v1/mappings/preview",
            Admin,
            "Says what a sample of a file looks like, drafts a mapping and maps the first records",
            |c, who, r| Box::pin(previews::preview(c, who, r)),
        )
        .body::<previews::PreviewMapping>()
        .answer::<shared::preview::Preview>(200),
        route(
            "POST",
            "/v1/sources/{id}/rotate-secret",
            Admin,
            "Adds a secret, shown this once if the hub makes it, and lets the others go after a while",
            |c, who, r| Box::pin(resources::rotate::<Source>(c, who, r)),
        )
        .body::<resources::Rotate>()
        .answer::<resources::Rotated>(201),
        route(
            "POST",
            "/v1/target-servers/{id}/rotate-secret",
            Admin,
            "Adds a signing secret, shown this once if the hub makes it, and lets the others go after a while",
            |c, who, r| Box::pin(resources::rotate::<TargetServer>(c, who, r)),
        )
        .body::<resources::Rotate>()
        .answer::<resources::Rotated>(201),
        route("GET", "/v1/schedules/{id}/next", Admin, "Shows the next times of a schedule", |c, who, r| {
            Box::pin(resources::next_times(c, who, r))
        })
        .query(&[("n", "how many, 1 to 100, 10 without it")])
        .answer::<resources::NextTimes>(200),
        route("POST", "/v1/connections/{id}/runs", Admin, "Starts a run now", |c, who, r| {
            Box::pin(runs::start(c, who, r))
        })
        .idempotent()
        .body::<runs::StartRun>()
        .answer::<runs::RunView>(202),
        route(
            "POST",
            "/v1/connections/{id}/uploads",
            Admin,
            "Links to where a file is to be put that a run of the connection takes",
            |c, who, r| Box::pin(uploads::announce(c, who, r)),
        )
        .body::<shared::file_upload::NewFileUpload>()
        .answer::<uploads::UploadView>(201),
        route("GET", "/v1/runs", Admin, "Lists runs, newest first", |c, who, r| {
            Box::pin(runs::list(c, who, r))
        })
        .query(RUNS)
        .answer::<runs::RunPageView>(200),
        route("GET", "/v1/runs/{id}", Admin, "Shows a run's report", |c, who, r| {
            Box::pin(runs::show(c, who, r))
        })
        .answer::<runs::RunView>(200),
        route("GET", "/v1/runs/{id}/records", Admin, "Lists what became of each record", |c, who, r| {
            Box::pin(runs::records(c, who, r))
        })
        .query(RECORDS)
        .answer::<runs::RecordPage>(200),
        route(
            "GET",
            "/v1/runs/{id}/records.csv",
            Admin,
            "Links to a CSV file of what became of each record, once the run has ended",
            |c, who, r| Box::pin(runs::records_csv(c, who, r)),
        )
        .query(ERRORS_ONLY)
        .answer::<runs::CsvLink>(200),
        route(
            "GET",
            "/v1/runs/{id}/failed-lines",
            Admin,
            "Links to files of exactly the failed records, in the inputs' own formats, once the run has ended",
            |c, who, r| Box::pin(runs::failed_lines(c, who, r)),
        )
        .answer::<runs::FailedLinesView>(200),
        route(
            "POST",
            "/v1/runs/{id}/cancel",
            Admin,
            "Cancels a run; what is not sent yet is not sent",
            |c, who, r| Box::pin(runs::cancel(c, who, r)),
        )
        .answer::<runs::RunView>(202),
        route(
            "POST",
            "/v1/runs/{id}/rerun",
            Admin,
            "Takes a run's files through mapping and delivery again: all records, or those that failed",
            |c, who, r| Box::pin(runs::rerun(c, who, r)),
        )
        .idempotent()
        .body::<runs::Rerun>()
        .answer::<runs::RunView>(202),
        route("GET", "/v1/deliveries", Admin, "Lists what a target owes, oldest first", |c, who, r| {
            Box::pin(deliveries::list(c, who, r))
        })
        .query(DELIVERIES)
        .answer::<deliveries::DeliveryPage>(200),
        route("GET", "/v1/deliveries/{id}", Admin, "Shows a delivery", |c, who, r| {
            Box::pin(deliveries::show(c, who, r))
        })
        .answer::<deliveries::DeliveryView>(200),
        route(
            "POST",
            "/v1/deliveries/{id}/retry",
            Admin,
            "Sends a notification, or an UNKNOWN batch, again under the same id; a dead batch's records in a new run",
            |c, who, r| Box::pin(deliveries::retry(c, who, r)),
        )
        .answer::<deliveries::Retried>(202),
        route(
            "POST",
            "/v1/deliveries/{id}/confirm",
            Admin,
            "Says that the target has an UNKNOWN delivery",
            |c, who, r| Box::pin(deliveries::confirm(c, who, r)),
        )
        .answer::<deliveries::DeliveryView>(200),
        route(
            "GET",
            "/v1/target-servers/{id}/status",
            Admin,
            "Shows whether a target is sent to, and what waits for it",
            |c, who, r| Box::pin(targets::status(c, who, r)),
        )
        .answer::<targets::TargetStatus>(200),
        route(
            "POST",
            "/v1/target-servers/{id}/pause",
            Admin,
            "Stops sending to a target; what is owed to it waits",
            |c, who, r| Box::pin(targets::pause(c, who, r)),
        )
        .body::<targets::Pause>()
        .answer::<targets::TargetStatus>(200),
        route(
            "POST",
            "/v1/target-servers/{id}/resume",
            Admin,
            "Sends to a target again, beginning with what has waited",
            |c, who, r| Box::pin(targets::resume(c, who, r)),
        )
        .answer::<targets::TargetStatus>(200),
        route(
            "POST",
            "/v1/target-servers/{id}/recover",
            Admin,
            "Sends a target what it was not sent since a time",
            |c, who, r| Box::pin(targets::recover(c, who, r)),
        )
        .body::<targets::Recover>()
        .answer::<targets::Recovered>(202),
        route(
            "GET",
            "/v1/target-servers/{id}/buffer",
            Admin,
            "Shows what is in the buffer of a target of files, and the file that is on its way",
            |c, who, r| Box::pin(targets::buffer(c, who, r)),
        )
        .answer::<targets::Buffer>(200),
        route(
            "POST",
            "/v1/target-servers/{id}/flush",
            Admin,
            "Pushes what is in the buffer of a target of files now",
            |c, who, r| Box::pin(targets::flush(c, who, r)),
        )
        .idempotent()
        .answer::<runs::RunView>(202),
        route(
            "POST",
            "/v1/target-servers/{id}/open-batch",
            Admin,
            "Decides about a file that does not get through: another name, or not to send it",
            |c, who, r| Box::pin(targets::decide(c, who, r)),
        )
        .body::<targets::Decide>()
        .answer::<targets::Buffer>(202),
        route(
            "POST",
            "/v1/target-servers/{id}/test",
            Admin,
            "Tries an SFTP server out, step by step; 202 where that takes over 24 s",
            |c, who, r| Box::pin(targets::try_server(c, who, r)),
        )
        .body::<targets::TryServer>()
        .answer::<targets::TryView>(200),
        route(
            "GET",
            "/v1/target-servers/{id}/test",
            Admin,
            "Shows what the latest try of an SFTP server found",
            |c, who, r| Box::pin(targets::last_try(c, who, r)),
        )
        .answer::<targets::TryView>(200),
        route(
            "POST",
            "/v1/target-servers/{id}/test-event",
            Admin,
            "Sends a target an event to try it out",
            |c, who, r| Box::pin(targets::test_event(c, who, r)),
        )
        .answer::<targets::TestEvent>(202),
        route(
            "GET",
            "/v1/notifications",
            Admin,
            "Lists the notifications that no connection wanted, oldest first",
            |c, who, r| Box::pin(notifications::list(c, who, r)),
        )
        .query(UNROUTED)
        .answer::<notifications::NotificationPage>(200),
        route(
            "GET",
            "/v1/notifications/{id}",
            Admin,
            "Shows a notification, and who it is owed to",
            |c, who, r| Box::pin(notifications::show(c, who, r)),
        )
        .answer::<notifications::NotificationView>(200),
        route(
            "POST",
            "/v1/notifications/{id}/route",
            Admin,
            "Hands out a notification that no connection wanted",
            |c, who, r| Box::pin(notifications::route(c, who, r)),
        )
        .body::<notifications::RouteNotification>()
        .answer::<notifications::NotificationView>(202),
    ]);
    routes
}

/// The five routes of one kind of settings.
fn settings<T: Rules>(all: &'static str, one: &'static str) -> [Route; 5] {
    use Access::Admin;
    [
        route("GET", all, Admin, "Lists them", |c, who, r| Box::pin(resources::list::<T>(c, who, r)))
            .query(PAGE)
            .answer::<resources::Page<resources::View<T>>>(200),
        route("POST", all, Admin, "Makes one", |c, who, r| Box::pin(resources::create::<T>(c, who, r)))
            .idempotent()
            .body::<T>()
            .answer::<resources::View<T>>(201),
        route("GET", one, Admin, "Shows it", |c, who, r| Box::pin(resources::show::<T>(c, who, r)))
            .answer::<resources::View<T>>(200),
        route("PUT", one, Admin, "Replaces it", |c, who, r| Box::pin(resources::replace::<T>(c, who, r)))
            .body::<T>()
            .answer::<resources::View<T>>(200),
        route("DELETE", one, Admin, "Removes it, unless something uses it", |c, who, r| {
            Box::pin(resources::delete::<T>(c, who, r))
        }),
    ]
}
