//! Traps: what a script may say, and does what it says, but hardly what was meant. Behaviour that scripts depend on stays
//! (the rows marked KEEP), so whoever writes one is told instead.
//!
//! One rule per file. Rules look at the syntax tree and at the bound pipeline, never at data; each one speaks only when the
//! script alone shows the trap. `docs/lint.md` describes them all. A comment `// capstan: allow(rule, …)` on the line above
//! silences rules for the line below.
//!
//! ```
//! use capstan_flow::{Mode, TaskKind, Vars, define, lint};
//!
//! let script = "var n = 010\nstream|from().measurement('m')|sample(n)|httpOut('x')";
//! let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task)?;
//! let warnings = lint(script, &definition);
//! assert_eq!(warnings[0].name(), "octal-literal");
//! assert_eq!(warnings[0].diagnostic.position.line, 1);
//! # Ok::<(), capstan_flow::DefineError>(())
//! ```

mod allow;
mod facts;
mod subject;
mod types;

mod aggregate_without_window;
mod alert_not_pass_through;
mod alert_without_level;
mod autoscale_min_above_max;
mod autoscale_replicas_type;
mod autoscale_shared_resource;
mod autoscale_to_zero;
mod autoscale_without_cooldown;
mod barrier_without_flush;
mod batch_group_by;
mod comparison_before_equality;
mod condition_not_boolean;
mod deadman_never_fires;
mod deadman_too_short;
mod eval_result_type;
mod field_and_tag;
mod influxdb_out_database;
mod join_times;
mod local_time;
mod lost_tag;
mod not_before_comparison;
mod octal_literal;
mod overlapping_from;
mod property_on_variable;
mod query_group_by;
mod query_without_period;
mod reset_without_level;
mod sample_times;
mod stateful_in_alert;
mod stateful_in_from;
mod stateful_in_if;
mod stateful_short_circuit;
mod trickle_fan_out;
mod type_mismatch;
mod unknown_field;
mod unused_variable;
mod window_not_aligned;

use capstan_tick::Diagnostic;

use crate::script::Definition;
use subject::{Findings, Subject};

/// A trap that is looked for.
#[derive(Debug)]
pub struct Rule {
    /// Stable name: the code of its warnings, and what a comment allows.
    pub name: &'static str,
    /// The behaviour it warns of, by the rows of the parity list.
    pub rows: &'static [&'static str],
    check: fn(&Subject<'_>, &mut Findings),
}

/// A trap that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Place, message and suggestion; its code is the rule's name.
    pub diagnostic: Diagnostic,
    /// [`Rule::rows`].
    pub rows: &'static [&'static str],
}

impl Warning {
    /// The name of the rule.
    pub fn name(&self) -> &'static str {
        self.diagnostic.code
    }
}

/// All rules, by name.
pub static RULES: &[&Rule] = &[
    &aggregate_without_window::RULE,
    &alert_not_pass_through::RULE,
    &alert_without_level::RULE,
    &autoscale_min_above_max::RULE,
    &autoscale_replicas_type::RULE,
    &autoscale_shared_resource::RULE,
    &autoscale_to_zero::RULE,
    &autoscale_without_cooldown::RULE,
    &barrier_without_flush::RULE,
    &batch_group_by::RULE,
    &comparison_before_equality::RULE,
    &condition_not_boolean::RULE,
    &deadman_never_fires::RULE,
    &deadman_too_short::RULE,
    &eval_result_type::RULE,
    &field_and_tag::RULE,
    &influxdb_out_database::RULE,
    &join_times::RULE,
    &local_time::RULE,
    &lost_tag::RULE,
    &not_before_comparison::RULE,
    &octal_literal::RULE,
    &overlapping_from::RULE,
    &property_on_variable::RULE,
    &query_group_by::RULE,
    &query_without_period::RULE,
    &reset_without_level::RULE,
    &sample_times::RULE,
    &stateful_in_alert::RULE,
    &stateful_in_from::RULE,
    &stateful_in_if::RULE,
    &stateful_short_circuit::RULE,
    &trickle_fan_out::RULE,
    &type_mismatch::RULE,
    &allow::RULE,
    &unknown_field::RULE,
    &unused_variable::RULE,
    &window_not_aligned::RULE,
];

/// The traps in a script, in the order of its lines. `definition` is what [`define`](crate::define) made of this script;
/// a script that cannot be defined has errors, and no warnings.
pub fn lint(script: &str, definition: &Definition) -> Vec<Warning> {
    let Ok(program) = capstan_tick::parse(script) else {
        return Vec::new();
    };
    let subject = Subject::new(script, &program, definition);
    let mut warnings = Vec::new();
    for rule in RULES {
        let mut findings = Findings::new(rule);
        (rule.check)(&subject, &mut findings);
        warnings.extend(findings.into_warnings());
    }
    let allowed = allow::read(script);
    warnings.retain(|warning| !allow::covers(&allowed, warning));
    warnings.sort_by_key(|warning| (warning.diagnostic.position.byte, warning.name()));
    // A setting that is looked at through two branches is one place.
    warnings.dedup();
    warnings
}

#[cfg(test)]
pub(crate) mod tests;
