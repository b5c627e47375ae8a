//! An HTTP client that is made at its first request.
//!
//! The SDK's own makes a connector for every service client as soon as that is made, to say early what is
//! wrong with it. Each reads and parses the system's certificates, some 140 of them, and that time counts for
//! the start of every function, also of those that then call none of these services. Nothing is checked less:
//! the first request makes the same connector, and fails where making it fails.

use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

/// Hands every request on, and the SDK's early look at the client not.
#[derive(Debug)]
pub(super) struct LazyHttp(pub(super) SharedHttpClient);

impl HttpClient for LazyHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}
