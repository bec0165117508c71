//! All kinds of collectors, a line each.

use super::{Plugin, Serves};
use crate::{http, pods, prometheus};

/// In no order that means anything: no two that are configured are for the same metric.
#[rustfmt::skip]
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin { name: "json-path", serves: Serves::Pods, flag: "", configured: |_| true, make: pods::collector },
    Plugin { name: "json-path", serves: Serves::External(&["json-path", "http"]), flag: "", configured: |_| true, make: http::collector },
    Plugin { name: "prometheus", serves: Serves::External(&["prometheus", "prometheus-query"]), flag: "--prometheus-server", configured: |options| options.prometheus.is_some(), make: prometheus::external },
    Plugin { name: "prometheus", serves: Serves::AnyObject, flag: "--prometheus-server", configured: |options| options.prometheus.is_some(), make: prometheus::object },
];
