//! Tenants never meet: not by id, by cursor, by key, nor by what lies in storage.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{keys, resource::Settings, target_server::TargetServer};
use tests::{
    api::{Api, id},
    file_uploads::put,
    flow::{Flow, new_account, settings_of, simple_mapping},
    report::{expect, expect_failure, in_short},
    webhooks::Webhooks,
};

/// An account with everything in it, runs included, and the API as another account sees it.
async fn two_accounts() -> Result<(Flow, Vec<Value>, String, Api, String)> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n;b\r\n")?;
    let runs = vec![flow.run().await?, flow.run().await?];
    flow.upload("by hand.csv", b"id;value\r\n2;b\r\n").await?;
    let schedule = json!({ "connection": flow.connection, "cron": "0 6 1 1 ? *", "time_zone": "UTC" });
    let schedule = id(&flow.api.post("/v1/schedules", &schedule).await?);
    let (other, api) = new_account(&flow.stack, "UTC").await?;
    Ok((flow, runs, schedule, api, other))
}

#[tokio::test]
async fn no_one_sees_changes_or_runs_what_is_another_accounts() -> Result<()> {
    let (flow, runs, schedule, other, _) = two_accounts().await?;
    let run = id(&runs[0]);
    let things = [
        format!("/v1/target-servers/{}", flow.source),
        format!("/v1/target-servers/{}", flow.target),
        format!("/v1/mappings/{}", flow.mapping),
        format!("/v1/connections/{}", flow.connection),
        format!("/v1/schedules/{schedule}"),
    ];
    for path in &things {
        let own = flow.api.get(path).await?;
        // A body that would do in the other account: only the id is another's.
        let body = match path.split('/').nth(2) {
            Some("mappings") => simple_mapping(),
            Some("target-servers") => {
                json!({ "name": "x", "kind": "webservice", "address": "https://example.com" })
            }
            _ => settings_of(own.clone()),
        };
        for (method, body) in [("GET", None), ("PUT", Some(body.to_string())), ("DELETE", None)] {
            let answer = other.call(method, path, &[], body.as_deref()).await?;
            let refers = method == "PUT" && answer.status == 422; // it refers to what is not there either
            assert!(answer.status == 404 || refers, "{method} {path}: {} {}", answer.status, answer.body);
            assert!(
                !answer.body.to_string().contains(own["name"].as_str().unwrap_or("no name")),
                "{}",
                answer.body
            );
        }
        assert_eq!(flow.api.get(path).await?, own, "it is as it was");
    }
    for (method, path) in [
        ("GET", format!("/v1/runs/{run}")),
        ("GET", format!("/v1/runs/{run}/records")),
        ("GET", format!("/v1/runs/{run}/records?result=error")),
        ("GET", format!("/v1/runs/{run}/records.csv")),
        ("GET", format!("/v1/runs/{run}/records.csv?result=error")),
        ("POST", format!("/v1/runs/{run}/rerun")),
        ("POST", format!("/v1/runs/{run}/cancel")),
        ("POST", format!("/v1/connections/{}/runs", flow.connection)),
        ("POST", format!("/v1/connections/{}/uploads", flow.connection)),
        ("GET", format!("/v1/schedules/{schedule}/next")),
        ("GET", format!("/v1/deliveries/{run}-1-0")),
        ("POST", format!("/v1/deliveries/{run}-1-0/retry")),
        ("POST", format!("/v1/deliveries/{run}-1-0/confirm")),
        ("GET", format!("/v1/target-servers/{}/status", flow.target)),
        ("POST", format!("/v1/target-servers/{}/pause", flow.target)),
        ("POST", format!("/v1/target-servers/{}/resume", flow.target)),
        ("POST", format!("/v1/target-servers/{}/test-event", flow.target)),
        ("POST", format!("/v1/target-servers/{}/rotate-secret", flow.target)),
    ] {
        let answer = other.call(method, &path, &[], None).await?;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{method} {path}");
    }
    for path in ["target-servers", "mappings", "connections", "schedules", "runs"] {
        assert_eq!(other.all(&format!("/v1/{path}")).await?, Vec::<Value>::new(), "{path}");
    }
    assert_eq!(other.all(&format!("/v1/runs?connection={}", flow.connection)).await?, Vec::<Value>::new());
    assert_eq!(flow.api.all("/v1/runs").await?.len(), 2, "no run was started");
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn no_one_sees_sends_or_routes_another_accounts_notifications() -> Result<()> {
    let flow = Webhooks::new().await?;
    let (other_account, other) = new_account(&flow.stack, "UTC").await?;
    let notification = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    let delivery = flow.delivery(&notification);
    let own = flow.in_state(&delivery, "DELIVERED").await?;
    let since = json!({ "since": "2026-01-01T00:00:00Z" }).to_string();
    for (method, path, body) in [
        ("GET", format!("/v1/sources/{}", flow.source), None),
        ("DELETE", format!("/v1/sources/{}", flow.source), None),
        ("POST", format!("/v1/sources/{}/rotate-secret", flow.source), None),
        ("GET", format!("/v1/notifications/{notification}"), None),
        ("POST", format!("/v1/notifications/{notification}/route"), None),
        ("GET", format!("/v1/deliveries/{delivery}"), None),
        ("POST", format!("/v1/deliveries/{delivery}/retry"), None),
        ("POST", format!("/v1/deliveries/{delivery}/confirm"), None),
        ("POST", format!("/v1/target-servers/{}/recover", flow.target), Some(since.as_str())),
    ] {
        let answer = other.call(method, &path, &[], body).await?;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{method} {path}");
    }
    for path in ["sources", "notifications?routed=no"] {
        assert_eq!(other.all(&format!("/v1/{path}")).await?, Vec::<Value>::new(), "{path}");
    }
    let owed = other.all(&format!("/v1/deliveries?target={}", flow.target)).await?;
    assert_eq!(owed, Vec::<Value>::new());
    // The source's secret opens nothing under another account's name.
    let path = format!("/v1/sources/{other_account}.{}/notifications", flow.source);
    let answer = flow.stack.intake().send("POST", &path, &[("webhook-id", "evt-2")], b"{}".to_vec()).await?;
    assert_eq!(answer.status, 404, "{}", answer.body);
    let connection = json!({
        "name": "c", "source": { "source": flow.source }, "target": { "target_server": flow.target },
    });
    let answer = other.call("POST", "/v1/connections", &[], Some(&connection.to_string())).await?;
    assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("source.source")));
    assert_eq!(flow.api.get(&format!("/v1/deliveries/{delivery}")).await?, own, "it is as it was");
    Ok(())
}

#[tokio::test]
async fn no_run_takes_what_another_account_has_uploaded() -> Result<()> {
    let (one, two) = (Flow::new().await?, Flow::new().await?);
    let content = b"id;value\r\n1;a\r\n";
    let upload = one.upload("a.csv", content).await?;
    // By the other's own connection, and by this account's.
    assert_eq!(two.refused_run(&upload).await?.1, "not_found");
    let path = format!("/v1/connections/{}/runs", one.connection);
    let body = json!({ "upload": upload }).to_string();
    let answer = two.api.call("POST", &path, &[], Some(&body)).await?;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{}", answer.body);
    // A link writes under the key that was signed, and nowhere else.
    let announced = two.announce("a.csv", content).await?;
    let url = announced["url"].as_str().context("a URL")?;
    let (own, others) = (
        keys::uploaded_file(&two.account, &two.connection, &id(&announced)),
        keys::uploaded_file(&one.account, &one.connection, &upload),
    );
    assert!(url.contains(&own), "{url}");
    let bent = json!({ "url": url.replace(&own, &others), "headers": announced["headers"] });
    assert_eq!(put(&bent, content.to_vec()).await?, 403);
    let run = one.run_upload(&upload).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(two.api.all("/v1/runs").await?, Vec::<Value>::new());
    assert_eq!(two.receiver.requests(), Vec::<Value>::new());
    one.agrees(&[&run]).await
}

#[tokio::test]
async fn what_refers_to_another_accounts_things_is_refused() -> Result<()> {
    let (flow, _, _, other, _) = two_accounts().await?;
    let webservice = json!({ "name": "w", "kind": "webservice", "address": "https://example.com/x" });
    let own_target = id(&other.post("/v1/target-servers", &webservice).await?);
    let own_source = id(&other.post("/v1/target-servers", &flow.server.target_server(&flow.folder)).await?);
    let own_mapping = id(&other.post("/v1/mappings", &simple_mapping()).await?);
    let good = json!({ "name": "c", "mapping": own_mapping, "source": { "target_server": own_source, "files": "*" },
                       "target": { "target_server": own_target } });
    let own = id(&other.post("/v1/connections", &good).await?);
    for (pointer, value, field) in [
        ("/mapping", &flow.mapping, "mapping"),
        ("/source/target_server", &flow.source, "source.target_server"),
        ("/target/target_server", &flow.target, "target.target_server"),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).context("a field")? = value.clone().into();
        for (method, path) in
            [("POST", "/v1/connections".to_string()), ("PUT", format!("/v1/connections/{own}"))]
        {
            let answer = other.call(method, &path, &[], Some(&body.to_string())).await?;
            assert_eq!(
                (answer.status, &answer.body["errors"][0]["field"]),
                (422, &json!(field)),
                "{}",
                answer.body
            );
        }
    }
    let schedule = json!({ "connection": flow.connection, "cron": "0 6 * * ? *", "time_zone": "UTC" });
    let answer = other.call("POST", "/v1/schedules", &[], Some(&schedule.to_string())).await?;
    assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("connection")));
    Ok(())
}

#[tokio::test]
async fn a_cursor_of_one_account_shows_another_only_its_own() -> Result<()> {
    let (flow, runs, _, other, _) = two_accounts().await?;
    for name in ["x", "y"] {
        let mut mapping = simple_mapping();
        mapping["name"] = name.into();
        flow.api.post("/v1/mappings", &mapping).await?;
    }
    let mut made = Vec::new();
    for _ in 0..2 {
        made.push(id(&other.post("/v1/mappings", &simple_mapping()).await?));
    }
    let cursor = async |path: &str| -> Result<String> {
        let page = flow.api.get(&format!("{path}limit=1")).await?;
        Ok(page["next_cursor"].as_str().context("a next page")?.to_string())
    };
    // The account's first mapping was made before the other's: its cursor goes on with the other's own.
    let page = other.get(&format!("/v1/mappings?cursor={}", cursor("/v1/mappings?").await?)).await?;
    assert_eq!(page["items"].as_array().context("items")?.iter().map(id).collect::<Vec<_>>(), made);
    for path in ["/v1/runs?".to_string(), format!("/v1/runs?connection={}&", flow.connection)] {
        let page = other.get(&format!("{path}cursor={}", cursor(&path).await?)).await?;
        assert_eq!(page["items"], json!([]), "{path}");
    }
    let path = format!("/v1/runs/{}/records?", id(&runs[0]));
    let answer = other.call("GET", &format!("{path}cursor={}", cursor(&path).await?), &[], None).await?;
    assert_eq!(answer.status, 404);
    Ok(())
}

#[tokio::test]
async fn the_same_idempotency_key_in_two_accounts_is_two_things() -> Result<()> {
    let (flow, _, _, other, _) = two_accounts().await?;
    let (key, body) = ([("idempotency-key", "k")], simple_mapping().to_string());
    let one = flow.api.call("POST", "/v1/mappings", &key, Some(&body)).await?;
    let two = other.call("POST", "/v1/mappings", &key, Some(&body)).await?;
    assert_eq!((one.status, two.status), (201, 201));
    assert_ne!(id(&one.body), id(&two.body));
    assert_eq!(other.all("/v1/mappings").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn every_row_and_object_of_an_account_begins_with_its_name() -> Result<()> {
    let (flow, runs, schedule, _, _) = two_accounts().await?;
    let rows = flow.stack.rows().await?;
    let own_ids = [
        &flow.account,
        &flow.connection,
        &flow.mapping,
        &flow.source,
        &flow.target,
        &schedule,
        &id(&runs[0]),
    ];
    let is_own = |text: &str| own_ids.iter().any(|own| text.contains(own.as_str()));
    let (mut count, begins) = (0, format!("A#{}", flow.account));
    for row in rows.all().await?.iter().filter(|row| is_own(&row.to_string())) {
        let pk = row["pk"].as_str().unwrap_or_default();
        let listed =
            (pk, row["sk"].as_str()) == ("A#operator", Some(format!("LISTED#{}", flow.account).as_str()));
        let rest = pk.strip_prefix(&begins);
        assert!(listed || rest.is_some_and(|r| r.is_empty() || r.starts_with('#')), "{row}");
        for index in ["owed_by", "runs_of_account", "runs_of_connection"] {
            assert!(
                row[index].is_null() || row[index].as_str().is_some_and(|p| p.starts_with(&begins)),
                "{row}"
            );
        }
        count += 1;
    }
    assert!(count >= 12, "{count} rows");
    let objects = rows.objects().await?;
    let own: Vec<_> = objects.iter().filter(|key| is_own(key)).collect();
    assert!(own.iter().all(|key| key.starts_with(&format!("{}/", flow.account))), "{own:?}");
    for folder in ["staged", "payloads", "records", "state", "files"] {
        let in_folder = format!("{}/{folder}/", flow.account);
        assert!(own.iter().any(|key| key.starts_with(&in_folder)), "{folder}: {own:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_sealed_secret_opens_only_where_it_was_sealed() -> Result<()> {
    let (one, two) = (Flow::new().await?, Flow::new().await?);
    let rows = one.stack.rows().await?;
    let row = |flow: &Flow, target: &str| keys::resource(&flow.account, TargetServer::KIND, target);
    let auth = async |flow: &Flow, target: &str| -> Result<Value> {
        Ok(rows.get(&row(flow, target)).await?["auth"].clone())
    };
    two.put("a.csv", "id;value\r\n1;a\r\n")?;
    let (stolen, own) = (auth(&one, &one.source).await?, auth(&two, &two.source).await?);
    assert!(stolen["private_key"].as_str().is_some_and(|k| k.starts_with("sealed:v1:")), "{stolen}");

    // Of another account; of another owner in the account; of another field of the owner.
    let second = id(&two.api.post("/v1/target-servers", &two.server.target_server(&two.folder)).await?);
    let of_second = auth(&two, &second).await?["private_key"].clone();
    let mut runs = Vec::new();
    for wrong in [
        json!({ "user": own["user"], "private_key": stolen["private_key"] }),
        json!({ "user": own["user"], "private_key": of_second }),
        json!({ "user": own["user"], "password": own["private_key"] }),
        json!({ "user": own["user"], "password": "in the open" }),
    ] {
        rows.edit(&row(&two, &two.source), json!({ "auth": wrong })).await?;
        let run = two.run().await?;
        expect(&run, "ERROR", &[]);
        expect_failure(&run, "settings", "secret_unusable", false, &["does not open"]);
        runs.push(run);
    }
    rows.edit(&row(&two, &two.source), json!({ "auth": own })).await?;

    // The same where records go: nothing is sent with it.
    let own = auth(&two, &two.target).await?;
    let stolen = auth(&one, &one.target).await?;
    rows.edit(&row(&two, &two.target), json!({ "auth": stolen, "retry_secs": [1] })).await?;
    let run = two.run().await?;
    expect(&run, "ERROR", &[("read", 1), ("errors", 1)]);
    let record = two.records(&run).await?.remove(0);
    assert_eq!(in_short(&record), "2 error undeliverable -");
    assert!(record["detail"].to_string().contains("does not open"), "{record}");
    assert_eq!(two.receiver.requests(), Vec::<Value>::new());
    rows.edit(&row(&two, &two.target), json!({ "auth": own })).await?;
    let rerun = two.rerun(&run).await?;
    expect(&rerun, "COMPLETE", &[("read", 1), ("created", 1)]);
    runs.extend([run, rerun]);
    two.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_data_key_of_another_account_opens_nothing() -> Result<()> {
    let (one, two) = (Flow::new().await?, Flow::new().await?);
    let rows = one.stack.rows().await?;
    let other_key = rows.get(&keys::account(&one.account)).await?["data_key"].clone();
    rows.edit(&keys::account(&two.account), json!({ "data_key": other_key })).await?;
    // The key service refuses it, since its context names the other account.
    let answer = two
        .api
        .call("POST", "/v1/target-servers", &[], Some(&two.server.target_server(&two.folder).to_string()))
        .await?;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(!answer.body.to_string().contains(other_key.as_str().unwrap_or("no key")), "{}", answer.body);
    Ok(())
}
