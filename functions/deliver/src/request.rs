//! A request to a target: its credentials, its headers, its signature.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_LENGTH;
use secrecy::SecretString;
use shared::{
    aws::{AwsError, gates::Of, vault::DataKey},
    secret::{Owner, SecretError, SecretField, expose},
    signature::{KeyError, SigningKey, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign},
    target_server::TargetServer,
};

use crate::{
    Context,
    content::{Content, Stored},
    http::{self, Answer, NoAnswer},
    oauth::{self, NoToken},
};

const DEFAULT_TIMEOUT_SECS: u32 = 15;

/// Why something was not sent, or not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("every signing secret of the target server has ended; add one (rotate-secret)")]
    NoLiveSecret,
    #[error(transparent)]
    NoToken(NoToken),
    #[error("a signing secret of the target server cannot be used: {0}")]
    SigningKey(#[from] KeyError),
}

/// What a target server is shown, opened.
pub(crate) struct Credentials {
    bearer_token: Option<SecretString>,
    password: Option<SecretString>,
    header_value: Option<SecretString>,
    oauth2: Option<oauth::Client>,
    signing: Vec<(SigningKey, Option<Timestamp>)>,
}

impl Credentials {
    /// Opens the secrets of a target server.
    pub(crate) fn open(
        account: &str,
        target_server: &str,
        target: &TargetServer,
        key: &DataKey,
    ) -> Result<Self, NotSent> {
        let open = |field: &str, secret: &SecretField| {
            secret.open(key.bytes(), Owner { account, id: target_server, field })
        };
        let open_auth =
            |field, secret: &Option<SecretField>| secret.as_ref().map(|s| open(field, s)).transpose();
        let auth = &target.auth;
        let mut signing = Vec::new();
        for live in &target.signing_secrets {
            let text = open(&format!("signing_secrets.{}", live.name), &live.secret)?;
            signing.push((SigningKey::parse(expose(&text))?, live.ends_at));
        }
        Ok(Self {
            bearer_token: open_auth("auth.bearer_token", &auth.bearer_token)?,
            password: open_auth("auth.password", &auth.password)?,
            header_value: open_auth("auth.header_value", &auth.header_value)?,
            oauth2: match &auth.oauth2 {
                None => None,
                Some(settings) => Some(oauth::Client {
                    settings: settings.clone(),
                    secret: open("auth.oauth2.client_secret", &settings.client_secret)?,
                    data_key: key.clone(),
                }),
            },
            signing,
        })
    }
}

impl Credentials {
    /// The keys that sign at present; `None` where requests are not signed. A target whose requests are signed gets none
    /// that are not.
    fn live_keys(&self, now: Timestamp) -> Result<Option<Vec<&SigningKey>>, NotSent> {
        let live = self.signing.iter().filter(|(_, end)| end.is_none_or(|end| now < end));
        let keys: Vec<&SigningKey> = live.map(|(key, _)| key).collect();
        match (keys.is_empty(), self.signing.is_empty()) {
            (true, true) => Ok(None),
            (true, false) => Err(NotSent::NoLiveSecret),
            (false, _) => Ok(Some(keys)),
        }
    }
}

/// What is sent.
pub(crate) struct Outgoing<'a> {
    /// The delivery's id, the same with every attempt.
    pub(crate) id: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) content: Content,
    /// Whether it gets a connection of its own.
    pub(crate) alone: bool,
}

/// A target, and what a request to it needs.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) settings: &'a TargetServer,
    pub(crate) credentials: &'a Credentials,
    /// Networks that its account allows beside public addresses.
    pub(crate) networks: &'a [String],
}

/// A request is not repeated with another token where this much time has gone: all of it is to be over before the
/// function's own time is.
const TIME_FOR_ANOTHER: SignedDuration = SignedDuration::from_secs(5);

/// The status by which a target refuses a token.
const UNAUTHORIZED: u16 = 401;

/// Posts to a target. Every attempt is signed anew, with every signing secret that has not ended. A token that the
/// target refuses is fetched anew, once.
pub(crate) async fn post(context: &Context, to: To<'_>, outgoing: Outgoing<'_>) -> Result<Answer, NotSent> {
    let Some(oauth2) = &to.credentials.oauth2 else { return send(context, to, &outgoing, None).await };
    let begun = (context.clock)();
    let token = oauth2.token(context, to.of, to.networks, None).await?;
    let answer = send(context, to, &outgoing, Some(&token)).await?;
    if answer.status != UNAUTHORIZED {
        return Ok(answer);
    }
    // Too late to repeat it, and not to see to it that the next attempt has another token.
    if (context.clock)().duration_since(begun) > TIME_FOR_ANOTHER {
        let fetched = oauth2.token(context, to.of, to.networks, Some(&token));
        let _ = tokio::time::timeout(Duration::from_secs(5), fetched).await;
        return Ok(answer);
    }
    let token = oauth2.token(context, to.of, to.networks, Some(&token)).await?;
    send(context, to, &outgoing, Some(&token)).await
}

async fn send(
    context: &Context,
    to: To<'_>,
    outgoing: &Outgoing<'_>,
    token: Option<&str>,
) -> Result<Answer, NotSent> {
    let (target, credentials) = (to.settings, to.credentials);
    let timeout = Duration::from_secs(target.timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS).into());
    let mut request = context.http.post(&target.address, to.networks, timeout, outgoing.alone)?;
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    if let Some(token) = token.or(credentials.bearer_token.as_ref().map(expose)) {
        request = request.bearer_auth(token);
    }
    if let (Some(user), Some(password)) = (&target.auth.user, &credentials.password) {
        request = request.basic_auth(user, Some(expose(password)));
    }
    if let (Some(name), Some(value)) = (&target.auth.header_name, &credentials.header_value) {
        request = request.header(name, expose(value));
    }
    let signed = match &outgoing.content {
        Content::Whole(bytes) => {
            let now = (context.clock)();
            credentials.live_keys(now)?.map(|keys| (now, sign(keys, outgoing.id, now, bytes)))
        }
        Content::Stored(stored) => stored.signed.clone(),
    };
    if let Some((at, signature)) = signed {
        request = request
            .header(WEBHOOK_ID, outgoing.id)
            .header(WEBHOOK_TIMESTAMP, at.as_second().to_string())
            .header(WEBHOOK_SIGNATURE, signature);
    }
    request = request.header("content-type", outgoing.content_type).header("idempotency-key", outgoing.id);
    let stored = match &outgoing.content {
        Content::Whole(bytes) => {
            return Ok(http::send(request.body(bytes.clone()), timeout, context.clock).await?);
        }
        Content::Stored(stored) => stored,
    };
    let (body, progress) = stored.open(&context.bucket).await?;
    let request = request.header(CONTENT_LENGTH, stored.size_bytes()).body(body);
    match http::send(request, timeout, context.clock).await {
        Err(_) if progress.is_cut() => Err(NotSent::Aws(AwsError::Call {
            call: "s3:GetObject",
            code: "body cut".into(),
            source: "a payload could not be read to its end".into(),
        })),
        Err(error) if !progress.is_whole() => Err(NoAnswer::Unfinished(Box::new(error)).into()),
        sent => Ok(sent?),
    }
}

/// Signs an object ahead of its request, where its target's requests are signed.
pub(crate) async fn sign_ahead(
    context: &Context,
    to: To<'_>,
    id: &str,
    stored: &mut Stored,
) -> Result<(), NotSent> {
    let now = (context.clock)();
    match to.credentials.live_keys(now)? {
        Some(keys) => Ok(stored.sign(&context.bucket, keys, id, now).await?),
        None => Ok(()),
    }
}

impl From<NoToken> for NotSent {
    fn from(no_token: NoToken) -> Self {
        match no_token {
            NoToken::Aws(error) => Self::Aws(error),
            other => Self::NoToken(other),
        }
    }
}
