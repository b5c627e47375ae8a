//! Proving who the hub is: a key, a password, or both in sequence.

use base64::{Engine, engine::general_purpose::STANDARD};
use ssh2::{ErrorCode, KeyboardInteractivePrompt, MethodType, Prompt, Session};

use super::{
    Server, SftpError,
    algorithms::RSA,
    connect::heard,
    patience::{Patience, millis},
};
use crate::secret::expose;

/// libssh2's `LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED` is -19, which it also returns when the key was accepted
/// and the server wants a password after it; -16 is a key file that cannot be read.
const KEY_UNREADABLE: ErrorCode = ErrorCode::Session(-16);

/// libssh2's `LIBSSH2_ERROR_METHOD_NONE`: nothing in common for signing.
const NO_SIGNATURE: ErrorCode = ErrorCode::Session(-17);

struct Answer<'a>(&'a str);

impl KeyboardInteractivePrompt for Answer<'_> {
    fn prompt<'b>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'b>]) -> Vec<String> {
        prompts.iter().map(|_| self.0.to_string()).collect()
    }
}

/// Authenticates, with the key first where both are given.
pub(super) fn authenticate(session: &Session, server: &Server, patience: Patience) -> Result<(), SftpError> {
    let user = server.user.as_str();
    let what = || format!("logging in as {user}");
    let next = || patience.next_call(what).map(|wait| session.set_timeout(millis(wait)));
    let heard = |error: &ssh2::Error| heard(error, patience, &what());
    let mut tried = Vec::new();
    if let Some(key) = &server.private_key {
        tried.push("the key");
        let passphrase = server.passphrase.as_ref().map(expose);
        next()?;
        if !server.settings.legacy_algorithms
            && is_rsa(expose(key))
            && !states_signatures(session, server, expose(key), passphrase)?
        {
            return Err(SftpError::PrivateKey(
                "the server does not say that it takes more of an RSA key than SHA-1; use an Ed25519 or ECDSA key, or \
                 allow the old algorithms with sftp.legacy_algorithms"
                    .into(),
            ));
        }
        if let Err(error) = session.userauth_pubkey_memory(user, None, expose(key), passphrase) {
            if error.code() == KEY_UNREADABLE {
                return Err(SftpError::PrivateKey(error.message().to_string()));
            }
            heard(&error)?;
        }
    }
    if !session.authenticated()
        && let Some(password) = &server.password
    {
        tried.push("the password");
        let password = expose(password);
        next()?;
        if let Err(error) = session.userauth_password(user, password)
            && !session.authenticated()
        {
            heard(&error)?;
            next()?;
            // Some servers ask for the password by this method only.
            if let Err(error) = session.userauth_keyboard_interactive(user, &mut Answer(password)) {
                heard(&error)?;
            }
        }
    }
    if session.authenticated() {
        return Ok(());
    }
    // Asked only now: it would cost each session a round trip.
    next()?;
    let offered = match session.auth_methods(user) {
        Ok(methods) => methods.to_string(),
        Err(error) => heard(&error).map(|()| String::new())?,
    };
    if session.authenticated() {
        return Ok(()); // the server wants no proof
    }
    Err(SftpError::Auth { user: user.into(), tried: tried.join(" and "), offered })
}

/// Says whether a key is RSA's, where it tells: a PKCS#8 key under a passphrase does not.
fn is_rsa(key: &str) -> bool {
    const OPENSSH: &[u8] = b"\0\0\0\x07ssh-rsa";
    const PKCS8: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    if key.contains("-----BEGIN RSA PRIVATE KEY-----") {
        return true;
    }
    let body: String = key.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let bytes = STANDARD.decode(body).unwrap_or_default();
    [OPENSSH, PKCS8].iter().any(|mark| bytes.windows(mark.len()).any(|found| found == *mark))
}

/// Says whether the server has stated how it takes signatures. To one that has not, libssh2 signs with an RSA key by
/// SHA-1 whatever it was told to prefer. It tells by an error, before anything is sent, that nothing stated is the one
/// that it prefers; where nothing is stated it only asks whether the key would do, and the session is of no more use.
fn states_signatures(
    session: &Session,
    server: &Server,
    key: &str,
    passphrase: Option<&str>,
) -> Result<bool, SftpError> {
    let prefer = |names: &str| {
        let preferred = session.method_pref(MethodType::SignAlgo, names);
        preferred.map_err(|error| SftpError::map("choosing a signature".into(), &error))
    };
    prefer("none@crossdock")?;
    session.set_blocking(false);
    let asked = session.userauth_pubkey_memory(&server.user, None, key, passphrase);
    session.set_blocking(true);
    prefer(RSA)?;
    match asked {
        Err(error) if error.code() == KEY_UNREADABLE => {
            Err(SftpError::PrivateKey(error.message().to_string()))
        }
        Err(error) => Ok(error.code() == NO_SIGNATURE),
        Ok(()) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsa_key_is_known_by_its_form() {
        let pem = |name: &str, bytes: &[u8]| {
            format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", STANDARD.encode(bytes))
        };
        let rsa_oid = b"0\r\x06\x09*\x86H\x86\xf7\r\x01\x01\x01\x05\0";
        for (key, expected) in [
            (pem("RSA PRIVATE KEY", b"0"), true),
            (pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0none\0\0\0\x07ssh-rsa\0"), true),
            (pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0none\0\0\0\x0bssh-ed25519\0"), false),
            (pem("PRIVATE KEY", rsa_oid), true),
            (pem("EC PRIVATE KEY", b"0"), false),
            ("none".into(), false),
        ] {
            assert_eq!(is_rsa(&key), expected, "{key}");
        }
    }
}
