//! One folder per kind: `spec.rs` declares it, `exec.rs` runs it. How to write one stands in [`crate::node`].

pub(crate) mod stream {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod from {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod group_by {
    mod batches;
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod r#where {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod eval {
    mod exec;
    mod rows;
    pub(crate) mod spec;
}
pub(crate) mod derivative {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod http_out {
    mod exec;
    mod latest;
    pub(crate) mod render;
    pub(crate) mod series;
    pub(crate) mod spec;
    mod stored;
}
pub(crate) mod batch {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod query {
    mod cron;
    pub(crate) mod exec;
    mod results;
    mod schedule;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod query_flux {
    pub(crate) mod spec;
}
pub(crate) mod http_post {
    mod body;
    mod exec;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod influxdb_out {
    mod exec;
    mod precision;
    mod queue;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod sideload {
    mod convert;
    mod exec;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod influxql {
    mod aggregate;
    mod batch;
    mod settings;
    pub(crate) mod spec;
    mod transform;
    mod versioned;
}
pub(crate) mod window {
    mod buffer;
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod log {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod noop {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod sample {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod shift {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod default {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod delete {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod change_detect {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod state_tracking {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod k8s_autoscale {
    pub(crate) mod ec2;
    mod exec;
    mod mail;
    mod memory;
    mod point;
    mod properties;
    mod resource;
    mod settings;
    pub(crate) mod spec;
    pub(crate) mod swarm;
    mod telling;
    #[cfg(test)]
    mod tests;
    mod turn;
}
pub(crate) mod join {
    mod exec;
    mod matching;
    mod merge;
    mod sets;
    pub(crate) mod spec;
    mod stored;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod union {
    mod exec;
    mod picked;
    pub(crate) mod spec;
}
pub(crate) mod flatten {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod combine {
    mod combinations;
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod trickle {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod barrier {
    mod exec;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod stats {
    mod exec;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod kapacitor_loopback {
    mod exec;
    pub(crate) mod spec;
}
pub(crate) mod udf {
    mod exec;
    pub(crate) mod spec;
    #[cfg(test)]
    mod tests;
}
pub(crate) mod alert {
    mod augment;
    mod exec;
    pub(crate) mod handlers;
    mod levels;
    mod settings;
    pub(crate) mod spec;
    mod state;
    mod templates;
    #[cfg(test)]
    mod tests;
}
