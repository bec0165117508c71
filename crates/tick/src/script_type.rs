//! What a script says about itself without being evaluated: stream or batch, and which databases it is for.

use std::fmt;

use crate::ast::{Kind, Node};

/// The kind of task a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScriptType {
    Stream,
    Batch,
}

impl ScriptType {
    /// `stream` or `batch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Batch => "batch",
        }
    }
}

impl fmt::Display for ScriptType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A database and retention policy named by a `dbrp` statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseRetentionPolicy {
    pub database: String,
    pub retention_policy: String,
}

/// The type of a script, from the names at the root of its chains and declarations (T-96); `None` if it names neither
/// `stream` nor `batch`, or both.
pub fn script_type(program: &Node) -> Option<ScriptType> {
    let mut found = None;
    for statement in statements(program) {
        // A bare name as a statement says nothing; as the value of a variable it does.
        let mut root = match &statement.kind {
            Kind::Declaration { value, .. } => &**value,
            Kind::Chain { left, .. } => &**left,
            _ => continue,
        };
        while let Kind::Chain { left, .. } = &root.kind {
            root = left;
        }
        let this = match &root.kind {
            Kind::Identifier(name) if name == "stream" => ScriptType::Stream,
            Kind::Identifier(name) if name == "batch" => ScriptType::Batch,
            _ => continue,
        };
        if found.is_some_and(|found| found != this) {
            return None;
        }
        found = Some(this);
    }
    found
}

/// The `dbrp` statements of a script in order (T-37).
pub fn dbrps(program: &Node) -> Vec<DatabaseRetentionPolicy> {
    let dbrp = |statement: &Node| match &statement.kind {
        Kind::Dbrp {
            database,
            retention_policy,
        } => match (&database.kind, &retention_policy.kind) {
            (Kind::Reference(database), Kind::Reference(retention_policy)) => Some(DatabaseRetentionPolicy {
                database: database.clone(),
                retention_policy: retention_policy.clone(),
            }),
            _ => None,
        },
        _ => None,
    };
    statements(program).iter().filter_map(dbrp).collect()
}

fn statements(program: &Node) -> &[Node] {
    match &program.kind {
        Kind::Program(statements) => statements,
        _ => std::slice::from_ref(program),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn the_type_is_read_from_the_roots() {
        for (script, expected) in [
            ("dbrp \"a\".\"b\" stream|from()", Some(ScriptType::Stream)),
            ("var x = batch|query('q').every(1s)", Some(ScriptType::Batch)),
            ("var x = stream", Some(ScriptType::Stream)),
            ("stream", None),
            ("var x = batch|query('q')\nvar y = stream|from()", None),
            ("var x = testing|query('q')", None),
            (
                "var b = stream|from()\nvar c = stream|from() b|join(c)",
                Some(ScriptType::Stream),
            ),
            ("", None),
        ] {
            assert_eq!(script_type(&parse(script).unwrap()), expected, "{script}");
        }
    }

    #[test]
    fn dbrps_keep_their_order() {
        let program = parse("dbrp \"b\".\"x\\\"y\"\nvar a = 1\ndbrp \"a\".\"rp\"").unwrap();
        let names: Vec<String> = dbrps(&program)
            .into_iter()
            .map(|dbrp| dbrp.database + "." + &dbrp.retention_policy)
            .collect();
        assert_eq!(names, ["b.x\"y", "a.rp"]);
    }
}
