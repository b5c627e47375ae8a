//! Writing many small files at once over one session: what takes time at a distance is waiting, not bytes.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::{
    Client, SftpError,
    client::told,
    subsystem::{Doing, done, refused},
    wire::{Answer, Request, open, status},
};

/// Files that are open at once. Some servers allow fewer.
const OPEN: usize = 64;

/// A file that is being written. One request of each is on its way.
struct WritingSmall {
    index: usize,
    step: Step,
    handle: Bytes,
    offset: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Opening,
    Writing,
    Closing,
    Looking,
}

enum Next {
    Request(u32, WritingSmall),
    Done(u64),
}

impl Client {
    /// Writes files of one folder whole, each over whatever has its path; the folder is made where there is none. Answers
    /// for each how many bytes it has on the server, or why it could not be written.
    ///
    /// # Errors
    /// When the session breaks: which files are whole is not known then. When the folder cannot be made.
    pub fn write_many(
        &mut self,
        files: &[(String, Bytes)],
    ) -> Result<Vec<Result<u64, SftpError>>, SftpError> {
        let written = self.write_all(files)?;
        match files.first() {
            Some((path, _)) if written.iter().all(|w| matches!(w, Err(SftpError::NotFound(_)))) => {
                self.make_folders(path)?;
                self.write_all(files)
            }
            _ => Ok(written),
        }
    }

    fn write_all(&mut self, files: &[(String, Bytes)]) -> Result<Vec<Result<u64, SftpError>>, SftpError> {
        let mut waiting: VecDeque<usize> = (0..files.len()).collect();
        let mut written: Vec<Option<Result<u64, SftpError>>> = files.iter().map(|_| None).collect();
        let mut under_way: HashMap<u32, WritingSmall> = HashMap::new();
        let mut most_open = OPEN;
        loop {
            while under_way.len() < most_open
                && let Some(index) = waiting.pop_front()
            {
                let path = &files[index].0;
                let flags = open::WRITE | open::CREATE | open::TRUNCATE;
                let id = self.sftp.send_on(Doing("making", path), Request::Open { path, flags })?;
                let (step, handle) = (Step::Opening, Bytes::new());
                under_way.insert(id, WritingSmall { index, step, handle, offset: 0 });
            }
            if under_way.is_empty() {
                return Ok(written.into_iter().flatten().collect());
            }
            let (id, answer) = self.sftp.next(Doing("writing", "small files"))?;
            let Some(writing) = under_way.remove(&id) else { continue };
            let index = writing.index;
            // Some servers allow few open files: this one waits until another is closed.
            let is_one_too_many = matches!(
                (writing.step, &answer),
                (Step::Opening, Answer::Status { code, .. })
                    if !matches!(*code, status::NO_SUCH_FILE | status::PERMISSION_DENIED)
            );
            if is_one_too_many && !under_way.is_empty() {
                most_open = under_way.len();
                waiting.push_front(index);
                continue;
            }
            match self.written(&files[index], writing, answer) {
                Ok(Next::Request(id, writing)) => drop(under_way.insert(id, writing)),
                Ok(Next::Done(size_bytes)) => written[index] = Some(Ok(size_bytes)),
                Err(
                    error @ (SftpError::Lost { .. }
                    | SftpError::TimedOut { .. }
                    | SftpError::OutOfTime { .. }),
                ) => {
                    return Err(error);
                }
                Err(error) => written[index] = Some(Err(error)),
            }
        }
    }

    fn written(
        &mut self,
        (path, bytes): &(String, Bytes),
        mut writing: WritingSmall,
        answer: Answer,
    ) -> Result<Next, SftpError> {
        let doing = Doing("writing", path);
        match (writing.step, answer) {
            (Step::Opening, Answer::Handle(handle)) => {
                (writing.handle, writing.step) = (handle, Step::Writing)
            }
            (Step::Writing, answer) => {
                done(doing, answer).inspect_err(|_| self.sftp.close(&writing.handle))?
            }
            (Step::Closing, answer) => {
                done(Doing("closing", path), answer)?;
                writing.step = Step::Looking;
            }
            (Step::Looking, answer) => return Ok(Next::Done(told(doing, answer)?.0)),
            (Step::Opening, answer) => return Err(refused(doing, answer)),
        }
        let rest = bytes.len() - writing.offset;
        let id = match writing.step {
            Step::Looking => self.sftp.send(Request::Stat { path }),
            _ if rest == 0 => {
                writing.step = Step::Closing;
                self.sftp.send(Request::Close { handle: &writing.handle })
            }
            _ => {
                let offset = writing.offset;
                writing.offset += rest.min(self.sftp.write_bytes as usize);
                let data = &bytes[offset..writing.offset];
                self.sftp
                    .send_on(doing, Request::Write { handle: &writing.handle, offset: offset as u64, data })?
            }
        };
        Ok(Next::Request(id, writing))
    }

    /// Says of each path whether something has it.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn exist_many(&mut self, paths: &[String]) -> Result<Vec<bool>, SftpError> {
        let ids: Vec<u32> = paths.iter().map(|path| self.sftp.send(Request::Stat { path })).collect();
        let answers = ids.into_iter().zip(paths).map(|(id, path)| {
            let doing = Doing("looking at", path);
            match self.sftp.answer(doing, id)? {
                Answer::Attributes(_) => Ok(true),
                answer => match refused(doing, answer) {
                    SftpError::NotFound(_) => Ok(false),
                    error => Err(error),
                },
            }
        });
        answers.collect()
    }

    /// Sets who may do what with files. Answers for each whether the server did it.
    ///
    /// # Errors
    /// When the session breaks.
    pub fn set_mode_many(
        &mut self,
        paths: &[String],
        mode: u32,
    ) -> Result<Vec<Result<(), SftpError>>, SftpError> {
        let ids: Vec<u32> =
            paths.iter().map(|path| self.sftp.send(Request::SetMode { path, mode })).collect();
        let answers = ids.into_iter().zip(paths).map(|(id, path)| {
            let doing = Doing("setting the mode of", path);
            Ok(done(doing, self.sftp.answer(doing, id)?))
        });
        answers.collect()
    }

    /// Renames files, each `from` one path `to` another, in this order; `over` what has the path, where the server can do
    /// that in one step. Answers how many of them were renamed before one was not, and why that was not. Of OpenSSH's
    /// server, which does one thing after the other, all are asked for at once: of those behind one that fails some may
    /// have their names then.
    pub fn rename_many(&mut self, files: &[(String, String)], over: bool) -> (usize, Result<(), SftpError>) {
        if let Err(error) = self.start() {
            return (0, Err(error));
        }
        let over = over && self.renames_over();
        let at_once = if self.software().contains("OpenSSH") { OPEN } else { 1 };
        let mut renamed = 0;
        for files in files.chunks(at_once) {
            let asked: Vec<u32> = files
                .iter()
                .map(|(from, to)| match over {
                    true => self.sftp.send(Request::RenameOver { from, to }),
                    false => self.sftp.send(Request::Rename { from, to }),
                })
                .collect();
            let mut failed = None;
            for (id, (from, _)) in asked.into_iter().zip(files) {
                if failed.is_some() {
                    self.sftp.abandon(id);
                    continue;
                }
                let doing = Doing("renaming", from);
                match self.sftp.answer(doing, id).and_then(|answer| done(doing, answer)) {
                    Ok(()) => renamed += 1,
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return (renamed, Err(error));
            }
        }
        (renamed, Ok(()))
    }
}
