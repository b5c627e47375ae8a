use std::borrow::Cow;

use proptest::prelude::*;
use regex::Regex;

use super::*;

fn apply(work: TextWork, text: &str) -> Result<String, Reason> {
    let transform = TextTransform { at: 0, work };
    let borrowed = transform.apply(Cow::Borrowed(text)).map(Cow::into_owned);
    let owned = transform.apply(Cow::Owned(text.to_owned())).map(Cow::into_owned);
    assert_eq!(borrowed, owned, "{transform:?} {text}");
    borrowed.map_err(|unfit| unfit.reason)
}

fn lookup(otherwise: NotListed) -> TextWork {
    TextWork::Lookup {
        table: [("I", "in"), ("O", "out")].map(|(k, v)| (k.into(), v.into())).into(),
        otherwise,
    }
}

fn split(part: i32) -> TextWork {
    TextWork::Split { by: ", ".into(), part }
}

#[test]
fn each_does_what_it_says_or_fails() {
    use Reason::{TransformFailed, UnmappedValue};
    let capture = |pattern: &str| TextWork::Capture(Regex::new(pattern).unwrap());
    let pad = |to, with| TextWork::PadLeft { to, with };
    let strip = |what: &str| TextWork::StripLeft(what.into());
    let replace = |find: &str, with: &str| TextWork::Replace { find: find.into(), with: with.into() };
    let cases = [
        (TextWork::Trim, " \u{a0}\u{202f}\tÅse \r\n", Ok("Åse")),
        (TextWork::Trim, "Å  se", Ok("Å  se")),
        (TextWork::Trim, " \u{a0}", Ok("")),
        (TextWork::CollapseSpaces, " a \u{a0} b\r\nc  ", Ok(" a b c ")),
        (TextWork::Upper, "åse straße", Ok("ÅSE STRASSE")),
        (TextWork::Lower, "ÅSE İ", Ok("åse i\u{307}")),
        (pad(6, '0'), "42", Ok("000042")),
        (pad(6, 'ø'), "åå", Ok("øøøøåå")),
        (pad(2, '0'), "123", Ok("123")),
        (strip("0"), "0042", Ok("42")),
        (strip("0"), "000", Ok("0")),
        (strip("NO"), "NONO42", Ok("42")),
        (strip("0"), "42", Ok("42")),
        (replace(".", ""), "1.234.5", Ok("12345")),
        (replace("x", "y"), "abc", Ok("abc")),
        (replace("aa", "a"), "aaaa", Ok("aa")),
        (capture(r"(\d{4})"), "emp 0042 of 0043", Ok("0042")),
        (capture(r"^E-(\w+)$"), "E-Åse", Ok("Åse")),
        (capture(r"a(b)?"), "ab", Ok("b")),
        (capture(r"a(b)?"), "ac", Err(TransformFailed)),
        (capture(r"(\d{4})"), "emp 42", Err(TransformFailed)),
        (split(1), "Ås, Kari, Anne", Ok("Ås")),
        (split(3), "Ås, Kari, Anne", Ok("Anne")),
        (split(4), "Ås, Kari, Anne", Err(TransformFailed)),
        (split(-1), "Ås, Kari, Anne", Ok("Anne")),
        (split(-3), "Ås, Kari, Anne", Ok("Ås")),
        (split(-4), "Ås, Kari, Anne", Err(TransformFailed)),
        (split(1), "Ås", Ok("Ås")),
        (split(2), "Ås, ", Ok("")),
        (split(2), "Ås", Err(TransformFailed)),
        (lookup(NotListed::Error), "I", Ok("in")),
        (lookup(NotListed::Error), "i", Err(UnmappedValue)),
        (lookup(NotListed::Keep), "i", Ok("i")),
        (lookup(NotListed::Text("?".into())), "i", Ok("?")),
        (TextWork::Take(Part::First(2)), "åse", Ok("ås")),
        (TextWork::Take(Part::First(4)), "åse", Ok("åse")),
        (TextWork::Take(Part::Last(2)), "seå", Ok("eå")),
        (TextWork::Take(Part::Last(4)), "seå", Ok("seå")),
    ];
    for (work, text, expected) in cases {
        assert_eq!(apply(work.clone(), text), expected.map(str::to_owned), "{work:?} {text:?}");
    }
}

#[test]
fn a_failure_names_the_transform() {
    let transform = TextTransform { at: 2, work: split(2) };
    let unfit = transform.apply("x".into()).unwrap_err();
    assert_eq!(unfit.expected, "a text with a part 2 between \", \" (transforms[2], split)");
    let transform = TextTransform { at: 1, work: lookup(NotListed::Error) };
    let unfit = transform.apply("x".into()).unwrap_err();
    assert_eq!(unfit.expected, "one of I, O, the table of transforms[1], lookup");
}

proptest! {
    #[test]
    fn padding_and_parts_count_characters(text in "\\PC{1,12}", count in 1u32..20) {
        let padded = apply(TextWork::PadLeft { to: count as usize, with: '0' }, &text).unwrap();
        prop_assert!(padded.ends_with(&text));
        prop_assert_eq!(padded.chars().count(), text.chars().count().max(count as usize));
        let first = apply(TextWork::Take(Part::First(count)), &text).unwrap();
        let last = apply(TextWork::Take(Part::Last(count)), &text).unwrap();
        prop_assert!(text.starts_with(&first) && text.ends_with(&last));
        prop_assert_eq!(first.chars().count(), text.chars().count().min(count as usize));
        prop_assert_eq!(last.chars().count(), first.chars().count());
    }

    #[test]
    fn parts_from_the_front_are_those_from_the_back(parts in prop::collection::vec("[a-z]{0,3}", 1..6)) {
        let text = parts.join(", ");
        prop_assume!(!text.is_empty());
        let count = parts.len() as i32;
        for (at, part) in (1..).zip(&parts) {
            prop_assert_eq!(&apply(split(at), &text).unwrap(), part);
            prop_assert_eq!(&apply(split(at - count - 1), &text).unwrap(), part);
        }
    }
}
