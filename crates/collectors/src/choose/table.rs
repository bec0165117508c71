//! All kinds of collectors, a line each.

use super::{Plugin, Serves};
use crate::{external_rps, http, influxdb, nakadi, pods, prometheus, schedule, skipper, tick, zmon};

/// In no order that means anything: no two that are configured are for the same metric.
#[rustfmt::skip]
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin { name: "json-path", serves: Serves::Pods, flag: "", configured: |_| true, make: pods::collector },
    Plugin { name: "json-path", serves: Serves::External(&["json-path", "http"]), flag: "", configured: |_| true, make: http::collector },
    Plugin { name: "prometheus", serves: Serves::External(&["prometheus", "prometheus-query"]), flag: "--prometheus-server", configured: |options| options.prometheus.is_some(), make: prometheus::external },
    Plugin { name: "prometheus", serves: Serves::AnyObject, flag: "--prometheus-server", configured: |options| options.prometheus.is_some(), make: prometheus::object },
    Plugin { name: "scaling-schedule", serves: Serves::Object("ScalingSchedule"), flag: "--scaling-schedule", configured: |options| options.scaling_schedule, make: schedule::namespaced },
    Plugin { name: "scaling-schedule", serves: Serves::Object("ClusterScalingSchedule"), flag: "--scaling-schedule", configured: |options| options.scaling_schedule, make: schedule::cluster },
    Plugin { name: "skipper", serves: Serves::Object("Ingress"), flag: "--skipper-ingress-metrics and --prometheus-server", configured: |options| options.skipper_ingress && options.prometheus.is_some(), make: skipper::ingress },
    Plugin { name: "skipper", serves: Serves::Object("RouteGroup"), flag: "--skipper-routegroup-metrics and --prometheus-server", configured: |options| options.skipper_routegroup && options.prometheus.is_some(), make: skipper::route_group },
    Plugin { name: "requests-per-second", serves: Serves::External(&["requests-per-second"]), flag: "--external-rps-metrics and --prometheus-server", configured: |options| options.external_rps && options.prometheus.is_some(), make: external_rps::external },
    Plugin { name: "influxdb", serves: Serves::External(&["influxdb", "flux-query"]), flag: "--influxdb-address", configured: |options| options.influxdb.is_some(), make: influxdb::external },
    Plugin { name: "influxdb", serves: Serves::AnyObject, flag: "", configured: |_| true, make: influxdb::object },
    Plugin { name: "zmon", serves: Serves::External(&["zmon", "zmon-check"]), flag: "--zmon-kariosdb-endpoint", configured: |options| options.zmon.is_some(), make: zmon::external },
    Plugin { name: "nakadi", serves: Serves::External(&["nakadi"]), flag: "--nakadi-endpoint", configured: |options| options.nakadi.is_some(), make: nakadi::external },
    Plugin { name: "tick", serves: Serves::External(&["tick"]), flag: "--capstan-server", configured: |options| options.capstan.is_some(), make: tick::external },
];
