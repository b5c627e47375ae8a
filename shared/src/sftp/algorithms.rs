//! Which algorithms the hub takes, in its order, and what a server offers.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Instant,
};

use ssh2::{MethodType, Session};

/// The algorithms of one side, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// What the side says it is, for example `SSH-2.0-OpenSSH_9.2p1`.
    pub software: String,
    /// For agreeing on keys.
    pub key_exchange: Vec<String>,
    /// For showing who the server is.
    pub host_key: Vec<String>,
    /// For showing who the hub is, with an RSA key.
    pub(super) rsa_signature: Vec<String>,
    /// For hiding what is sent.
    pub cipher: Vec<String>,
    /// For noticing changes to what is sent.
    pub mac: Vec<String>,
    /// For making it smaller.
    pub compression: Vec<String>,
}

const KEY_EXCHANGE: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
                            ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
                            diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha256";

/// Fastest first.
const CIPHER: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
                      aes256-ctr,aes192-ctr,aes128-ctr";

const MAC: &str = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

/// Broken or weak: for servers that know nothing else, and only where the target server says so.
const LEGACY_KEY_EXCHANGE: &str =
    "diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1";
const LEGACY_CIPHER: &str = "aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc";
const LEGACY_MAC: &str = "hmac-sha1-etm@openssh.com,hmac-sha1";
const LEGACY_RSA: &str = "ssh-rsa";

/// How RSA keys sign.
pub(super) const RSA: &str = "rsa-sha2-512,rsa-sha2-256";

impl Algorithms {
    /// What the hub takes: of a server with these types of keys; with the old ones where that is said.
    pub(super) fn of_hub(key_types: &[&str], takes_legacy: bool, compresses: bool) -> Self {
        let list = |modern: &str, legacy: &str| {
            let names = modern.split(',').chain(legacy.split(',').filter(|_| takes_legacy));
            names.map(String::from).collect::<Vec<_>>()
        };
        let mut host_key: Vec<String> = Vec::new();
        for key_type in key_types {
            let signatures = match *key_type {
                "ssh-rsa" => list(RSA, LEGACY_RSA),
                other => vec![other.into()],
            };
            host_key.extend(signatures.into_iter().filter(|s| !host_key.contains(s)).collect::<Vec<_>>());
        }
        Self {
            software: String::new(),
            key_exchange: list(KEY_EXCHANGE, LEGACY_KEY_EXCHANGE),
            host_key,
            rsa_signature: list(RSA, LEGACY_RSA),
            cipher: list(CIPHER, LEGACY_CIPHER),
            mac: list(MAC, LEGACY_MAC),
            compression: list(if compresses { "zlib@openssh.com,none" } else { "none" }, ""),
        }
    }

    /// Has a session take these and no others, as far as this build of libssh2 knows them; answers them.
    pub(super) fn set(mut self, session: &Session) -> Result<Self, ssh2::Error> {
        for (kind, names) in [
            (MethodType::Kex, &mut self.key_exchange),
            (MethodType::HostKey, &mut self.host_key),
            (MethodType::CryptCs, &mut self.cipher),
            (MethodType::MacCs, &mut self.mac),
        ] {
            let known = session.supported_algs(kind)?;
            names.retain(|name| known.contains(&name.as_str()));
            session.method_pref(kind, &names.join(","))?;
        }
        session.method_pref(MethodType::SignAlgo, &self.rsa_signature.join(","))?;
        session.method_pref(MethodType::CryptSc, &self.cipher.join(","))?;
        session.method_pref(MethodType::MacSc, &self.mac.join(","))?;
        Ok(self)
    }

    /// What a server offers and the hub takes none of, in words.
    pub(super) fn nothing_in_common(&self, hub: &Self) -> Vec<String> {
        [
            ("key exchange", &self.key_exchange, &hub.key_exchange),
            ("host key", &self.host_key, &hub.host_key),
            ("cipher", &self.cipher, &hub.cipher),
            ("MAC", &self.mac, &hub.mac),
            ("compression", &self.compression, &hub.compression),
        ]
        .into_iter()
        .filter(|(_, server, hub)| !server.iter().any(|name| hub.contains(name)))
        // Ciphers with a MAC of their own need no other.
        .filter(|(what, ..)| {
            *what != "MAC" || !self.cipher.iter().any(|c| c.contains("gcm") || c.contains("poly1305"))
        })
        .map(|(what, server, hub)| {
            format!(
                "for {what} the server offers {}, and the hub takes {}",
                server.join(", "),
                hub.join(", ")
            )
        })
        .collect()
    }

    /// Reads what a server offers from the first packet that it sends, before anything is agreed on or secret.
    ///
    /// # Errors
    /// When the server sends something else.
    pub(super) fn of_server(tcp: TcpStream, until: Instant) -> io::Result<Self> {
        (&tcp).write_all(b"SSH-2.0-Crossdock\r\n")?;
        let mut tcp = Until { tcp, until };
        let software = banner(&mut tcp)?;
        let mut length = [0; 4];
        tcp.read_exact(&mut length)?;
        let bytes = u32::from_be_bytes(length) as usize;
        if !(20..=MOST_OFFERS).contains(&bytes) {
            return Err(no_ssh("its first packet is none of SSH"));
        }
        let mut packet = vec![0; bytes];
        tcp.read_exact(&mut packet)?;
        // Length of the padding, the kind, 16 random bytes; then the lists.
        let mut rest =
            packet.get(18..).filter(|_| packet[1] == KEXINIT).ok_or_else(|| no_ssh("it offers nothing"))?;
        let mut list = || {
            let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(|| no_ssh("its offer is cut"))?;
            let bytes = u32::from_be_bytes(*length) as usize;
            let (names, tail) = tail.split_at_checked(bytes).ok_or_else(|| no_ssh("its offer is cut"))?;
            rest = tail;
            let names = String::from_utf8_lossy(names);
            Ok::<_, io::Error>(names.split(',').take(MOST_NAMES).map(printable).collect::<Vec<_>>())
        };
        let (key_exchange, host_key) = (list()?, list()?);
        // Each is listed for both directions; servers offer the same in both.
        let (cipher, _, mac, _, compression) = (list()?, list()?, list()?, list()?, list()?);
        Ok(Self { software, key_exchange, host_key, rsa_signature: Vec::new(), cipher, mac, compression })
    }
}

const KEXINIT: u8 = 20;
const MOST_OFFERS: usize = 35_000;
const MOST_LINES: usize = 50;
const MOST_LINE: usize = 255;

/// Names of one purpose, and characters of a name, that are shown.
const MOST_NAMES: usize = 64;
const MOST_CHARACTERS: usize = 100;

/// What a server has said, so that it can be shown to people.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect()
}

/// A connection that is read from until a time, however slowly it comes.
struct Until {
    tcp: TcpStream,
    until: Instant,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.tcp.set_read_timeout(Some(left))?;
        self.tcp.read(buffer)
    }
}

fn no_ssh(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the line by which a server says what it is; others may come before it.
fn banner(tcp: &mut impl Read) -> io::Result<String> {
    for _ in 0..MOST_LINES {
        let mut line = Vec::new();
        let mut byte = [0];
        while byte[0] != b'\n' && line.len() < MOST_LINE {
            tcp.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        if line.starts_with(b"SSH-") {
            return Ok(printable(String::from_utf8_lossy(&line).trim_end()));
        }
    }
    Err(no_ssh("it does not greet as SSH does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_algorithms_are_taken_only_where_that_is_said() {
        let modern = Algorithms::of_hub(&["ssh-rsa", "ssh-ed25519"], false, false);
        assert_eq!(modern.host_key, ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
        let all =
            [&modern.key_exchange, &modern.host_key, &modern.rsa_signature, &modern.cipher, &modern.mac];
        assert!(
            all.into_iter().flatten().all(|a| !a.ends_with("sha1") && !a.contains("cbc") && a != "ssh-rsa")
        );
        let legacy = Algorithms::of_hub(&["ssh-rsa"], true, true);
        assert!(legacy.host_key.contains(&"ssh-rsa".into()) && legacy.mac.contains(&"hmac-sha1".into()));
        assert!(legacy.rsa_signature.contains(&"ssh-rsa".into()));
        assert!(legacy.cipher.starts_with(&modern.cipher), "the good ones first");
    }

    #[test]
    fn what_is_missing_is_named() {
        let hub = Algorithms::of_hub(&["ssh-ed25519"], false, false);
        let mut server =
            Algorithms { cipher: vec!["aes128-cbc".into()], mac: vec!["hmac-sha1".into()], ..hub.clone() };
        let missing = server.nothing_in_common(&hub);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(
            missing[0].starts_with("for cipher the server offers aes128-cbc, and the hub takes aes128-gcm")
        );
        server.cipher = hub.cipher.clone();
        assert!(server.nothing_in_common(&hub).is_empty(), "a cipher with a MAC of its own needs no other");
    }
}
