//! The API's description, made from the table of routes and the types that it names.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use shared::problem::Problem;

use crate::{
    http::Response,
    routes::{Access, Route, routes},
};

/// Serves the document.
pub(crate) fn serve() -> Result<Response, Problem> {
    Response::json(200, &document())
}

/// Builds the document, OpenAPI 3.1.
pub fn document() -> Value {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|s| s.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = schemas.subschema_for::<Problem>();
    let mut paths = Map::new();
    for route in routes() {
        let operation = operation(&route, &mut schemas, problem.as_value());
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Crossdock administration API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer", "bearerFormat": "cdk_…" } },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator, problem: &Value) -> Value {
    let captured = route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'));
    let in_path = captured
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = route.query.iter().map(|(name, description)| {
        json!({"name": name, "in": "query", "description": description, "schema": {"type": "string"}})
    });
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}});
    let mut parameters: Vec<Value> = in_path.chain(in_query).collect();
    match route.method {
        "POST" if route.idempotent => {
            parameters.push(header("Idempotency-Key", "the same request with the same key is done once"))
        }
        "PUT" => {
            parameters.push(header("If-Match", "the ETag that was read: refuses to overwrite a later change"))
        }
        _ => {}
    }
    let mut answer = json!({ "description": "Done" });
    if let Some(schema) = route.answer {
        answer["content"] = json!({ "application/json": { "schema": schema(schemas) } });
    }
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            route.status.to_string(): answer,
            "default": { "description": "Refused", "content": { "application/problem+json": { "schema": problem } } },
        },
    });
    if let Some(schema) = route.body {
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": schema(schemas) } } });
    }
    if route.access != Access::Public {
        operation["security"] = json!([{ "key": [] }]);
    }
    operation
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads the switch that rewrites the document")]
    fn the_published_document_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
        let text = serde_json::to_string_pretty(&super::document()).unwrap() + "\n";
        if std::env::var("UPDATE_OPENAPI").is_ok() {
            std::fs::write(path, &text).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == text, "openapi.json is old; run UPDATE_OPENAPI=1 cargo test -p api");
    }
}
