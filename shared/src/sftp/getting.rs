//! Reading files: one large one with many requests on their way, and many small ones at once.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    Client, SftpError,
    subsystem::{Doing, LEAST_AT_ONCE, broken, refused},
    wire::{Answer, Request, status},
};

/// Bytes that are asked for beyond what is worth having on its way: the server works on them meanwhile.
const AHEAD: u64 = 3 * 1024 * 1024;

/// A piece of a file that was asked for.
struct Piece {
    id: u32,
    offset: u64,
    bytes: u32,
    /// What came: `None` while it has not, empty behind the end of the file.
    data: Option<Bytes>,
}

impl Client {
    /// Bytes that are on their way at once, or asked for.
    pub(super) fn window_bytes(&self) -> u64 {
        u64::from(self.sftp.worth_on_the_way()) + AHEAD
    }

    /// Reads `size_bytes` of a file from its beginning, or up to its end where that comes first. `take` gets the
    /// pieces, of at most 255 KiB and in order, and says whether to go on.
    ///
    /// # Errors
    /// When the file cannot be opened or a read fails or times out.
    pub fn read(
        &mut self,
        path: &str,
        size_bytes: u64,
        take: impl FnMut(Bytes) -> bool,
    ) -> Result<(), SftpError> {
        self.read_from(path, 0, size_bytes, take)
    }

    /// Like [`Self::read`], from an offset on.
    ///
    /// # Errors
    /// As there.
    pub fn read_from(
        &mut self,
        path: &str,
        offset: u64,
        size_bytes: u64,
        take: impl FnMut(Bytes) -> bool,
    ) -> Result<(), SftpError> {
        let handle = self.open(Doing("opening", path))?;
        let mut asked = VecDeque::new();
        let read = self.read_pieces(Doing("reading", path), &handle, (offset, size_bytes), &mut asked, take);
        for piece in asked.iter().filter(|piece| piece.data.is_none()) {
            self.sftp.abandon(piece.id);
        }
        self.sftp.close(&handle);
        read
    }

    fn read_pieces(
        &mut self,
        doing: Doing<'_>,
        handle: &[u8],
        (mut offset, mut end): (u64, u64),
        asked: &mut VecDeque<Piece>,
        mut take: impl FnMut(Bytes) -> bool,
    ) -> Result<(), SftpError> {
        let mut on_the_way = 0;
        loop {
            while offset < end && on_the_way < self.window_bytes() {
                let bytes = (end - offset).min(self.sftp.read_bytes.into()) as u32;
                let id = self.sftp.send_on(doing, Request::Read { handle, offset, bytes })?;
                asked.push_back(Piece { id, offset, bytes, data: None });
                offset += u64::from(bytes);
                on_the_way += u64::from(bytes);
            }
            while let Some(Piece { offset, bytes, data: Some(data), .. }) =
                asked.pop_front_if(|piece| piece.data.is_some())
            {
                on_the_way -= u64::from(bytes);
                // What comes behind the end belongs to a file that grew meanwhile: there is a gap before it.
                if offset < end && !take(data) {
                    return Ok(());
                }
            }
            if asked.is_empty() && offset >= end {
                return Ok(());
            }
            let (id, answer) = self.sftp.next(doing)?;
            // Servers answer in order, but for a few.
            let Some(at) = asked.iter().position(|piece| piece.id == id) else { continue };
            match answer {
                Answer::Data(data) if !data.is_empty() => {
                    let (got, piece) = (data.len() as u64, &mut asked[at]);
                    if got > u64::from(piece.bytes) {
                        return Err(broken(doing, "the server gave more than it was asked for".into()));
                    }
                    let missing = piece.bytes.saturating_sub(got as u32);
                    piece.data = Some(data);
                    if missing > 0 {
                        // Some servers give less than they are asked for, the same each time; it may also be the end.
                        piece.bytes = got as u32;
                        let offset = piece.offset + got;
                        let id =
                            self.sftp.send_on(doing, Request::Read { handle, offset, bytes: missing })?;
                        asked.insert(at + 1, Piece { id, offset, bytes: missing, data: None });
                        self.sftp.read_bytes = self.sftp.read_bytes.min((got as u32).max(LEAST_AT_ONCE));
                    }
                }
                Answer::Data(_) | Answer::Status { code: status::EOF, .. } => {
                    let piece = &mut asked[at];
                    piece.data = Some(Bytes::new());
                    end = end.min(piece.offset);
                }
                answer => {
                    asked[at].data = Some(Bytes::new());
                    return Err(refused(doing, answer));
                }
            }
        }
    }
}
