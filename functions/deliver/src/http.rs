//! The HTTP client for targets: checked addresses, no redirects, no proxy, bounded answers.

use std::{collections::HashMap, net::SocketAddr, sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use shared::dial::{Dialling, Refused};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Clients by what their account may dial and how they connect.
#[derive(Default)]
pub(crate) struct Clients {
    made: Mutex<HashMap<Kind, Client>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    networks: Vec<String>,
    connect_timeout: Duration,
    /// Whether connections are kept open. One that was kept may break under the next request, and nobody knows then
    /// whether that arrived.
    is_kept: bool,
}

/// What a target answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The earliest time at which the target wants to be asked again.
    pub(crate) retry_after: Option<Timestamp>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the target did not answer in {0} s")]
    Timeout(u64),
    #[error("the target cannot be reached: {0}")]
    Unreachable(String),
    #[error("the connection broke before the target's answer was read: {0}")]
    Broken(String),
    #[error("the payload was not yet sent whole: {0}")]
    Unfinished(Box<NoAnswer>),
    #[error("the answer is over {} MiB", MAX_ANSWER_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("the request cannot be made: {0}")]
    Request(String),
}

impl NoAnswer {
    /// Whether the target may have taken what was sent.
    pub(crate) fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Broken(_) | Self::TooLarge)
    }
}

/// Resolves names anew for every connection, and hands on only addresses that may be dialled: what is dialled is what
/// was checked, whatever the name says a moment later.
struct CheckedResolver(Dialling);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let dialling = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(allowed(&dialling, found)?.into_iter()) as Addrs)
        })
    }
}

/// Those of a name's addresses that may be dialled.
fn allowed(dialling: &Dialling, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let checked: Vec<SocketAddr> =
        found.filter(|a| dialling.check(a.ip()).map_err(|e| refused = Some(e)).is_ok()).collect();
    match refused {
        Some(refused) if checked.is_empty() => Err(refused),
        _ => Ok(checked),
    }
}

impl Clients {
    fn client(&self, kind: Kind) -> Result<Client, NoAnswer> {
        let mut clients = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        // Another client of this process may have installed it; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .dns_resolver(CheckedResolver(Dialling::new(&kind.networks)))
            .connect_timeout(kind.connect_timeout)
            .pool_max_idle_per_host(if kind.is_kept { usize::MAX } else { 0 })
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| NoAnswer::Request(shared::chain(&e)))?;
        clients.insert(kind, client.clone());
        Ok(client)
    }

    /// Starts a POST to a target of an account that may dial `networks` beside public addresses. The request is to
    /// take `timeout` at most; `alone`, it gets a connection of its own.
    pub(crate) fn post(
        &self,
        url: &str,
        networks: &[String],
        timeout: Duration,
        alone: bool,
    ) -> Result<reqwest::RequestBuilder, NoAnswer> {
        let url = url::Url::parse(url).map_err(|e| NoAnswer::Request(e.to_string()))?;
        // Addresses in the URL are dialled as they are: the resolver never sees them.
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(ip.into()),
            Some(url::Host::Ipv6(ip)) => Some(ip.into()),
            _ => None,
        };
        if let Some(address) = literal {
            Dialling::new(networks).check(address)?;
        }
        // Shorter than the whole, so that a target that was never reached is told from one that did not answer.
        let connect_timeout = CONNECT_TIMEOUT.min(timeout / 2);
        let kind = Kind { networks: networks.to_vec(), connect_timeout, is_kept: !alone };
        Ok(self.client(kind)?.post(url))
    }
}

/// Sends a request and reads its answer, within `timeout` for all of it.
pub(crate) async fn send(
    request: reqwest::RequestBuilder,
    timeout: Duration,
    clock: fn() -> Timestamp,
) -> Result<Answer, NoAnswer> {
    let failed = |e: reqwest::Error| match e {
        e if e.is_builder() => NoAnswer::Request(shared::chain(&e.without_url())),
        e if e.is_connect() => NoAnswer::Unreachable(shared::chain(&e.without_url())),
        e if e.is_timeout() => NoAnswer::Timeout(timeout.as_secs()),
        e => NoAnswer::Broken(shared::chain(&e.without_url())),
    };
    let mut response = request.timeout(timeout).send().await.map_err(failed)?;
    let retry_after = response.headers().get(reqwest::header::RETRY_AFTER).and_then(|v| v.to_str().ok());
    let retry_after = retry_after.and_then(|text| read_retry_after(text, clock()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status().as_u16(), retry_after, body })
}

/// Reads seconds or a date. Source: RFC 9110, section 10.2.3.
fn read_retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(secs) = text.parse::<u32>() {
        return now.checked_add(SignedDuration::from_secs(secs.into())).ok();
    }
    Some(rfc2822::DateTimeParser::new().parse_zoned(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_answers_a_public_and_then_a_private_address_is_dialled_at_the_public_one_only() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let (public, private) = (address("93.184.215.14"), address("10.0.0.1"));
        let nowhere = Dialling::new(&[]);
        let of = |answer: &[SocketAddr]| allowed(&nowhere, answer.iter().copied());
        assert_eq!(of(&[public, private]).unwrap(), [public], "every address of an answer is looked at");
        assert_eq!(of(&[private, public]).unwrap(), [public]);
        // The name is asked again for the next connection, and its answer is looked at again.
        assert_eq!(of(&[private]).unwrap_err(), Refused(private.ip()));
        for inside in
            ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254", "::1"]
        {
            assert!(of(&[address(inside)]).is_err(), "{inside}");
        }
        assert_eq!(of(&[]).unwrap(), []);
        let own = Dialling::new(&["10.0.0.0/8".into()]);
        assert_eq!(allowed(&own, [private].into_iter()).unwrap(), [private], "unless the account allows it");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
        let read = |text| read_retry_after(text, now).map(|t| t.to_string());
        assert_eq!(read("120"), Some("2026-11-01T10:02:00Z".into()));
        assert_eq!(read("Sun, 01 Nov 2026 11:00:00 GMT"), Some("2026-11-01T11:00:00Z".into()));
        for bad in ["", "-5", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
