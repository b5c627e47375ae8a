//! Opening what was staged: from the bucket, and unpacked where the connection says that files are packed.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use shared::{
    aws::objects::Bucket,
    compression::{Compression, Member, TAIL_BYTES, Unpacked, only_member},
    mapping::FileError,
    run::{Failure, Input},
};
use tokio::runtime::Handle;
use tokio_util::io::SyncIoBridge;

use super::mapper::left_out_or_stop;
use crate::{
    error::{Stop, TimeIsOver},
    limit::Limit,
};

/// Reads until the invocation's time is over. Every record comes through here, on each pass over a file.
pub(crate) struct InTime<R> {
    reader: R,
    limit: Limit,
}

impl<R: Read> Read for InTime<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.limit.is_over() {
            return Err(io::Error::other(TimeIsOver));
        }
        self.reader.read(buf)
    }
}

/// A file's content, or why it has none.
type Opened = Result<InTime<Box<dyn Read>>, FileError>;

/// Where a run's files are, and how they are packed.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) bucket: Bucket,
    pub(crate) runtime: Handle,
    pub(crate) compression: Option<Compression>,
    pub(crate) limit: Limit,
}

impl Files {
    /// Opens a file that is known to be sound.
    pub(crate) fn open(&self, input: &Input) -> Result<InTime<Box<dyn Read>>, Stop> {
        self.unpacked(input)?.map_err(|error| Stop::file(&input.path, error))
    }

    /// Parts the files that can be unpacked from those that cannot, and says why: each is read to its end for that, since
    /// a checksum stands behind what it is for. Files that are not packed are sound.
    #[expect(
        clippy::type_complexity,
        reason = "what is left out is paths and failures, as the caller has them"
    )]
    pub(super) fn sound<'a>(
        &self,
        inputs: Vec<&'a Input>,
    ) -> Result<(Vec<&'a Input>, Vec<(String, Failure)>), Stop> {
        if self.compression.is_none() {
            return Ok((inputs, Vec::new()));
        }
        let (mut sound, mut left_out) = (Vec::new(), Vec::new());
        for input in inputs {
            let read = self
                .unpacked(input)?
                .and_then(|mut content| io::copy(&mut content, &mut io::sink()).map_err(FileError::from));
            match read {
                Ok(_) => sound.push(input),
                Err(error) => left_out.push((input.path.clone(), left_out_or_stop(input, error)?)),
            }
        }
        Ok((sound, left_out))
    }

    /// Holds a file in the bucket against the hash that was taken when it came: a line means a record of these bytes,
    /// and of no others.
    pub(super) fn verify(&self, input: &Input) -> Result<(), Stop> {
        let mut content = InTime { reader: self.staged(input)?, limit: self.limit };
        let mut hash = Hashing(Sha256::new());
        io::copy(&mut content, &mut hash).map_err(|e| Stop::file(&input.path, e.into()))?;
        if shared::id::hex(&hash.0.finalize()) == input.sha256 {
            return Ok(());
        }
        let why = format!(
            "what is in the bucket for {} is not the file that failed; run the connection anew",
            input.path
        );
        Err(Stop::settings("input_changed", &why))
    }

    fn unpacked(&self, input: &Input) -> Result<Opened, Stop> {
        let reader: Box<dyn Read> = match self.compression {
            None => Box::new(self.staged(input)?),
            Some(Compression::Gzip) => Box::new(Unpacked::gzip(self.staged(input)?)),
            Some(Compression::Zip) => match self.member(input)? {
                Ok(member) => match Unpacked::zip(self.staged_from(input, member.at)?, &member) {
                    Ok(content) => Box::new(content),
                    Err(error) => return Ok(Err(error.into())),
                },
                Err(error) => return Ok(Err(error)),
            },
        };
        Ok(Ok(InTime { reader, limit: self.limit }))
    }

    /// The only file of an archive, by its directory at the end.
    fn member(&self, input: &Input) -> Result<Result<Member, FileError>, Stop> {
        let mut tail = Vec::new();
        let from = input.size_bytes.saturating_sub(TAIL_BYTES);
        let read = match input.size_bytes {
            0 => Ok(0), // there is no byte to open it from
            _ => self.staged_from(input, from)?.read_to_end(&mut tail),
        };
        let member = only_member(&tail, input.size_bytes).map_err(FileError::from);
        Ok(read.map_err(FileError::from).and(member))
    }

    fn staged(&self, input: &Input) -> Result<impl Read + use<>, Stop> {
        let opened = self.runtime.block_on(self.bucket.open(&input.object))?;
        let (body, _) = opened.ok_or_else(|| gone(input))?;
        Ok(SyncIoBridge::new_with_handle(body.into_async_read(), self.runtime.clone()))
    }

    /// From this byte on, which it must have.
    fn staged_from(&self, input: &Input, from: u64) -> Result<impl Read + use<>, Stop> {
        let opened = self.runtime.block_on(self.bucket.open_from(&input.object, from))?;
        let body = opened.ok_or_else(|| gone(input))?;
        Ok(SyncIoBridge::new_with_handle(body.into_async_read(), self.runtime.clone()))
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gone(input: &Input) -> Stop {
    let why = format!("{} is no longer in the bucket; it is kept for 90 days", input.path);
    Stop::settings("input_gone", &why)
}
