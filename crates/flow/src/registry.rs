//! How a node is declared, and the one slice of all kinds. The binder, "did you mean", type errors, DOT names, statistics
//! and the manual all read it; a kind that is not in the slice does not exist.

use capstan_alert::HandlerKind;

use crate::engine::build::Builder;
use crate::node::Node;
use crate::nodes;
use crate::pipeline::{EdgeType, NodeConfig};

/// One kind of node.
#[derive(Debug)]
pub struct NodeSpec {
    /// The word its names start with (N-03): `http_out` of `http_out4`.
    pub kind: &'static str,
    /// The chaining method that makes it; empty when a script cannot.
    pub method: &'static str,
    /// Which nodes have that method.
    pub parents: Parents,
    /// The edge it takes.
    pub wants: Wants,
    /// The edge it gives.
    pub provides: Provides,
    /// How it keeps state.
    pub shape: Shape,
    /// Arguments of the chaining method.
    pub arguments: Arguments,
    pub properties: &'static [Property],
    /// Its own statistics beside the common ones (N-19).
    pub stats: &'static [&'static str],
    /// The manual entry; the first sentence stands in lists.
    pub doc: &'static str,
    /// What must hold when the script is read; the text is Kapacitor's.
    pub check: Check,
    /// Makes the machine when a task starts; the text is Kapacitor's.
    pub build: Build,
}

/// See [`NodeSpec::check`].
pub type Check = fn(&NodeConfig) -> Result<(), String>;
/// See [`NodeSpec::build`].
pub type Build = fn(&NodeConfig, &mut Builder<'_>) -> Result<Box<dyn Node>, String>;

/// Which nodes have a chaining method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    /// It is a source itself.
    None,
    /// Every node that gives data, except sources.
    Any,
    /// Only these kinds.
    Only(&'static [&'static str]),
    /// Every node, sources too, which it watches without being linked to it (N-97).
    Watched,
}

/// The edge a node takes (N-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    Nothing,
    Stream,
    Batch,
    /// What its parent gives.
    Either,
}

/// The edge a node gives (N-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provides {
    Nothing,
    Stream,
    Batch,
    /// What it takes.
    Same,
}

/// How a node keeps state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing; whole blocks at a time.
    Map,
    /// State per group, that can be snapshotted and restored.
    Keyed,
    /// State that crosses groups: it sees all points of a task in order.
    Whole,
    /// Talks to the world through a port.
    Async,
}

/// What a method takes.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    pub required: &'static [Argument],
    /// May follow, any number of times.
    pub rest: Option<Argument>,
}

/// One argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub kind: ArgumentKind,
}

/// What may be given. Nothing is converted: an int is not a float (T-53).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    String,
    Int,
    Float,
    Bool,
    Duration,
    Lambda,
    /// Another node of the script.
    Node,
    IntOrDuration,
    /// A field or tag value of any literal type; the node checks it.
    Any,
}

/// A property method.
#[derive(Debug)]
pub struct Property {
    pub name: &'static str,
    pub arguments: Arguments,
    pub repeat: Repeat,
    /// What holds when it is not called, in words.
    pub default: &'static str,
    pub doc: &'static str,
}

/// What calling a property twice means.
#[derive(Debug, Clone, Copy)]
pub enum Repeat {
    /// The last call counts.
    Replace,
    /// All calls count.
    Append,
    /// Lambdas are joined with `AND` (N-32).
    And,
    /// Each call makes an alert handler, which has properties of its own.
    Handler(&'static HandlerKind),
}

/// `name` of `kind`.
pub const fn arg(name: &'static str, kind: ArgumentKind) -> Argument {
    Argument { name, kind }
}

/// No arguments.
pub const NONE: Arguments = Arguments {
    required: &[],
    rest: None,
};

/// Exactly these arguments.
pub const fn exactly(required: &'static [Argument]) -> Arguments {
    Arguments { required, rest: None }
}

/// Any number of one argument.
pub const fn any(name: &'static str, kind: ArgumentKind) -> Arguments {
    Arguments {
        required: &[],
        rest: Some(Argument { name, kind }),
    }
}

impl Property {
    /// A property that is set by calling it without arguments.
    pub const fn flag(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            arguments: NONE,
            repeat: Repeat::Replace,
            default: "off",
            doc,
        }
    }

    /// A property with one value; the last call counts.
    pub const fn value(
        name: &'static str,
        required: &'static [Argument],
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            arguments: exactly(required),
            repeat: Repeat::Replace,
            default,
            doc,
        }
    }
}

/// Every node has `.quiet()` (N-25).
pub(crate) static QUIET: Property = Property::flag(
    "quiet",
    "Suppresses error logs of this node; errors are counted all the same.",
);

/// A check that nothing fails.
#[allow(clippy::unnecessary_wraps)] // it stands where others can fail
pub(crate) fn unchecked(_: &NodeConfig) -> Result<(), String> {
    Ok(())
}

/// All kinds.
pub static REGISTRY: &[&NodeSpec] = &[
    &nodes::stream::spec::STREAM,
    &nodes::from::spec::FROM,
    &nodes::group_by::spec::GROUP_BY,
    &nodes::r#where::spec::WHERE,
    &nodes::eval::spec::EVAL,
    &nodes::derivative::spec::DERIVATIVE,
    &nodes::http_out::spec::HTTP_OUT,
    &nodes::batch::spec::BATCH,
    &nodes::query::spec::QUERY,
    &nodes::query_flux::spec::QUERY_FLUX,
    &nodes::http_post::spec::HTTP_POST,
    &nodes::influxdb_out::spec::INFLUXDB_OUT,
    &nodes::sideload::spec::SIDELOAD,
    &nodes::window::spec::WINDOW,
    &nodes::log::spec::LOG,
    &nodes::noop::spec::NOOP,
    &nodes::sample::spec::SAMPLE,
    &nodes::shift::spec::SHIFT,
    &nodes::default::spec::DEFAULT,
    &nodes::delete::spec::DELETE,
    &nodes::change_detect::spec::CHANGE_DETECT,
    &nodes::state_tracking::spec::STATE_DURATION,
    &nodes::state_tracking::spec::STATE_COUNT,
    &nodes::influxql::spec::SPECS[0],
    &nodes::influxql::spec::SPECS[1],
    &nodes::influxql::spec::SPECS[2],
    &nodes::influxql::spec::SPECS[3],
    &nodes::influxql::spec::SPECS[4],
    &nodes::influxql::spec::SPECS[5],
    &nodes::influxql::spec::SPECS[6],
    &nodes::influxql::spec::SPECS[7],
    &nodes::influxql::spec::SPECS[8],
    &nodes::influxql::spec::SPECS[9],
    &nodes::influxql::spec::SPECS[10],
    &nodes::influxql::spec::SPECS[11],
    &nodes::influxql::spec::SPECS[12],
    &nodes::influxql::spec::SPECS[13],
    &nodes::influxql::spec::SPECS[14],
    &nodes::influxql::spec::SPECS[15],
    &nodes::influxql::spec::SPECS[16],
    &nodes::influxql::spec::SPECS[17],
    &nodes::influxql::spec::SPECS[18],
    &nodes::influxql::spec::SPECS[19],
    &nodes::influxql::spec::SPECS[20],
    &nodes::k8s_autoscale::spec::K8S_AUTOSCALE,
    &nodes::k8s_autoscale::swarm::SWARM_AUTOSCALE,
    &nodes::k8s_autoscale::ec2::EC2_AUTOSCALE,
    &nodes::alert::spec::ALERT,
    &nodes::alert::spec::DEADMAN,
    &nodes::join::spec::JOIN,
    &nodes::union::spec::UNION,
    &nodes::flatten::spec::FLATTEN,
    &nodes::combine::spec::COMBINE,
    &nodes::trickle::spec::TRICKLE,
    &nodes::barrier::spec::BARRIER,
    &nodes::stats::spec::STATS,
    &nodes::kapacitor_loopback::spec::KAPACITOR_LOOPBACK,
    &nodes::udf::spec::UDF,
];

impl NodeSpec {
    /// The source node of a kind of task.
    pub fn source(kind: &str) -> Option<&'static Self> {
        REGISTRY
            .iter()
            .find(|spec| spec.kind == kind && spec.parents == Parents::None)
            .copied()
    }

    /// The node that `parent|method(…)` makes.
    pub fn chained(parent: &Self, method: &str) -> Option<&'static Self> {
        REGISTRY
            .iter()
            .find(|spec| spec.method == method && spec.follows(parent))
            .copied()
    }

    /// Whether `parent|self(…)` exists.
    pub fn follows(&self, parent: &Self) -> bool {
        !self.method.is_empty()
            && parent.provides != Provides::Nothing
            && match self.parents {
                Parents::None => false,
                Parents::Any => parent.parents != Parents::None,
                Parents::Watched => true,
                Parents::Only(kinds) => kinds.contains(&parent.kind),
            }
    }

    /// The property of this name.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
            .or((name == QUIET.name).then_some(&QUIET))
    }

    /// The edges of a node of this kind under a parent that gives `parent`.
    pub fn edges(&self, parent: EdgeType) -> (EdgeType, EdgeType) {
        let wants = match self.wants {
            Wants::Nothing => EdgeType::None,
            Wants::Stream => EdgeType::Stream,
            Wants::Batch => EdgeType::Batch,
            Wants::Either => parent,
        };
        let provides = match self.provides {
            Provides::Nothing => EdgeType::None,
            Provides::Stream => EdgeType::Stream,
            Provides::Batch => EdgeType::Batch,
            Provides::Same => wants,
        };
        (wants, provides)
    }
}

impl ArgumentKind {
    /// With its article, for error texts.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Int => "an int",
            Self::Float => "a float",
            Self::Bool => "a boolean",
            Self::Duration => "a duration",
            Self::Lambda => "a lambda expression",
            Self::Node => "a node",
            Self::IntOrDuration => "an int or a duration",
            Self::Any => "a value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_means_two_nodes_under_one_parent() {
        for parent in REGISTRY {
            for spec in REGISTRY {
                let same: Vec<&str> = REGISTRY
                    .iter()
                    .filter(|other| other.method == spec.method && other.follows(parent))
                    .map(|other| other.kind)
                    .collect();
                assert!(same.len() <= 1, "{}|{} makes {same:?}", parent.kind, spec.method);
            }
        }
    }

    #[test]
    fn every_kind_and_property_is_documented_once() {
        for spec in REGISTRY {
            assert!(spec.doc.ends_with('.'), "{}", spec.kind);
            for (at, property) in spec.properties.iter().enumerate() {
                assert!(property.doc.ends_with('.'), "{}.{}", spec.kind, property.name);
                assert!(!property.default.is_empty(), "{}.{}", spec.kind, property.name);
                assert!(
                    !spec.properties[..at]
                        .iter()
                        .any(|other| other.name == property.name)
                );
                assert_ne!(property.name, QUIET.name);
            }
        }
    }
}
