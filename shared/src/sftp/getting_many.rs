//! Reading many small files at once over one session: what takes time at a distance is waiting, not bytes.

use std::collections::{HashMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::{
    Client, RemoteFile, SftpError,
    client::told,
    subsystem::{Doing, broken, refused},
    wire::{Answer, Request, open, status},
};

/// Largest file that is worth it; larger ones keep a line busy by themselves.
pub const SMALL_BYTES: u64 = 256 * 1024;

/// Files that are open at once: so many to begin with, one more for each that is done, and at most. On a slow line
/// some are whole soon; on a far one there are many when it counts. Some servers allow fewer.
const OPEN: (usize, usize) = (4, 64);

/// A file as it was read, and what it is afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeFile {
    /// Its bytes: as many as were listed, or fewer where it ended before.
    pub bytes: Bytes,
    /// Size and time of change after it was read.
    pub after: (u64, i64),
}

/// A file that is being read. One request of each is on its way.
struct Reading {
    index: usize,
    step: Step,
    handle: Bytes,
    bytes: BytesMut,
}

enum Step {
    Opening,
    Reading,
    Looking,
}

impl Client {
    /// Reads files whole. `take` gets each as it is done, in any order: its index, and its bytes or why it cannot be
    /// read. They are in memory while they are read, 64 at most.
    ///
    /// # Errors
    /// When the session breaks: then files are left out.
    pub fn read_many(
        &mut self,
        files: &[RemoteFile],
        mut take: impl FnMut(usize, Result<WholeFile, SftpError>),
    ) -> Result<(), SftpError> {
        let mut waiting: VecDeque<usize> = (0..files.len()).collect();
        let mut open_files: HashMap<u32, Reading> = HashMap::new();
        let (mut open_now, mut most_open) = OPEN;
        loop {
            while open_files.len() < open_now.min(most_open)
                && let Some(index) = waiting.pop_front()
            {
                let path = &files[index].path;
                let id =
                    self.sftp.send_on(Doing("opening", path), Request::Open { path, flags: open::READ })?;
                let (handle, bytes) = (Bytes::new(), BytesMut::new());
                open_files.insert(id, Reading { index, step: Step::Opening, handle, bytes });
            }
            if open_files.is_empty() {
                return Ok(());
            }
            let (id, answer) = self.sftp.next(Doing("reading", "small files"))?;
            let Some(reading) = open_files.remove(&id) else { continue };
            let index = reading.index;
            // Some servers allow few open files: this one waits until another is closed.
            let is_one_too_many = matches!(
                (&reading.step, &answer),
                (Step::Opening, Answer::Status { code, .. })
                    if !matches!(*code, status::NO_SUCH_FILE | status::PERMISSION_DENIED)
            );
            if is_one_too_many && !open_files.is_empty() {
                most_open = open_files.len();
                waiting.push_front(index);
                continue;
            }
            let done = match self.step(&files[index], reading, answer) {
                Ok(Next::Request(id, reading)) => {
                    open_files.insert(id, reading);
                    continue;
                }
                Ok(Next::Done(whole)) => Ok(whole),
                Err(error) => Err(error),
            };
            open_now += 1;
            take(index, done);
        }
    }

    fn step(&mut self, file: &RemoteFile, mut reading: Reading, answer: Answer) -> Result<Next, SftpError> {
        let doing = Doing("reading", &file.path);
        let is_read = match (&reading.step, answer) {
            (Step::Opening, Answer::Handle(handle)) => {
                (reading.handle, reading.step) = (handle, Step::Reading);
                file.size_bytes == 0
            }
            (Step::Reading, Answer::Data(data)) if !data.is_empty() => {
                if (reading.bytes.len() + data.len()) as u64 > file.size_bytes {
                    self.sftp.close(&reading.handle);
                    return Err(broken(doing, "the server gave more than it was asked for".into()));
                }
                reading.bytes.extend_from_slice(&data);
                reading.bytes.len() as u64 >= file.size_bytes
            }
            (Step::Reading, Answer::Data(_) | Answer::Status { code: status::EOF, .. }) => true,
            (Step::Looking, answer) => {
                let after = told(doing, answer)?;
                return Ok(Next::Done(WholeFile { bytes: reading.bytes.freeze(), after }));
            }
            (step, answer) => {
                if matches!(step, Step::Reading) {
                    self.sftp.close(&reading.handle);
                }
                return Err(refused(doing, answer));
            }
        };
        let id = if is_read {
            self.sftp.close(&reading.handle);
            reading.step = Step::Looking;
            self.sftp.send(Request::Stat { path: &file.path })
        } else {
            let offset = reading.bytes.len() as u64;
            let bytes = (file.size_bytes - offset).min(self.sftp.read_bytes.into()) as u32;
            self.sftp.send(Request::Read { handle: &reading.handle, offset, bytes })
        };
        Ok(Next::Request(id, reading))
    }
}

enum Next {
    Request(u32, Reading),
    Done(WholeFile),
}
