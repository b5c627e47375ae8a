//! What other programs pack is read to the byte, and what is wrong with a file is said.

use std::io::{self, Cursor, Read, Write};

use flate2::write::GzEncoder;
use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Compression, Packer, TAIL_BYTES, Unpackable, Unpacked, only_member};

const TEXT: &[u8] = b"id;name\r\n1;Ada\r\n2;Grace\r\n3;Ada\r\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(&str, &[u8], SimpleFileOptions)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, options) in members {
        match name.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, *options).unwrap(),
            None => {
                writer.start_file(*name, *options).unwrap();
                writer.write_all(content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn read_gzip(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Unpacked::gzip(file).read_to_end(&mut content)?;
    Ok(content)
}

fn read_zip(file: &[u8]) -> io::Result<Vec<u8>> {
    let tail = &file[file.len().saturating_sub(usize::try_from(TAIL_BYTES).unwrap())..];
    let member = only_member(tail, file.len() as u64)?;
    let begin = usize::try_from(member.at).unwrap().min(file.len());
    let mut content = Vec::new();
    Unpacked::zip(&file[begin..], &member)?.read_to_end(&mut content)?;
    Ok(content)
}

fn unpackable(error: io::Error) -> Unpackable {
    error.downcast().expect("an error of the file")
}

#[test]
fn gzip_of_one_part_or_several_is_read() {
    assert_eq!(read_gzip(&gzip(TEXT)).unwrap(), TEXT);
    assert_eq!(read_gzip(&gzip(b"")).unwrap(), b"");
    assert_eq!(read_gzip(&[gzip(b"a"), gzip(b"b")].concat()).unwrap(), b"ab");
}

#[test]
fn a_gzip_file_that_is_cut_or_has_more_behind_it_is_damaged() {
    let file = gzip(TEXT);
    for len in 0..file.len() {
        let error = unpackable(read_gzip(&file[..len]).unwrap_err());
        assert_eq!(error.code(), "archive_damaged", "{len} bytes: {error}");
    }
    for other in [&[&file[..], b"x"].concat(), TEXT, &zip(&[("a", TEXT, deflated())])] {
        assert_eq!(unpackable(read_gzip(other).unwrap_err()).code(), "archive_damaged");
    }
}

#[test]
fn a_zip_archive_of_one_file_is_read_however_it_was_written() {
    let mut packer = Packer::new(Compression::Zip, "a.csv.zip").unwrap();
    let streamed = [packer.add(TEXT).unwrap(), packer.finish().unwrap()].concat();
    for (file, how) in [
        (zip(&[("a.csv", TEXT, deflated())]), "deflated"),
        (zip(&[("a.csv", TEXT, stored())]), "stored"),
        (zip(&[("a.csv", TEXT, deflated().large_file(true))]), "with 64-bit sizes"),
        (zip(&[("out/", b"", stored()), ("out/lønn.csv", TEXT, deflated())]), "in a folder"),
        (streamed, "as a stream"),
    ] {
        assert_eq!(read_zip(&file).unwrap(), TEXT, "{how}");
    }
    let mut commented = ZipWriter::new(Cursor::new(Vec::new()));
    commented.start_file("a.csv", deflated()).unwrap();
    commented.write_all(TEXT).unwrap();
    commented.set_comment("PK\x05\x06 is not the end").unwrap();
    assert_eq!(read_zip(&commented.finish().unwrap().into_inner()).unwrap(), TEXT, "with a comment");
    assert_eq!(read_zip(&zip(&[("a.csv", b"", deflated())])).unwrap(), b"");
}

#[test]
fn an_archive_of_no_file_or_several_says_what_it_holds() {
    let one: (&str, &[u8], _) = ("a.csv", TEXT, deflated());
    for (file, wanted) in [
        (zip(&[]), "the archive must hold one file, and holds 0"),
        (zip(&[("out/", b"", stored())]), "the archive must hold one file, and holds 0"),
        (zip(&[one, ("b.csv", TEXT, stored())]), "the archive must hold one file, and holds 2: a.csv, b.csv"),
    ] {
        let error = unpackable(read_zip(&file).unwrap_err());
        assert_eq!((error.code(), error.to_string().as_str()), ("archive_members", wanted));
    }
    let names: Vec<String> = (0..3000).map(|i| format!("{i:04}.csv")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..], stored())).collect();
    let error = unpackable(read_zip(&zip(&many)).unwrap_err());
    assert_eq!(error, Unpackable::Members { count: 3000, names: Vec::new() }, "its directory is not read");
}

#[test]
fn an_archive_that_cannot_be_read_says_why() {
    let file = zip(&[("a.csv", TEXT, deflated())]);
    let entry = file.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let with = |at: usize, byte: u8| {
        let mut other = file.clone();
        other[entry + at] = byte;
        unpackable(read_zip(&other).unwrap_err()).to_string()
    };
    assert!(with(8, 1).contains("a.csv is encrypted"), "{}", with(8, 1));
    assert!(with(10, 12).contains("a.csv is packed by method 12"), "{}", with(10, 12));
    assert!(with(16, file[entry + 16] ^ 1).contains("another checksum"));
    assert!(with(24, file[entry + 24] + 1).contains("bytes of"));
    assert!(with(42, 7).contains("is not where the directory says"));
    for other in [TEXT, b"", &gzip(TEXT), &file[..file.len() - 1]] {
        let error = unpackable(read_zip(other).unwrap_err());
        assert!(error.to_string().contains("does not end as a zip archive does"), "{error}");
    }
}

#[test]
fn what_would_exhaust_its_reader_is_not_read() {
    let zeros = vec![0; 128 << 20];
    for bomb in [read_gzip(&gzip(&zeros)), read_zip(&zip(&[("a", &zeros, deflated())]))] {
        let error = unpackable(bomb.unwrap_err());
        assert!(error.to_string().contains("more than 200 times its size"), "{error}");
    }
    let file = gzip(TEXT);
    let mut limited = Unpacked::gzip(&file[..]);
    limited.most_bytes = 10;
    let error = unpackable(limited.read_to_end(&mut Vec::new()).unwrap_err());
    assert_eq!(error.to_string(), "the file unpacks to more than 10 bytes; it is not read");
}

#[test]
fn an_error_of_the_inner_reader_stays_what_it_is() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"))
        }
    }
    let file = gzip(TEXT);
    let error = Unpacked::gzip(file[..20].chain(Failing)).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::ConnectionReset, "cut"));
}

proptest! {
    /// A changed byte is found, or it was one that says nothing of the content: a time, a name, a system.
    #[test]
    fn a_changed_byte_never_gives_another_content(
        content in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), flip in 1..=255u8,
    ) {
        for (mut file, is_zip) in [(gzip(&content), false), (zip(&[("a.csv", &content, deflated())]), true)] {
            let at = at.index(file.len());
            file[at] ^= flip;
            let read = if is_zip { read_zip(&file) } else { read_gzip(&file) };
            match read {
                Ok(read) => prop_assert_eq!(read, content.clone()),
                Err(error) => { unpackable(error); }
            }
        }
    }

    /// What is no archive is an error, whatever it says of itself: no panic.
    #[test]
    fn anything_may_stand_in_a_directory(junk in prop::collection::vec(any::<u8>(), 0..120), at in any::<prop::sample::Index>()) {
        let mut file = zip(&[("a.csv", TEXT, deflated().large_file(true))]);
        let at = at.index(file.len());
        for (old, new) in file[at..].iter_mut().zip(&junk) {
            *old = *new;
        }
        if let Ok(read) = read_zip(&file) {
            prop_assert_eq!(read, TEXT);
        }
    }
}
