//! What all collectors share.

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_kube::Cluster;

use crate::options::Options;

/// What all collectors share.
#[derive(Debug)]
pub struct Context {
    /// The time.
    pub clock: SharedClock,
    /// The cluster whose HPAs these are.
    pub cluster: Arc<Cluster>,
    /// Servers and flags.
    pub options: Options,
    /// For requests to servers and pods. Follows no redirects: they would lead around the allow list.
    pub http: reqwest::Client,
}

impl Context {
    /// A context.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(clock: SharedClock, cluster: Arc<Cluster>, options: Options) -> Result<Self, reqwest::Error> {
        capstan_tls::install_provider();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            clock,
            cluster,
            options,
            http,
        })
    }
}
