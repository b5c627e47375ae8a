//! The administration API: keys and roles, bodies and their errors, lists, versions, and what is in use.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{
    api::{Answer, Api, id},
    flow::{Flow, new_account, settings_of, simple_mapping},
    report::expect,
    stack::Stack,
};

/// Sends a body as text.
async fn send(api: &Api, method: &str, path: &str, body: &str) -> Result<Answer> {
    api.call(method, path, &[], Some(body)).await
}

async fn delete(api: &Api, path: &str) -> Result<Answer> {
    api.call("DELETE", path, &[], None).await
}

/// Holds that an answer is a problem with this status and code, and gives back the fields that it names.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Vec<String> {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.body);
    assert_eq!(answer.content_type, "application/problem+json");
    assert_eq!(answer.body["status"], status);
    for member in ["title", "detail"] {
        assert!(answer.body[member].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.body);
    }
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|e| e["field"].as_str().unwrap_or_default().to_string()).collect()
}

#[tokio::test]
async fn a_wrong_body_is_refused_and_the_field_is_named() -> Result<()> {
    let flow = Flow::new().await?;
    let connection = json!({
        "name": "c", "mapping": flow.mapping, "source": { "target_server": flow.source, "files": "*.csv" },
        "target": { "target_server": flow.target },
    });
    let with = |base: &Value, pointer: &str, value: Value| {
        let mut body = base.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        body.pointer_mut(parent).expect("the parent is there")[name] = value;
        body
    };
    let (source, target) = (
        flow.server.target_server(&flow.folder),
        json!({ "name": "w", "kind": "webservice", "address": "https://example.com/x" }),
    );
    let schedule = json!({ "connection": flow.connection, "cron": "0 6 * * ? *", "time_zone": "UTC" });
    for (path, base, pointer, value, field) in [
        ("connections", &connection, "/nmae", json!(1), "nmae"),
        ("connections", &connection, "/source/file", json!("*"), "source.file"),
        ("connections", &connection, "/compare", json!("yes"), "compare"),
        ("connections", &connection, "/target/batch_size", json!(0), "target.batch_size"),
        ("connections", &connection, "/target/batch_size", json!(-1), "target.batch_size"),
        ("connections", &connection, "/source/files", json!("../*.csv"), "source.files"),
        ("connections", &connection, "/source/settle_secs", json!(301), "source.settle_secs"),
        ("connections", &connection, "/source/post_action", json!("move"), "source.move_to"),
        ("connections", &connection, "/source/post_action", json!("burn"), "source.post_action"),
        ("connections", &connection, "/mapping", json!("map_of_no_one"), "mapping"),
        ("connections", &connection, "/source/target_server", json!(flow.target), "source.target_server"),
        ("connections", &connection, "/target/target_server", json!(flow.source), "target.target_server"),
        ("target-servers", &source, "/hostkeys", json!([]), "hostkeys"),
        ("target-servers", &source, "/host_keys", json!(["ssh-ed25519 AAAA"]), "host_keys[0]"),
        ("target-servers", &source, "/address", json!("sftp://x"), "address"),
        ("target-servers", &source, "/auth/passwort", json!("x"), "auth.passwort"),
        ("target-servers", &source, "/auth/password", json!("(set)"), "auth.password"),
        ("target-servers", &source, "/auth/password", json!("sealed:v1:AAAA"), "auth.password"),
        ("target-servers", &source, "/kind", json!("agent_folder"), "kind"),
        ("target-servers", &target, "/address", json!("ftp://example.com"), "address"),
        ("target-servers", &target, "/address", json!("https://u:p@example.com"), "address"),
        ("target-servers", &target, "/retry_secs", json!([0]), "retry_secs"),
        ("target-servers", &target, "/timeout_secs", json!(31), "timeout_secs"),
        ("target-servers", &target, "/auth", json!({ "user": "u" }), "auth"),
        ("mappings", &simple_mapping(), "/columns", json!([]), "columns"),
        ("mappings", &simple_mapping(), "/key", json!(["nothing"]), "key[0]"),
        ("mappings", &simple_mapping(), "/input/encoding", json!("latin1"), "input.encoding"),
        ("mappings", &simple_mapping(), "/columns/1/type", json!("decimal"), "columns[1].decimal_mark"),
        ("mappings", &simple_mapping(), "/columns/1/type", json!("number"), "columns[1].type"),
        ("mappings", &simple_mapping(), "/columns/1/form", json!("x"), "columns[1].form"),
        ("schedules", &schedule, "/cron", json!("0 0 30 2 ? *"), "cron"),
        ("schedules", &schedule, "/connection", json!("con_of_no_one"), "connection"),
        ("schedules", &schedule, "/timezone", json!("UTC"), "timezone"),
    ] {
        let body = with(base, pointer, value).to_string();
        let answer = send(&flow.api, "POST", &format!("/v1/{path}"), &body).await?;
        let fields = refused(&answer, 422, "invalid_body");
        assert!(fields.iter().any(|f| f == field), "{path} {pointer}: {}", answer.body);
    }
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("{", 400, "invalid_json"),
        ("not json", 400, "invalid_json"),
        ("[]", 422, "invalid_body"),
        ("{}", 422, "invalid_body"),
    ] {
        for path in ["connections", "target-servers", "mappings", "schedules"] {
            refused(&send(&flow.api, "POST", &format!("/v1/{path}"), body).await?, status, code);
        }
    }
    let too_large = format!("{{\"name\": \"{}\"}}", "x".repeat(600 * 1024));
    refused(&send(&flow.api, "POST", "/v1/mappings", &too_large).await?, 413, "too_large");
    let run =
        send(&flow.api, "POST", &format!("/v1/connections/{}/runs", flow.connection), r#"{"scop": "x"}"#)
            .await?;
    assert_eq!(refused(&run, 422, "invalid_body"), ["scop"]);
    // Nothing of all this was made.
    for (path, made) in
        [("connections", 1), ("target-servers", 2), ("mappings", 1), ("schedules", 0), ("runs", 0)]
    {
        assert_eq!(flow.api.all(&format!("/v1/{path}")).await?.len(), made, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_live_key_of_the_right_role_is_let_in() -> Result<()> {
    let stack = Stack::from_env()?;
    let (account, api) = new_account(&stack, "UTC").await?;
    let operator = stack.api(&stack.operator_key);
    let key = api.post("/v1/api-keys", &json!({ "name": "second", "role": "admin" })).await?;
    let text = key["key"].as_str().context("the key's text")?.to_string();
    stack.api(&text).get("/v1/runs").await?;

    // Another secret, another account's name, another key's id, no key's form.
    let wrong = [
        String::new(),
        "nonsense".into(),
        "cdk_".into(),
        format!("{text}x"),
        text.replace(&account, "t-other"),
        text.replace(&id(&key), "0123456789abcdef"),
        format!("cdk_{account}_{}_", id(&key)),
    ];
    for wrong in wrong {
        refused(&stack.api(&wrong).call("GET", "/v1/runs", &[], None).await?, 401, "unauthorized");
    }
    let no_bearer = stack.api("").call("GET", "/v1/runs", &[("authorization", &text)], None).await?;
    refused(&no_bearer, 401, "unauthorized");

    let short = json!({ "name": "past", "role": "admin", "expires_at": "2026-01-01T00:00:00Z" });
    let expired = api.post("/v1/api-keys", &short).await?;
    let expired = stack.api(expired["key"].as_str().unwrap_or_default());
    refused(&expired.call("GET", "/v1/runs", &[], None).await?, 401, "unauthorized");

    // Each role has its own routes.
    for path in ["/v1/runs", "/v1/connections", "/v1/api-keys", "/v1/mappings/map_x"] {
        refused(&operator.call("GET", path, &[], None).await?, 403, "forbidden");
    }
    let new = json!({ "id": format!("{account}-2"), "name": "x", "time_zone": "UTC" }).to_string();
    for (method, path, body) in [
        ("GET", "/v1/accounts".to_string(), None),
        ("GET", format!("/v1/accounts/{account}"), None),
        ("POST", "/v1/accounts".into(), Some(new.as_str())),
        ("POST", format!("/v1/accounts/{account}/api-keys"), Some(r#"{"name": "x", "role": "admin"}"#)),
    ] {
        refused(&api.call(method, &path, &[], body).await?, 403, "forbidden");
    }
    // No one makes an operator's key here.
    let body = r#"{"name": "x", "role": "operator"}"#;
    assert_eq!(refused(&send(&api, "POST", "/v1/api-keys", body).await?, 422, "invalid_body"), ["role"]);
    let at_operator =
        send(&operator, "POST", "/v1/accounts/operator/api-keys", r#"{"name": "x", "role": "admin"}"#)
            .await?;
    assert!(at_operator.status >= 400, "{}", at_operator.body);

    // Keys are listed without their secrets, and stop working at once when they are removed.
    let listed = api.get("/v1/api-keys").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3), "{listed}");
    assert!(
        !listed.to_string().contains(&text[text.len() - 20..]) && !listed.to_string().contains("hash"),
        "{listed}"
    );
    assert_eq!(api.call("DELETE", &format!("/v1/api-keys/{}", id(&key)), &[], None).await?.status, 204);
    refused(&stack.api(&text).call("GET", "/v1/runs", &[], None).await?, 401, "unauthorized");
    refused(&api.call("DELETE", &format!("/v1/api-keys/{}", id(&key)), &[], None).await?, 404, "not_found");
    Ok(())
}

#[tokio::test]
async fn the_first_operator_key_is_made_once() -> Result<()> {
    let stack = Stack::from_env()?;
    let again = stack.invoke_api(&json!({ "action": "create_first_operator_key" })).await?;
    assert!(again["error"].as_str().is_some_and(|e| e.contains("made before")), "{again}");
    assert!(!again.to_string().contains("cdk_"), "{again}");
    // The HTTP API has no such road in.
    let body = r#"{"action": "create_first_operator_key"}"#;
    for path in ["/v1/health", "/v1/accounts", "/v1/create_first_operator_key"] {
        let answer = send(&stack.api(""), "POST", path, body).await?;
        assert!(answer.status >= 400 && answer.body["api_key"].is_null(), "{path}: {}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn accounts_are_made_once_with_a_zone_and_networks_that_exist() -> Result<()> {
    let stack = Stack::from_env()?;
    let (account, _) = new_account(&stack, "America/New_York").await?;
    let operator = stack.api(&stack.operator_key);
    assert_eq!(operator.get(&format!("/v1/accounts/{account}")).await?["time_zone"], "America/New_York");
    let base = json!({ "id": format!("{account}-2"), "name": "x", "time_zone": "UTC", "allowed_networks": ["10.1.0.0/16"] });
    for (field, value) in [
        ("id", json!("Upper")),
        ("id", json!("a#b")),
        ("id", json!("operator")),
        ("id", json!("x".repeat(33))),
        ("name", json!(" ")),
        ("time_zone", json!("Europe/Atlantis")),
        ("allowed_networks", json!(["10.1.0.0/33"])),
        ("colour", json!("red")),
    ] {
        let mut body = base.clone();
        body[field] = value;
        let answer = send(&operator, "POST", "/v1/accounts", &body.to_string()).await?;
        let fields = refused(&answer, 422, "invalid_body");
        assert!(fields.iter().any(|f| f.starts_with(field)), "{field}: {}", answer.body);
    }
    let mut body = base.clone();
    body["id"] = account.clone().into();
    refused(&send(&operator, "POST", "/v1/accounts", &body.to_string()).await?, 409, "account_exists");
    refused(&operator.call("GET", &format!("/v1/accounts/{account}-2"), &[], None).await?, 404, "not_found");
    Ok(())
}

#[tokio::test]
async fn way_02_the_same_request_under_the_same_idempotency_key_is_done_once() -> Result<()> {
    let flow = Flow::new().await?;
    let key = [("idempotency-key", "k1")];
    let schedule = json!({ "connection": flow.connection, "cron": "0 6 * * ? *", "time_zone": "UTC" });
    for (path, body, other) in [
        ("mappings", simple_mapping(), {
            let mut m = simple_mapping();
            m["name"] = "other".into();
            m
        }),
        ("target-servers", flow.server.target_server(&flow.folder), {
            let mut t = flow.server.target_server(&flow.folder);
            t["path"] = "/other".into();
            t
        }),
        ("schedules", schedule.clone(), {
            let mut s = schedule;
            s["cron"] = "1 6 * * ? *".into();
            s
        }),
    ] {
        let path = format!("/v1/{path}");
        let before = flow.api.all(&path).await?.len();
        let first = flow.api.call("POST", &path, &key, Some(&body.to_string())).await?;
        let second = flow.api.call("POST", &path, &key, Some(&body.to_string())).await?;
        assert_eq!((first.status, second.status), (201, 201), "{}", second.body);
        assert_eq!(id(&first.body), id(&second.body));
        refused(
            &flow.api.call("POST", &path, &key, Some(&other.to_string())).await?,
            409,
            "idempotency_conflict",
        );
        let under_another_key =
            flow.api.call("POST", &path, &[("idempotency-key", "k2")], Some(&body.to_string())).await?;
        assert_ne!(id(&first.body), id(&under_another_key.body));
        assert_eq!(flow.api.all(&path).await?.len(), before + 2);
    }
    // A key is not good for a second life of what was removed.
    let body = simple_mapping().to_string();
    let made = flow.api.call("POST", "/v1/mappings", &key, Some(&body)).await?;
    let path = format!("/v1/mappings/{}", id(&made.body));
    assert_eq!(flow.api.call("DELETE", &path, &[], None).await?.status, 204);
    refused(&flow.api.call("POST", "/v1/mappings", &key, Some(&body)).await?, 409, "removed");

    let path = format!("/v1/connections/{}/runs", flow.connection);
    let first = flow.api.call("POST", &path, &key, Some("{}")).await?;
    let second = flow.api.call("POST", &path, &key, Some("{}")).await?;
    assert_eq!((first.status, second.status), (202, 202), "{}", second.body);
    assert_eq!(id(&first.body), id(&second.body));
    flow.ended(&id(&first.body)).await?;
    let third = flow.api.call("POST", &path, &key, Some("{}")).await?;
    assert_eq!((third.status, id(&third.body)), (202, id(&first.body)));
    refused(
        &flow.api.call("POST", &path, &key, Some(r#"{"scope": "other"}"#)).await?,
        409,
        "idempotency_conflict",
    );
    assert_eq!(flow.api.all("/v1/runs").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() -> Result<()> {
    let flow = Flow::new().await?;
    for path in [
        format!("/v1/mappings/{}", flow.mapping),
        format!("/v1/target-servers/{}", flow.source),
        format!("/v1/connections/{}", flow.connection),
    ] {
        let read = flow.api.call("GET", &path, &[], None).await?;
        let etag = read.etag.context("an ETag")?;
        let mut body = settings_of(read.body);
        body["name"] = "first".into();
        let first = flow.api.call("PUT", &path, &[("if-match", &etag)], Some(&body.to_string())).await?;
        assert_eq!(first.status, 200, "{}", first.body);
        body["name"] = "second".into();
        let stale = flow.api.call("PUT", &path, &[("if-match", &etag)], Some(&body.to_string())).await?;
        refused(&stale, 412, "changed");
        let now = flow.api.call("GET", &path, &[], None).await?;
        assert_eq!((&now.body["name"], &now.etag), (&json!("first"), &first.etag));
        assert_ne!(now.etag.as_deref(), Some(etag.as_str()));
        assert_eq!(
            flow.api.call("PUT", &path, &[("if-match", "*")], Some(&body.to_string())).await?.status,
            200
        );
        body["name"] = "third".into();
        assert_eq!(flow.api.put(&path, &body).await?["name"], "third");
    }
    // Of many at once with one ETag, one is done.
    let path = format!("/v1/mappings/{}", flow.mapping);
    let read = flow.api.call("GET", &path, &[], None).await?;
    let (etag, body) = (read.etag.context("an ETag")?, settings_of(read.body).to_string());
    let mut at_once = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (api, path, etag, body) = (flow.api.clone(), path.clone(), etag.clone(), body.clone());
        at_once.spawn(async move {
            api.call("PUT", &path, &[("if-match", &etag)], Some(&body)).await.map(|a| a.status)
        });
    }
    let mut statuses: Vec<_> = at_once.join_all().await.into_iter().collect::<Result<_>>()?;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412]);
    Ok(())
}

#[tokio::test]
async fn pages_give_each_thing_once() -> Result<()> {
    let flow = Flow::new().await?;
    for n in 0..4 {
        let mut mapping = simple_mapping();
        mapping["name"] = format!("m{n}").into();
        flow.api.post("/v1/mappings", &mapping).await?;
        flow.run().await?;
    }
    flow.run().await?;
    for (path, by) in
        [("/v1/mappings", 2), ("/v1/mappings", 1), ("/v1/mappings", 5), ("/v1/runs", 2), ("/v1/runs", 5)]
    {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = flow.api.get(&format!("{path}?limit={by}&cursor={cursor}")).await?;
            let items = page["items"].as_array().context("items")?;
            assert!(items.len() <= by, "{page}");
            seen.extend(items.iter().map(id));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.into(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 5, "{path} by {by}: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 5, "{path} by {by}");
        assert!(pages >= 5usize.div_ceil(by), "{pages}");
        // By id upwards; runs newest first, and their ids go by time.
        let mut sorted = seen.clone();
        sorted.sort();
        if path.ends_with("runs") {
            sorted.reverse();
        }
        assert_eq!(seen, sorted);
    }
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=e30"] {
        for path in ["/v1/mappings", "/v1/runs"] {
            let answer = flow.api.call("GET", &format!("{path}?{query}"), &[], None).await?;
            let field = query.split('=').next().unwrap_or_default();
            assert_eq!(refused(&answer, 400, "invalid_query"), [field]);
        }
    }
    // A cursor of one list is none of another.
    let cursor =
        flow.api.get("/v1/mappings?limit=1").await?["next_cursor"].as_str().unwrap_or_default().to_string();
    refused(
        &flow.api.call("GET", &format!("/v1/runs?cursor={cursor}"), &[], None).await?,
        400,
        "invalid_query",
    );
    Ok(())
}

#[tokio::test]
async fn what_is_in_use_is_not_removed() -> Result<()> {
    let mut flow = Flow::new().await?;
    let schedule = json!({ "connection": flow.connection, "cron": "0 6 * * ? *", "time_zone": "UTC" });
    let schedule = id(&flow.api.post("/v1/schedules", &schedule).await?);
    let connection = format!("/v1/connections/{}", flow.connection);
    let used = [
        format!("/v1/target-servers/{}", flow.source),
        format!("/v1/target-servers/{}", flow.target),
        format!("/v1/mappings/{}", flow.mapping),
    ];
    for path in &used {
        let answer = delete(&flow.api, path).await?;
        refused(&answer, 409, "in_use");
        assert!(answer.body["detail"].to_string().contains(&flow.connection), "{}", answer.body);
    }
    let answer = delete(&flow.api, &connection).await?;
    refused(&answer, 409, "in_use");
    assert!(answer.body["detail"].to_string().contains(&schedule), "{}", answer.body);
    assert_eq!(delete(&flow.api, &format!("/v1/schedules/{schedule}")).await?.status, 204);

    // A connection whose run goes on stays too, and its Idempotency-Key still finds it.
    let key = [("idempotency-key", "k")];
    let body = settings_of(flow.api.get(&connection).await?).to_string();
    let made = flow.api.call("POST", "/v1/connections", &key, Some(&body)).await?;
    flow.connection = id(&made.body);
    assert_eq!(delete(&flow.api, &connection).await?.status, 204);
    let connection = format!("/v1/connections/{}", flow.connection);
    flow.retry_far_off().await?;
    flow.receiver.next([tests::receiver::Manner::Status(500)]);
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.start().await?;
    flow.waiting_batches(&run).await?;
    refused(&delete(&flow.api, &connection).await?, 409, "run_active");
    let again = flow.api.call("POST", "/v1/connections", &key, Some(&body)).await?;
    assert_eq!((again.status, id(&again.body)), (201, flow.connection.clone()), "{}", again.body);
    flow.let_time_pass(&run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(delete(&flow.api, &connection).await?.status, 204);
    for path in &used {
        assert_eq!(delete(&flow.api, path).await?.status, 204, "{path}");
        refused(&delete(&flow.api, path).await?, 404, "not_found");
        refused(&flow.api.call("GET", path, &[], None).await?, 404, "not_found");
    }
    // The report stays.
    assert_eq!(flow.api.get(&format!("/v1/runs/{run}")).await?, report);
    assert_eq!(flow.records(&report).await?.len(), 1);
    let path = format!("/v1/connections/{}/runs", flow.connection);
    refused(&flow.api.call("POST", &path, &[], None).await?, 404, "not_found");
    refused(&flow.api.call("POST", &format!("/v1/runs/{run}/rerun"), &[], None).await?, 404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_secret_is_shown_as_set_and_kept_where_the_change_says_so() -> Result<()> {
    let flow = Flow::new().await?;
    let path = format!("/v1/target-servers/{}", flow.source);
    let shown = flow.api.get(&path).await?;
    assert_eq!(shown["auth"]["private_key"], "(set)");
    let mut settings = settings_of(shown);
    settings["description"] = "changed".into();
    let put = flow.api.put(&path, &settings).await?;
    assert_eq!((&put["auth"]["private_key"], &put["description"]), (&json!("(set)"), &json!("changed")));
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    // There is none to keep of another field.
    settings["auth"]["passphrase"] = "(set)".into();
    let answer = send(&flow.api, "PUT", &path, &settings.to_string()).await?;
    assert_eq!(refused(&answer, 422, "invalid_body"), ["auth.passphrase"]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn runs_are_listed_by_connection_status_and_time() -> Result<()> {
    let flow = Flow::new().await?;
    let before = tests::rows::now();
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let complete = flow.run().await?;
    let between = tests::rows::now();
    flow.put("b.csv", "id;value\r\n2;b\r\n;c\r\n")?;
    let partial = flow.run().await?;
    flow.change_source(|s| s["path"] = "/no/such/folder".into()).await?;
    let error = flow.run().await?;
    let mut other = settings_of(flow.api.get(&format!("/v1/connections/{}", flow.connection)).await?);
    other["name"] = "other".into();
    let other = id(&flow.api.post("/v1/connections", &other).await?);
    let of_other = id(&flow.api.post(&format!("/v1/connections/{other}/runs"), &json!({})).await?);
    let of_other = flow.ended(&of_other).await?;
    let labels = [(&complete, "complete"), (&partial, "partial"), (&error, "error"), (&of_other, "other")];
    let list = async |query: &str| -> Result<String> {
        let found = flow.api.all(&format!("/v1/runs?{query}")).await?;
        let label =
            |run: &Value| labels.iter().find(|(of, _)| id(of) == id(run)).map_or("?", |(_, label)| label);
        Ok(found.iter().map(label).collect::<Vec<_>>().join(" "))
    };
    let of = |connection: &str| format!("connection={connection}");
    let own = of(&flow.connection);
    for (query, expected) in [
        (String::new(), "other error partial complete"), // newest first
        (own.clone(), "error partial complete"),
        (of(&other), "other"),
        (of("con_of_no_one"), ""),
        ("status=PARTIAL".into(), "partial"),
        ("status=ERROR".into(), "other error"),
        (format!("status=ERROR&{own}"), "error"),
        ("status=MISSED".into(), ""),
        (format!("from={between}"), "other error partial"),
        (format!("to={between}"), "complete"),
        (format!("from={before}&to={between}&{own}"), "complete"),
        (format!("to={before}"), ""),
    ] {
        assert_eq!(list(&query).await?, expected, "{query}");
    }
    for (query, field) in [
        ("status=DONE", "status"),
        ("from=yesterday", "from"),
        ("to=2026-01-01", "to"),
        ("connection=A/B", "connection"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ] {
        let answer = flow.api.call("GET", &format!("/v1/runs?{query}"), &[], None).await?;
        assert_eq!(refused(&answer, 400, "invalid_query"), [field]);
    }
    // Times in UTC, and in the account's zone.
    let requested: jiff::Timestamp = complete["requested_at"].as_str().context("a time")?.parse()?;
    let local = requested.in_tz("Europe/Oslo")?.strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    assert_eq!(complete["local"]["requested_at"], local);
    let results =
        flow.api.call("GET", &format!("/v1/runs/{}/records?result=good", id(&partial)), &[], None).await?;
    assert_eq!(refused(&results, 400, "invalid_query"), ["result"]);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_and_how_it_is_not_asked_for() -> Result<()> {
    let stack = Stack::from_env()?;
    let (_, api) = new_account(&stack, "UTC").await?;
    for path in ["/v1/nothing", "/v1/runs/x/nothing", "/v1/runs/", "/v1/mappings/A%23B"] {
        refused(&api.call("GET", path, &[], None).await?, 404, "no_such_route");
    }
    for (method, path) in
        [("PATCH", "/v1/mappings"), ("DELETE", "/v1/runs/x"), ("POST", "/v1/health"), ("PUT", "/v1/runs")]
    {
        let answer = api.call(method, path, &[], Some("{}")).await?;
        refused(&answer, 405, "method_not_allowed");
    }
    for path in [
        "runs/run_x",
        "runs/run_x/records",
        "mappings/map_x",
        "connections/con_x",
        "schedules/sch_x",
        "schedules/sch_x/next",
        "target-servers/tgt_x",
    ] {
        refused(&api.call("GET", &format!("/v1/{path}"), &[], None).await?, 404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn health_and_the_document_are_public_and_the_document_is_the_published_one() -> Result<()> {
    let stack = Stack::from_env()?;
    let health = stack.api("").get("/v1/health").await?;
    assert_eq!(health["status"], "ok");
    let published = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json"))?;
    assert_eq!(stack.api("").get("/v1/openapi.json").await?, serde_json::from_str::<Value>(&published)?);
    Ok(())
}
