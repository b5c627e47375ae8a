use proptest::prelude::*;

use super::*;

fn encoded(name: &str, text: &str) -> Vec<u8> {
    match name {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => text
            .chars()
            .map(|character| {
                (0..=255u8)
                    .find(|byte| single_byte::shown(name, &[*byte]) == character.to_string())
                    .unwrap_or_else(|| panic!("{character} is not in {name}"))
            })
            .collect(),
    }
}

#[test]
fn words_tell_their_encoding() {
    let nordic = "Ansattnr;Navn;Sted\n1;Åse Bjørnsdatter;Tromsø\n2;Kåre Ødegård;Ås\n3;Pål Sæther;Bodø\n";
    let swedish = "nr;namn\n1;Åsa Sjöberg\n2;Märta Öhman\n3;Göran Ängström\n";
    let german = "nr;name\n1;Jürgen Größe\n2;Käthe Müller\n3;Jörg Weiß\n";
    let polish = "nr;nazwisko\n1;Łukasz Wiśniewski\n2;Grażyna Żółć\n3;Stanisław Dąbrowski\n";
    let czech = "nr;jméno\n1;Jiří Dvořák\n2;Šárka Němcová\n3;Tomáš Růžička\n";
    let lithuanian = "nr;vardas\n1;Žemaitė Šimkūnaitė\n2;Jonas Kęstutis Vėjūnas\n3;Ąžuolas\n";
    let russian = "номер;имя\n1;Иван Петров\n2;Мария Сидорова\n3;Сергей Кузнецов\n";
    let greek = "αριθμός;όνομα\n1;Γιώργος Παπαδόπουλος\n2;Μαρία\n";
    let french = "n°;prénom\n1;Hélène Lefèvre\n2;François – « œuvre »\n";
    let cases = [
        ("windows-1252", nordic),
        ("windows-1252", swedish),
        ("windows-1252", german),
        ("windows-1252", french),
        ("macintosh", nordic),
        ("cp850", nordic),
        ("cp850", german),
        ("windows-1250", polish),
        ("iso-8859-2", polish),
        ("windows-1250", czech),
        ("windows-1257", lithuanian),
        ("windows-1251", russian),
        ("koi8-r", russian),
        ("ibm866", russian),
        ("iso-8859-5", russian),
        ("windows-1253", greek),
        ("utf-16le", nordic),
        ("utf-16be", nordic),
    ];
    for (name, text) in cases {
        let found = guess(&encoded(name, text), true);
        assert_eq!(found.value, name, "{text} {found:#?}");
        assert!(found.confidence < 1.0);
    }
    let found = guess(nordic.as_bytes(), true);
    assert_eq!((found.value.as_str(), found.confidence), ("utf-8", 0.99));
}

#[test]
fn what_cannot_be_told_says_so() {
    let ascii = guess(b"a;b\n1;2\n", true);
    assert_eq!((ascii.value.as_str(), ascii.confidence), ("utf-8", 0.5));
    assert!(ascii.reason.contains("cannot be told"), "{}", ascii.reason);
    let names: Vec<&str> = ascii.rivals.iter().map(|rival| rival.value.as_str()).collect();
    assert_eq!(names, ["windows-1252", "iso-8859-1"]);
    // Both read these bytes the same, and neither is certain.
    let found = guess(&encoded("iso-8859-1", "Tromsø;Bodø;Ås;Åse;Kåre"), true);
    assert_eq!(found.value, "windows-1252");
    assert!(found.confidence < 0.6, "{found:#?}");
    assert_eq!(found.rivals[0].value, "iso-8859-1");
    assert_eq!(found.rivals[0].reason, "reads this sample the same as windows-1252");
}

#[test]
fn rivals_say_what_speaks_against_them() {
    let found = guess(&encoded("windows-1252", "vare;pris\nkåpe;€ 10\nbrød;€ 5\n"), true);
    assert_eq!(found.value, "windows-1252");
    let latin =
        found.rivals.iter().find(|rival| rival.value == "iso-8859-1").map(|rival| rival.reason.as_str());
    if let Some(reason) = latin {
        assert_eq!(reason, "byte 0x80 on line 2 is € in windows-1252 and undefined in iso-8859-1");
    }
    assert!(found.rivals.iter().any(|rival| rival.value == "utf-8" && rival.confidence == 0.0));
}

#[test]
fn marks_settle_it_and_cut_characters_do_not() {
    assert_eq!(guess(b"\xEF\xBB\xBFa;b", true).confidence, 1.0);
    assert_eq!(guess(b"\xFF\xFEa\0", true).value, "utf-16le");
    assert_eq!(guess(b"\xFF\xFE\0\0a\0\0\0", true).value, "utf-32le");
    let cut = b"Troms\xC3\xB8;Bod\xC3";
    assert_eq!(guess(cut, false).value, "utf-8");
    assert_ne!(guess(cut, true).value, "utf-8");
    // The only character is cut: as good as ASCII.
    assert_eq!(guess(b"Bod\xC3", false).confidence, 0.5);
    let damaged = ["Tromsø ".repeat(30).as_bytes(), b"\n\xF8\n"].concat();
    let found = guess(&damaged, true);
    assert_eq!((found.value.as_str(), found.confidence), ("utf-8", 0.8));
    assert!(found.reason.ends_with("the first on line 2"), "{}", found.reason);
}

proptest! {
    #[test]
    fn a_cut_is_no_evidence_and_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), whole: bool) {
        let found = guess(&bytes, whole);
        prop_assert!((0.0..=1.0).contains(&found.confidence));
    }

    #[test]
    fn utf_8_is_found_wherever_it_is_cut(text in "[a-zæøåÆØÅ;\n]{8,80}", cut in 0..6usize) {
        let bytes = text.as_bytes();
        let found = guess(&bytes[..bytes.len() - cut], false);
        prop_assert_eq!(found.value, "utf-8");
    }
}
