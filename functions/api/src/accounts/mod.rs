//! Accounts and API keys, and whether the hub works at all.

mod keys;

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    account::{Account, NewAccount},
    aws::accounts::AccountRow,
    problem::Problem,
};

pub(crate) use keys::{ApiKeyList, MadeApiKey, NewApiKey, create_key, delete_key, list_keys, make_key};

use crate::{
    Context,
    http::{self, Request, Response, unavailable},
};

/// Whether the hub works.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// Version of the hub.
    version: &'static str,
    /// Now.
    time: Timestamp,
}

/// Accounts of the deployment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountPage {
    /// By id.
    items: Vec<Account>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

/// Answers whether the hub works: it does when its table answers.
pub(crate) async fn health(context: Arc<Context>) -> Result<Response, Problem> {
    context.table.account(shared::keys::OPERATOR).await.map_err(unavailable)?;
    let time = (context.clock)();
    Response::json(200, &Health { status: "ok", version: env!("CARGO_PKG_VERSION"), time })
}

/// Makes an account, with a data key of its own.
pub(crate) async fn create(context: Arc<Context>, request: Request) -> Result<Response, Problem> {
    let new: NewAccount = http::parse(&request.body)?;
    let errors = new.validate();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let data_key = context.vault.new_data_key(&context.key_arn, &new.id).await.map_err(unavailable)?;
    let account = Account {
        id: new.id,
        name: new.name,
        time_zone: new.time_zone,
        allowed_networks: new.allowed_networks,
        created_at: (context.clock)(),
    };
    let row = AccountRow { account: account.clone(), data_key };
    match context.table.create_account(&row).await.map_err(unavailable)? {
        true => Response::json(201, &account),
        false => {
            Err(Problem::new(409, "account_exists", format!("there is an account '{}' already", account.id)))
        }
    }
}

/// Shows an account to the operator.
pub(crate) async fn show(context: Arc<Context>, request: Request) -> Result<Response, Problem> {
    let row = context.table.account(request.param("id")).await.map_err(unavailable)?;
    let row = row.ok_or_else(|| Problem::new(404, "not_found", "there is no such account"))?;
    Response::json(200, &row.account)
}

/// Lists accounts for the operator.
pub(crate) async fn list(context: Arc<Context>, request: Request) -> Result<Response, Problem> {
    let limit = http::limit(&request)?;
    let after: Option<String> = http::decode("accounts", &request)?;
    let items = context.table.accounts(after.as_deref(), limit as i32).await.map_err(unavailable)?;
    let next_cursor =
        items.last().filter(|_| items.len() == limit).map(|last| http::encode("accounts", &last.id));
    Response::json(200, &AccountPage { items, next_cursor })
}

/// Reads the account that a caller's key belongs to.
pub(crate) async fn of_caller(context: &Context, account: &str) -> Result<Account, Problem> {
    let row = context.table.account(account).await.map_err(unavailable)?;
    row.map(|r| r.account).ok_or_else(|| Problem::new(404, "not_found", "the account has been removed"))
}
