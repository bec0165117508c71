//! What all collectors share.

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_kube::Cluster;

use crate::allow::AllowList;
use crate::collector::ConfigError;
use crate::fetch::Fetcher;
use crate::kinds::Kinds;
use crate::options::Options;
use crate::share::Share;

/// What all collectors share.
#[derive(Debug)]
pub struct Context {
    /// The time.
    pub clock: SharedClock,
    /// The cluster whose HPAs these are.
    pub cluster: Arc<Cluster>,
    /// Servers and flags.
    pub options: Options,
    /// For requests to servers and pods.
    pub fetcher: Fetcher,
    /// Which addresses annotations may point to.
    pub allow: AllowList,
    /// What was asked lately.
    pub share: Share,
    /// The kinds that were looked up.
    pub kinds: Kinds,
}

impl Context {
    /// A context.
    ///
    /// # Errors
    /// When the address of a configured server is no URL.
    pub fn new(clock: SharedClock, cluster: Arc<Cluster>, options: Options) -> Result<Self, ConfigError> {
        Ok(Self {
            fetcher: Fetcher::new(Arc::clone(&clock), &options),
            allow: AllowList::of(&options)?,
            kinds: Kinds::default(),
            share: Share::new(Arc::clone(&clock)),
            clock,
            cluster,
            options,
        })
    }
}
