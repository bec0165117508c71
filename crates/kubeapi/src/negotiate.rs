//! What a client wants to read, as its `Accept` header says.

/// How an object or list is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// As a `Table` of `meta.k8s.io/<version>`.
    Table(&'static str),
    /// As `PartialObjectMetadata` or a list of it.
    Partial,
}

#[derive(Debug, Clone)]
struct Range {
    kind: String,
    form: Option<String>,
    group: Option<String>,
    version: Option<String>,
}

/// A parsed `Accept` header.
#[derive(Debug, Clone)]
pub struct Accept {
    ranges: Vec<Range>,
    /// Whether the answer is YAML.
    pub yaml: bool,
    acceptable: bool,
}

/// What the real server says it can produce.
pub const AVAILABLE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl Accept {
    /// Parses the header's text; without one, everything is read.
    pub fn parse(text: Option<&str>) -> Self {
        let text = text.unwrap_or("*/*");
        let ranges: Vec<Range> = text
            .split(',')
            .map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next().unwrap_or("").to_ascii_lowercase();
                let mut range = Range {
                    kind,
                    form: None,
                    group: None,
                    version: None,
                };
                for part in parts {
                    match part.split_once('=') {
                        Some(("as", value)) => range.form = Some(value.to_owned()),
                        Some(("g", value)) => range.group = Some(value.to_owned()),
                        Some(("v", value)) => range.version = Some(value.to_owned()),
                        _ => {}
                    }
                }
                range
            })
            .collect();
        let usable = |range: &Range| is_json(&range.kind) || is_yaml(&range.kind);
        let first = ranges.iter().find(|r| usable(r));
        let yaml = first.is_some_and(|r| is_yaml(&r.kind));
        let acceptable = first.is_some();
        Self {
            ranges,
            yaml,
            acceptable,
        }
    }

    /// Whether there is any representation that the client reads.
    pub fn is_acceptable(&self) -> bool {
        self.acceptable
    }

    /// The form that the client prefers among those we know.
    pub fn form(&self) -> Form {
        for range in self.ranges.iter().filter(|r| is_json(&r.kind)) {
            match (
                range.form.as_deref(),
                range.group.as_deref(),
                range.version.as_deref(),
            ) {
                (None, ..) => return Form::Plain,
                (Some("Table"), Some("meta.k8s.io"), Some("v1")) => return Form::Table("v1"),
                (Some("Table"), Some("meta.k8s.io"), Some("v1beta1")) => return Form::Table("v1beta1"),
                (
                    Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                    Some("meta.k8s.io"),
                    Some("v1"),
                ) => {
                    return Form::Partial;
                }
                _ => {}
            }
        }
        Form::Plain
    }

    /// The version of aggregated discovery that the client prefers, if it reads it.
    pub fn discovery(&self) -> Option<&'static str> {
        for range in self.ranges.iter().filter(|r| is_json(&r.kind)) {
            match (
                range.form.as_deref(),
                range.group.as_deref(),
                range.version.as_deref(),
            ) {
                (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => {
                    return Some("v2");
                }
                (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
                    return Some("v2beta1");
                }
                (None, ..) => return None,
                _ => {}
            }
        }
        None
    }
}

fn is_json(kind: &str) -> bool {
    matches!(kind, "application/json" | "*/*" | "application/*" | "")
}

fn is_yaml(kind: &str) -> bool {
    kind == "application/yaml"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Accept {
        Accept::parse(Some(text))
    }

    #[test]
    fn the_first_form_we_know_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(accept(kubectl).form(), Form::Table("v1"));
        assert_eq!(
            accept("application/json;as=Frob;v=v1;g=meta.k8s.io,application/json").form(),
            Form::Plain
        );
        assert_eq!(
            accept("application/vnd.kubernetes.protobuf,application/json").form(),
            Form::Plain
        );
        assert!(!accept("application/xml").is_acceptable());
        assert!(accept("application/yaml").yaml);
        let discovery =
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        assert_eq!(accept(discovery).discovery(), Some("v2"));
        assert_eq!(accept("application/json, */*").discovery(), None);
    }
}
