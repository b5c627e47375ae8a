//! The file that is mapped: punches of a time clock, as such systems export them in Norway.
//!
//! Eight columns, `;`, decimal commas, local times, CRLF; in ISO-8859-1 for the hub, and the same in UTF-8 for the
//! others, which read nothing else as fast. Made by a fixed sequence, so that all runs have the same file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Result;

const HEADER: &str = "Id;Ansatt;Navn;Inn;Ut;Timer;Lønn;Prosjekt";
const NAMES: [&str; 8] =
    ["Åse Lie", "Bjørn Moe", "Ola Sæther", "Kari By", "Pål Ås", "Solveig Vik", "Jens Dahl", "Øyvind Bø"];

/// Writes so many punches in both encodings.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(rows: u64, latin_1: &Path, utf_8: &Path) -> Result<()> {
    let mut files = [latin_1, utf_8].map(|path| File::create(path).map(BufWriter::new));
    let mut put = |line: &str| -> Result<()> {
        let [latin_1, utf_8] = &mut files;
        let narrow: Vec<u8> = line.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        latin_1.as_mut().map_err(|e| anyhow::anyhow!("{e}"))?.write_all(&narrow)?;
        Ok(utf_8.as_mut().map_err(|e| anyhow::anyhow!("{e}"))?.write_all(line.as_bytes())?)
    };
    put(&format!("{HEADER}\r\n"))?;
    let mut state = 7u64;
    // Numerical Recipes' constants for a linear congruential sequence; the upper bits are the better ones.
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for row in 0..rows {
        let (day, month, hour, minute, hours) =
            (1 + below(28), 1 + below(12), 5 + below(5), below(60), 6 + below(4));
        let (employee, name, rest) = (1 + below(9999), NAMES[below(8) as usize], below(100));
        let (paid, project) = (if below(10) > 0 { 'J' } else { 'N' }, 1 + below(99));
        put(&format!(
            "{id};{employee:04};{name};{day:02}.{month:02}.2026 {hour:02}:{minute:02};\
             {day:02}.{month:02}.2026 {end:02}:{minute:02};{hours},{rest:02};{paid};{project}\r\n",
            id = 1_000_000 + row,
            end = hour + hours,
        ))?;
    }
    for file in &mut files {
        file.as_mut().map_err(|e| anyhow::anyhow!("{e}"))?.flush()?;
    }
    Ok(())
}
