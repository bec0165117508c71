//! The part of JSONPath that printer columns and scale paths use: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
//! `['a.b']`, `[0]`, `[*]` (client-go `util/jsonpath`).

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Every,
    /// Items whose field (path) equals a text.
    Where(Vec<String>, String),
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

impl JsonPath {
    /// Parses a path that starts at the object. `None` for what is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                if !name.is_empty() {
                    steps.push(if name == "*" {
                        Step::Every
                    } else {
                        Step::Field(name.replace('\\', ""))
                    });
                }
                rest = &after[end..];
            } else if let Some(after) = rest.strip_prefix('[') {
                let (step, after) = bracket(after)?;
                steps.push(step);
                rest = after;
            } else {
                return None;
            }
        }
        Some(Self { steps })
    }

    /// The names of a path that has only fields, such as `.spec.replicas`.
    pub fn fields(&self) -> Option<Vec<&str>> {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Field(name) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// All values at the path.
    pub fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![object];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.apply(value)).collect();
        }
        found
    }
}

fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(text) = text.strip_prefix("?(@.") {
        let end = text.find(")]")?;
        let (path, wanted) = text[..end].split_once("==")?;
        let wanted = wanted.trim().trim_matches(|c| c == '"' || c == '\'');
        let path = path.trim().split('.').map(str::to_owned).collect();
        return Some((Step::Where(path, wanted.to_owned()), &text[end + 2..]));
    }
    for quote in ['\'', '"'] {
        if let Some(text) = text.strip_prefix(quote) {
            let (name, rest) = text.split_once(quote)?;
            return Some((Step::Field(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (inside, rest) = text.split_once(']')?;
    let step = match inside.trim() {
        "*" => Step::Every,
        index => Step::Index(index.parse().ok()?),
    };
    Some((step, rest))
}

impl Step {
    fn apply<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => value.get(index).into_iter().collect(),
            Self::Every => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            },
            Self::Where(path, wanted) => value
                .as_array()
                .into_iter()
                .flatten()
                .filter(|item| {
                    let found = path.iter().try_fold(*item, |value, name| value.get(name));
                    let text = found.map(|f| f.as_str().map_or_else(|| f.to_string(), str::to_owned));
                    text.as_deref() == Some(wanted)
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_printer_columns_are_understood() {
        let object = json!({"spec": {"replicas": 3, "a.b": "x"}, "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]}});
        let first = |path: &str| {
            JsonPath::parse(path)
                .unwrap()
                .find(&object)
                .first()
                .map(|v| (*v).clone())
        };
        assert_eq!(first(".spec.replicas"), Some(json!(3)));
        assert_eq!(first(".spec['a.b']"), Some(json!("x")));
        assert_eq!(
            first(".status.conditions[?(@.type==\"Ready\")].status"),
            Some(json!("True"))
        );
        assert_eq!(first(".status.conditions[1].type"), Some(json!("Other")));
        assert_eq!(first(".spec.absent"), None);
        assert_eq!(
            JsonPath::parse(".status.conditions[*].type")
                .unwrap()
                .find(&object)
                .len(),
            2
        );
        assert_eq!(
            JsonPath::parse(".spec.replicas").unwrap().fields(),
            Some(vec!["spec", "replicas"])
        );
        assert!(JsonPath::parse("{nonsense").is_none());
    }
}
