//! Python's standard library, as a reader and writer of formats that has nothing in common with the hub's.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Reads a gzip file, or the only member of a zip archive with a line of its name before it.
const UNPACK: &str = r#"
import gzip, io, sys, zipfile
data = sys.stdin.buffer.read()
if data[:2] == b"PK":
    archive = zipfile.ZipFile(io.BytesIO(data))
    (name,) = archive.namelist()
    assert archive.testzip() is None
    data = name.encode() + b"\n" + archive.read(name)
else:
    data = gzip.decompress(data)
sys.stdout.buffer.write(data)
"#;

/// Packs what it reads, as a member of each name that it is given; gzip without one.
const PACK: &str = r#"
import gzip, io, sys, zipfile
data, names = sys.stdin.buffer.read(), sys.argv[1:]
if names:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    data = out.getvalue()
else:
    data = gzip.compress(data)
sys.stdout.buffer.write(data)
"#;

/// Finds elements below the root of XML files, and the texts that paths from there lead to.
const XML_TEXTS: &str = r#"
import json, sys, xml.etree.ElementTree as tree
asked, found = json.load(sys.stdin), {}
for path in asked["files"]:
    records = tree.parse(path).getroot().findall(asked["record"])
    found[path] = [[record.findtext(column) or "" for column in asked["columns"]] for record in records]
json.dump(found, sys.stdout)
"#;

/// Reads XML files as JSON asks for it: `files`, `record` and `columns`, all names as `{namespace}local`. The answer has the
/// texts of each record by file.
///
/// # Errors
/// When one of them cannot be read.
pub fn xml_texts(asked: &[u8]) -> Result<Vec<u8>> {
    run(XML_TEXTS, &[], asked)
}

/// Unpacks a gzip file; or a zip archive of one member, whose name is the first line then.
///
/// # Errors
/// When it is none.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    run(UNPACK, &[], packed)
}

/// Packs with gzip.
///
/// # Errors
/// When Python does not run.
pub fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    run(PACK, &[], content)
}

/// Packs as a zip archive that has the content under each of these names.
///
/// # Errors
/// When Python does not run.
pub fn zip(names: &[&str], content: &[u8]) -> Result<Vec<u8>> {
    run(PACK, names, content)
}

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let mut child = Command::new(python)
        .args(["-c", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the Python of .venv; run `make up`")?;
    // It reads to the end before it writes.
    child.stdin.take().context("its input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "Python ended with {}", output.status);
    Ok(output.stdout)
}
