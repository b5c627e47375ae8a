//! Tells keys that are new from those that most likely are not, while there are not too many of them.

/// Places of the largest table: 32 MiB.
const MOST_PLACES: u64 = 1 << 23;

/// Fewest bytes of a record that the table is made for.
const RECORD_BYTES: u64 = 24;

/// A table of 32 bits a key, with open addressing.
pub(super) struct NewKeys {
    /// Zero is nobody; their number is a power of two.
    places: Vec<u32>,
    /// How many more keys may come.
    room: usize,
}

impl NewKeys {
    /// Makes a table for a file of about so many bytes.
    pub fn for_file(bytes: u64) -> Self {
        let keys = bytes / RECORD_BYTES + 1;
        let places = (keys * 3 / 2 + 1).next_power_of_two().min(MOST_PLACES) as usize;
        Self { places: vec![0; places], room: places / 8 * 7 }
    }

    /// Has the places of some keys fetched from memory, all at once, before each is looked at.
    pub fn fetch(&self, keys: impl Iterator<Item = u64>) {
        std::hint::black_box(keys.fold(0, |seen, key| seen ^ self.places[self.place(key)]));
    }

    fn place(&self, key: u64) -> usize {
        (key >> 32) as usize & (self.places.len() - 1)
    }

    /// Adds a key by its fingerprint; false where it may have been there before, or there is no room for it.
    ///
    /// That a key is taken for another has a chance of about one to a billion each.
    pub fn add(&mut self, key: u64) -> bool {
        let tag = (key as u32).max(1);
        let last = self.places.len() - 1;
        let mut at = self.place(key);
        while self.places[at] != 0 {
            if self.places[at] == tag {
                return false;
            }
            at = (at + 1) & last;
        }
        if self.room == 0 {
            return false;
        }
        self.room -= 1;
        self.places[at] = tag;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_new_once_and_only_as_many_as_there_is_room_for() {
        let key = |n: u64| crate::mapping::identity::fingerprint(n.to_string().as_bytes());
        let mut keys = NewKeys::for_file(10_000 * RECORD_BYTES);
        let new = (0..20_000).filter(|n| keys.add(key(*n))).count();
        assert_eq!(new, keys.places.len() / 8 * 7);
        assert!((0..20_000).all(|n| !keys.add(key(n))));
        assert_eq!(NewKeys::for_file(u64::MAX / 4).places.len() as u64, MOST_PLACES);
    }
}
