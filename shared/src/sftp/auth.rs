//! Proving who the hub is: a key, a password, or both in sequence.

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};

use super::{
    Server, SftpError,
    connect::heard,
    patience::{Patience, millis},
};
use crate::secret::expose;

/// libssh2's `LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED` is -19, which it also returns when the key was accepted
/// and the server wants a password after it; -16 is a key file that cannot be read.
const KEY_UNREADABLE: ErrorCode = ErrorCode::Session(-16);

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
