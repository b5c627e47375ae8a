//! Ids, and the hashes that make an effect's id the same however often it is tried.
//!
//! Parts are hashed with their lengths, so `("ab", "c")` and `("a", "bc")` differ.

use sha2::{Digest, Sha256};

/// Makes the id that always belongs to these parts: `prefix` and 32 hex digits.
pub fn derived(prefix: &str, parts: &[&str]) -> String {
    format!("{prefix}_{}", hex(&hash128(parts)))
}

/// First 128 bits of SHA-256 over the parts, each with its length before it.
pub fn hash128(parts: &[&str]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let mut out = [0; 16];
    out.copy_from_slice(&sha.finalize()[..16]);
    out
}

/// Writes bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        write!(out, "{b:02x}").expect("writing to a string cannot fail");
        out
    })
}

/// Reads 32 bytes from 64 hex digits, in either case.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (text.len() == 64).then_some(bytes)?.try_into().ok()
}

/// Says whether `text` can be an id: 1 to 80 of `a-z`, `0-9`, `-` and `_`.
///
/// `#` is the separator of the table's keys and `/` of the bucket's, so neither may appear.
pub fn is_id(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_not_joined_without_a_separator() {
        assert_ne!(derived("run", &["ab", "c"]), derived("run", &["a", "bc"]));
        assert_eq!(derived("run", &["a", "b"]), derived("run", &["a", "b"]));
        assert!(is_id(&derived("run", &["a"])));
    }

    #[test]
    fn hex_is_read_back() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 8) as u8);
        let text = hex(&bytes);
        assert_eq!((from_hex(&text), from_hex(&text.to_uppercase())), (Some(bytes), Some(bytes)));
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace('8', "g"), &text.replace("08", "é")] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn separators_of_keys_are_no_part_of_an_id() {
        for bad in ["", "a#b", "a/b", "A", "å", &"x".repeat(81)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
