//! SFTP as bytes: requests are written, answers are read. No I/O here.
//!
//! Source: draft-ietf-secsh-filexfer-02 (version 3, what servers speak); OpenSSH's PROTOCOL file for the extensions.

use bytes::{Buf, Bytes};

/// The version that the hub speaks.
pub(super) const VERSION: u32 = 3;

/// What every server takes in one request for bytes, or with one.
pub(super) const EVERY_SERVER_TAKES: u32 = 32 * 1024;

/// Extensions by name, as servers list them.
pub(super) mod extension {
    pub(crate) const POSIX_RENAME: &str = "posix-rename@openssh.com";
    pub(crate) const LIMITS: &str = "limits@openssh.com";
}

/// Flags of [`Request::Open`].
pub(super) mod open {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const CREATE: u32 = 8;
    pub(crate) const TRUNCATE: u32 = 16;
}

/// Codes of [`Answer::Status`]. Those from 11 on are of later versions, and some servers use them in this one too.
pub(super) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const EOF: u32 = 1;
    pub(crate) const NO_SUCH_FILE: u32 = 2;
    pub(crate) const PERMISSION_DENIED: u32 = 3;
    pub(crate) const NO_CONNECTION: u32 = 6;
    pub(crate) const CONNECTION_LOST: u32 = 7;
    pub(crate) const NO_SUCH_PATH: u32 = 10;
    pub(crate) const WRITE_PROTECT: u32 = 12;
    pub(crate) const NO_SPACE: u32 = 14;
    pub(crate) const QUOTA: u32 = 15;
}

/// What a server is asked to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Open { path: &'a str, flags: u32 },
    Close { handle: &'a [u8] },
    Read { handle: &'a [u8], offset: u64, bytes: u32 },
    Write { handle: &'a [u8], offset: u64, data: &'a [u8] },
    Stat { path: &'a str },
    StatOpen { handle: &'a [u8] },
    SetMode { path: &'a str, mode: u32 },
    OpenFolder { path: &'a str },
    ReadFolder { handle: &'a [u8] },
    Remove { path: &'a str },
    MakeFolder { path: &'a str },
    RealPath { path: &'a str },
    Rename { from: &'a str, to: &'a str },
    RenameOver { from: &'a str, to: &'a str },
    Limits,
}

/// Extensions that are noted, and bytes of their names: what there is has a dozen.
const MOST_EXTENSIONS: usize = 64;
const MOST_NAME: usize = 100;

const INIT: u8 = 1;
const SIZE: u32 = 1;
const OWNER: u32 = 2;
const PERMISSIONS: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;
const NEW_FILE: u32 = 0o644;
const NEW_FOLDER: u32 = 0o755;

/// Writes the packet that begins a session.
pub(super) fn put_init(out: &mut Vec<u8>) {
    framed(out, |out| {
        out.push(INIT);
        put_u32(out, VERSION);
    });
}

impl Request<'_> {
    /// Writes a request behind what is there.
    pub(super) fn put(&self, id: u32, out: &mut Vec<u8>) {
        framed(out, |out| {
            out.push(self.kind());
            put_u32(out, id);
            self.put_body(out);
        });
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Open { .. } => 3,
            Self::Close { .. } => 4,
            Self::Read { .. } => 5,
            Self::Write { .. } => 6,
            Self::StatOpen { .. } => 8,
            Self::SetMode { .. } => 9,
            Self::OpenFolder { .. } => 11,
            Self::ReadFolder { .. } => 12,
            Self::Remove { .. } => 13,
            Self::MakeFolder { .. } => 14,
            Self::RealPath { .. } => 16,
            Self::Stat { .. } => 17,
            Self::Rename { .. } => 18,
            Self::RenameOver { .. } | Self::Limits => 200,
        }
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, text: &str| put_bytes(out, text.as_bytes());
        match *self {
            Self::Open { path, flags } => {
                text(out, path);
                put_u32(out, flags);
                match flags & open::CREATE {
                    0 => put_u32(out, 0),
                    _ => put_mode(out, NEW_FILE),
                }
            }
            Self::Close { handle } | Self::ReadFolder { handle } | Self::StatOpen { handle } => {
                put_bytes(out, handle);
            }
            Self::Read { handle, offset, bytes } => {
                put_bytes(out, handle);
                out.extend(offset.to_be_bytes());
                put_u32(out, bytes);
            }
            Self::Write { handle, offset, data } => {
                put_bytes(out, handle);
                out.extend(offset.to_be_bytes());
                put_bytes(out, data);
            }
            Self::Stat { path }
            | Self::OpenFolder { path }
            | Self::Remove { path }
            | Self::RealPath { path } => text(out, path),
            Self::SetMode { path, mode } => {
                text(out, path);
                put_mode(out, mode);
            }
            Self::MakeFolder { path } => {
                text(out, path);
                put_mode(out, NEW_FOLDER);
            }
            Self::Rename { from, to } => {
                text(out, from);
                text(out, to);
            }
            Self::RenameOver { from, to } => {
                text(out, extension::POSIX_RENAME);
                text(out, from);
                text(out, to);
            }
            Self::Limits => text(out, extension::LIMITS),
        }
    }
}

fn framed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put_u32(out, 0);
    body(out);
    let bytes = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&bytes.to_be_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

fn put_mode(out: &mut Vec<u8>, mode: u32) {
    put_u32(out, PERMISSIONS);
    put_u32(out, mode);
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Status { code: u32, message: String },
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<Name>),
    Attributes(Attributes),
    Extended(Bytes),
}

/// A name in a folder; not every server's is UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: Bytes,
    pub(super) attributes: Attributes,
}

/// What a server tells of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size_bytes: Option<u64>,
    pub(super) permissions: Option<u32>,
    /// Seconds since 1970.
    pub(super) mtime: Option<u32>,
}

/// A packet that is none of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent what is no SFTP")]
pub(super) struct Malformed;

impl Answer {
    /// Reads a packet, without its length in front: the id of the request, and what was answered.
    ///
    /// # Errors
    /// When it is none, or none that a client gets.
    pub(super) fn read(mut packet: Bytes) -> Result<(u32, Self), Malformed> {
        let kind = packet.try_get_u8().map_err(|_| Malformed)?;
        let id = get_u32(&mut packet)?;
        let answer = match kind {
            101 => {
                let code = get_u32(&mut packet)?;
                // Some servers leave the message out.
                let message = get_bytes(&mut packet).unwrap_or_default();
                Self::Status { code, message: String::from_utf8_lossy(&message).into_owned() }
            }
            102 => Self::Handle(get_bytes(&mut packet)?),
            103 => Self::Data(get_bytes(&mut packet)?),
            104 => {
                let count = get_u32(&mut packet)?;
                let mut names = Vec::new();
                for _ in 0..count {
                    let name = get_bytes(&mut packet)?;
                    get_bytes(&mut packet)?; // the line that `ls -l` would print
                    names.push(Name { name, attributes: Attributes::read(&mut packet)? });
                }
                Self::Names(names)
            }
            105 => Self::Attributes(Attributes::read(&mut packet)?),
            201 => Self::Extended(packet),
            _ => return Err(Malformed),
        };
        Ok((id, answer))
    }
}

impl Attributes {
    fn read(packet: &mut Bytes) -> Result<Self, Malformed> {
        let flags = get_u32(packet)?;
        let mut attributes = Self::default();
        if flags & SIZE != 0 {
            attributes.size_bytes = Some(packet.try_get_u64().map_err(|_| Malformed)?);
        }
        if flags & OWNER != 0 {
            get_u32(packet)?;
            get_u32(packet)?;
        }
        if flags & PERMISSIONS != 0 {
            attributes.permissions = Some(get_u32(packet)?);
        }
        if flags & TIMES != 0 {
            get_u32(packet)?;
            attributes.mtime = Some(get_u32(packet)?);
        }
        if flags & EXTENDED != 0 {
            for _ in 0..get_u32(packet)? {
                get_bytes(packet)?;
                get_bytes(packet)?;
            }
        }
        Ok(attributes)
    }

    /// Says whether it is a regular file. A server that tells no permissions does not tell the type either.
    pub(super) fn may_be_a_file(&self) -> bool {
        self.permissions.is_none_or(|mode| mode & 0o170_000 == 0o100_000)
    }
}

/// Reads the packet that answers [`put_init`]: the server's version, and its extensions by name.
///
/// # Errors
/// When it is none.
pub(super) fn read_version(mut packet: Bytes) -> Result<(u32, Vec<String>), Malformed> {
    if packet.try_get_u8().map_err(|_| Malformed)? != 2 {
        return Err(Malformed);
    }
    let version = get_u32(&mut packet)?;
    let mut extensions: Vec<String> = Vec::new();
    // Some servers end their list with bytes that are none of it.
    while let Ok(name) = get_bytes(&mut packet) {
        let Ok(_data) = get_bytes(&mut packet) else { break };
        if extensions.len() < MOST_EXTENSIONS && name.len() <= MOST_NAME {
            extensions.push(String::from_utf8_lossy(&name).into_owned());
        }
    }
    Ok((version, extensions))
}

/// Reads the answer to [`Request::Limits`]: most bytes of a read and of a write, where the server states them.
pub(super) fn read_limits(mut answer: Bytes) -> Option<(u32, u32)> {
    let _packet = answer.try_get_u64().ok()?;
    let (read, write) = (answer.try_get_u64().ok()?, answer.try_get_u64().ok()?);
    Some((u32::try_from(read).unwrap_or(u32::MAX), u32::try_from(write).unwrap_or(u32::MAX)))
}

fn get_u32(packet: &mut Bytes) -> Result<u32, Malformed> {
    packet.try_get_u32().map_err(|_| Malformed)
}

fn get_bytes(packet: &mut Bytes) -> Result<Bytes, Malformed> {
    let mut rest = packet.clone();
    let bytes = get_u32(&mut rest)? as usize;
    if rest.len() < bytes {
        return Err(Malformed);
    }
    *packet = rest.split_off(bytes);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_what_the_draft_says() {
        let mut out = Vec::new();
        put_init(&mut out);
        Request::Read { handle: b"h", offset: 258, bytes: 7 }.put(9, &mut out);
        Request::Open { path: "/å", flags: open::WRITE | open::CREATE }.put(10, &mut out);
        let init = [0, 0, 0, 5, 1, 0, 0, 0, 3];
        let read =
            [&[0, 0, 0, 22, 5, 0, 0, 0, 9, 0, 0, 0, 1, b'h'][..], &[0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7]]
                .concat();
        let opened = [
            &[0, 0, 0, 24, 3, 0, 0, 0, 10, 0, 0, 0, 3, b'/', 0xc3, 0xa5][..],
            &[0, 0, 0, 10, 0, 0, 0, 4, 0, 0, 1, 0o244],
        ]
        .concat();
        assert_eq!(out, [&init[..], &read, &opened].concat());
    }

    #[test]
    fn an_answer_is_read() {
        let status = [101, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, b'n', b'o', 0, 0, 0, 0];
        let read = |bytes: &[u8]| Answer::read(Bytes::copy_from_slice(bytes));
        assert_eq!(read(&status).unwrap(), (4, Answer::Status { code: 3, message: "no".into() }));
        assert_eq!(
            read(&status[..9]).unwrap(),
            (4, Answer::Status { code: 3, message: String::new() }),
            "without a message"
        );
        let names = [
            &[104, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0, 0, 0, 0][..],
            &[0x80, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0x81, 0xa4, 0, 0, 0, 1, 0, 0, 0, 6],
            &[0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0, 0],
        ]
        .concat();
        let attributes = Attributes { size_bytes: Some(2), permissions: Some(0o100_644), mtime: Some(6) };
        let name = Name { name: Bytes::from_static(&[0xff]), attributes };
        assert!(attributes.may_be_a_file());
        assert_eq!(read(&names).unwrap(), (5, Answer::Names(vec![name])));
        assert_eq!(read(&[103, 0, 0, 0, 6, 0, 0, 0, 9, 1]), Err(Malformed), "a length beyond the packet");
        assert_eq!(read(&[3, 0, 0, 0, 6]), Err(Malformed), "a request is no answer");
    }

    #[test]
    fn a_version_tells_its_extensions() {
        let mut packet = vec![2, 0, 0, 0, 3];
        for text in [extension::LIMITS, "1"] {
            put_bytes(&mut packet, text.as_bytes());
        }
        packet.extend([0, 0, 0, 99]);
        let (version, extensions) = read_version(packet.into()).unwrap();
        assert_eq!((version, extensions), (3, vec![extension::LIMITS.to_string()]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 100u8..107, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packet = Bytes::from([&[kind][..], &bytes].concat());
            let _ = Answer::read(packet.clone());
            let _ = read_version(packet.clone());
            let _ = read_limits(packet);
        }
    }
}
