use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::{
    secret::SecretField,
    signature::{LiveSecret, SigningKey, hmac_sha256, sign},
    source::Encoding,
};

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const AT: i64 = 1_614_265_330;
const STRIPE_BODY: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
const STRIPE_SECRET: &str = "whsec_test_secret_of_stripe";
const STRIPE_V1: &str = "b7f54a31fc20b1125732290af63f5fb2bd10520c9f86d6502cb8bbbfed630f27";
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn scheme(scheme: Scheme) -> Verification {
    Verification { scheme, header: None, prefix: None, encoding: None, user: None }
}

fn github() -> Verification {
    Verification {
        header: Some("X-Hub-Signature-256".into()),
        prefix: Some("sha256=".into()),
        ..scheme(Scheme::HmacHeader)
    }
}

/// Verifies at [`AT`], and says which secret matched.
fn check(
    verification: &Verification,
    secrets: &[&str],
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<usize, Refused> {
    let secrets: Vec<SecretString> = secrets.iter().map(|s| SecretString::from(*s)).collect();
    let headers = Headers::new(headers.iter().copied());
    let now = Timestamp::from_second(AT).unwrap();
    let verified = verify(verification, &secrets, Incoming { headers: &headers, body }, now)?;
    assert_eq!(verified.body(), body);
    assert_eq!(verified.headers(), &headers);
    Ok(verified.secret())
}

fn standard(secrets: &[&str], id: &str, time: &str, signature: &str, body: &[u8]) -> Result<usize, Refused> {
    let headers = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    check(&scheme(Scheme::StandardWebhooks), secrets, &headers, body)
}

fn signed(secret: &str, id: &str, at: i64, body: &[u8]) -> String {
    sign(&[SigningKey::parse(secret).unwrap()], id, Timestamp::from_second(at).unwrap(), body)
}

fn stripe(secrets: &[&str], value: &str, body: &[u8]) -> Result<usize, Refused> {
    check(&scheme(Scheme::Stripe), secrets, &[("stripe-signature", value)], body)
}

fn codes(result: Result<usize, Refused>) -> &'static str {
    result.map_or_else(|refused| refused.code(), |_| "verified")
}

#[test]
fn the_published_vectors_verify() {
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    assert_eq!(standard(&[WHSEC], id, "1614265330", signature, br#"{"test": 2432232314}"#), Ok(0));
    let headers = [("x-hub-signature-256", GITHUB_SIGNATURE)];
    assert_eq!(check(&github(), &[GITHUB_SECRET], &headers, b"Hello, World!"), Ok(0));
}

/// Made with Python's `hmac`.
#[test]
fn signatures_made_elsewhere_verify() {
    let value = format!("t={AT},v1={STRIPE_V1},v0=00");
    assert_eq!(stripe(&[STRIPE_SECRET], &value, STRIPE_BODY), Ok(0));
    let base64 = Verification {
        header: Some("x-shopify-hmac-sha256".into()),
        prefix: None,
        encoding: Some(Encoding::Base64),
        ..github()
    };
    let headers = [("X-Shopify-Hmac-SHA256", "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=")];
    assert_eq!(check(&base64, &[GITHUB_SECRET], &headers, b"Hello, World!"), Ok(0));
    let signature = "v1,reAcb5eWhDzJnRt5eUpRtLcMOXiPFcBT2ZkeNEDh5NI=";
    assert_eq!(standard(&[WHSEC], "msg_1", "1614265330", signature, b"\xff\xfe\0x"), Ok(0));
    let basic = Verification { user: Some("shop".into()), ..scheme(Scheme::Basic) };
    let headers = [("authorization", "Basic c2hvcDpjb3JyZWN0IGhvcnNl")];
    assert_eq!(check(&basic, &["correct horse"], &headers, b""), Ok(0));
}

#[test]
fn any_live_secret_will_do() {
    let (id, body) = ("msg_1", b"{}".as_slice());
    let signature = signed(OTHER, id, AT, body);
    assert_eq!(standard(&[WHSEC, OTHER], id, "1614265330", &signature, body), Ok(1));
    assert_eq!(standard(&[OTHER, OTHER], id, "1614265330", &signature, body), Ok(0));
    assert_eq!(codes(standard(&[WHSEC], id, "1614265330", &signature, body)), "wrong_signature");
    let both =
        format!("v1a,AAAA {} {signature}", signed("whsec_ICAgICAgICAgICAgICAgICAgICAgICAg", id, AT, body));
    assert_eq!(standard(&[OTHER], id, "1614265330", &both, body), Ok(0));

    let value = format!("t={AT}, v1={}, v1={STRIPE_V1}", "0".repeat(64));
    assert_eq!(stripe(&["another", STRIPE_SECRET], &value, STRIPE_BODY), Ok(1));
    let value = format!("t={AT},v1={STRIPE_V1},v1={}", "0".repeat(64));
    assert_eq!(stripe(&["another", STRIPE_SECRET], &value, STRIPE_BODY), Ok(1));
    let headers = [("x-hub-signature-256", GITHUB_SIGNATURE)];
    assert_eq!(check(&github(), &["another", GITHUB_SECRET], &headers, b"Hello, World!"), Ok(1));
    let headers = [("authorization", "Bearer key-two")];
    assert_eq!(check(&scheme(Scheme::ApiKey), &["key-one", "key-two"], &headers, b""), Ok(1));
}

#[test]
fn a_secret_that_ended_is_of_no_use() {
    let live = |name: &str, text: &str, ends_at: Option<i64>| LiveSecret {
        name: name.into(),
        secret: SecretField::plain(text),
        ends_at: ends_at.map(|second| Timestamp::from_second(second).unwrap()),
    };
    let secrets = [live("old", WHSEC, Some(AT)), live("new", OTHER, Some(AT + 1))];
    let now = Timestamp::from_second(AT).unwrap();
    let open: Vec<&str> =
        secrets.iter().filter(|s| s.is_live(now)).filter_map(|s| s.secret.plain_text()).collect();
    let try_with =
        |secret: &str| standard(&open, "msg_1", "1614265330", &signed(secret, "msg_1", AT, b"x"), b"x");
    assert_eq!(try_with(OTHER), Ok(0));
    assert_eq!(codes(try_with(WHSEC)), "wrong_signature");
}

#[test]
fn no_secret_verifies_nothing() {
    for kind in [Scheme::StandardWebhooks, Scheme::HmacHeader, Scheme::Stripe, Scheme::ApiKey, Scheme::Basic]
    {
        assert_eq!(codes(check(&scheme(kind), &[], &[], b"")), "no_live_secret");
    }
    let signature = signed(WHSEC, "msg_1", AT, b"");
    let unreadable = standard(&["kept from another scheme"], "msg_1", "1614265330", &signature, b"");
    assert_eq!(codes(unreadable), "no_live_secret");
    let one = standard(&["kept from another scheme", WHSEC], "msg_1", "1614265330", &signature, b"");
    assert_eq!(one, Ok(1));
}

#[test]
fn times_are_held_to_five_minutes_either_way() {
    for (skew, code) in [
        (0, "verified"),
        (240, "verified"),
        (-240, "verified"),
        (300, "verified"),
        (-300, "verified"),
        (301, "outside_tolerance"),
        (-301, "outside_tolerance"),
        (600, "outside_tolerance"),
        (-600, "outside_tolerance"),
        (-AT, "outside_tolerance"),
    ] {
        let at = AT + skew;
        let signature = signed(WHSEC, "msg_1", at, b"x");
        assert_eq!(codes(standard(&[WHSEC], "msg_1", &at.to_string(), &signature, b"x")), code, "{skew}");
        let mac = hmac_sha256(STRIPE_SECRET.as_bytes(), &[format!("{at}.x").as_bytes()]);
        let value = format!("t={at},v1={}", crate::id::hex(&mac));
        assert_eq!(codes(stripe(&[STRIPE_SECRET], &value, b"x")), code, "{skew}");
    }
    for time in
        ["", "now", "-1614265330", "+1614265330", " 1614265330", "1614265330.5", "99999999999999999999"]
    {
        let code = codes(standard(&[WHSEC], "msg_1", time, &signed(WHSEC, "msg_1", AT, b"x"), b"x"));
        assert_eq!(code, "malformed_header", "{time}");
        let value = format!("v1={STRIPE_V1},t={time}");
        assert_eq!(codes(stripe(&[STRIPE_SECRET], &value, STRIPE_BODY)), code, "{time}");
    }
}

#[test]
fn other_forms_of_a_signature_are_refused() {
    let right = signed(WHSEC, "msg_1", AT, b"x");
    let bare = right.strip_prefix("v1,").unwrap();
    for (signature, code) in [
        (right.as_str(), "verified"),
        ("", "malformed_header"),
        (bare, "malformed_header"),
        (&format!("v2,{bare}"), "malformed_header"),
        (&format!("v1a,{bare}"), "malformed_header"),
        (&format!("V1,{bare}"), "malformed_header"),
        (&right[..right.len() - 1], "malformed_header"),
        (&right[..right.len() - 4], "malformed_header"),
        ("v1,", "malformed_header"),
        ("v1,AAAA", "malformed_header"),
        (&format!("v1,{}", STANDARD.encode([0; 32])), "wrong_signature"),
    ] {
        assert_eq!(codes(standard(&[WHSEC], "msg_1", "1614265330", signature, b"x")), code, "{signature}");
    }
    for value in [
        format!("v1={STRIPE_V1}"),
        format!("t={AT}"),
        format!("t={AT},v0={STRIPE_V1}"),
        format!("t={AT},t={AT},v1={STRIPE_V1}"),
        format!("t={AT},v1={}", &STRIPE_V1[..62]),
        format!("t={AT},v1={STRIPE_V1}00"),
        String::new(),
    ] {
        assert_eq!(codes(stripe(&[STRIPE_SECRET], &value, STRIPE_BODY)), "malformed_header", "{value}");
    }
    for value in [
        &GITHUB_SIGNATURE[7..],
        &GITHUB_SIGNATURE[..69],
        &format!("sha1={}", &GITHUB_SIGNATURE[7..]),
        &format!("sha256={}", "+f".repeat(32)),
        &format!("sha256={}", "é".repeat(32)),
    ] {
        let headers = [("x-hub-signature-256", value)];
        assert_eq!(codes(check(&github(), &[GITHUB_SECRET], &headers, b"Hello, World!")), "malformed_header");
    }
}

/// A sender that quotes a stranger's text in a signed body does not sign what the stranger wants.
#[test]
fn a_signed_message_cannot_be_cut_elsewhere() {
    let body = br#"{"comment":"x.1614265331.{\"id\":1}"}"#;
    let signature = signed(WHSEC, "msg_1", AT, body);
    assert_eq!(standard(&[WHSEC], "msg_1", "1614265330", &signature, body), Ok(0));
    let id = r#"msg_1.1614265330.{"comment":"x"#;
    let forged = standard(&[WHSEC], id, "1614265331", &signature, br#"{\"id\":1}"}"#);
    assert_eq!(codes(forged), "malformed_header");
}

#[test]
fn keys_and_passwords_are_compared_whole() {
    let api_key = |header: Option<&str>, prefix: Option<&str>, name: &str, value: &str| {
        let verification = Verification {
            header: header.map(String::from),
            prefix: prefix.map(String::from),
            ..scheme(Scheme::ApiKey)
        };
        codes(check(&verification, &["sixteen letters!"], &[(name, value)], b"any"))
    };
    for (header, prefix, name, value, code) in [
        (None, None, "Authorization", "Bearer sixteen letters!", "verified"),
        (None, None, "authorization", "bearer sixteen letters!", "verified"),
        (None, None, "authorization", "sixteen letters!", "malformed_header"),
        (None, None, "authorization", "Bearer sixteen letters", "wrong_signature"),
        (None, None, "authorization", "Bearer sixteen letters!!", "wrong_signature"),
        (None, None, "authorization", "Bearer ", "wrong_signature"),
        (None, None, "authorization", "é", "malformed_header"),
        (None, None, "x-api-key", "sixteen letters!", "missing_header"),
        (None, Some(""), "authorization", "sixteen letters!", "verified"),
        (Some("X-Api-Key"), None, "x-api-key", "sixteen letters!", "verified"),
        (Some("x-api-key"), Some("Key "), "x-api-key", "Key sixteen letters!", "verified"),
        (Some("x-api-key"), Some("Key "), "x-api-key", "key sixteen letters!", "malformed_header"),
    ] {
        assert_eq!(api_key(header, prefix, name, value), code, "{value}");
    }
    let basic = Verification { user: Some("shop".into()), ..scheme(Scheme::Basic) };
    let pair = |text: &[u8]| format!("basic {}", STANDARD.encode(text));
    for (value, code) in [
        (pair(b"shop:pass:word"), "verified"),
        (pair(b"shop:pass"), "wrong_signature"),
        (pair(b"Shop:pass:word"), "wrong_signature"),
        (pair(b"shop"), "wrong_signature"),
        (pair(b"\xff:\xff"), "wrong_signature"),
        (pair(b""), "wrong_signature"),
        ("Basic !".into(), "malformed_header"),
        ("Bearer x".into(), "malformed_header"),
    ] {
        assert_eq!(codes(check(&basic, &["pass:word"], &[("authorization", &value)], b"")), code, "{value}");
    }
}

#[test]
fn work_is_bounded() {
    let right = signed(WHSEC, "msg_1", AT, b"x");
    let many = |n: usize| vec![right.as_str(); n].join(" ");
    assert_eq!(standard(&[WHSEC], "msg_1", "1614265330", &many(20), b"x"), Ok(0));
    assert_eq!(codes(standard(&[WHSEC], "msg_1", "1614265330", &many(21), b"x")), "malformed_header");
    let long = "v".repeat(8 * 1024 + 1);
    assert_eq!(codes(standard(&[WHSEC], &long, "1614265330", &right, b"x")), "malformed_header");
    assert_eq!(codes(standard(&[WHSEC], "msg_1", "1614265330", &long, b"x")), "malformed_header");
    assert_eq!(codes(standard(&[WHSEC], "msg_1", &long, &right, b"x")), "malformed_header");
    let signatures = |n: usize| format!("t={AT}{}", format!(",v1={STRIPE_V1}").repeat(n));
    assert_eq!(stripe(&[STRIPE_SECRET], &signatures(20), STRIPE_BODY), Ok(0));
    assert_eq!(codes(stripe(&[STRIPE_SECRET], &signatures(21), STRIPE_BODY)), "malformed_header");
    assert_eq!(codes(stripe(&[STRIPE_SECRET], &long, STRIPE_BODY)), "malformed_header");
    for kind in [Scheme::ApiKey, Scheme::Basic] {
        assert_eq!(codes(check(&scheme(kind), &["x"], &[("authorization", &long)], b"")), "malformed_header");
    }
    assert_eq!(codes(check(&github(), &["x"], &[("x-hub-signature-256", &long)], b"")), "malformed_header");
}

#[test]
fn a_missing_header_is_named() {
    let all = [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", "v1,")];
    for (i, (name, _)) in all.iter().enumerate() {
        let mut some = all.to_vec();
        some.remove(i);
        let refused = check(&scheme(Scheme::StandardWebhooks), &[WHSEC], &some, b"").unwrap_err();
        assert_eq!(refused, Refused::MissingHeader((*name).into()));
    }
}

#[test]
fn nothing_of_a_message_is_printed() {
    let headers = Headers::new([("authorization", "Bearer hunter2")]);
    let incoming = Incoming { headers: &headers, body: b"private" };
    let secrets = [SecretString::from("hunter2")];
    let verified = verify(&scheme(Scheme::ApiKey), &secrets, incoming, Timestamp::UNIX_EPOCH).unwrap();
    let printed = format!("{verified:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("private"), "{printed}");
    assert!(printed.contains("7 bytes"), "{printed}");
}

/// Flips one of the low seven bits of one byte, so that the text stays text.
fn flip_text(text: &str, at: prop::sample::Index, bit: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << (bit % 7);
    String::from_utf8(bytes).unwrap()
}

fn flip_bytes(bytes: &[u8], at: prop::sample::Index, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    bytes
}

proptest! {
    #[test]
    fn any_flipped_bit_is_refused(
        id in "[a-z0-9_]{1,32}",
        body in prop::collection::vec(any::<u8>(), 1..64),
        skew in -300_i64..=300,
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let time = (AT + skew).to_string();
        let signature = signed(WHSEC, &id, AT + skew, &body);
        prop_assert_eq!(standard(&[OTHER, WHSEC], &id, &time, &signature, &body), Ok(1));
        let other_body = flip_bytes(&body, at, bit);
        prop_assert!(standard(&[OTHER, WHSEC], &id, &time, &signature, &other_body).is_err());
        let other_id = flip_text(&id, at, bit);
        prop_assert!(standard(&[OTHER, WHSEC], &other_id, &time, &signature, &body).is_err());
        let other_time = flip_text(&time, at, bit);
        prop_assert!(standard(&[OTHER, WHSEC], &id, &other_time, &signature, &body).is_err());
        let other_signature = flip_text(&signature, at, bit);
        prop_assert!(standard(&[OTHER, WHSEC], &id, &time, &other_signature, &body).is_err());

        let mac = hmac_sha256(STRIPE_SECRET.as_bytes(), &[time.as_bytes(), b".", &body]);
        let value = format!("t={time},v1={}", crate::id::hex(&mac));
        prop_assert_eq!(stripe(&[STRIPE_SECRET], &value, &body), Ok(0));
        prop_assert!(stripe(&[STRIPE_SECRET], &value, &other_body).is_err());
        let other = flip_text(&value, at, bit);
        if !is_same_hex(&other, &value) {
            prop_assert!(stripe(&[STRIPE_SECRET], &other, &body).is_err(), "{}", other);
        }

        let mac = hmac_sha256(GITHUB_SECRET.as_bytes(), &[&body]);
        let value = format!("sha256={}", crate::id::hex(&mac));
        let hub = |value: &str, body: &[u8]| {
            check(&github(), &[GITHUB_SECRET], &[("x-hub-signature-256", value)], body)
        };
        prop_assert_eq!(hub(&value, &body), Ok(0));
        prop_assert!(hub(&value, &other_body).is_err());
        let other = flip_text(&value, at, bit);
        if !is_same_hex(&other, &value) {
            prop_assert!(hub(&other, &body).is_err(), "{}", other);
        }
    }

    #[test]
    fn no_header_makes_it_panic(value in ".{0,64}", body in prop::collection::vec(any::<u8>(), 0..16)) {
        let _ = standard(&[WHSEC], "msg_1", "1614265330", &value, &body);
        let _ = stripe(&[STRIPE_SECRET], &value, &body);
        let _ = check(&github(), &[GITHUB_SECRET], &[("x-hub-signature-256", &value)], &body);
        for kind in [Scheme::ApiKey, Scheme::Basic] {
            let _ = check(&scheme(kind), &["x"], &[("authorization", &value)], &body);
        }
    }
}

/// Hex digits say the same in either case: such a flip leaves the signature what it was.
fn is_same_hex(one: &str, other: &str) -> bool {
    let digits = |text: &str| text.rsplit('=').next().map(str::to_ascii_lowercase);
    let start = |text: &str| text.rsplit_once('=').map(|(start, _)| start.to_string());
    start(one) == start(other) && digits(one) == digits(other)
}
