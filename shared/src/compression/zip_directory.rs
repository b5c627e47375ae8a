//! The directory at the end of a zip archive: what its one member is, and where.
//!
//! Only the end of the archive is looked at, so that memory is bounded whatever an archive says of itself. Sizes are those
//! of the directory: where an archive was written as a stream, they are nowhere else before the member.
//!
//! Source: PKWARE's APPNOTE 6.3.10, sections 4.3.12 to 4.3.16 and 4.5.3.

use super::Unpackable;

/// As much of an archive's end as is looked at. The directory of one member, and the longest comment, fit by far.
pub const TAIL_BYTES: u64 = 128 * 1024;

/// Most members that are named where there are several.
const MOST_NAMED: usize = 10;

/// Longest name that is shown.
const MOST_NAME_CHARS: usize = 100;

/// The one file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its local header begins.
    pub at: u64,
    /// Its bytes in the archive.
    pub packed_bytes: u64,
    /// Its bytes.
    pub size_bytes: u64,
    /// CRC-32 of its bytes.
    pub crc: u32,
    /// Whether it is deflated; otherwise it is stored as it is.
    pub is_deflated: bool,
}

/// Finds the only file in an archive of so many bytes, by its last [`TAIL_BYTES`] at most. Folders are no files.
///
/// # Errors
/// When it is no archive, has no file or several, or one that cannot be read.
pub fn only_member(tail: &[u8], archive_bytes: u64) -> Result<Member, Unpackable> {
    let tail = Tail { bytes: tail, from: archive_bytes.saturating_sub(tail.len() as u64) };
    let end = tail.end_record().ok_or_else(|| damaged("it does not end as a zip archive does"))?;
    let directory = tail.directory(end).ok_or_else(|| damaged("its directory is not where it says"))?;
    if directory.at < tail.from {
        return Err(Unpackable::Members { count: directory.members, names: Vec::new() });
    }
    let (mut at, mut files) = (directory.at, Vec::new());
    for _ in 0..directory.members {
        let entry = tail.entry(at).ok_or_else(|| damaged("its directory is cut"))?;
        at = entry.next;
        if !entry.member.name.ends_with('/') {
            files.push(entry);
        }
    }
    if files.iter().any(|entry| entry.member.at >= archive_bytes) {
        return Err(damaged("its member is not where the directory says"));
    }
    if files.len() != 1 {
        let names = files.iter().take(MOST_NAMED).map(|e| shown(&e.member.name)).collect();
        return Err(Unpackable::Members { count: files.len() as u64, names });
    }
    let Entry { member, flags, method, .. } = files.remove(0);
    let unsupported = |what: String| Unpackable::Unsupported(format!("{} is {what}", shown(&member.name)));
    match method {
        _ if flags & 1 != 0 => Err(unsupported("encrypted".into())),
        STORED => Ok(member),
        DEFLATED => Ok(Member { is_deflated: true, ..member }),
        other => Err(unsupported(format!("packed by method {other}, and only deflate and stored are read"))),
    }
}

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

fn damaged(why: &str) -> Unpackable {
    Unpackable::Damaged { what: "zip", why: why.into() }
}

fn shown(name: &str) -> String {
    name.chars().take(MOST_NAME_CHARS).collect()
}

/// The end of an archive, read by places of the whole.
struct Tail<'a> {
    bytes: &'a [u8],
    from: u64,
}

struct Directory {
    members: u64,
    at: u64,
}

struct Entry {
    member: Member,
    flags: u16,
    method: u16,
    next: u64,
}

impl<'a> Tail<'a> {
    fn slice(&self, at: u64, len: usize) -> Option<&'a [u8]> {
        let begin = usize::try_from(at.checked_sub(self.from)?).ok()?;
        self.bytes.get(begin..begin.checked_add(len)?)
    }

    fn u16(&self, at: u64) -> Option<u16> {
        Some(u16::from_le_bytes(self.slice(at, 2)?.try_into().ok()?))
    }

    fn u32(&self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.slice(at, 4)?.try_into().ok()?))
    }

    fn u64(&self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.slice(at, 8)?.try_into().ok()?))
    }

    /// Where the last record begins: behind it is its comment, and nothing else.
    fn end_record(&self) -> Option<u64> {
        let last = self.bytes.len().checked_sub(22)?;
        let end = self.from + self.bytes.len() as u64;
        (0..=last).rev().map(|i| self.from + i as u64).find(|at| {
            self.slice(*at, 4) == Some(b"PK\x05\x06")
                && self.u16(at + 20).is_some_and(|comment| at + 22 + u64::from(comment) == end)
        })
    }

    fn directory(&self, end: u64) -> Option<Directory> {
        let (members, at) = (self.u16(end + 10)?, self.u32(end + 16)?);
        if members < u16::MAX && at < u32::MAX && self.u32(end + 12)? < u32::MAX {
            return Some(Directory { members: members.into(), at: at.into() });
        }
        // What is too large for that record is in another one, to which a third one leads.
        let locator = end.checked_sub(20).filter(|at| self.slice(*at, 4) == Some(b"PK\x06\x07"));
        let Some(locator) = locator else {
            return Some(Directory { members: members.into(), at: at.into() });
        };
        let large = self.u64(locator + 8).filter(|at| self.slice(*at, 4) == Some(b"PK\x06\x06"))?;
        Some(Directory { members: self.u64(large.checked_add(32)?)?, at: self.u64(large.checked_add(48)?)? })
    }

    fn entry(&self, at: u64) -> Option<Entry> {
        self.slice(at, 4).filter(|signature| signature == b"PK\x01\x02")?;
        let fixed = self.slice(at, 46)?;
        let u16_at = |i: usize| Some(u16::from_le_bytes(fixed.get(i..i + 2)?.try_into().ok()?));
        let [name_len, extra_len, comment_len] = [u16_at(28)?, u16_at(30)?, u16_at(32)?].map(u64::from);
        let extra_at = at + 46 + name_len;
        let name = self.slice(at + 46, usize::try_from(name_len).ok()?)?;
        // In this order, each only where its own field is full.
        let mut large = self.large_fields(extra_at, extra_len)?.into_iter();
        let mut or_large = |small: u32| match small {
            u32::MAX => large.next(),
            small => Some(small.into()),
        };
        let size_bytes = or_large(self.u32(at + 24)?)?;
        let packed_bytes = or_large(self.u32(at + 20)?)?;
        let local_at = or_large(self.u32(at + 42)?)?;
        let member = Member {
            name: String::from_utf8_lossy(name).into_owned(),
            at: local_at,
            packed_bytes,
            size_bytes,
            crc: self.u32(at + 16)?,
            is_deflated: false,
        };
        let next = extra_at + extra_len + comment_len;
        Some(Entry { member, flags: u16_at(8)?, method: u16_at(10)?, next })
    }

    /// The 64-bit fields of an entry, if it has some.
    fn large_fields(&self, mut at: u64, len: u64) -> Option<Vec<u64>> {
        let end = at + len;
        while at + 4 <= end {
            let (id, size) = (self.u16(at)?, u64::from(self.u16(at + 2)?));
            if id == 1 {
                return (0..size / 8).map(|i| self.u64(at + 4 + i * 8)).collect();
            }
            at += 4 + size;
        }
        Some(Vec::new())
    }
}
