//! Which addresses a target may be dialled at.
//!
//! A target's address is text that a customer typed: without this check it could point into the
//! deployment's own network or at the machine's metadata service. The check is on the address that is
//! dialled, after DNS, and IPv4 inside IPv6 counts as the IPv4 it is. Names are resolved by adapters.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network that an account allows beside the public ones, for example `127.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(ipnet::IpNet);

/// A network that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a network in CIDR form, for example 10.1.0.0/16")]
pub struct NetworkError(String);

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        text.parse().map(Self).map_err(|_| NetworkError(text.into()))
    }
}

/// What an account may dial.
#[derive(Clone, Debug, Default)]
pub struct Dialling {
    allowed: Vec<Network>,
}

/// An address that this account may not dial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address, and the account's allowed_networks do not name it")]
pub struct Refused(pub IpAddr);

impl Dialling {
    /// Reads an account's allowed networks; what cannot be read allows nothing.
    pub fn new(networks: &[String]) -> Self {
        Self { allowed: networks.iter().filter_map(|n| n.parse().ok()).collect() }
    }

    /// Lets an address through if it is public or allowed.
    ///
    /// # Errors
    /// When it is neither.
    pub fn check(&self, address: IpAddr) -> Result<IpAddr, Refused> {
        let canonical = canonical(address);
        let allowed = self.allowed.iter().any(|n| n.0.contains(&canonical));
        if allowed || is_public(canonical) { Ok(address) } else { Err(Refused(address)) }
    }
}

/// Takes IPv4 out of its IPv6 forms: mapped, compatible, NAT64 and 6to4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let inside = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => {
            inside(high, low)
        }
        [0x2002, high, low, ..] => inside(high, low),
        _ => address,
    }
}

/// Source: IANA's special-purpose address registries (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    ];
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC
            .iter()
            .any(|n| n.parse::<ipnet::IpNet>().is_ok_and(|network| network.contains(&address))),
        // Only 2000::/3 is given out; of it, documentation, Teredo and benchmarking are not hosts.
        IpAddr::V6(v6) => {
            let s = v6.segments();
            (s[0] & 0xe000) == 0x2000
                && !(s[0] == 0x2001 && (s[1] == 0xdb8 || s[1] < 0x200))
                && (s[0] & 0xfff0) != 0x3ff0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_dialled() {
        let nothing = Dialling::default();
        for public in ["8.8.8.8", "193.0.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(nothing.check(public.parse().unwrap()).is_ok(), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            "3fff::1",
        ] {
            assert!(nothing.check(private.parse().unwrap()).is_err(), "{private}");
        }
    }

    #[test]
    fn an_account_may_allow_a_private_network() {
        let one = Dialling::new(&["10.1.0.0/16".into(), "rubbish".into()]);
        assert!(one.check("10.1.2.3".parse().unwrap()).is_ok());
        assert!(one.check("::ffff:10.1.2.3".parse().unwrap()).is_ok());
        assert!(one.check("10.2.0.1".parse().unwrap()).is_err());
        assert!(one.check("127.0.0.1".parse().unwrap()).is_err());
    }
}
