//! What a request carries: bytes at hand, or an object of the bucket that goes out piece by piece.
//!
//! An object is read twice, to be signed and to be sent. It is signed before its target is asked for leave, so that a
//! slot and a place are held for no longer than those of other requests; and few are on their way at once, so that an
//! invocation's time and processor are enough for all of them.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context as Task, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use shared::{
    aws::{AwsError, objects::Bucket},
    notification::{MOST_WHOLE_BYTES, Payload},
    signature::{Signing, SigningKey},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Objects on their way at once in a process.
const AT_ONCE: usize = 2;

/// How long one waits for its turn.
const WAITS: Duration = Duration::from_secs(5);

/// How long reading one to sign it may take. With waiting before it and sending after it, it is over before the
/// function's time is.
const SIGNING: Duration = Duration::from_secs(10);

/// Who may send objects.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// What a request carries.
pub(crate) enum Content {
    /// These bytes.
    Whole(Bytes),
    /// An object that is too large to be handled whole.
    Stored(Stored),
}

/// An object on its way.
pub(crate) struct Stored {
    object: String,
    size_bytes: u64,
    /// The time that was signed, and the signatures.
    pub(crate) signed: Option<(Timestamp, String)>,
    _turn: OwnedSemaphorePermit,
}

/// Says whether a payload is one that is read piece by piece.
pub(crate) fn is_stored(payload: &Payload, size_bytes: u64) -> bool {
    matches!(payload, Payload::Object(_)) && size_bytes > MOST_WHOLE_BYTES as u64
}

impl Content {
    /// A notification's payload; `None` where too many others are on their way.
    pub(crate) async fn of(
        turns: &Turns,
        bucket: &Bucket,
        payload: &Payload,
        size_bytes: u64,
    ) -> Result<Option<Self>, AwsError> {
        match payload {
            Payload::Object(object) if is_stored(payload, size_bytes) => {
                let Ok(Ok(turn)) = timeout(WAITS, turns.0.clone().acquire_owned()).await else {
                    return Ok(None);
                };
                let object = object.clone();
                Ok(Some(Self::Stored(Stored { object, size_bytes, signed: None, _turn: turn })))
            }
            payload => bucket.payload(payload).await.map(Self::Whole).map(Some),
        }
    }
}

impl Stored {
    /// Signs it.
    pub(crate) async fn sign(
        &mut self,
        bucket: &Bucket,
        keys: Vec<&SigningKey>,
        id: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let read = async {
            let mut signing = Signing::begin(keys, id, now);
            let mut pieces = bucket.open_known(&self.object).await?;
            while let Some(piece) = pieces.next().await {
                signing.update(&piece.map_err(|e| broken("body cut", e))?);
            }
            Ok(signing.finish())
        };
        let signature = timeout(SIGNING, read).await.map_err(|e| broken("too slow", e))??;
        self.signed = Some((now, signature));
        Ok(())
    }

    /// Opens it to be sent.
    pub(crate) async fn open(&self, bucket: &Bucket) -> Result<(reqwest::Body, Arc<Progress>), AwsError> {
        let pieces = bucket.open_known(&self.object).await?.into_inner();
        let progress = Arc::new(Progress {
            of: self.size_bytes,
            read: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
        });
        Ok((reqwest::Body::wrap(Recorded { pieces: Box::pin(pieces), progress: progress.clone() }), progress))
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

fn broken(code: &str, error: impl std::error::Error + Send + Sync + 'static) -> AwsError {
    AwsError::Call { call: "s3:GetObject", code: code.into(), source: Box::new(error) }
}

/// How far an object's sending came.
#[derive(Debug)]
pub(crate) struct Progress {
    of: u64,
    read: AtomicU64,
    is_cut: AtomicBool,
}

impl Progress {
    /// Whether reading it failed: that is the hub's failure, and not the target's.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    /// Whether all of it was handed to the connection. A target that got less than was announced has not taken it.
    pub(crate) fn is_whole(&self) -> bool {
        self.read.load(Ordering::SeqCst) >= self.of
    }
}

/// A body that notes how far it was read.
struct Recorded<B> {
    pieces: Pin<Box<B>>,
    progress: Arc<Progress>,
}

impl<B: Body<Data = Bytes>> Body for Recorded<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = self.pieces.as_mut().poll_frame(task);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.progress.read.fetch_add(bytes, Ordering::SeqCst);
            }
            Poll::Ready(Some(Err(_))) => self.progress.is_cut.store(true, Ordering::SeqCst),
            Poll::Ready(None) | Poll::Pending => {}
        }
        frame
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.progress.of)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, io};

    use super::*;

    /// Gives these pieces, and then this end.
    struct Pieces(VecDeque<Bytes>, Option<io::Error>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Task<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            let piece = self.0.pop_front().map(|piece| Ok(Frame::data(piece)));
            Poll::Ready(piece.or_else(|| self.1.take().map(Err)))
        }
    }

    async fn read(pieces: Pieces, of: u64) -> Arc<Progress> {
        let progress = Progress { of, read: AtomicU64::new(0), is_cut: AtomicBool::new(false) };
        let progress = Arc::new(progress);
        let mut body = Recorded { pieces: Box::pin(pieces), progress: progress.clone() };
        while let Some(Ok(_)) = std::future::poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {}
        progress
    }

    #[tokio::test]
    async fn what_was_cut_is_told_from_what_went_out() {
        let pieces = || VecDeque::from([Bytes::from_static(b"abc"), Bytes::from_static(b"de")]);
        let whole = read(Pieces(pieces(), None), 5).await;
        assert!(whole.is_whole() && !whole.is_cut());
        let cut = read(Pieces(pieces(), Some(io::Error::other("cut"))), 9).await;
        assert!(!cut.is_whole() && cut.is_cut());
        let short = read(Pieces(pieces(), None), 9).await;
        assert!(!short.is_whole() && !short.is_cut());
    }
}
