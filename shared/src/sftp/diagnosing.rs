//! Trying a server, step by step: what a person needs to know to set it up, or to mend it.
//!
//! Nothing secret is sent before the server has shown a pinned key. Up to three connections are made.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ssh2::{MethodType, Session};

use super::{
    Algorithms, Client, Patience, Server, SftpError,
    algorithms::printable,
    auth,
    connect::{check_host_key, dial, fingerprint, handshake, offers, resolve},
    patience::millis,
};
use crate::{
    diagnosis::{AlgorithmChoice, Diagnosis, ShownKey, Step, StepName},
    target_server::HOST_KEY_TYPES,
};

/// What is to be tried.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its folder.
    pub folder: &'a str,
    /// Where writing is to be tried: what names of files made for it begin with.
    pub write_as: Option<&'a str>,
    /// How long it may take.
    pub patience: Patience,
    /// Seconds since 1970 now.
    pub now_secs: &'a dyn Fn() -> i64,
}

/// Bytes of the file that is written.
const CONTENT: &[u8] = b"Written by Crossdock to try this folder out. It can be removed.\n";

/// Tries a server.
pub fn diagnose(trial: &Trial<'_>) -> Diagnosis {
    let mut diagnosis = Diagnosis::begin();
    // Each failure is in its step.
    let _ = go(trial, &mut diagnosis);
    diagnosis
}

fn go(trial: &Trial<'_>, found: &mut Diagnosis) -> Option<()> {
    let Trial { server, patience, .. } = *trial;
    let addresses = step(found, StepName::Resolve, || {
        let addresses = resolve(server)?;
        let names = addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", ");
        Ok((addresses, names))
    })?;
    // One connection after the other: some servers allow no more.
    step(found, StepName::Connect, || {
        let tcp = dial(&addresses, patience)?;
        let name = tcp.peer_addr().map(|a| a.to_string()).unwrap_or_default();
        Ok(((), name))
    })?;
    // Types whose pins it is about come first: a server shows the key of the first type that both know.
    let mut key_types: Vec<_> = server.host_keys.iter().map(|(key_type, _)| *key_type).collect();
    key_types.extend(HOST_KEY_TYPES);
    let hub = Algorithms::of_hub(&key_types, server.settings.legacy_algorithms, server.settings.compression);
    let offered = step(found, StepName::Offers, || {
        let offered = offers(&addresses, patience)?;
        let software = offered.software.clone();
        Ok((offered, software))
    });
    if let Some(offered) = &offered {
        found.software = Some(offered.software.clone());
        found.algorithms = choices(offered, &hub);
    }
    let (session, socket) = step(found, StepName::Handshake, || {
        let shaken = handshake(server, dial(&addresses, patience)?, &addresses, &key_types, patience)?;
        Ok((shaken, "keys were agreed on".into()))
    })?;
    note_agreed(&mut found.algorithms, &session);
    found.software.get_or_insert_with(|| session.banner().map(printable).unwrap_or_default());
    if let Some((key, _)) = session.host_key() {
        found.host_key = Some(shown(key, server));
    }
    step(found, StepName::HostKey, || {
        check_host_key(&session, server)?;
        Ok(((), "it is pinned".into()))
    })?;
    let user = server.user.as_str();
    session.set_timeout(millis(patience.call));
    let methods = session.auth_methods(user).unwrap_or_default();
    found.authentication_methods = methods.split(',').filter(|m| !m.is_empty()).map(String::from).collect();
    step(found, StepName::Authentication, || {
        auth::authenticate(&session, server, patience)?;
        Ok(((), format!("{user} is let in")))
    })?;
    let mut client = step(found, StepName::Sftp, || {
        let mut client = Client::on(session, socket, patience)?;
        client.start()?;
        Ok((client, "version 3".into()))
    })?;
    found.extensions = client.sftp.extensions().to_vec();
    let folder = trial.folder;
    let files = step(found, StepName::Folder, || {
        let files = client.list(folder)?.files.len();
        Ok((files, format!("{folder} has {files} files")))
    });
    found.files = files;
    if let Some(name) = trial.write_as {
        try_writing(trial, &format!("{}/{name}", folder.trim_end_matches('/')), &mut client, found);
    }
    Some(())
}

fn try_writing(trial: &Trial<'_>, path: &str, client: &mut Client, found: &mut Diagnosis) {
    let other = format!("{path}-renamed");
    let write = |client: &mut Client| {
        let mut content = Some(Bytes::from_static(CONTENT));
        client.write(path, || content.take())
    };
    let written = step(found, StepName::Write, || {
        write(client)?;
        let (size_bytes, mtime) = client.stat(path)?;
        if size_bytes != CONTENT.len() as u64 {
            let detail = format!(
                "it has {size_bytes} bytes after {} were written; check its disk and quota",
                CONTENT.len()
            );
            return Err(SftpError::Broken { what: format!("writing {path}"), detail });
        }
        Ok((mtime, format!("{path} was written")))
    });
    let Some(mtime) = written else {
        let _ = client.unlink(path); // what may be there of it
        return;
    };
    found.clock_ahead_secs = Some(mtime - (trial.now_secs)());
    let renamed = step(found, StepName::Rename, || {
        client.rename(path, &other)?;
        write(client)?;
        // What the server does where the name is taken.
        let replaces = client.rename(path, &other).is_ok();
        let says = if replaces { "replaces what has a name" } else { "refuses a name that is taken" };
        Ok((replaces, format!("it was done; the server {says}")))
    });
    found.rename_replaces = renamed;
    step(found, StepName::Remove, || {
        client.unlink(path)?;
        client.unlink(&other)?;
        Ok(((), "what was written is gone again".into()))
    });
}

/// Makes a step, and notes how it went.
fn step<T>(
    found: &mut Diagnosis,
    step: StepName,
    work: impl FnOnce() -> Result<(T, String), SftpError>,
) -> Option<T> {
    let begun = Instant::now();
    let (value, detail, code) = match work() {
        Ok((value, detail)) => (Some(value), detail, None),
        Err(error) => (None, error.to_string(), Some(error.code().to_string())),
    };
    let duration_ms = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    found.note(Step { step, ok: code.is_none(), duration_ms, detail, code });
    value
}

fn shown(key: &[u8], server: &Server) -> ShownKey {
    // A key begins with its type, its length in front.
    let key_type = key.split_first_chunk::<4>().and_then(|(length, rest)| {
        rest.get(..u32::from_be_bytes(*length) as usize).map(|t| String::from_utf8_lossy(t).into_owned())
    });
    ShownKey {
        line: format!("{} {}", key_type.unwrap_or_default(), STANDARD.encode(key)),
        fingerprint: fingerprint(key),
        is_pinned: server.host_keys.iter().any(|(_, pinned)| pinned == key),
    }
}

const KEY_EXCHANGE: &str = "key_exchange";
const HOST_KEY: &str = "host_key";
const CIPHER: &str = "cipher";
const MAC: &str = "mac";
const COMPRESSION: &str = "compression";

fn choices(server: &Algorithms, hub: &Algorithms) -> Vec<AlgorithmChoice> {
    [
        (KEY_EXCHANGE, &server.key_exchange, &hub.key_exchange),
        (HOST_KEY, &server.host_key, &hub.host_key),
        (CIPHER, &server.cipher, &hub.cipher),
        (MAC, &server.mac, &hub.mac),
        (COMPRESSION, &server.compression, &hub.compression),
    ]
    .map(|(purpose, server, hub)| AlgorithmChoice {
        purpose: purpose.into(),
        server: server.clone(),
        hub: hub.clone(),
        agreed: None,
    })
    .into()
}

fn note_agreed(choices: &mut [AlgorithmChoice], session: &Session) {
    for choice in choices {
        let method = match choice.purpose.as_str() {
            KEY_EXCHANGE => MethodType::Kex,
            HOST_KEY => MethodType::HostKey,
            CIPHER => MethodType::CryptCs,
            MAC => MethodType::MacCs,
            _ => MethodType::CompCs,
        };
        choice.agreed = session.methods(method).map(String::from);
    }
}
