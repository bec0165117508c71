//! Feature gates of Kubernetes 1.36, and how a command line sets them (upstream: `component-base/featuregate`).

use serde::{Deserialize, Serialize};

/// The feature gates that make a difference here; the default is that of 1.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Gates {
    /// `HPAScaleToZero`, alpha: `minReplicas` may be 0 where an Object or External metric is looked at.
    pub scale_to_zero: bool,
    /// `HPAConfigurableTolerance`, beta: `behavior` may say how far a ratio may be from 1.
    pub configurable_tolerance: bool,
    /// `PodLevelResources`, beta: requests of a pod as a whole count.
    pub pod_level_resources: bool,
    /// `DeclarativeValidationTakeover`, deprecated: findings are worded by the rules generated from the types.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub declarative_takeover: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            scale_to_zero: false,
            configurable_tolerance: true,
            pod_level_resources: true,
            declarative_takeover: false,
        }
    }
}

/// How far a feature has come, which is what `AllAlpha` and `AllBeta` go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Alpha,
    Beta,
    Deprecated,
}

struct Gate {
    name: &'static str,
    stage: Stage,
    field: fn(&mut Gates) -> &mut bool,
}

const GATES: [Gate; 4] = [
    Gate {
        name: "HPAScaleToZero",
        stage: Stage::Alpha,
        field: |gates| &mut gates.scale_to_zero,
    },
    Gate {
        name: "HPAConfigurableTolerance",
        stage: Stage::Beta,
        field: |gates| &mut gates.configurable_tolerance,
    },
    Gate {
        name: "PodLevelResources",
        stage: Stage::Beta,
        field: |gates| &mut gates.pod_level_resources,
    },
    Gate {
        name: "DeclarativeValidationTakeover",
        stage: Stage::Deprecated,
        field: |gates| &mut gates.declarative_takeover,
    },
];

/// Every gate of a stage at once, but for those that are named themselves.
const GROUPS: [(&str, Stage); 2] = [("AllAlpha", Stage::Alpha), ("AllBeta", Stage::Beta)];

/// Features that cannot be switched any more; both have always been on here.
const LOCKED: [&str; 2] = ["DeclarativeValidation", "HPAContainerMetrics"];

/// The component whose gates these are, as in `kube:HPAScaleToZero=true`.
const COMPONENT: &str = "kube";

/// Why a setting of feature gates is refused. The words are those of Kubernetes' components.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// There is no `=`.
    #[error("missing bool value for {0}")]
    NoValue(String),
    /// The value is neither true nor false.
    #[error("invalid value of {name}={value}, err: strconv.ParseBool: parsing {value:?}: invalid syntax")]
    NoBool {
        /// Name of the gate.
        name: String,
        /// What was given.
        value: String,
    },
    /// No gate that makes a difference here has this name.
    #[error("unrecognized feature gate: {0} (there are {known})", known = names())]
    Unknown(String),
    /// The feature cannot be switched off any more.
    #[error("cannot set feature gate {0} to false, feature is locked to true")]
    Locked(String),
    /// The part before a colon is not `kube`.
    #[error("component not registered: {0}")]
    Component(String),
}

fn names() -> String {
    let groups = GROUPS.iter().map(|(name, _)| *name);
    let all: Vec<&str> = groups.chain(GATES.iter().map(|gate| gate.name)).collect();
    all.join(", ")
}

impl Gates {
    /// The gates that settings such as `HPAScaleToZero=true,AllBeta=false` leave, from the defaults of 1.36. Of a gate
    /// that is set more than once, the last setting counts.
    ///
    /// # Errors
    /// When there is no such gate, or a value is no boolean.
    pub fn parse<'t>(settings: impl IntoIterator<Item = &'t str>) -> Result<Self, GateError> {
        let mut named: Vec<(&str, bool)> = Vec::new();
        let pairs = settings
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(str::trim);
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = setting(pair)?;
            let known =
                GATES.iter().any(|gate| gate.name == name) || GROUPS.iter().any(|(group, _)| *group == name);
            if LOCKED.contains(&name) {
                if !value {
                    return Err(GateError::Locked(name.to_owned()));
                }
                continue;
            }
            if !known {
                return Err(GateError::Unknown(name.to_owned()));
            }
            named.retain(|(other, _)| *other != name);
            named.push((name, value));
        }
        let find = |name: &str| {
            named
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        };
        let mut gates = Self::default();
        for gate in &GATES {
            let group = GROUPS.iter().find(|(_, stage)| *stage == gate.stage);
            let value = find(gate.name).or_else(|| group.and_then(|(group, _)| find(group)));
            if let Some(value) = value {
                *(gate.field)(&mut gates) = value;
            }
        }
        Ok(gates)
    }
}

/// The name and value of one setting.
fn setting(pair: &str) -> Result<(&str, bool), GateError> {
    let (name, value) = match pair.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (pair, None),
    };
    let name = match name.split_once(':') {
        Some((COMPONENT, name)) => name.trim(),
        Some((other, _)) => return Err(GateError::Component(other.to_owned())),
        None => name,
    };
    let value = value.ok_or_else(|| GateError::NoValue(name.to_owned()))?;
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok((name, true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok((name, false)),
        _ => Err(GateError::NoBool {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Gates, String> {
        Gates::parse([text]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_is_as_in_1_36() {
        let all = Gates::default();
        assert_eq!(parse(""), Ok(all));
        let set = Gates {
            scale_to_zero: true,
            configurable_tolerance: false,
            ..all
        };
        assert_eq!(
            parse(" HPAScaleToZero=true, HPAConfigurableTolerance = F,"),
            Ok(set)
        );
        assert_eq!(
            Gates::parse(["HPAScaleToZero=1", "kube:HPAConfigurableTolerance=0"]),
            Ok(set)
        );
        assert_eq!(parse("HPAScaleToZero=true,HPAScaleToZero=false"), Ok(all));
        assert_eq!(parse("HPAContainerMetrics=true"), Ok(all));
    }

    #[test]
    fn groups_set_what_is_not_named_whatever_the_order() {
        let gates = parse("HPAScaleToZero=false,AllAlpha=true,AllBeta=false,PodLevelResources=true").unwrap();
        let expected = Gates {
            scale_to_zero: false,
            configurable_tolerance: false,
            pod_level_resources: true,
            declarative_takeover: false,
        };
        assert_eq!(gates, expected);
        assert!(parse("AllAlpha=true").unwrap().scale_to_zero);
    }

    #[test]
    fn refusals_say_why() {
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(refused("HPAScaleToZero"), "missing bool value for HPAScaleToZero");
        assert_eq!(
            refused("HPAScaleToZero=yes"),
            "invalid value of HPAScaleToZero=yes, err: strconv.ParseBool: parsing \"yes\": invalid syntax"
        );
        assert_eq!(
            refused("Nothing=true"),
            "unrecognized feature gate: Nothing (there are AllAlpha, AllBeta, HPAScaleToZero, \
             HPAConfigurableTolerance, PodLevelResources, DeclarativeValidationTakeover)"
        );
        assert_eq!(
            refused("HPAContainerMetrics=false"),
            "cannot set feature gate HPAContainerMetrics to false, feature is locked to true"
        );
        assert_eq!(refused("other:A=true"), "component not registered: other");
    }
}
