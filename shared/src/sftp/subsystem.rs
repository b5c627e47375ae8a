//! The SFTP subsystem of a session: requests go out numbered, any number of them at once, and answers come back.
//!
//! libssh2 has an SFTP layer of its own, which the hub does not use: it keeps too little on its way, reads files one
//! after another, and forgets what the server says (ADR 13). Its sessions and channels carry what is here.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use ssh2::{BlockDirections, Channel, ErrorCode, ExtendedData, Session};

use super::{
    SftpError,
    connect::{hang_up, is_hung_up, is_timeout},
    patience::{Patience, millis},
    wire::{self, Answer, Request, extension},
};

/// Bytes that the server may send before it waits, to begin with, and at a near server for good: libssh2 takes in all
/// that is there before it gives anything out, and meanwhile a server that has sent everything would have nothing to do.
const RECEIVE_WINDOW: u32 = 1024 * 1024;

/// Bytes a second that the windows are made for, whatever the distance. Twice what libssh2 decrypts: while it takes in
/// what has come, nothing new is asked for.
const AIMED_AT: f64 = 800e6;

/// Most bytes that may be on their way. They are in memory where the caller is slower than the network.
const MOST_ON_THE_WAY: u32 = 32 * 1024 * 1024;

/// Largest data of an SSH packet.
const PACKET: u32 = 32 * 1024;

/// Bytes that are asked from libssh2 at once.
const CHUNK: usize = 256 * 1024;

/// Room for what comes in.
const ROOM: usize = 1024 * 1024;

/// Bytes of requests that are collected before they go out.
const OUT: usize = 64 * 1024;

/// Largest packet that a server may send: listings of large folders are the largest.
const MOST_PACKET: usize = 4 * 1024 * 1024;

/// Most bytes of one read or write: what OpenSSH allows, so that requests stay small beside the window.
const MOST_AT_ONCE: u32 = 255 * 1024;

/// Fewest bytes of one read or write, whatever a server says.
pub(super) const LEAST_AT_ONCE: u32 = 4096;

/// What is done to which path, for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing<'a>(pub(super) &'static str, pub(super) &'a str);

impl std::fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// A subsystem that was started.
pub(super) struct Subsystem {
    channel: Channel,
    session: Session,
    socket: TcpStream,
    patience: Patience,
    /// Whether the server has said that the user may have SFTP.
    is_granted: bool,
    /// Whether the server has said that it speaks SFTP.
    is_started: bool,
    extensions: Vec<String>,
    /// Requests that have not gone out.
    out: Vec<u8>,
    /// Where libssh2 puts bytes.
    chunk: Box<[u8]>,
    /// What came and is not read yet.
    incoming: BytesMut,
    next_id: u32,
    limits_id: Option<u32>,
    /// Requests that have no answer yet.
    open: HashSet<u32>,
    /// Answers that came before they were waited for.
    early: HashMap<u32, Answer>,
    /// Requests whose answers nobody wants any more.
    abandoned: HashSet<u32>,
    /// Most bytes of one read: what the server states, or gave.
    pub(super) read_bytes: u32,
    /// Most bytes of one write.
    pub(super) write_bytes: u32,
    /// The shortest time that an answer took.
    round_trip: Duration,
    /// A request whose answer tells that time: nothing else was on its way.
    timed: Option<(u32, Instant)>,
}

impl Subsystem {
    /// Opens a channel and asks the server to start SFTP on it. Neither that answer nor SFTP's first is waited for where
    /// the server takes data before: the first requests go right behind. OpenSSH's takes none.
    ///
    /// # Errors
    /// When no channel is given.
    pub(super) fn begin(
        session: &Session,
        socket: &TcpStream,
        patience: Patience,
    ) -> Result<Self, SftpError> {
        let socket = socket.try_clone().map_err(|e| lost("starting SFTP", &e))?;
        let begun = Instant::now();
        session.set_timeout(millis(patience.next_call(|| "starting SFTP".into())?));
        let channel = session.channel_open("session", RECEIVE_WINDOW, PACKET, None);
        let mut channel = channel.map_err(|e| failed(&socket, patience, "starting SFTP", &e))?;
        // What it prints beside would fill the window.
        channel
            .handle_extended_data(ExtendedData::Ignore)
            .map_err(|e| failed(&socket, patience, "starting SFTP", &e))?;
        let mut subsystem = Self {
            channel,
            session: session.clone(),
            socket,
            patience,
            is_granted: false,
            is_started: false,
            extensions: Vec::new(),
            out: Vec::new(),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            incoming: BytesMut::new(),
            next_id: 0,
            limits_id: None,
            open: HashSet::new(),
            early: HashMap::new(),
            abandoned: HashSet::new(),
            read_bytes: wire::EVERY_SERVER_TAKES,
            write_bytes: wire::EVERY_SERVER_TAKES,
            round_trip: begun.elapsed(),
            timed: None,
        };
        subsystem.wait(STARTING)?;
        subsystem.request()?;
        wire::put_init(&mut subsystem.out);
        Ok(subsystem)
    }

    /// Has the request for SFTP go out, without waiting for its answer. libssh2 keeps where it stands on the channel,
    /// apart from what is written there, and [`Self::grant`] takes it up.
    fn request(&mut self) -> Result<(), SftpError> {
        self.session.set_blocking(false);
        let requested = self.channel.subsystem(NAME);
        self.session.set_blocking(true);
        match requested {
            Ok(()) => self.is_granted = true,
            Err(error) if error.code() != WOULD_BLOCK => return Err(self.not_granted(&error)),
            // Half a packet must go out before another one can.
            Err(_) if is_sending(&self.session) || self.channel.write_window().remaining < FIRST => {
                self.grant()?;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Waits until the server has said that the user may have SFTP, if it has not yet.
    fn grant(&mut self) -> Result<(), SftpError> {
        if self.is_granted {
            return Ok(());
        }
        self.wait(STARTING)?;
        self.channel.subsystem(NAME).map_err(|error| self.not_granted(&error))?;
        self.is_granted = true;
        Ok(())
    }

    fn not_granted(&self, error: &ssh2::Error) -> SftpError {
        match failed(&self.socket, self.patience, "starting SFTP", error) {
            SftpError::Broken { what, detail } => SftpError::Broken {
                what,
                detail: format!("{detail}; check that the user may use the sftp subsystem"),
            },
            error => error,
        }
    }

    /// Waits until the server has said that it speaks SFTP, if it has not yet.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn start(&mut self) -> Result<(), SftpError> {
        if self.is_started {
            return Ok(());
        }
        self.flush(STARTING)?;
        self.grant()?;
        let packet = self.packet(STARTING)?;
        let (version, extensions) =
            wire::read_version(packet).map_err(|e| broken(STARTING, e.to_string()))?;
        if version < wire::VERSION {
            return Err(broken(STARTING, format!("the server speaks version {version}, the hub 3")));
        }
        (self.is_started, self.extensions) = (true, extensions);
        if self.has(extension::LIMITS) {
            let id = self.send(Request::Limits);
            (self.limits_id, self.timed) = (Some(id), Some((id, Instant::now())));
        }
        Ok(())
    }

    /// Bytes that are worth having on their way at this distance.
    pub(super) fn worth_on_the_way(&self) -> u32 {
        ((self.round_trip.as_secs_f64() * AIMED_AT) as u32).clamp(RECEIVE_WINDOW, MOST_ON_THE_WAY)
    }

    /// Says whether the server has an extension; known once it has started.
    pub(super) fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|e| e == extension)
    }

    /// The server's extensions by name; known once it has started.
    pub(super) fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Puts a request behind those that go out next.
    pub(super) fn send(&mut self, request: Request<'_>) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        request.put(id, &mut self.out);
        self.open.insert(id);
        id
    }

    /// Like [`Self::send`], and lets go what has been collected when it is much.
    ///
    /// # Errors
    /// When the server takes nothing.
    pub(super) fn send_on(&mut self, doing: Doing<'_>, request: Request<'_>) -> Result<u32, SftpError> {
        let id = self.send(request);
        if self.out.len() >= OUT {
            self.flush(doing)?;
        }
        Ok(id)
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub(super) fn ask(&mut self, doing: Doing<'_>, request: Request<'_>) -> Result<Answer, SftpError> {
        let id = self.send(request);
        if self.is_started {
            self.timed.get_or_insert((id, Instant::now()));
        }
        self.answer(doing, id)
    }

    /// Makes a request whose answer is that it was done.
    ///
    /// # Errors
    /// When it was not.
    pub(super) fn order(&mut self, doing: Doing<'_>, request: Request<'_>) -> Result<(), SftpError> {
        let answer = self.ask(doing, request)?;
        done(doing, answer)
    }

    /// Waits for the answer to a request.
    ///
    /// # Errors
    /// When none comes.
    pub(super) fn answer(&mut self, doing: Doing<'_>, id: u32) -> Result<Answer, SftpError> {
        loop {
            if let Some(answer) = self.early.remove(&id) {
                return Ok(answer);
            }
            let (of, answer) = self.next(doing)?;
            if of == id {
                return Ok(answer);
            }
            self.early.insert(of, answer);
        }
    }

    /// Waits for the next answer, of whatever request.
    ///
    /// # Errors
    /// When none comes.
    pub(super) fn next(&mut self, doing: Doing<'_>) -> Result<(u32, Answer), SftpError> {
        self.start()?;
        loop {
            let packet = self.packet(doing)?;
            let (id, answer) = Answer::read(packet).map_err(|e| broken(doing, e.to_string()))?;
            if !self.open.remove(&id) {
                return Err(broken(doing, "the server answered what it was not asked".into()));
            }
            if let Some((_, sent)) = self.timed.take_if(|(timed, _)| *timed == id) {
                self.round_trip = self.round_trip.min(sent.elapsed());
            }
            if self.limits_id == Some(id) {
                self.limits_id = None;
                self.take_limits(answer);
                continue;
            }
            if !self.abandoned.remove(&id) {
                return Ok((id, answer));
            }
        }
    }

    fn take_limits(&mut self, answer: Answer) {
        let Answer::Extended(limits) = answer else { return };
        let Some((read, write)) = wire::read_limits(limits) else { return };
        let clamp = |bytes: u32| match bytes {
            0 => MOST_AT_ONCE, // none
            n => n.clamp(LEAST_AT_ONCE, MOST_AT_ONCE),
        };
        (self.read_bytes, self.write_bytes) = (clamp(read), clamp(write));
    }

    /// Says that nobody waits for the answer to a request any more.
    pub(super) fn abandon(&mut self, id: u32) {
        if self.early.remove(&id).is_none() {
            self.abandoned.insert(id);
        }
    }

    /// Closes a handle without waiting for the answer: of a file that was only read, it tells nothing.
    pub(super) fn close(&mut self, handle: &[u8]) {
        let id = self.send(Request::Close { handle });
        self.abandon(id);
    }

    /// Sets how long one call may take.
    fn wait(&self, doing: Doing<'_>) -> Result<(), SftpError> {
        let wait = self.patience.next_call(|| doing.to_string()).inspect_err(|_| hang_up(&self.socket))?;
        self.session.set_timeout(millis(wait));
        Ok(())
    }

    /// Lets all requests go out. While the server takes nothing, this waits; answers that come meanwhile are kept.
    ///
    /// # Errors
    /// When the server takes nothing in time, or hangs up.
    pub(super) fn flush(&mut self, doing: Doing<'_>) -> Result<(), SftpError> {
        let (mut gone, mut idle_since) = (0, Instant::now());
        while gone < self.out.len() {
            self.wait(doing)?;
            match self.channel.write(&self.out[gone..]) {
                // A server with a small window may take nothing for a moment.
                Ok(0) => self.patience.check_idle(idle_since, || doing.to_string())?,
                Ok(bytes) => (gone, idle_since) = (gone + bytes, Instant::now()),
                Err(error) => return Err(self.failed(doing, &error)),
            }
        }
        self.out.clear();
        Ok(())
    }

    /// The next packet, without its length in front.
    fn packet(&mut self, doing: Doing<'_>) -> Result<Bytes, SftpError> {
        loop {
            if let Some(length) = self.incoming.first_chunk::<4>() {
                let bytes = u32::from_be_bytes(*length) as usize;
                if bytes > MOST_PACKET {
                    return Err(broken(doing, no_sftp(&self.incoming)));
                }
                // Room for the whole of it, and for those behind it: growing bit by bit would copy it again and again.
                if self.incoming.capacity() < 4 + bytes {
                    self.incoming.reserve(ROOM.max(4 + bytes) - self.incoming.len());
                }
                if self.incoming.len() >= 4 + bytes {
                    let mut packet = self.incoming.split_to(4 + bytes).freeze();
                    return Ok(packet.split_off(4));
                }
            }
            // Requests go out together, once there is nothing left to be seen to.
            self.flush(doing)?;
            self.fill(doing)?;
        }
    }

    fn fill(&mut self, doing: Doing<'_>) -> Result<(), SftpError> {
        self.wait(doing)?;
        match self.channel.read(&mut self.chunk) {
            Ok(0) => {
                let detail = "the server ended SFTP".into();
                Err(SftpError::Lost { what: doing.to_string(), detail })
            }
            Ok(read) => {
                self.incoming.extend_from_slice(&self.chunk[..read]);
                self.widen(doing)
            }
            Err(error) => Err(self.failed(doing, &error)),
        }
    }

    /// Lets a far server send more before it waits: libssh2 itself keeps to the window that the channel began with.
    fn widen(&mut self, doing: Doing<'_>) -> Result<(), SftpError> {
        let (wanted, now) = (self.worth_on_the_way(), self.channel.read_window().remaining);
        if now >= wanted / 4 * 3 {
            return Ok(());
        }
        let more = self.channel.adjust_receive_window((wanted - now).into(), true);
        more.map(|_| ()).map_err(|e| failed(&self.socket, self.patience, &doing.to_string(), &e))
    }

    /// libssh2's own words are lost on the way through `Read` and `Write`.
    fn failed(&self, doing: Doing<'_>, error: &std::io::Error) -> SftpError {
        match ssh2::Error::last_session_error(&self.session) {
            Some(last) => failed(&self.socket, self.patience, &doing.to_string(), &last),
            None => lost(&doing.to_string(), error),
        }
    }
}

const STARTING: Doing<'_> = Doing("starting", "SFTP");

/// The subsystem's name.
const NAME: &str = "sftp";

/// Bytes of the first packets, for which there has to be room.
const FIRST: u32 = 1024;

/// libssh2's `LIBSSH2_ERROR_EAGAIN`.
const WOULD_BLOCK: ErrorCode = ErrorCode::Session(-37);

/// Says whether a packet is partly sent.
fn is_sending(session: &Session) -> bool {
    matches!(session.block_directions(), BlockDirections::Outbound | BlockDirections::Both)
}

/// A session in which a call got no answer cannot be used any more, and closing its files would wait again: it is hung
/// up.
fn failed(socket: &TcpStream, patience: Patience, what: &str, error: &ssh2::Error) -> SftpError {
    if is_timeout(error) {
        hang_up(socket);
        return patience.no_answer(what.into());
    }
    match SftpError::map(what.into(), error) {
        SftpError::Broken { what, detail } if is_hung_up(socket) => SftpError::Lost { what, detail },
        error => error,
    }
}

fn lost(what: &str, error: &std::io::Error) -> SftpError {
    SftpError::Lost { what: what.into(), detail: error.to_string() }
}

pub(super) fn broken(doing: Doing<'_>, detail: String) -> SftpError {
    SftpError::Broken { what: doing.to_string(), detail }
}

/// An answer that says that something was done.
///
/// # Errors
/// When it says something else.
pub(super) fn done(doing: Doing<'_>, answer: Answer) -> Result<(), SftpError> {
    match answer {
        Answer::Status { code: wire::status::OK, .. } => Ok(()),
        answer => Err(refused(doing, answer)),
    }
}

/// The error of an answer that is not the one that was hoped for.
pub(super) fn refused(doing: Doing<'_>, answer: Answer) -> SftpError {
    match answer {
        Answer::Status { code, message } => SftpError::of_status(doing.to_string(), doing.1, code, &message),
        _ => broken(doing, "the server answered something else than was asked".into()),
    }
}

/// Why bytes are no SFTP: most often a shell greets before the subsystem begins.
fn no_sftp(bytes: &[u8]) -> String {
    let text: String =
        bytes.iter().take(40).map(|b| char::from(*b)).take_while(|c| !c.is_control()).collect();
    match text.len() >= 4 && text.is_ascii() {
        true => format!(
            "the server sent text before SFTP began ('{text}'); the login scripts of its user must print nothing"
        ),
        false => "the server sent what is no SFTP".into(),
    }
}
