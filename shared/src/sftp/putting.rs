//! Writing files.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    Client, SftpError,
    subsystem::{Doing, done},
    wire::{Request, open},
};

impl Client {
    /// Writes a file from its beginning, over whatever has its name; the folder is made if it is not there. `next`
    /// gives its bytes piece by piece. Answers how many they were.
    ///
    /// # Errors
    /// When the file cannot be made, or a write fails or takes no byte in time; part of it may be there then.
    pub fn write(&mut self, path: &str, mut next: impl FnMut() -> Option<Bytes>) -> Result<u64, SftpError> {
        let doing = Doing("making", path);
        let order = Request::Open { path, flags: open::WRITE | open::CREATE | open::TRUNCATE };
        let handle = match self.handle(doing, order) {
            Err(SftpError::NotFound(_)) => {
                self.make_folders(path)?;
                self.handle(doing, order)?
            }
            opened => opened?,
        };
        let written = self.write_pieces(Doing("writing", path), &handle, 0, &mut next);
        if written.is_err() {
            self.sftp.close(&handle);
            return written;
        }
        self.sftp.order(Doing("closing", path), Request::Close { handle: &handle })?;
        written
    }

    /// Sends everything that `next` gives, with as much on its way as the distance asks for.
    fn write_pieces(
        &mut self,
        doing: Doing<'_>,
        handle: &[u8],
        mut offset: u64,
        next: &mut impl FnMut() -> Option<Bytes>,
    ) -> Result<u64, SftpError> {
        let (window, mut on_the_way, begun) = (self.window_bytes(), 0, offset);
        let mut asked: VecDeque<(u32, u64)> = VecDeque::new();
        let mut piece = Bytes::new();
        let mut is_all = false;
        let written = loop {
            while !is_all && on_the_way < window {
                if piece.is_empty() {
                    match next() {
                        Some(next) => piece = next,
                        None => is_all = true,
                    }
                    continue;
                }
                let data = piece.split_to(piece.len().min(self.sftp.write_bytes as usize));
                let bytes = data.len() as u64;
                match self.sftp.send_on(doing, Request::Write { handle, offset, data: &data }) {
                    Ok(id) => asked.push_back((id, bytes)),
                    Err(error) => return Err(error),
                }
                offset += bytes;
                on_the_way += bytes;
            }
            let Some((id, bytes)) = asked.pop_front() else { break Ok(offset - begun) };
            on_the_way -= bytes;
            let answer = self.sftp.answer(doing, id)?;
            if let Err(error) = done(doing, answer) {
                break Err(error);
            }
        };
        asked.into_iter().for_each(|(id, _)| self.sftp.abandon(id));
        written
    }
}
