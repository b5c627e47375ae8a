//! Secrets of settings: sealed before they are stored, kept where a request says `(set)`.

use shared::{
    problem::{FieldError, Problem},
    resource::Settings,
    secret::{Owner, SecretField},
};

use crate::{Context, accounts, http::unavailable};

/// Seals every secret of a request; where it says to keep one, takes the sealed one from `old`.
pub(super) async fn seal<T: Settings>(
    context: &Context,
    account: &str,
    id: &str,
    settings: &mut T,
    old: Option<&mut T>,
) -> Result<(), Problem> {
    let secrets = settings.secrets();
    if secrets.is_empty() {
        return Ok(());
    }
    accounts::of_caller(context, account).await?;
    let row = context.table.account(account).await.map_err(unavailable)?;
    let data_key = row.map(|r| r.data_key).unwrap_or_default();
    let key = context.vault.open(account, &data_key).await.map_err(unavailable)?;
    let mut kept: Vec<(String, &mut SecretField)> = old.map(|o| o.secrets()).unwrap_or_default();
    for (field, secret) in secrets {
        let wrong = |detail: &str| Problem::invalid(vec![FieldError::new(field.clone(), detail)]);
        if secret.is_kept() {
            let stored = kept.iter_mut().find(|(name, _)| *name == field);
            let (_, stored) = stored.ok_or_else(|| wrong("is '(set)', but there is none to keep"))?;
            *secret = (*stored).clone();
            continue;
        }
        if secret.is_sealed() {
            return Err(wrong(
                "looks like a sealed value; send the plain one, or '(set)' to keep what is stored",
            ));
        }
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&(context.random)()[..12]);
        let owner = Owner { account, id, field: &field };
        secret.seal(key.bytes(), nonce, owner).map_err(|e| Problem::new(500, "internal", e.to_string()))?;
    }
    Ok(())
}
