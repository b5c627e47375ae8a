//! Writing files, over one session or two.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    Client, SftpError,
    subsystem::{Doing, broken, done},
    wire::{Answer, Attributes, Request, open},
};

/// A file that is written.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// Its path.
    pub path: &'a str,
    /// Where it is gone on with: bytes before it are there from an earlier attempt. From 0 on, the file is made, over
    /// whatever has its name, and its folder where there is none.
    pub from: u64,
}

/// How far a file got that was not written to its end.
#[derive(Debug)]
pub struct Unfinished {
    /// Bytes from the beginning of the file that the server has said it has.
    pub acknowledged: u64,
    /// Why not all.
    pub error: SftpError,
}

/// The pieces of a file, taken by one session or two, each piece once.
struct Pieces<F> {
    next: F,
    offset: u64,
}

impl<F: FnMut() -> Option<Bytes>> Pieces<F> {
    fn take(&mut self, most_bytes: usize, kept: &mut Bytes) -> Option<(u64, Bytes)> {
        while kept.is_empty() {
            *kept = (self.next)()?;
        }
        let piece = kept.split_to(kept.len().min(most_bytes));
        let offset = self.offset;
        self.offset += piece.len() as u64;
        Some((offset, piece))
    }
}

/// What a session has to its name: nothing that is not acknowledged.
const NOTHING: u64 = u64::MAX;

impl Client {
    /// Writes a file from its beginning. `next` gives its bytes piece by piece. Answers how many they were.
    ///
    /// # Errors
    /// When the file cannot be made, or a write fails or takes no byte in time; part of it may be there then.
    pub fn write(
        &mut self,
        path: &str,
        next: impl FnMut() -> Option<Bytes> + Send,
    ) -> Result<u64, SftpError> {
        self.write_with(None, Writing { path, from: 0 }, next).map_err(|unfinished| unfinished.error)
    }

    /// Writes a file, or goes on with it; with another session beside this one, where there is one. `next` gives the
    /// bytes from `from` on. Answers the size that the file should have.
    ///
    /// # Errors
    /// When it does not get to its end; it says how far it got.
    pub fn write_with(
        &mut self,
        second: Option<&mut Self>,
        writing: Writing<'_>,
        next: impl FnMut() -> Option<Bytes> + Send,
    ) -> Result<u64, Unfinished> {
        let unfinished = |error| Unfinished { acknowledged: writing.from, error };
        // Both before anything is written: some servers empty what is opened.
        let (opened, second) = std::thread::scope(|scope| {
            let beside = second.map(|second| {
                scope.spawn(move || match second.open_beside(writing) {
                    Ok(handle) => Some((second, handle)),
                    Err(error) => {
                        tracing::warn!(%error, "a file is written by one session");
                        None
                    }
                })
            });
            (self.open_to_write(writing), beside.and_then(|beside| beside.join().ok().flatten()))
        });
        let handle = opened.map_err(unfinished)?;
        if second.is_some() && writing.from > 0 {
            self.has_so_much(writing, &handle).map_err(unfinished)?;
        }
        let pieces = Mutex::new((Pieces { next, offset: writing.from }, Bytes::new()));
        let take = |most_bytes: usize| {
            let mut pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
            let (pieces, kept) = &mut *pieces;
            pieces.take(most_bytes, kept)
        };
        let (first_open, second_open) = (AtomicU64::new(NOTHING), AtomicU64::new(NOTHING));
        let written = match second {
            None => self.write_pieces(writing.path, &handle, &take, &first_open),
            Some((second, beside)) => std::thread::scope(|scope| {
                let beside = scope.spawn(|| second.write_pieces(writing.path, &beside, &take, &second_open));
                let first = self.write_pieces(writing.path, &handle, &take, &first_open);
                let lost = || Err(broken(Doing("writing", writing.path), "its second session broke".into()));
                let beside = beside.join().unwrap_or_else(|_| lost());
                first.and(beside)
            }),
        };
        let end = pieces.lock().unwrap_or_else(PoisonError::into_inner).0.offset;
        written.map(|()| end).map_err(|error| {
            let open = first_open.load(Ordering::Acquire).min(second_open.load(Ordering::Acquire));
            Unfinished { acknowledged: open.min(end), error }
        })
    }

    /// Says from where a file can be gone on with of which `bytes` were acknowledged: less where less is there.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn resumable(&mut self, path: &str, bytes: u64) -> Result<u64, SftpError> {
        match self.stat(path) {
            Ok((size_bytes, _)) => Ok(bytes.min(size_bytes)),
            Err(SftpError::NotFound(_)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn open_to_write(&mut self, writing: Writing<'_>) -> Result<Bytes, SftpError> {
        let Writing { path, from } = writing;
        if from > 0 {
            let handle = self.open_beside(writing)?;
            return self.has_so_much(writing, &handle).map(|()| handle);
        }
        let doing = Doing("making", path);
        let order = Request::Open { path, flags: open::WRITE | open::CREATE | open::TRUNCATE };
        match self.handle(doing, order) {
            Err(SftpError::NotFound(_)) => {
                self.make_folders(path)?;
                self.handle(doing, order)
            }
            opened => opened,
        }
    }

    /// Opens a file to be written to at any place in it. One that is new may not be there yet.
    fn open_beside(&mut self, Writing { path, from }: Writing<'_>) -> Result<Bytes, SftpError> {
        let flags = if from == 0 { open::WRITE | open::CREATE } else { open::WRITE };
        self.handle(Doing("opening", path), Request::Open { path, flags })
    }

    /// Looks whether a file still has the bytes behind which it is gone on with: some servers empty what is opened.
    fn has_so_much(&mut self, writing: Writing<'_>, handle: &[u8]) -> Result<(), SftpError> {
        let doing = Doing("going on with", writing.path);
        match self.sftp.ask(doing, Request::StatOpen { handle })? {
            Answer::Attributes(Attributes { size_bytes: Some(size), .. }) if size >= writing.from => Ok(()),
            _ => {
                self.sftp.close(handle);
                Err(SftpError::NotResumable(writing.path.into()))
            }
        }
    }

    /// Sends pieces until there are no more, with as many on their way as the distance asks for, and closes the file.
    /// `open` is where the first of them begins that is not acknowledged.
    fn write_pieces(
        &mut self,
        path: &str,
        handle: &[u8],
        take: &dyn Fn(usize) -> Option<(u64, Bytes)>,
        open: &AtomicU64,
    ) -> Result<(), SftpError> {
        let doing = Doing("writing", path);
        let mut on_the_way = 0;
        let mut asked: VecDeque<(u32, u64, u64)> = VecDeque::new();
        let mut is_all = false;
        // OpenSSH's server does one thing after the other: the file can be closed right behind the last write.
        let (is_in_order, mut closing) = (self.software().contains("OpenSSH"), None);
        let written = loop {
            while !is_all && on_the_way < self.window_bytes() {
                let Some((offset, data)) = take(self.sftp.write_bytes as usize) else {
                    is_all = true;
                    closing = is_in_order.then(|| self.sftp.send(Request::Close { handle }));
                    continue;
                };
                if asked.is_empty() {
                    open.store(offset, Ordering::Release);
                }
                let bytes = data.len() as u64;
                let id = self.sftp.send_on(doing, Request::Write { handle, offset, data: &data })?;
                asked.push_back((id, offset, bytes));
                on_the_way += bytes;
            }
            let Some((id, _, bytes)) = asked.pop_front() else { break Ok(()) };
            on_the_way -= bytes;
            let answer = self.sftp.answer(doing, id)?;
            if let Err(error) = done(doing, answer) {
                break Err(error);
            }
            open.store(asked.front().map_or(NOTHING, |(_, offset, _)| *offset), Ordering::Release);
        };
        if written.is_err() {
            asked.into_iter().for_each(|(id, ..)| self.sftp.abandon(id));
            match closing {
                Some(id) => self.sftp.abandon(id),
                None => self.sftp.close(handle),
            }
            return written;
        }
        let doing = Doing("closing", path);
        match closing {
            Some(id) => done(doing, self.sftp.answer(doing, id)?),
            None => self.sftp.order(doing, Request::Close { handle }),
        }
    }
}
