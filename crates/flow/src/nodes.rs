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
    mod render;
    pub(crate) mod spec;
}
