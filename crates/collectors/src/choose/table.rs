//! All kinds of collectors, a line each.

use super::Plugin;

/// In no order that means anything: no two that are configured are for the same metric.
pub(super) const PLUGINS: &[Plugin] = &[];
