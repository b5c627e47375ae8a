//! Lists of runs, by account or by connection, newest first.

use jiff::Timestamp;

use super::super::{
    AwsError, Table,
    table::{key_item, n, number, read, s, string, value},
};
use crate::{
    keys::{self, Key},
    run::{Run, RunStatus},
};

impl Table {
    /// Lists runs, newest first: of an account, or of one of its connections.
    ///
    /// `after` is the key of the last run of the page before, and must be one of the same account.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn runs(&self, list: &RunList<'_>) -> Result<RunPage, AwsError> {
        let (index, attribute) = ("runs_by_connection", "runs_of_connection");
        let (index, attribute, partition) = match (list.connection, list.target_server) {
            (Some(c), _) => (index, attribute, keys::runs_of_connection(list.account, c)),
            (None, Some(t)) => (index, attribute, keys::runs_of_target(list.account, t)),
            (None, None) => ("runs_by_account", "runs_of_account", keys::runs_of_account(list.account)),
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression("#p = :p AND requested_ms BETWEEN :from AND :to")
            .expression_attribute_names("#p", attribute)
            .expression_attribute_values(":p", s(&partition))
            .expression_attribute_values(":from", n(list.from.map_or(0, |t| t.as_millisecond())))
            .expression_attribute_values(":to", n(list.to.map_or(i64::MAX, |t| t.as_millisecond())))
            .scan_index_forward(false)
            .limit(list.limit)
            .set_exclusive_start_key(list.after.as_ref().map(|after| {
                let mut start = key_item(&after.key);
                start.insert(attribute.into(), s(&partition));
                start.insert("requested_ms".into(), n(after.requested_ms));
                start
            }));
        if let Some(status) = list.status {
            query = query
                .filter_expression("#status = :status")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", value(&status)?);
        }
        let answer = query.send().await.map_err(AwsError::call("dynamodb:Query"))?;
        let after = answer.last_evaluated_key.as_ref().and_then(|last| {
            Some(RunCursor {
                key: Key { pk: string(last, "pk")?, sk: string(last, "sk")? },
                requested_ms: number(last, "requested_ms")?,
            })
        });
        let runs = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(RunPage { runs, after })
    }
}

/// Which runs to list.
#[derive(Clone, Debug)]
pub struct RunList<'a> {
    /// Of this account.
    pub account: &'a str,
    /// Of this connection only.
    pub connection: Option<&'a str>,
    /// Pushes to this target server only.
    pub target_server: Option<&'a str>,
    /// In this status only.
    pub status: Option<RunStatus>,
    /// Requested at or after.
    pub from: Option<Timestamp>,
    /// Requested at or before.
    pub to: Option<Timestamp>,
    /// At most so many rows are looked at.
    pub limit: i32,
    /// Go on after this one.
    pub after: Option<RunCursor>,
}

/// Where a list of runs goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCursor {
    /// Key of the last run seen.
    pub key: Key,
    /// When it was requested, milliseconds since 1970.
    pub requested_ms: i64,
}

/// One page of runs.
#[derive(Clone, Debug)]
pub struct RunPage {
    /// Newest first.
    pub runs: Vec<Run>,
    /// Where to go on, if there may be more.
    pub after: Option<RunCursor>,
}
