//! The SFTP client on servers of five makes: what each does differently is no caller's business.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use shared::sftp::{Client, RemoteFile, Server, SftpError};
use tempfile::TempDir;
use tests::{
    line::Line,
    sftp_client::{SHORT, access, enter, noise, patience, read, write},
    sftp_server::{Entry, SftpServer, Software},
};

/// A server, a session with it, and a folder that both sides see.
struct Place {
    _home: TempDir,
    server: SftpServer,
    client: Client,
    folder: PathBuf,
}

impl Place {
    fn on(software: Software) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let server = SftpServer::start_as(software, &home.path().join("server"), Entry::Key)?;
        let folder = home.path().join("lønn og timer");
        fs::create_dir(&folder)?;
        let client = enter(&server)?;
        Ok(Self { _home: home, server, client, folder })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn local(&self, name: &str) -> Result<Vec<u8>> {
        Ok(fs::read(self.folder.join(name))?)
    }

    fn names(&self) -> Result<Vec<String>> {
        let mut names = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

fn a_file_goes_there_and_comes_back(mut at: Place) -> Result<()> {
    for size_bytes in [0, 1, 32_768, 300_001, 5_000_011] {
        let (path, content) = (at.path("a file with spaces, Ærlig.csv"), noise(size_bytes, 7));
        ensure!(write(&mut at.client, &path, &content)? == size_bytes as u64);
        ensure!(at.local("a file with spaces, Ærlig.csv")? == content, "{size_bytes} bytes went");
        ensure!(at.client.stat(&path)?.0 == size_bytes as u64);
        ensure!(read(&mut at.client, &path, size_bytes)? == content, "{size_bytes} bytes came");
        // A file that has become shorter, or longer, than it was listed.
        ensure!(read(&mut at.client, &path, size_bytes + 70_000)? == content);
        ensure!(read(&mut at.client, &path, size_bytes / 2)? == content[..size_bytes / 2]);
    }
    Ok(())
}

fn a_folder_lists_its_files(mut at: Place) -> Result<()> {
    fs::create_dir(at.folder.join("below"))?;
    for n in 0..300 {
        fs::write(at.folder.join(format!("{n:03} é")), noise(n, 1))?;
    }
    let mut files = at.client.list(&at.path(""))?.files;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(files.len() == 300, "{}", files.len());
    for (n, file) in files.iter().enumerate() {
        ensure!((file.name.as_str(), file.size_bytes) == (&format!("{n:03} é"), n as u64), "{file:?}");
        ensure!(at.client.stat(&file.path)? == (file.size_bytes, file.mtime), "{file:?}");
    }
    ensure!(matches!(at.client.list(&at.path("none")), Err(SftpError::NotFound(_))));
    ensure!(at.client.list(&at.path("below"))?.files.is_empty());
    Ok(())
}

fn many_small_files_are_read_at_once(mut at: Place) -> Result<()> {
    let mut files = Vec::new();
    for n in 0..500usize {
        let (name, content) = (format!("{n}"), noise(n * 211 % 150_000, n as u64));
        fs::write(at.folder.join(&name), &content)?;
        let path = at.path(&name);
        let (size_bytes, mtime) = at.client.stat(&path)?;
        files.push(RemoteFile { name, path, size_bytes, mtime });
    }
    fs::remove_file(at.folder.join("77"))?;
    let mut came: Vec<Option<_>> = vec![None; files.len()];
    at.client.read_many(&files, |index, whole| came[index] = Some(whole.map_err(|e| e.code())))?;
    for (n, (came, file)) in came.into_iter().zip(&files).enumerate() {
        match came {
            Some(Err("not_found")) if n == 77 => {}
            Some(Ok(whole)) => {
                ensure!(whole.bytes == noise(n * 211 % 150_000, n as u64), "{n}");
                ensure!(whole.after == (file.size_bytes, file.mtime), "{n}");
            }
            other => anyhow::bail!("{n}: {other:?}"),
        }
    }
    // The session is still in order.
    at.client.stat(&at.path("1"))?;
    Ok(())
}

fn names_are_given_taken_and_replaced(mut at: Place) -> Result<()> {
    let [from, to, aside] = ["from", "to", "aside"].map(|name| at.path(name));
    let replaces = at.server.software() == "rclone";
    fs::write(&from, "new")?;
    at.client.rename(&from, &to)?;
    ensure!(at.names()? == ["to"]);
    fs::write(&from, "newer")?;
    let renamed = at.client.rename(&from, &to);
    ensure!(renamed.is_ok() == replaces, "{renamed:?}");
    ensure!(at.local("to")? == if replaces { &b"newer"[..] } else { b"new" });
    fs::write(&from, "newest")?;
    at.client.replace(&from, &to, &aside)?;
    ensure!(at.local("to")? == b"newest" && at.names()? == ["to"]);
    // Again, as after an answer that was lost: it is done.
    at.client.replace(&from, &to, &aside)?;
    ensure!(at.local("to")? == b"newest");
    at.client.unlink(&to)?;
    at.client.unlink(&to)?;
    ensure!(at.names()?.is_empty());
    ensure!(matches!(at.client.rename(&from, &to), Err(SftpError::NotFound(_))));
    Ok(())
}

fn folders_are_made_and_files_moved_into_them(mut at: Place) -> Result<()> {
    let path = at.path("a/b c/d/file");
    write(&mut at.client, &path, b"deep")?;
    ensure!(at.local("a/b c/d/file")? == b"deep");
    fs::write(at.folder.join("taken"), "content")?;
    let listed = at.client.list(&at.path(""))?.files.remove(0);
    at.client.move_into(&listed, &at.path("done"), "taken-1")?;
    ensure!(at.local("done/taken")? == b"content");
    fs::write(at.folder.join("taken"), "other")?;
    let listed = at.client.list(&at.path(""))?.files.remove(0);
    at.client.move_into(&listed, &at.path("done"), "taken-1")?;
    ensure!(at.local("done/taken")? == b"content" && at.local("done/taken-1")? == b"other");
    let error = at.client.remove(&RemoteFile { size_bytes: 1, path: at.path("done/taken"), ..listed });
    ensure!(matches!(error, Err(SftpError::Changed(_))), "{error:?}");
    Ok(())
}

fn what_is_not_there_is_not_found(mut at: Place) -> Result<()> {
    let none = at.path("none");
    ensure!(!at.client.exists(&none)?);
    ensure!(matches!(at.client.stat(&none), Err(SftpError::NotFound(path)) if path == none));
    ensure!(matches!(read(&mut at.client, &none, 1), Err(SftpError::NotFound(_))));
    // A file cannot be a folder.
    fs::write(at.folder.join("file"), "")?;
    let below = at.path("file/below");
    ensure!(write(&mut at.client, &below, b"x").is_err());
    ensure!(at.client.list(&at.path("file")).is_err());
    at.client.keep_alive()?;
    ensure!(at.client.software().starts_with("SSH-2.0-"), "{}", at.client.software());
    Ok(())
}

macro_rules! on_every_server {
    ($($server:ident: $software:expr),+ $(,)?) => {
        $(mod $server {
            use super::*;

            on_every_server!(@tests $software,
                a_file_goes_there_and_comes_back, a_folder_lists_its_files, many_small_files_are_read_at_once,
                names_are_given_taken_and_replaced, folders_are_made_and_files_moved_into_them,
                what_is_not_there_is_not_found,
            );
        })+
    };
    (@tests $software:expr, $($name:ident,)+) => {
        $(#[test]
        fn $name() -> Result<()> {
            super::$name(Place::on($software)?)
        })+
    };
}

on_every_server! {
    openssh: Software::OpenSsh,
    asyncssh: Software::AsyncSsh,
    proftpd: Software::ProFtpd,
    dropbear: Software::Dropbear,
    rclone: Software::Rclone,
    // What a server may do that none of these does.
    short_reads: Software::Faulty("short-reads=1000"),
    small_window: Software::Faulty("small-window=3000"),
    no_posix_rename: Software::Faulty("no-posix-rename"),
    few_handles: Software::Faulty("handles=3"),
}

#[test]
fn a_server_that_changes_keys_all_the_time_gets_and_gives_every_byte() -> Result<()> {
    let mut at = Place::on(Software::OpenSsh)?;
    at.server.configure(|config| config + "RekeyLimit 1M\n")?;
    at.client = enter(&at.server)?;
    a_file_goes_there_and_comes_back(at)
}

#[test]
fn a_login_script_that_talks_is_named() -> Result<()> {
    let mut at = Place::on(Software::OpenSsh)?;
    at.server.serve_by("/bin/echo Welcome to the file server of Example", &[])?;
    let error = enter(&at.server)?.start().unwrap_err();
    ensure!(error.to_string().contains("'Welcome to the file server"), "{error}");
    Ok(())
}

#[test]
fn a_server_without_sftp_is_named() -> Result<()> {
    let mut at = Place::on(Software::OpenSsh)?;
    at.server.configure(|config| {
        config.replace("Subsystem sftp internal-sftp\nForceCommand internal-sftp\n", "")
    })?;
    is_named(&at.server)
}

#[test]
fn a_server_that_takes_requests_and_has_no_sftp_is_named() -> Result<()> {
    is_named(&Place::on(Software::Faulty("no-sftp"))?.server)
}

/// A server, the answer of it as it is entered by the settings that servers have, and where old algorithms are allowed.
fn entered(faults: &'static str) -> Result<(Result<Client, SftpError>, Result<Client, SftpError>)> {
    let home = tempfile::tempdir()?;
    let server = SftpServer::start_as(Software::Faulty(faults), &home.path().join("server"), Entry::Key)?;
    let [by_default, with_legacy] = [false, true].map(|legacy| {
        let mut access = access(&server)?;
        access.settings.legacy_algorithms = legacy;
        anyhow::Ok(Client::connect(&access, patience(Duration::from_secs(20))))
    });
    let (by_default, mut with_legacy) = (by_default?, with_legacy?);
    if let Ok(client) = &mut with_legacy {
        let (path, content) = (home.path().join("a").display().to_string(), noise(300_001, 5));
        write(client, &path, &content)?;
        ensure!(read(client, &path, content.len())? == content);
    }
    Ok((by_default, with_legacy))
}

#[test]
fn a_server_that_knows_only_sha_1_is_entered_only_where_that_is_said() -> Result<()> {
    let (by_default, with_legacy) = entered("sha1")?;
    let error = by_default.err().context("SHA-1 is not taken by default")?;
    ensure!(error.code() == "no_common_algorithms", "{error}");
    for offered in [
        "for key exchange the server offers diffie-hellman-group14-sha1",
        "for host key the server offers ssh-rsa,",
        "for MAC the server offers hmac-sha1,",
        "sftp.legacy_algorithms",
    ] {
        ensure!(error.to_string().contains(offered), "{error}");
    }
    with_legacy?;
    Ok(())
}

#[test]
fn an_rsa_key_signs_by_sha_1_only_where_that_is_said() -> Result<()> {
    let (by_default, with_legacy) = entered("rsa-client")?;
    by_default?;
    with_legacy?;
    let (by_default, with_legacy) = entered("rsa-client states-no-signatures")?;
    let error = by_default.err().context("the server says nothing of newer signatures")?;
    ensure!(error.code() == "private_key_unusable", "{error}");
    ensure!(error.to_string().contains("sftp.legacy_algorithms"), "{error}");
    with_legacy?;
    Ok(())
}

fn is_named(server: &SftpServer) -> Result<()> {
    let started = enter(server).and_then(|mut client| Ok(client.start()?));
    let error = started.err().context("it has none")?;
    let error = error.downcast_ref::<SftpError>().context("it is the client's")?;
    ensure!(error.code() == "transfer_failed", "{error}");
    ensure!(error.to_string().contains("may use the sftp subsystem"), "{error}");
    Ok(())
}

/// Round trips that it takes to enter a server and have a file of one byte.
async fn round_trips(software: Software) -> Result<f64> {
    const ROUND_TRIP: Duration = Duration::from_millis(200);
    let at = Place::on(software)?;
    fs::write(at.folder.join("a"), b"x")?;
    let line = Line::start(at.server.address(), ROUND_TRIP.as_millis() as u64).await?;
    let server = Server { port: line.port(), ..access(&at.server)? };
    let path = at.path("a");
    let shortest = tokio::task::spawn_blocking(move || {
        let mut shortest = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            let mut client = Client::connect(&server, patience(Duration::from_secs(20)))?;
            ensure!(read(&mut client, &path, 1)? == b"x");
            shortest = shortest.min(started.elapsed());
        }
        Ok(shortest)
    });
    Ok(shortest.await??.as_secs_f64() / ROUND_TRIP.as_secs_f64())
}

#[tokio::test]
async fn a_far_server_is_not_waited_for_before_it_has_started_sftp() -> Result<()> {
    for (software, most) in [
        (Software::OpenSsh, 9.8),
        (Software::AsyncSsh, 8.8),
        (Software::Rclone, 8.8),
        (Software::ProFtpd, 8.4),
        (Software::Dropbear, 8.4),
    ] {
        // Other work on the machine only adds to it.
        let mut least = f64::INFINITY;
        for _ in 0..5 {
            least = least.min(round_trips(software).await?);
            if least < most {
                break;
            }
        }
        println!("{software:?}: {least:.2} round trips");
        ensure!(least < most, "{software:?}: {least}");
    }
    Ok(())
}

#[test]
fn a_mode_is_set_where_the_server_does_it() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut at = Place::on(Software::OpenSsh)?;
    let path = at.path("a");
    write(&mut at.client, &path, b"x")?;
    at.client.set_mode(&path, 0o640)?;
    ensure!(fs::metadata(&path)?.permissions().mode() & 0o777 == 0o640);
    let mut at = Place::on(Software::Faulty("no-setstat"))?;
    let path = at.path("a");
    write(&mut at.client, &path, b"x")?;
    ensure!(matches!(at.client.set_mode(&path, 0o640), Err(SftpError::Denied(_))));
    Ok(())
}

/// Has a server fall silent in the middle of this, and expects that it is left within the time of one answer.
fn is_left_in_time(
    faults: &'static str,
    work: impl FnOnce(&mut Client, &str) -> Result<(), SftpError>,
) -> Result<()> {
    let mut at = Place::on(Software::Faulty(faults))?;
    fs::write(at.folder.join("there"), noise(5_000_000, 1))?;
    let path = at.path("there");
    at.client = Client::connect(&access(&at.server)?, patience(SHORT))?;
    let started = std::time::Instant::now();
    let error = work(&mut at.client, &path).err().context("it never answers")?;
    ensure!(error.code() == "timed_out" && error.is_retryable(), "{error}");
    ensure!(started.elapsed() < 4 * SHORT, "{:?}", started.elapsed());
    ensure!(at.server.log().contains("fault: "), "{}", at.server.log());
    Ok(())
}

#[test]
fn a_server_that_never_answers_a_read_is_left() -> Result<()> {
    is_left_in_time("stall-read=3", |client, path| read(client, path, 5_000_000).map(|_| ()))
}

#[test]
fn a_server_that_never_answers_a_write_is_left() -> Result<()> {
    is_left_in_time("stall-write=3", |client, path| write(client, path, &noise(5_000_000, 2)).map(|_| ()))
}

#[test]
fn a_server_that_never_opens_a_file_is_left() -> Result<()> {
    is_left_in_time("stall-open", |client, path| read(client, path, 1).map(|_| ()))
}

#[test]
fn a_reset_in_the_middle_is_a_lost_connection_and_the_next_session_works() -> Result<()> {
    for (faults, reads) in [("reset-read=2000000 once", true), ("reset-write=2000000 once", false)] {
        let mut at = Place::on(Software::Faulty(faults))?;
        let (path, content) = (at.path("a"), noise(5_000_000, 3));
        if reads {
            fs::write(&path, &content)?;
        }
        let work = |client: &mut Client| match reads {
            true => read(client, &path, content.len()).map(|_| ()),
            false => write(client, &path, &content).map(|_| ()),
        };
        let error = work(&mut at.client).err().context("it was reset")?;
        ensure!(error.code() == "connection_lost" && error.is_retryable(), "{faults}: {error}");
        work(&mut enter(&at.server)?)?;
        ensure!(fs::read(&path)? == content);
    }
    Ok(())
}

#[test]
fn a_write_that_fails_is_not_made_good_by_those_behind_it() -> Result<()> {
    let mut at = Place::on(Software::Faulty("full-after=2000000"))?;
    let path = at.path("a");
    let error = write(&mut at.client, &path, &noise(5_000_000, 4)).err().context("it is full")?;
    ensure!(error.to_string().contains("No space left on device"), "{error}");
    // The session is in order.
    ensure!(at.client.exists(&path)?);
    Ok(())
}

#[test]
fn what_a_server_prints_beside_does_not_fill_the_window() -> Result<()> {
    let mut at = Place::on(Software::OpenSsh)?;
    let server = "/bin/sh -c 'head -c 3000000 /dev/zero >&2; exec /usr/lib/openssh/sftp-server'";
    at.server.serve_by(server, &[])?;
    at.client = enter(&at.server)?;
    a_file_goes_there_and_comes_back(at)
}
