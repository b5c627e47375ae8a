//! Packing, piece by piece: what comes out of a piece is taken away at once.
//!
//! Source: RFC 1952 (gzip), PKWARE's APPNOTE 6.3.10 (zip).

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use flate2::{GzBuilder, write::GzEncoder};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions, write::StreamWriter};

use super::Compression;

/// A file that is being packed.
pub struct Packer(Kind);

enum Kind {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zip(Box<ZipWriter<StreamWriter<Shared>>>, Shared),
}

/// Bytes that a writer leaves for its owner, which the zip writer gives no access to.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Packer {
    /// Begins a file of this name; the member of an archive is called the same without `.zip`.
    ///
    /// # Errors
    /// When the name cannot be that of a member.
    pub fn new(compression: Compression, file_name: &str) -> io::Result<Self> {
        Ok(Self(match compression {
            Compression::Gzip => {
                let encoder = GzBuilder::new().write(Vec::new(), flate2::Compression::default());
                Kind::Gzip(Box::new(encoder))
            }
            Compression::Zip => {
                return Self::archive(&[], member_name(file_name));
            }
        }))
    }

    /// Begins a zip archive with these members in it, and one of this name that is packed piece by piece.
    ///
    /// # Errors
    /// When a name cannot be that of a member.
    pub fn archive(before: &[(&str, Vec<u8>)], last: &str) -> io::Result<Self> {
        let out = Shared::default();
        let mut writer = ZipWriter::new_stream(out.clone());
        for (name, content) in before {
            writer.start_file(*name, options())?;
            writer.write_all(content)?;
        }
        writer.start_file(last, options())?;
        Ok(Self(Kind::Zip(Box::new(writer), out)))
    }

    /// Packs more bytes; answers those that are ready.
    ///
    /// # Errors
    /// When the file gets larger than its format can have it: 4 GiB of a zip archive.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.0 {
            Kind::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Kind::Zip(writer, out) => {
                writer.write_all(bytes)?;
                Ok(out.take())
            }
        }
    }

    /// Ends the file; answers its last bytes.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Kind::Gzip(encoder) => encoder.finish(),
            Kind::Zip(writer, out) => {
                writer.finish()?;
                Ok(out.take())
            }
        }
    }
}

/// The time is stated, and the earliest there is: that of packing would make other bytes each time.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
}

fn member_name(file_name: &str) -> &str {
    match file_name.len().checked_sub(4).and_then(|at| file_name.split_at_checked(at)) {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(".zip") && !stem.is_empty() => stem,
        _ => file_name,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Packs pieces; answers the file, and the most bytes that were ready at once.
    fn packed(compression: Compression, name: &str, pieces: &[&[u8]]) -> Vec<u8> {
        let mut packer = Packer::new(compression, name).unwrap();
        let mut file = Vec::new();
        for piece in pieces {
            file.extend(packer.add(piece).unwrap());
        }
        file.extend(packer.finish().unwrap());
        file
    }

    #[test]
    fn other_readers_read_what_is_packed_and_it_is_the_same_each_time() {
        let pieces: [&[u8]; 3] = [b"id;name\r\n", b"", "1;Åse\r\n".as_bytes()];
        let gzip = packed(Compression::Gzip, "a.csv.gz", &pieces);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, pieces.concat());
        assert_eq!(&gzip[3..9], [0, 0, 0, 0, 0, 0], "no flags and no time");

        let zip = packed(Compression::Zip, "lønn.csv.zip", &pieces);
        let mut archive = zip::ZipArchive::new(io::Cursor::new(&zip)).unwrap();
        assert_eq!(archive.by_index(0).unwrap().name().unwrap(), "lønn.csv");
        read.clear();
        archive.by_index(0).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, pieces.concat());
        for (compression, name, file) in
            [(Compression::Gzip, "a.csv.gz", gzip), (Compression::Zip, "lønn.csv.zip", zip)]
        {
            assert_eq!(packed(compression, name, &pieces), file, "{compression:?}");
        }
    }

    #[test]
    fn what_is_packed_is_given_away_while_more_comes() {
        let mut noise = 1u32;
        let mut piece = vec![0u8; 1 << 20];
        for compression in [Compression::Gzip, Compression::Zip] {
            let mut packer = Packer::new(compression, "a").unwrap();
            let mut most = 0;
            for _ in 0..8 {
                piece.fill_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                });
                most = most.max(packer.add(&piece).unwrap().len());
            }
            let last = packer.finish().unwrap().len();
            assert!(most < 2 << 20 && last < 1 << 20, "{compression:?} holds back {most} or {last}");
        }
    }

    #[test]
    fn a_member_is_called_as_its_file_without_the_ending() {
        for (file, member) in
            [("a.csv.zip", "a.csv"), ("A.ZIP", "A"), (".zip", ".zip"), ("a.csv", "a.csv"), ("ø", "ø")]
        {
            assert_eq!(member_name(file), member);
        }
    }
}
