//! The hub's client in a process of its own.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use shared::{
    dial::Dialling,
    sftp::{Client, Patience, Server, Writing},
    target_server::{SftpSettings, parse_host_key},
};

/// The argument that asks for it.
pub(crate) const CLIENT: &str = "sftp-client";

const PIECE: usize = 1024 * 1024;

/// Does a work: `get|put|put-by-two|get-all PORT USER KEY HOST_KEY FROM TO`.
///
/// # Errors
/// When it cannot be done.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [what, port, user, key, host_key, from, to] = arguments else { bail!("seven arguments") };
    let server = Server {
        host: "127.0.0.1".into(),
        port: port.parse()?,
        dialling: Dialling::new(&["127.0.0.0/8".into()]),
        user: user.clone(),
        password: None,
        private_key: Some(fs::read_to_string(key)?.into()),
        passphrase: None,
        host_keys: vec![parse_host_key(host_key).context("the server's key is one")?],
        settings: SftpSettings::default(),
    };
    let patience =
        Patience { call: Duration::from_secs(30), until: Instant::now() + Duration::from_secs(600) };
    let server = std::sync::Arc::new(server);
    let beside = {
        let (server, is_wanted) = (server.clone(), what == "put-by-two");
        std::thread::spawn(move || match is_wanted {
            true => Ok(Client::connect(&server, patience)?),
            false => bail!("nobody wants it"),
        })
    };
    let mut client = Client::connect(&server, patience)?;
    match what.as_str() {
        "get" => get(&mut client, from, Path::new(to), fs::metadata(from)?.len()),
        "put" => put(&mut client, None, from, to),
        "put-by-two" => {
            let mut second = beside.join().map_err(|_| anyhow::anyhow!("the second session broke"))??;
            put(&mut client, Some(&mut second), from, to)
        }
        "get-all" => get_all(&mut client, from, Path::new(to)),
        other => bail!("{other} is none of: get, put, put-by-two, get-all"),
    }
}

fn get(client: &mut Client, from: &str, to: &Path, size_bytes: u64) -> Result<()> {
    let mut file = File::create(to)?;
    let mut written = Ok(());
    client.read(from, size_bytes, |piece| {
        written = file.write_all(&piece);
        written.is_ok()
    })?;
    Ok(written?)
}

fn get_all(client: &mut Client, from: &str, to: &Path) -> Result<()> {
    let files = client.list(from)?.files;
    let mut written = Ok(());
    client.read_many(&files, |index, whole| {
        if written.is_ok() {
            let file = to.join(&files[index].name);
            written = whole.map_err(Into::into).and_then(|whole| Ok(fs::write(file, whole.bytes)?));
        }
    })?;
    written
}

fn put(client: &mut Client, second: Option<&mut Client>, from: &str, to: &str) -> Result<()> {
    let mut file = File::open(from)?;
    let written = client.write_with(second, Writing { path: to, from: 0 }, || {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).unwrap_or_default();
        piece.truncate(read);
        (read > 0).then(|| Bytes::from(piece))
    });
    written.map(|_| ()).map_err(|unfinished| unfinished.error.into())
}
