//! API keys: shown once, stored as a hash.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    account::{ApiKey, Role, hash_secret, key_text},
    aws::AwsError,
    id::hex,
    problem::{FieldError, Problem},
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// What a caller sends to make a key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// For people.
    name: String,
    /// What it may do: `admin`.
    role: Role,
    /// When it stops working.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A key without its secret.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApiKeyView {
    id: String,
    name: String,
    role: Role,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

/// A key that was just made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MadeApiKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// The whole key. It is not shown again.
    key: String,
}

/// The keys of an account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApiKeyList {
    items: Vec<ApiKeyView>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, role, created_at, key_expires_at, .. } = key;
        Self { id, name, role, created_at, expires_at: key_expires_at }
    }
}

/// Makes a key; `None` when the id is taken. The second part is the only copy of its text.
pub(crate) async fn make_key(
    context: &Context,
    account: &str,
    id: &str,
    name: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> Result<Option<(ApiKey, String)>, AwsError> {
    // '_' separates the parts of a key's text.
    let secret = URL_SAFE_NO_PAD.encode((context.random)()).replace('_', "~");
    let key = ApiKey {
        id: id.into(),
        account: account.into(),
        name: name.into(),
        role,
        secret_hash: hash_secret(&secret),
        key_expires_at: expires_at,
        created_at: (context.clock)(),
    };
    let made = context.table.create_api_key(&key).await?;
    Ok(made.then(|| (key, key_text(account, id, &secret))))
}

/// Makes a key of an account.
pub(crate) async fn create_key(
    context: Arc<Context>,
    account: String,
    request: Request,
) -> Result<Response, Problem> {
    let new: NewApiKey = http::parse(&request.body)?;
    if new.role != Role::Admin {
        let detail = "only admin can be given to an account's key";
        return Err(Problem::invalid(vec![FieldError::new("role", detail)]));
    }
    super::of_caller(&context, &account).await?;
    let id = hex(&(context.random)()[..8]);
    let made =
        make_key(&context, &account, &id, &new.name, new.role, new.expires_at).await.map_err(unavailable)?;
    let (key, text) = made.ok_or_else(|| Problem::new(503, "unavailable", "try again"))?;
    Response::json(201, &MadeApiKey { view: key.into(), key: text })
}

/// Lists the keys of the caller's account.
pub(crate) async fn list_keys(context: Arc<Context>, caller: Caller) -> Result<Response, Problem> {
    let keys = context.table.api_keys(&caller.account).await.map_err(unavailable)?;
    Response::json(200, &ApiKeyList { items: keys.into_iter().map(Into::into).collect() })
}

/// Removes a key of the caller's account.
pub(crate) async fn delete_key(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    match context.table.delete_api_key(&caller.account, request.param("id")).await.map_err(unavailable)? {
        true => Ok(Response::no_content()),
        false => Err(Problem::not_found("API key")),
    }
}
