//! What the upper half of each single-byte encoding means.

use encoding_rs::{
    IBM866, ISO_8859_2, ISO_8859_5, ISO_8859_7, ISO_8859_13, ISO_8859_15, KOI8_R, MACINTOSH, WINDOWS_1250,
    WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
};

use super::alphabets::Region;

/// A single-byte encoding under consideration.
pub(super) struct Candidate {
    pub name: &'static str,
    /// Whose letters it was made for.
    pub region: Region,
    /// How usual it is among files, where nothing else speaks for or against it.
    pub usual: f64,
    table: Table,
}

enum Table {
    Web(&'static encoding_rs::Encoding),
    Latin1,
    Cp850,
}

/// All of them, the more usual first.
pub(super) const CANDIDATES: [Candidate; 16] = [
    of("windows-1252", Region::West, 1.0, Table::Web(WINDOWS_1252)),
    of("iso-8859-1", Region::West, 0.5, Table::Latin1),
    of("iso-8859-15", Region::West, 0.3, Table::Web(ISO_8859_15)),
    of("windows-1250", Region::Centre, 0.2, Table::Web(WINDOWS_1250)),
    of("iso-8859-2", Region::Centre, 0.1, Table::Web(ISO_8859_2)),
    of("windows-1257", Region::Baltic, 0.15, Table::Web(WINDOWS_1257)),
    of("iso-8859-13", Region::Baltic, 0.05, Table::Web(ISO_8859_13)),
    of("windows-1251", Region::Cyrillic, 0.2, Table::Web(WINDOWS_1251)),
    of("koi8-r", Region::Cyrillic, 0.1, Table::Web(KOI8_R)),
    of("ibm866", Region::Cyrillic, 0.05, Table::Web(IBM866)),
    of("iso-8859-5", Region::Cyrillic, 0.05, Table::Web(ISO_8859_5)),
    of("windows-1253", Region::Greek, 0.1, Table::Web(WINDOWS_1253)),
    of("iso-8859-7", Region::Greek, 0.08, Table::Web(ISO_8859_7)),
    of("windows-1254", Region::Turkish, 0.1, Table::Web(WINDOWS_1254)),
    of("macintosh", Region::West, 0.1, Table::Web(MACINTOSH)),
    of("cp850", Region::West, 0.1, Table::Cp850),
];

const fn of(name: &'static str, region: Region, usual: f64, table: Table) -> Candidate {
    Candidate { name, region, usual, table }
}

impl Candidate {
    /// Decodes one byte; None where the encoding gives it no meaning but that of a control.
    pub fn decode(&self, byte: u8) -> Option<char> {
        if byte.is_ascii() {
            return Some(char::from(byte));
        }
        let character = match self.table {
            Table::Latin1 => Some(char::from(byte)),
            Table::Cp850 => CP850.chars().nth(usize::from(byte) - 0x80),
            Table::Web(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(&[byte])
                .and_then(|text| text.chars().next()),
        };
        character.filter(|c| !('\u{80}'..='\u{9f}').contains(c))
    }
}

/// Source: IBM code page 850, as Unicode maps it (MAPPINGS/VENDORS/MICSFT/PC/CP850.TXT).
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
                     ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
