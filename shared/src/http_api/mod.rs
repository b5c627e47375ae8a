//! Requests and answers as API Gateway's HTTP APIs hand them on and take them back; function URLs do the same.
//!
//! Source: "Working with AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.

mod request;
mod response;

pub use request::{HttpEvent, Request};
pub use response::{Response, problem};
