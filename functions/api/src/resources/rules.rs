//! What settings must agree with beside themselves: all of it in the caller's account.

use futures::future::BoxFuture;
use jiff::Timestamp;
use shared::{
    connection::{Connection, Deletes},
    export::FilesPer,
    mapping::Mapping,
    problem::{FieldError, Problem},
    resource::Settings,
    schedule::Schedule,
    signature::{LiveSecret, first_reminder},
    source::Source,
    target_server::{TargetServer, TargetServerKind},
};

use crate::{Context, http::unavailable};

/// Rules of one kind that need a look at other rows.
pub(crate) trait Rules: Settings {
    /// Finds what points to nothing, or to something of the wrong kind, in this account.
    fn check_others<'a>(
        &'a self,
        context: &'a Context,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FieldError>, Problem>> {
        Box::pin(references(self, context, account))
    }

    /// When `dispatch` must look at it, if ever. `id` is its own.
    fn due(&self, _id: &str, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// Where clients post to it.
    fn notifications_path(&self, _account: &str, _id: &str) -> Option<String> {
        None
    }

    /// Whether it is due at the same times as before.
    fn has_times_of(&self, _before: &Self) -> bool {
        true
    }
}

impl Rules for TargetServer {
    fn due(&self, _id: &str, now: Timestamp) -> Option<Timestamp> {
        first_reminder(&self.signing_secrets, now).into_iter().chain(self.looked_at_next(now)).min()
    }

    fn has_times_of(&self, before: &Self) -> bool {
        self.kind == before.kind && ends(&self.signing_secrets) == ends(&before.signing_secrets)
    }
}

fn ends(secrets: &[LiveSecret]) -> Vec<(&str, Option<Timestamp>)> {
    secrets.iter().map(|s| (s.name.as_str(), s.ends_at)).collect()
}

impl Rules for Source {
    fn due(&self, _id: &str, now: Timestamp) -> Option<Timestamp> {
        first_reminder(&self.secrets, now)
    }

    fn has_times_of(&self, before: &Self) -> bool {
        ends(&self.secrets) == ends(&before.secrets)
    }

    fn notifications_path(&self, account: &str, id: &str) -> Option<String> {
        Some(format!("/v1/sources/{account}.{id}/notifications"))
    }
}

impl Rules for Mapping {}

impl Rules for Schedule {
    fn check_others<'a>(
        &'a self,
        context: &'a Context,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FieldError>, Problem>> {
        Box::pin(async move {
            let mut errors = references(self, context, account).await?;
            let Some(id) = self.target_server.as_deref().filter(|id| shared::id::is_id(id)) else {
                return Ok(errors);
            };
            let found = context.table.find::<TargetServer>(account, id).await.map_err(unavailable)?;
            if found.is_some_and(|f| f.resource.settings.kind != TargetServerKind::SftpExport) {
                errors.push(FieldError::new("target_server", "must be a target server of kind sftp_export"));
            }
            Ok(errors)
        })
    }

    fn due(&self, id: &str, now: Timestamp) -> Option<Timestamp> {
        self.next_at(id, now)
    }

    fn has_times_of(&self, before: &Self) -> bool {
        let times = |s: &Self| (s.cron.clone(), s.window.clone(), s.time_zone.clone(), s.state);
        times(self) == times(before)
    }
}

/// Kinds that a target server may be of, with their names.
type Kinds = &'static [(TargetServerKind, &'static str)];

impl Rules for Connection {
    fn check_others<'a>(
        &'a self,
        context: &'a Context,
        account: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FieldError>, Problem>> {
        Box::pin(async move {
            let mut errors = references(self, context, account).await?;
            let import: Kinds = &[(TargetServerKind::SftpImport, "sftp_import")];
            let from = self.files().map(|files| ("source.target_server", &files.target_server, import));
            let to: Kinds = &[
                (TargetServerKind::Webservice, "webservice"),
                (TargetServerKind::SftpExport, "sftp_export"),
            ];
            let to = ("target.target_server", &self.target.target_server, to);
            for (field, id, kinds) in from.into_iter().chain([to]) {
                if !shared::id::is_id(id) {
                    continue; // named above
                }
                let found = context.table.find::<TargetServer>(account, id).await.map_err(unavailable)?;
                let Some(server) = found.map(|f| f.resource.settings) else { continue };
                if server.kind == TargetServerKind::SftpExport && self.deletes == Deletes::Infer {
                    let detail =
                        "infer is for a target of kind webservice: a file cannot say that a record is gone";
                    errors.push(FieldError::new("deletes", detail));
                }
                if !kinds.iter().any(|(k, _)| *k == server.kind) {
                    let names: Vec<_> = kinds.iter().map(|(_, name)| *name).collect();
                    let detail = format!("must be a target server of kind {}", names.join(" or "));
                    errors.push(FieldError::new(field, detail));
                } else if self.files().is_some()
                    && server.export.is_some_and(|export| export.files_per() == FilesPer::Record)
                {
                    let detail = "makes a file for each record, and the records of a run go into one with the rest of \
                                  their batch: choose one with files_per batch or connection, and a format other than \
                                  payload";
                    errors.push(FieldError::new(field, detail));
                }
            }
            let Some(mapping) = self.mapping.as_deref().filter(|id| shared::id::is_id(id)) else {
                return Ok(errors);
            };
            let mapping = context.table.find::<Mapping>(account, mapping).await.map_err(unavailable)?;
            if self.files().is_none() {
                return Ok(errors);
            }
            if let (Some(cursor), Some(mapping)) = (&self.cursor, &mapping)
                && !cursor.is_column_of(&mapping.resource.settings)
            {
                let detail = "must name a column of the mapping, of type timestamp or date";
                errors.push(FieldError::new("cursor.column", detail));
            }
            if self.compare && mapping.is_some_and(|m| m.resource.settings.key.is_empty()) {
                errors.push(FieldError::new(
                    "compare",
                    "needs a mapping with a key; set a key, or compare to false",
                ));
            }
            Ok(errors)
        })
    }
}

async fn references<T: Settings>(
    settings: &T,
    context: &Context,
    account: &str,
) -> Result<Vec<FieldError>, Problem> {
    let mut errors = Vec::new();
    for reference in settings.references() {
        let there = shared::id::is_id(&reference.id)
            && context.table.exists(account, reference.kind, &reference.id).await.map_err(unavailable)?;
        if !there {
            let detail = format!("there is no '{}' in this account", reference.id);
            errors.push(FieldError::new(reference.field, detail));
        }
    }
    Ok(errors)
}

/// Names something that points to the row, if anything does.
pub(super) async fn user_of(
    context: &Context,
    account: &str,
    kind: &str,
    id: &str,
) -> Result<Option<String>, Problem> {
    if let Some(user) = user_among::<Connection>(context, account, kind, id).await? {
        return Ok(Some(user));
    }
    user_among::<Schedule>(context, account, kind, id).await
}

async fn user_among<T: Settings>(
    context: &Context,
    account: &str,
    kind: &str,
    id: &str,
) -> Result<Option<String>, Problem> {
    let mut after: Option<String> = None;
    loop {
        let page = context.table.list::<T>(account, after.as_deref(), 100).await.map_err(unavailable)?;
        let points = |t: &T| t.references().iter().any(|r| r.kind == kind && r.id == id);
        if let Some(user) = page.iter().find(|f| points(&f.resource.settings)) {
            return Ok(Some(format!("{} {}", T::WORD, user.resource.id)));
        }
        match page.last() {
            Some(last) if page.len() == 100 => after = Some(last.resource.id.clone()),
            _ => return Ok(None),
        }
    }
}
