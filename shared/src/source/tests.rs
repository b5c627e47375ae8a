use serde_json::{Value, json};

use super::*;
use crate::secret::KEPT;

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn with(verification: Value, secret: &str) -> Value {
    json!({"name": "Shop", "verification": verification, "secrets": [{"name": "a", "secret": secret}],
        "event_id": {"pointer": "/id"}})
}

fn errors(source: Value) -> Vec<FieldError> {
    serde_json::from_value::<Source>(source).unwrap().validate(Timestamp::UNIX_EPOCH)
}

fn fields(source: Value) -> Vec<String> {
    errors(source).into_iter().map(|e| e.field).collect()
}

#[test]
fn each_scheme_takes_its_own_fields() {
    let all = json!({"header": "x-signature", "prefix": "v=", "encoding": "base64", "user": "shop"});
    for (scheme, secret, needs, takes) in [
        ("standard_webhooks", WHSEC, vec![], vec![]),
        ("hmac_header", "sixteen letters!", vec!["header"], vec!["header", "prefix", "encoding"]),
        ("stripe", "sixteen letters!", vec![], vec!["header"]),
        ("api_key", "sixteen letters!", vec![], vec!["header", "prefix"]),
        ("basic", "password", vec!["user"], vec!["user"]),
    ] {
        let missing: Vec<_> = needs.iter().map(|f| format!("verification.{f}")).collect();
        assert_eq!(fields(with(json!({"scheme": scheme}), secret)), missing, "{scheme}");
        let mut verification = all.clone();
        verification["scheme"] = scheme.into();
        let foreign: Vec<_> = ["header", "prefix", "encoding", "user"]
            .into_iter()
            .filter(|f| !takes.contains(f))
            .map(|f| format!("verification.{f}"))
            .collect();
        assert_eq!(fields(with(verification, secret)), foreign, "{scheme}");
        let mut short: String = secret.into();
        short.pop();
        let mut verification = json!({"scheme": scheme});
        needs.iter().for_each(|need| verification[need] = all[need].clone());
        assert_eq!(fields(with(verification.clone(), &short)), ["secrets[0].secret"], "{scheme}");
        assert!(fields(with(verification, KEPT)).is_empty(), "{scheme}");
    }
}

#[test]
fn each_wrong_field_is_named() {
    let base = || {
        let mut base = with(
            json!({"scheme": "hmac_header", "header": "x-signature", "prefix": "sha256=", "user": null}),
            "sixteen letters!",
        );
        base["event_type"] = json!({"header": "x-event"});
        base
    };
    assert!(fields(base()).is_empty());
    let api_key = json!({"scheme": "api_key"});
    for (at, value, field) in [
        ("/name", json!(" "), "name"),
        ("/secrets", json!([]), "secrets"),
        ("/secrets/0/name", json!("A"), "secrets[0].name"),
        ("/secrets/0/secret", json!(""), "secrets[0].secret"),
        ("/secrets/0/secret", json!("x".repeat(1001)), "secrets[0].secret"),
        ("/verification/header", json!("x signature"), "verification.header"),
        ("/verification/header", json!(""), "verification.header"),
        ("/verification/prefix", json!(" sha256="), "verification.prefix"),
        ("/verification/prefix", json!("sha256=\n"), "verification.prefix"),
        ("/verification", json!({"scheme": "standard_webhooks"}), "secrets[0].secret"),
        ("/verification", json!({"scheme": "basic", "user": "a:b"}), "verification.user"),
        ("/verification", json!({"scheme": "basic", "user": ""}), "verification.user"),
        ("/event_id", json!({}), "event_id"),
        ("/event_id", json!({"header": "x", "pointer": "/x"}), "event_id"),
        ("/event_id", json!({"header": "x y"}), "event_id.header"),
        ("/event_id", json!({"pointer": "id"}), "event_id.pointer"),
        ("/event_id", json!({"pointer": "/a~2"}), "event_id.pointer"),
        ("/event_id", json!({"pointer": "/a~"}), "event_id.pointer"),
        ("/event_id", json!({"pointer": format!("/{}", "x".repeat(500))}), "event_id.pointer"),
        ("/event_type", json!({}), "event_type"),
    ] {
        let mut wrong = base();
        *wrong.pointer_mut(at).unwrap() = value.clone();
        assert_eq!(fields(wrong), [field], "{at}: {value}");
    }
    for secret in ["sixteen letters!\n", "seventeen lettérs"] {
        assert_eq!(fields(with(api_key.clone(), secret)), ["secrets[0].secret"], "{secret}");
    }
}

#[test]
fn an_error_repeats_no_secret() {
    for verification in [json!({"scheme": "standard_webhooks"}), json!({"scheme": "api_key"})] {
        let errors = errors(with(verification, "hunter2"));
        assert!(!errors.is_empty() && errors.iter().all(|e| !e.detail.contains("hunter2")), "{errors:?}");
    }
}

#[test]
fn secrets_go_by_their_names() {
    let mut source: Source = serde_json::from_value(with(json!({"scheme": "stripe"}), "x")).unwrap();
    source.secrets.push(LiveSecret { name: "b".into(), ..source.secrets[0].clone() });
    let names: Vec<_> = Settings::secrets(&mut source).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["secrets.a", "secrets.b"]);
}

#[test]
fn what_is_left_out_has_a_default_and_what_is_unknown_is_refused() {
    let read: Source = serde_json::from_value(with(json!({"scheme": "stripe"}), KEPT)).unwrap();
    assert_eq!(read.status, SourceStatus::Active);
    let mut expected = with(json!({"scheme": "stripe"}), KEPT);
    expected["status"] = "active".into();
    assert_eq!(serde_json::to_value(&read).unwrap(), expected);
    for at in ["", "/verification", "/secrets/0", "/event_id"] {
        let mut unknown = expected.clone();
        unknown.pointer_mut(at).unwrap()["colour"] = "red".into();
        assert!(serde_json::from_value::<Source>(unknown).is_err(), "{at}");
    }
}
