use proptest::prelude::*;
use standardwebhooks::Webhook;

use super::*;
use crate::secret::{KEPT, Owner, SecretField};

/// The libraries' own vector: standard-webhooks, libraries/*/tests.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn key(text: &str) -> SigningKey {
    SigningKey::parse(text).unwrap()
}

fn whsec(bytes: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(bytes))
}

/// Asks the specification's own library, which takes the clock itself.
fn verifies(secret: &str, id: &str, now: Timestamp, signature: &str, body: &[u8]) -> bool {
    let verifier = Webhook::new(secret).unwrap();
    let mut headers = Default::default();
    assert!(verifier.verify(body, &headers).is_err(), "it verifies without headers");
    headers.insert(WEBHOOK_ID, id.parse().unwrap());
    headers.insert(WEBHOOK_TIMESTAMP, now.as_second().to_string().parse().unwrap());
    headers.insert(WEBHOOK_SIGNATURE, signature.parse().unwrap());
    verifier.verify(body, &headers).is_ok()
}

#[expect(clippy::disallowed_methods, reason = "the independent verifier takes the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn the_published_vector_is_met() {
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    assert_eq!(sign(&[key(SECRET)], ID, at, BODY), SIGNATURE);
}

#[test]
fn a_fraction_of_a_second_is_not_signed() {
    let at = Timestamp::new(1_614_265_330, 999_999_999).unwrap();
    assert_eq!(sign(&[key(SECRET)], ID, at, BODY), SIGNATURE);
}

#[test]
fn two_keys_give_two_signatures_and_either_verifies() {
    let (other, third) = (whsec(&[7; 64]), whsec(&[8; 32]));
    let now = now();
    let signature = sign(&[key(SECRET), key(&other)], ID, now, BODY);
    assert_eq!(signature.split(' ').count(), 2);
    assert!(verifies(SECRET, ID, now, &signature, BODY));
    assert!(verifies(&other, ID, now, &signature, BODY));
    assert!(!verifies(&third, ID, now, &signature, BODY));
    assert!(!verifies(SECRET, "msg_2", now, &signature, BODY));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_elsewhere(
        bytes in prop::collection::vec(any::<u8>(), 24..=64),
        id in "[!-\\-/-~]{1,64}",
        body in ".*",
    ) {
        let (secret, now) = (whsec(&bytes), now());
        let signature = sign(&[key(&secret)], &id, now, body.as_bytes());
        prop_assert!(verifies(&secret, &id, now, &signature, body.as_bytes()));
    }
}

#[test]
fn other_texts_are_no_keys() {
    for (text, error) in [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_string(), KeyError::NoPrefix),
        ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), KeyError::NoPrefix),
        (String::new(), KeyError::NoPrefix),
        ("whsec_".into(), KeyError::Length { bytes: 0 }),
        ("whsec_not base64".into(), KeyError::NotBase64),
        (format!("{SECRET}\n"), KeyError::NotBase64),
        (whsec(&[1; 23]), KeyError::Length { bytes: 23 }),
        (whsec(&[1; 65]), KeyError::Length { bytes: 65 }),
    ] {
        assert_eq!(SigningKey::parse(&text).unwrap_err(), error, "{text}");
        assert!(error.to_string().contains("openssl rand"), "{error}");
    }
}

#[test]
fn a_key_is_not_printed() {
    let printed = format!("{:?}", SigningKey::parse(&whsec(&[77; 32])).unwrap());
    assert!(printed.contains("REDACTED") && !printed.contains("77"), "{printed}");
}

fn secret(name: &str, secret: SecretField) -> LiveSecret {
    LiveSecret { name: name.into(), secret, ends_at: None }
}

fn wrong(secrets: &[LiveSecret], must_be_whsec: bool) -> Vec<String> {
    check_secrets("secrets", secrets, must_be_whsec).into_iter().map(|e| e.field).collect()
}

#[test]
fn each_wrong_secret_is_named() {
    let good = || secret("a", SecretField::plain(SECRET));
    let mut sealed = SecretField::plain("no key");
    sealed.seal(&[7; 32], [1; 12], Owner { account: "a", id: "s", field: "secrets.b" }).unwrap();
    let none: [&str; 0] = [];
    let many = |n: usize| (0..n).map(|i| secret(&i.to_string(), SecretField::plain("x"))).collect::<Vec<_>>();

    assert_eq!(wrong(&[], false), ["secrets"]);
    assert_eq!(wrong(&many(11), false), ["secrets"]);
    assert_eq!(wrong(&many(10), false), none);
    assert_eq!(wrong(&[good(), secret("b", sealed), secret("c", SecretField::plain(KEPT))], true), none);
    assert_eq!(wrong(&[good(), good()], true), ["secrets[1].name"]);
    assert_eq!(wrong(&[secret("A b", SecretField::plain(SECRET))], true), ["secrets[0].name"]);
    assert_eq!(wrong(&[secret("a", SecretField::plain(""))], false), ["secrets[0].secret"]);
    let plain = [good(), secret("b", SecretField::plain("hunter2"))];
    assert_eq!(wrong(&plain, false), none);
    assert_eq!(wrong(&plain, true), ["secrets[1].secret"]);
    let errors = check_secrets("secrets", &plain, true);
    assert!(errors[0].detail.contains("openssl rand") && !errors[0].detail.contains("hunter2"));
}

#[test]
fn a_secret_lives_until_its_end() {
    let end = Timestamp::from_second(100).unwrap();
    let ending = LiveSecret { ends_at: Some(end), ..secret("a", SecretField::plain("x")) };
    assert!(ending.is_live(Timestamp::from_second(99).unwrap()));
    assert!(!ending.is_live(end));
    assert!(secret("a", SecretField::plain("x")).is_live(Timestamp::MAX));
}

#[test]
fn a_secret_is_written_as_it_is_read() {
    let text = r#"{"name":"a","secret":"(set)","ends_at":"2026-01-02T03:04:05Z"}"#;
    let read: LiveSecret = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert!(serde_json::from_str::<LiveSecret>(r#"{"name":"a","secret":"x","end":"y"}"#).is_err());
}
