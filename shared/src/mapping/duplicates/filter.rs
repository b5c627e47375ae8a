//! Tells keys that are new from those that may have been there before.

/// Bits of a key.
const BITS: u32 = 4;

/// Bits of the filter for each key that it is made for.
const BITS_A_KEY: u64 = 12;

/// Words of the largest filter: 32 MiB.
const MOST_WORDS: u64 = 1 << 22;

/// Keys of the largest filter.
const MOST_KEYS: u64 = MOST_WORDS * 64 / BITS_A_KEY;

/// Bytes of the records that a filter is made for; where they are shorter, more keys seem to be there again.
const RECORD_BYTES: u64 = 64;

/// A Bloom filter whose bits of one key are all in one word.
pub(super) struct Filter {
    /// A power of two.
    words: Vec<u64>,
}

impl Filter {
    /// Makes the filter for all keys of files of so many bytes, or for one round's share of them.
    pub fn for_file(bytes: u64) -> Self {
        let keys = (bytes / RECORD_BYTES + 1).div_ceil(Self::rounds(bytes));
        let words = (keys * BITS_A_KEY / 64 + 1).next_power_of_two().min(MOST_WORDS);
        Self { words: vec![0; words as usize] }
    }

    /// In how many shares the keys of files of so many bytes fit.
    pub fn rounds(bytes: u64) -> u64 {
        (bytes / RECORD_BYTES + 1).div_ceil(MOST_KEYS)
    }

    /// Adds a key by its fingerprint; says whether its bits were all set already.
    pub fn had(&mut self, key: u64) -> bool {
        let mut bits = 0;
        for bit in 0..BITS {
            bits |= 1 << (key >> (6 * bit) & 63);
        }
        // The upper bits alone are too few for the largest filter.
        let at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.words.len() - 1);
        let had = self.words[at] & bits == bits;
        self.words[at] |= bits;
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_what_it_was_given_and_little_else() {
        let key = |n: u64| crate::mapping::identity::fingerprint(n.to_string().as_bytes());
        let keys = 10_000;
        let mut filter = Filter::for_file(keys * RECORD_BYTES);
        let wrong = (0..keys).filter(|n| filter.had(key(*n))).count();
        assert!(wrong < keys as usize / 100, "{wrong} of {keys}");
        assert!((0..keys).all(|n| filter.had(key(n))));
    }

    #[test]
    fn the_largest_file_takes_rounds_and_no_more_memory() {
        assert_eq!(Filter::rounds(10_000_000), 1);
        assert_eq!(Filter::rounds(10_000_000_000), 7);
        assert_eq!(Filter::for_file(10_000_000_000).words.len() as u64, MOST_WORDS);
    }
}
