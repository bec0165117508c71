//! Our own verbs, one file each.

pub(crate) mod adapter;
pub(crate) mod app;
pub(crate) mod autoscaler;
pub(crate) mod bench;
pub(crate) mod cluster;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod load;
pub(crate) mod manifests;
pub(crate) mod serve;
pub(crate) mod tick;
