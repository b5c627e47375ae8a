//! Proving who the hub is: a key, a password, or both in sequence.

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};

use super::{Server, SftpError};
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
pub(super) fn authenticate(session: &Session, server: &Server) -> Result<(), SftpError> {
    let user = server.user.as_str();
    let offered = session.auth_methods(user).map(str::to_string).unwrap_or_default();
    let mut tried = Vec::new();
    if let Some(key) = &server.private_key {
        tried.push("the key");
        let passphrase = server.passphrase.as_ref().map(expose);
        if let Err(error) = session.userauth_pubkey_memory(user, None, expose(key), passphrase)
            && error.code() == KEY_UNREADABLE
        {
            return Err(SftpError::PrivateKey(error.message().to_string()));
        }
    }
    if !session.authenticated()
        && let Some(password) = &server.password
    {
        tried.push("the password");
        let password = expose(password);
        if session.userauth_password(user, password).is_err() && !session.authenticated() {
            // Some servers ask for the password by this method only.
            let _ = session.userauth_keyboard_interactive(user, &mut Answer(password));
        }
    }
    if session.authenticated() {
        return Ok(());
    }
    Err(SftpError::Auth { user: user.into(), tried: tried.join(" and "), offered })
}
