//! The letters outside of ASCII that languages write, and where which encodings are at home.

/// Whose letters an encoding was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    West,
    Centre,
    Baltic,
    Cyrillic,
    Greek,
    Turkish,
}

/// A language: its name, and its letters outside of ASCII in lower case.
pub(super) struct Language {
    pub name: &'static str,
    pub letters: &'static str,
    /// The frequent ones among them, where most of a text is outside of ASCII.
    pub frequent: &'static str,
}

impl Region {
    /// Returns the languages that are written in encodings of this region.
    pub fn languages(self) -> &'static [Language] {
        match self {
            Self::West => &WEST,
            Self::Centre => &CENTRE,
            Self::Baltic => &BALTIC,
            Self::Cyrillic => &CYRILLIC,
            Self::Greek => &GREEK,
            Self::Turkish => &TURKISH,
        }
    }
}

const fn language(name: &'static str, letters: &'static str) -> Language {
    Language { name, letters, frequent: "" }
}

const WEST: [Language; 10] = [
    language("Norwegian or Danish", "æøåéèêóòôäöü"),
    language("Swedish or Finnish", "åäöéàüšž"),
    language("German", "äöüßé"),
    language("French", "éèêëàâçîïôûùüœæÿ"),
    language("Spanish", "áéíñóúüïçªº"),
    language("Portuguese", "áâãàçéêíóôõúüªº"),
    language("Italian", "àèéìíîòóùú"),
    language("Icelandic", "áðéíóúýþæö"),
    language("Dutch", "áéèëïíóöúüĳ"),
    language("Estonian", "äöõüšž"),
];
const CENTRE: [Language; 6] = [
    language("Polish", "ąćęłńóśźż"),
    language("Czech", "áčďéěíňóřšťúůýž"),
    language("Slovak", "áäčďéíĺľňóôŕšťúýž"),
    language("Hungarian", "áéíóöőúüű"),
    language("Croatian or Slovene", "čćđšž"),
    language("Romanian", "ăâîşţșț"),
];
const BALTIC: [Language; 3] =
    [language("Lithuanian", "ąčęėįšųūž"), language("Latvian", "āčēģīķļņšūž"), language("Estonian", "äöõüšž")];
const CYRILLIC: [Language; 2] = [
    Language {
        name: "Russian", letters: "абвгдежзийклмнопрстуфхцчшщъыьэюяё", frequent: "оеаинтсрвлкмдпу"
    },
    Language {
        name: "Ukrainian", letters: "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", frequent: "оаинтіервсклмду"
    },
];
const GREEK: [Language; 1] = [Language {
    name: "Greek",
    letters: "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
    frequent: "αοιετσνηυρπκμλς",
}];
const TURKISH: [Language; 1] = [language("Turkish", "çğıöşüâîû")];
