//! The keys of the table and the bucket. Every one begins with the account.
//!
//! ARCHITECTURE.md lists who reads and writes each; this file is the only one that spells them.

/// Key of an item of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// The pseudo-account that holds the operator's own keys. No account can be made with this name.
pub const OPERATOR: &str = "operator";

/// Shards of the index `due`.
pub const DUE_SHARDS: u32 = 32;

fn account_pk(account: &str) -> String {
    format!("A#{account}")
}

/// The account itself.
pub fn account(account: &str) -> Key {
    Key { pk: account_pk(account), sk: "ACCOUNT".into() }
}

/// An account in the operator's list.
pub fn listed_account(account: &str) -> Key {
    Key { pk: account_pk(OPERATOR), sk: format!("LISTED#{account}") }
}

/// An API key's hash.
pub fn api_key(account: &str, id: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("KEY#{id}") }
}

/// Something that a customer's administrator sets up; `kind` as in [`crate::resource::Settings::KIND`].
pub fn resource(account: &str, kind: &str, id: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("{kind}#{id}") }
}

/// What stays of a row that was removed.
pub fn removed(account: &str, kind: &str, id: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("REMOVED#{kind}#{id}") }
}

/// One immutable version of a mapping.
pub fn mapping_version(account: &str, mapping: &str, version: u64) -> Key {
    Key { pk: format!("A#{account}#M#{mapping}"), sk: format!("V#{version:08}") }
}

/// A run.
pub fn run(account: &str, run: &str) -> Key {
    Key { pk: format!("A#{account}#R#{run}"), sk: "RUN".into() }
}

/// One batch of a run: they sort by the first record they carry.
pub fn batch(account: &str, run: &str, first_ordinal: u64, part: u32) -> Key {
    Key { pk: format!("A#{account}#R#{run}"), sk: format!("{BATCH}{first_ordinal:012}#{part:03}") }
}

/// What the sort key of a batch begins with.
pub const BATCH: &str = "B#";

/// A notification that is kept as itself: no connection wanted it, or it is still to be handed out.
pub fn notification(account: &str, notification: &str) -> Key {
    Key { pk: notification_pk(account, notification), sk: "N".into() }
}

/// A notification that is owed to the target of one connection.
pub fn notification_delivery(account: &str, notification: &str, connection: &str) -> Key {
    Key { pk: notification_pk(account, notification), sk: format!("{DELIVERY}{connection}") }
}

/// What the sort key of a notification's delivery begins with.
pub const DELIVERY: &str = "C#";

/// A failed attempt to deliver a notification to the target of one connection, by the epoch of its claim.
pub fn attempt(account: &str, notification: &str, connection: &str, epoch: u64) -> Key {
    Key { pk: notification_pk(account, notification), sk: format!("{ATTEMPT}{connection}#{epoch:06}") }
}

/// What the sort key of an attempt begins with: after that of the notification itself and of its deliveries.
pub const ATTEMPT: &str = "T#";

fn notification_pk(account: &str, notification: &str) -> String {
    format!("A#{account}#N#{notification}")
}

/// Whether a target is sent to, and the clock of its rate.
pub fn gate(account: &str, target_server: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("{GATE}{target_server}") }
}

/// What the sort key of a gate begins with.
pub const GATE: &str = "GATE#";

/// The clock of a source's rate.
pub fn source_rate(account: &str, source: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("RATE#{source}") }
}

/// What is to be pushed to a target, and how far it is.
pub fn push(account: &str, target_server: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("{PUSH}{target_server}") }
}

/// What the sort key of a push begins with.
pub const PUSH: &str = "PUSH#";

/// The latest try of an SFTP server.
pub fn server_try(account: &str, target_server: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("TRY#{target_server}") }
}

/// The access token of a target.
pub fn token(account: &str, target_server: &str) -> Key {
    Key { pk: account_pk(account), sk: format!("TOKEN#{target_server}") }
}

/// One of the places for requests in flight that a target has.
pub fn place(account: &str, target_server: &str, n: u32) -> Key {
    Key { pk: format!("A#{account}#P#{target_server}"), sk: format!("P#{n:04}") }
}

/// A remote file that a connection has taken, by path, size and time of change.
pub fn ledger_file(account: &str, connection: &str, fingerprint: &str) -> Key {
    Key { pk: ledger(account, connection), sk: format!("F#{fingerprint}") }
}

/// The content that a connection took last.
pub fn ledger_content(account: &str, connection: &str) -> Key {
    Key { pk: ledger(account, connection), sk: "CONTENT".into() }
}

/// A file that a person uploads for a connection, by the upload's id.
pub fn ledger_upload(account: &str, connection: &str, upload: &str) -> Key {
    Key { pk: ledger(account, connection), sk: format!("U#{upload}") }
}

fn ledger(account: &str, connection: &str) -> String {
    format!("A#{account}#L#{connection}")
}

/// Partition of the index `runs_by_account`.
pub fn runs_of_account(account: &str) -> String {
    account_pk(account)
}

/// Partition of the index `runs_by_connection`.
pub fn runs_of_connection(account: &str, connection: &str) -> String {
    format!("A#{account}#C#{connection}")
}

/// Partition of the index `runs_by_connection` for the pushes of a target server.
pub fn runs_of_target(account: &str, target_server: &str) -> String {
    format!("A#{account}#T#{target_server}")
}

/// Partition of the index `due` for a row: by its whole key, so that neither an account nor a run with
/// many rows fills one shard.
pub fn due_shard(key: &Key) -> String {
    let hash = crate::id::hash128(&[&key.pk, &key.sk]);
    due_shard_name(u32::from(hash[0]) % DUE_SHARDS)
}

/// Name of the `n`th shard of the index `due`.
pub fn due_shard_name(n: u32) -> String {
    format!("DUE#{n:02}")
}

/// Shards of the index `owed`, for each target.
pub const OWED_SHARDS: u8 = 4;

/// Partition of the index `owed` for what a target owes under an id.
pub fn owed_by(account: &str, target_server: &str, id: &str) -> String {
    owed_shard(account, target_server, crate::id::hash128(&[id])[0] % OWED_SHARDS)
}

/// Name of the `n`th shard of what a target owes.
pub fn owed_shard(account: &str, target_server: &str, n: u8) -> String {
    format!("A#{account}#T#{target_server}#{n}")
}

/// Partition of the index `owed` for a notification that no connection wanted.
pub fn unrouted_by(account: &str, notification: &str) -> String {
    unrouted_shard(account, crate::id::hash128(&[notification])[0] % OWED_SHARDS)
}

/// Name of the `n`th shard of what no connection wanted.
pub fn unrouted_shard(account: &str, n: u8) -> String {
    format!("A#{account}#U#{n}")
}

/// A file of a run, as it came: in `staged/` for 90 days.
pub fn staged_object(account: &str, connection: &str, fingerprint: &str, run: &str) -> String {
    format!("{account}/staged/{connection}/{run}/{fingerprint}")
}

/// A file that a person uploads for a connection, until a run takes it: in `files/`.
pub fn uploaded_file(account: &str, connection: &str, upload: &str) -> String {
    format!("{account}/files/{connection}/{upload}")
}

/// A batch's records, as they go out, in `payloads/`.
pub fn batch_object(account: &str, run: &str, batch: &str) -> String {
    format!("{account}/payloads/{run}/{batch}.json")
}

/// What the target answered for a batch, record by record.
pub fn answer_object(account: &str, run: &str, batch: &str) -> String {
    format!("{account}/payloads/{run}/{batch}.answer.json")
}

/// A notification's payload, in `payloads/`.
pub fn notification_object(account: &str, notification: &str, body_hash: &str) -> String {
    format!("{account}/payloads/{notification}/{body_hash}")
}

/// A payload that a client uploads, until the notification comes that it belongs to: in `uploads/`.
pub fn upload_object(account: &str, source: &str, sha256_hex: &str) -> String {
    format!("{account}/uploads/{source}/{sha256_hex}")
}

/// A notification as a mapping makes it for a file, by the connection and the mapping's version: in `payloads/`.
pub fn record_object(account: &str, notification: &str, connection: &str, version: u64) -> String {
    format!("{account}/payloads/{notification}/{connection}.{version}.json")
}

/// The bytes of a file that is pushed, as the holder with this epoch rendered them: in `exports/`.
pub fn export_object(account: &str, target_server: &str, batch: &str, epoch: u64) -> String {
    format!("{account}/exports/{target_server}/{batch}/{epoch:06}")
}

/// The list of the records of a file that is pushed, by the same holder.
pub fn export_manifest(account: &str, target_server: &str, batch: &str, epoch: u64) -> String {
    format!("{}.manifest.ndjson", export_object(account, target_server, batch, epoch))
}

/// What a file that is pushed says for each record of a batch, as the holder with this epoch rendered it: beside the
/// batch's payload, where the report of its run looks for answers.
pub fn export_answers(account: &str, run: &str, batch: &str, file: &str, epoch: u64) -> String {
    format!("{account}/payloads/{run}/{batch}.{file}.{epoch:06}.answer.json")
}

/// One part of a run's record results, compressed NDJSON.
pub fn records_part(account: &str, run: &str, stage: &str, part: u32) -> String {
    format!("{account}/records/{run}/{stage}-{part:05}.ndjson.gz")
}

/// The list of a run's record parts.
pub fn records_index(account: &str, run: &str, stage: &str) -> String {
    format!("{account}/records/{run}/{stage}.json")
}

/// A run's record results, or the errors among them, as one CSV file.
pub fn records_csv(account: &str, run: &str, errors_only: bool) -> String {
    let name = if errors_only { "errors" } else { "records" };
    format!("{account}/records/{run}/{name}.csv")
}

/// The reasons of a run's records, counted.
pub fn reasons_object(account: &str, run: &str) -> String {
    format!("{account}/records/{run}/reasons.json")
}

/// The list of the files that hold the failed records of a run.
pub fn failed_files(account: &str, run: &str) -> String {
    format!("{account}/records/{run}/failed.json")
}

/// The failed records of one input of a run, from 1, in the input's own format.
pub fn failed_lines(account: &str, run: &str, input: u32) -> String {
    format!("{account}/records/{run}/failed-{input:05}.lines")
}

/// The failed records of one input of a run, from 1, with their reasons: NDJSON.
pub fn failed_reasons(account: &str, run: &str, input: u32) -> String {
    format!("{account}/records/{run}/failed-{input:05}.ndjson")
}

/// What one target acknowledged of a connection: another target starts with nothing.
pub fn state_object(account: &str, connection: &str, target_server: &str) -> String {
    format!("{account}/state/{connection}/{target_server}")
}

/// A message that ended in a dead-letter queue, as it came, in `dead-letters/`. It may name no account, so it is
/// the operator's.
pub fn dead_letter_object(queue: &str, hash: &str) -> String {
    format!("{OPERATOR}/dead-letters/{queue}/{hash}")
}

/// The folder of an object's key, which is also its tag: lifecycle rules go by it.
pub fn folder(object: &str) -> &str {
    object.split('/').nth(1).unwrap_or_default()
}
