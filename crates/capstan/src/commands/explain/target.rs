//! What is to be explained.

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Target {
    /// A `HorizontalPodAutoscaler`.
    Hpa(String),
    /// An `Autoscaler`.
    Autoscaler(String),
    /// A task.
    Task(String),
    /// An object that tasks scale: its name, `namespace/name` or `kind/name`.
    Object(String),
    /// Whatever was decided last.
    #[default]
    Any,
}

impl Target {
    /// Reads `hpa/NAME`, `autoscaler/NAME`, `task/NAME`, or the name of an object.
    pub(super) fn parse(text: &str) -> Self {
        let of = |name: &str| name.to_owned();
        match text.split_once('/') {
            Some(("hpa" | "horizontalpodautoscaler" | "horizontalpodautoscalers", name)) => {
                Self::Hpa(of(name))
            }
            Some(("autoscaler" | "autoscalers", name)) => Self::Autoscaler(of(name)),
            Some(("task", name)) => Self::Task(of(name)),
            _ => Self::Object(of(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_by_their_kind() {
        assert_eq!(Target::parse("hpa/web"), Target::Hpa("web".into()));
        assert_eq!(Target::parse("autoscaler/web"), Target::Autoscaler("web".into()));
        assert_eq!(Target::parse("task/a/b"), Target::Task("a/b".into()));
        assert_eq!(
            Target::parse("deployment/web"),
            Target::Object("deployment/web".into())
        );
        assert_eq!(Target::parse("web"), Target::Object("web".into()));
    }
}
