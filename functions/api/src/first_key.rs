//! The first operator key: made once, by a direct invocation that IAM authorises.

use lambda_runtime::Error;
use serde_json::{Value, json};
use shared::{account::Role, keys::OPERATOR};

use crate::{Context, accounts};

/// Makes the key and shows it, this once; later invocations are refused.
pub(crate) async fn create(context: &Context) -> Result<Value, Error> {
    let made =
        accounts::make_key(context, OPERATOR, "first", "first operator key", Role::Operator, None).await?;
    Ok(match made {
        Some((_, text)) => {
            tracing::warn!("the first operator key was made");
            json!({ "api_key": text })
        }
        None => json!({ "error": "the first operator key was made before and is not shown twice" }),
    })
}
