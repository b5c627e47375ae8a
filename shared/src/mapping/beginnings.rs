//! What previews ask of the engine and runs do not: of files of which only the beginning is there.

use super::compile::{Compiled, CompiledInput};
use super::encoding::Encoding;
use super::formats::SaftEntity;
use super::input::xml::{beginning, saft};

/// The namespace of SAF-T Financial.
pub(crate) use super::input::xml::saft::NAMESPACE as SAFT_NAMESPACE;

impl Compiled {
    /// Reads samples: what a file says of itself at its end is not held against it, and workbooks unpack to less.
    pub(crate) fn for_sample(mut self, is_whole: bool) -> Self {
        match &mut self.input {
            CompiledInput::Xml(xml) => xml.is_beginning = !is_whole,
            #[cfg(feature = "workbooks")]
            CompiledInput::Workbook(workbook) => {
                workbook.most_part_bytes = super::input::workbook::look::MOST_PART_BYTES;
            }
            _ => {}
        }
        self
    }

    /// Ends XML of which the beginning is there behind its last whole record; None of other formats, and where there is no
    /// whole record.
    pub(crate) fn whole_xml_records(&self, beginning: &[u8]) -> Option<Vec<u8>> {
        match &self.input {
            CompiledInput::Xml(xml) => beginning::whole_records(xml, beginning),
            _ => None,
        }
    }
}

/// Decodes XML by what it says of itself; None where that cannot be done.
pub(crate) fn decoded_xml(bytes: &[u8]) -> Option<(Encoding, Vec<u8>)> {
    beginning::decoded(bytes, None)
}

/// The names of an entity's columns.
pub(crate) fn saft_columns(entity: SaftEntity) -> impl Iterator<Item = &'static str> {
    saft::columns(entity).map(|(name, _)| *name)
}

/// The local names of the elements from the root to an entity's records.
pub(crate) fn saft_record(entity: SaftEntity) -> Vec<String> {
    saft::record(entity).into_iter().map(|name| name.local).collect()
}
