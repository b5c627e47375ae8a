//! Who asks, as their key says.

use shared::account::Role;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The account of the key, which scopes every query.
    pub(crate) account: String,
    /// The id of the key.
    pub(crate) key: String,
    /// What the key may do.
    pub(crate) role: Role,
}
