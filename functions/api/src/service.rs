//! From a request to an answer: route, key, role, handler.

use std::sync::{Arc, OnceLock};

use shared::{
    account::{Presented, Role},
    problem::Problem,
};

use crate::{
    Context,
    caller::Caller,
    http::{Request, Response, problem, unavailable},
    routes::{Access, Route, routes},
};

/// Answers a request.
pub(crate) async fn serve(context: &Arc<Context>, mut request: Request) -> Response {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    let routes = ROUTES.get_or_init(routes);
    let answer = match find(routes, &mut request) {
        Err(refused) => Err(refused),
        Ok(route) => match admit(context, route, &request).await {
            Err(refused) => Err(refused),
            Ok(caller) => (route.handle)(context.clone(), caller, request).await,
        },
    };
    answer.unwrap_or_else(|refused| problem(&refused))
}

fn find<'a>(routes: &'a [Route], request: &mut Request) -> Result<&'a Route, Problem> {
    let mut allowed = Vec::new();
    for route in routes {
        let Some(params) = route.matches(&request.path) else { continue };
        if route.method == request.method {
            request.params = params;
            return Ok(route);
        }
        allowed.push(route.method);
    }
    if allowed.is_empty() {
        return Err(Problem::new(
            404,
            "no_such_route",
            "there is nothing here; /v1/openapi.json lists what there is",
        ));
    }
    Err(Problem::new(405, "method_not_allowed", format!("this path takes {}", allowed.join(", "))))
}

async fn admit(context: &Context, route: &Route, request: &Request) -> Result<Caller, Problem> {
    if route.access == Access::Public {
        return Ok(Caller { account: String::new(), key: String::new(), role: Role::Admin });
    }
    let refused =
        || Problem::new(401, "unauthorized", "send a valid API key as 'Authorization: Bearer cdk_…'");
    let text = request.header("authorization").and_then(|h| h.strip_prefix("Bearer ")).ok_or_else(refused)?;
    let presented = Presented::parse(text.trim()).ok_or_else(refused)?;
    let stored = context.table.api_key(presented.account, presented.id).await.map_err(unavailable)?;
    let stored = stored.filter(|s| presented.is(s, (context.clock)())).ok_or_else(refused)?;
    let caller = Caller { account: stored.account, key: presented.id.into(), role: stored.role };
    let may = match route.access {
        Access::Public => true,
        Access::Operator => caller.role == Role::Operator,
        Access::Admin => caller.role == Role::Admin,
    };
    match may {
        true => Ok(caller),
        false => Err(Problem::new(
            403,
            "forbidden",
            format!("this takes a key of role {:?}", route.access).to_lowercase(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_found_by_path_and_method() {
        let routes = routes();
        let status = |method: &str, path: &str| {
            find(&routes, &mut Request::new(method, path)).map_err(|p| p.status).err()
        };
        assert_eq!(status("GET", "/v1/health"), None);
        assert_eq!(status("PATCH", "/v1/health"), Some(405));
        assert_eq!(status("GET", "/v1/nothing"), Some(404));
        assert_eq!(status("GET", "/v1/runs/"), Some(404));
        let mut request = Request::new("GET", "/v1/runs/run_1/records");
        assert_eq!(find(&routes, &mut request).unwrap().path, "/v1/runs/{id}/records");
        assert_eq!(request.param("id"), "run_1");
    }

    #[test]
    fn only_what_shows_no_data_is_public() {
        let routes = routes();
        let public: Vec<_> = routes.iter().filter(|r| r.access == Access::Public).map(|r| r.path).collect();
        assert_eq!(public, ["/v1/health", "/v1/openapi.json", "/v1/mapping.schema.json"]);
    }
}
