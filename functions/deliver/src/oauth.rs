//! OAuth2 client credentials: a token that is fetched by one function for all, kept sealed, and fetched anew before it
//! ends or where the target no longer takes it.
//!
//! Source: RFC 6749, section 4.4.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use shared::{
    aws::{AwsError, gates::Of, tokens::StoredToken, vault::DataKey},
    id,
    secret::{Owner, SecretField, expose},
    target_server::{ClientAuth, OAuth2},
};

use crate::{
    Context,
    http::{self, NoAnswer},
};

/// A token is not used when it ends sooner than this.
const TO_SPARE: SignedDuration = SignedDuration::from_secs(30);

/// How long a token holds where its server does not say.
const HOLDS_SECS: i64 = 300;

/// Longest request for a token.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long others wait for the one that fetches.
const PATIENCE: SignedDuration = SignedDuration::from_secs(12);

/// Under which field of the target server a token is sealed.
const FIELD: &str = "token";

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    #[error("the token server: {0}")]
    NoAnswer(#[from] NoAnswer),
    #[error("the token server answered {0}: check client_id, client_secret and scope")]
    Refused(u16),
    #[error("the token server's answer has no usable access_token")]
    Unusable,
    #[error("another function has been fetching the token for too long")]
    Slow,
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// A target's client credentials, opened.
pub(crate) struct Client {
    pub(crate) settings: OAuth2,
    pub(crate) secret: SecretString,
    pub(crate) data_key: DataKey,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

impl Client {
    /// Tells tokens that were fetched with these settings from others.
    fn settings_hash(&self) -> String {
        let o = &self.settings;
        let (scope, audience) =
            (o.scope.as_deref().unwrap_or_default(), o.audience.as_deref().unwrap_or_default());
        id::hex(&id::hash128(&[&o.token_url, &o.client_id, scope, audience, expose(&self.secret)]))
    }

    /// A token for a target of an account that may dial `networks`. `refused` is one that the target has just
    /// refused: another is fetched, unless somebody has done so meanwhile.
    pub(crate) async fn token(
        &self,
        context: &Context,
        of: Of<'_>,
        networks: &[String],
        refused: Option<&str>,
    ) -> Result<String, NoToken> {
        let begun = (context.clock)();
        let hash = self.settings_hash();
        loop {
            let now = (context.clock)();
            let stored = context.table.token(of).await?;
            if let Some(token) = self.usable(of, stored, &hash, now)?
                && Some(token.as_str()) != refused
            {
                return Ok(token);
            }
            let until = now.saturating_add(PATIENCE).unwrap_or(now);
            if context.table.take_fetching(of, until, now).await? {
                return self.fetch(context, of, networks, &hash).await;
            }
            if now.duration_since(begun) > PATIENCE {
                return Err(NoToken::Slow);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn usable(
        &self,
        of: Of<'_>,
        stored: Option<StoredToken>,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        let ends_after = now.saturating_add(TO_SPARE).unwrap_or(now).as_millisecond();
        let stored = stored.filter(|s| s.fetched_with == hash && s.token_until > ends_after);
        let Some(sealed) = stored.and_then(|s| s.token) else { return Ok(None) };
        let token = sealed.open(self.data_key.bytes(), owner(of));
        let token = token.map_err(|e| AwsError::damaged("a token", e))?;
        Ok(Some(expose(&token).to_string()))
    }

    async fn fetch(
        &self,
        context: &Context,
        of: Of<'_>,
        networks: &[String],
        hash: &str,
    ) -> Result<String, NoToken> {
        let fetched = self.ask(context, networks).await;
        let answer = match fetched {
            Ok(answer) => answer,
            Err(error) => {
                context.table.fetched(of, None).await?;
                return Err(error);
            }
        };
        let now = (context.clock)();
        let holds = SignedDuration::from_secs(answer.expires_in.unwrap_or(HOLDS_SECS).clamp(0, 86_400));
        let mut token = SecretField::plain(&answer.access_token);
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce).map_err(|e| AwsError::damaged("randomness", e))?;
        token.seal(self.data_key.bytes(), nonce, owner(of)).map_err(|e| AwsError::damaged("a token", e))?;
        let stored = StoredToken {
            token: Some(token),
            token_until: now.saturating_add(holds).unwrap_or(now).as_millisecond(),
            fetched_with: hash.into(),
        };
        context.table.fetched(of, Some(&stored)).await?;
        tracing::info!(target_server.id = of.target_server, "a token was fetched");
        Ok(answer.access_token)
    }

    async fn ask(&self, context: &Context, networks: &[String]) -> Result<TokenAnswer, NoToken> {
        let o = &self.settings;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(o.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(o.audience.as_deref().map(|audience| ("audience", audience)));
        let request = context.http.post(&o.token_url, networks, TIMEOUT, false)?;
        let request = match o.client_auth {
            ClientAuth::Basic => request.basic_auth(&o.client_id, Some(expose(&self.secret))),
            ClientAuth::Body => {
                form.extend([("client_id", o.client_id.as_str()), ("client_secret", expose(&self.secret))]);
                request
            }
        };
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        let answer = http::send(request, TIMEOUT, context.clock).await?;
        if !(200..300).contains(&answer.status) {
            return Err(NoToken::Refused(answer.status));
        }
        let token: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| NoToken::Unusable)?;
        let sendable =
            !token.access_token.is_empty() && token.access_token.bytes().all(|b| b.is_ascii_graphic());
        if sendable { Ok(token) } else { Err(NoToken::Unusable) }
    }
}

fn owner(of: Of<'_>) -> Owner<'_> {
    Owner { account: of.account, id: of.target_server, field: FIELD }
}
