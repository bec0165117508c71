//! The tables of fields, in the order in which the Go types declare them.

use super::{Field, Kind, Presence, Type};

const fn always(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        presence: Presence::Always,
    }
}

const fn non_zero(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        presence: Presence::NonZero,
    }
}

const fn given(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        presence: Presence::Given,
    }
}

const fn nullable(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        presence: Presence::Nullable,
    }
}

macro_rules! types {
    ($($(#[$doc:meta])* $visible:vis $name:ident = [$($field:expr),* $(,)?];)*) => {
        $($(#[$doc])* $visible const $name: Kind = Kind::Struct(&Type { fields: &[$($field),*] });)*
    };
}

types! {
    REFERENCE = [always("kind", Kind::Text), always("name", Kind::Text), non_zero("apiVersion", Kind::Text)];
    REQUIREMENT = [
        always("key", Kind::Text),
        always("operator", Kind::Text),
        non_zero("values", Kind::List(&Kind::Text)),
    ];
    SELECTOR = [non_zero("matchLabels", Kind::Labels), non_zero("matchExpressions", Kind::List(&REQUIREMENT))];
    TARGET = [
        always("type", Kind::Text),
        given("value", Kind::Quantity),
        given("averageValue", Kind::Quantity),
        given("averageUtilization", Kind::Int32),
    ];
    CURRENT = [
        given("value", Kind::Quantity),
        given("averageValue", Kind::Quantity),
        given("averageUtilization", Kind::Int32),
    ];
    METRIC = [always("name", Kind::Text), given("selector", SELECTOR)];
    OBJECT_SOURCE = [always("describedObject", REFERENCE), always("target", TARGET), always("metric", METRIC)];
    METRIC_SOURCE = [always("metric", METRIC), always("target", TARGET)];
    RESOURCE_SOURCE = [always("name", Kind::Text), always("target", TARGET)];
    CONTAINER_SOURCE = [always("name", Kind::Text), always("target", TARGET), always("container", Kind::Text)];
    /// `v2.MetricSpec`.
    METRIC_SPEC = [
        always("type", Kind::Text),
        given("object", OBJECT_SOURCE),
        given("pods", METRIC_SOURCE),
        given("resource", RESOURCE_SOURCE),
        given("containerResource", CONTAINER_SOURCE),
        given("external", METRIC_SOURCE),
    ];
    OBJECT_STATUS = [always("metric", METRIC), always("current", CURRENT), always("describedObject", REFERENCE)];
    METRIC_VALUE_STATUS = [always("metric", METRIC), always("current", CURRENT)];
    RESOURCE_STATUS = [always("name", Kind::Text), always("current", CURRENT)];
    CONTAINER_STATUS = [always("name", Kind::Text), always("current", CURRENT), always("container", Kind::Text)];
    /// `v2.MetricStatus`.
    METRIC_STATUS = [
        always("type", Kind::Text),
        given("object", OBJECT_STATUS),
        given("pods", METRIC_VALUE_STATUS),
        given("resource", RESOURCE_STATUS),
        given("containerResource", CONTAINER_STATUS),
        given("external", METRIC_VALUE_STATUS),
    ];
    POLICY = [always("type", Kind::Text), always("value", Kind::Int32), always("periodSeconds", Kind::Int32)];
    /// `v2.HPAScalingRules`.
    pub RULES = [
        given("stabilizationWindowSeconds", Kind::Int32),
        given("selectPolicy", Kind::Text),
        non_zero("policies", Kind::List(&POLICY)),
        given("tolerance", Kind::Quantity),
    ];
    /// `v2.HorizontalPodAutoscalerBehavior`.
    pub(crate) BEHAVIOR = [given("scaleUp", RULES), given("scaleDown", RULES)];
    OLD_RULES = [
        given("stabilizationWindowSeconds", Kind::Int32),
        given("selectPolicy", Kind::Text),
        non_zero("policies", Kind::List(&POLICY)),
    ];
    OLD_BEHAVIOR = [given("scaleUp", OLD_RULES), given("scaleDown", OLD_RULES)];
    SPEC_V2 = [
        always("scaleTargetRef", REFERENCE),
        given("minReplicas", Kind::Int32),
        always("maxReplicas", Kind::Int32),
        non_zero("metrics", Kind::List(&METRIC_SPEC)),
        given("behavior", BEHAVIOR),
    ];
    CONDITION = [
        always("type", Kind::Text),
        always("status", Kind::Text),
        always("lastTransitionTime", Kind::Time),
        non_zero("reason", Kind::Text),
        non_zero("message", Kind::Text),
    ];
    STATUS_V2 = [
        given("observedGeneration", Kind::Int64),
        given("lastScaleTime", Kind::Time),
        non_zero("currentReplicas", Kind::Int32),
        always("desiredReplicas", Kind::Int32),
        always("currentMetrics", Kind::List(&METRIC_STATUS)),
        non_zero("conditions", Kind::List(&CONDITION)),
    ];
    /// `autoscaling/v2`.
    pub V2 = [
        non_zero("kind", Kind::Text),
        non_zero("apiVersion", Kind::Text),
        always("metadata", Kind::Json),
        always("spec", SPEC_V2),
        always("status", STATUS_V2),
    ];

    SPEC_V1 = [
        always("scaleTargetRef", REFERENCE),
        given("minReplicas", Kind::Int32),
        always("maxReplicas", Kind::Int32),
        given("targetCPUUtilizationPercentage", Kind::Int32),
    ];
    STATUS_V1 = [
        given("observedGeneration", Kind::Int64),
        given("lastScaleTime", Kind::Time),
        always("currentReplicas", Kind::Int32),
        always("desiredReplicas", Kind::Int32),
        given("currentCPUUtilizationPercentage", Kind::Int32),
    ];
    /// `autoscaling/v1`.
    pub V1 = [
        non_zero("kind", Kind::Text),
        non_zero("apiVersion", Kind::Text),
        always("metadata", Kind::Json),
        always("spec", SPEC_V1),
        always("status", STATUS_V1),
    ];

    OBJECT_FLAT = [
        always("target", REFERENCE),
        always("metricName", Kind::Text),
        always("targetValue", Kind::Quantity),
        given("selector", SELECTOR),
        given("averageValue", Kind::Quantity),
    ];
    PODS_FLAT = [
        always("metricName", Kind::Text),
        always("targetAverageValue", Kind::Quantity),
        given("selector", SELECTOR),
    ];
    RESOURCE_FLAT = [
        always("name", Kind::Text),
        given("targetAverageUtilization", Kind::Int32),
        given("targetAverageValue", Kind::Quantity),
    ];
    CONTAINER_FLAT = [
        always("name", Kind::Text),
        given("targetAverageUtilization", Kind::Int32),
        given("targetAverageValue", Kind::Quantity),
        always("container", Kind::Text),
    ];
    EXTERNAL_FLAT = [
        always("metricName", Kind::Text),
        given("metricSelector", SELECTOR),
        given("targetValue", Kind::Quantity),
        given("targetAverageValue", Kind::Quantity),
    ];
    METRIC_SPEC_FLAT = [
        always("type", Kind::Text),
        given("object", OBJECT_FLAT),
        given("pods", PODS_FLAT),
        given("resource", RESOURCE_FLAT),
        given("containerResource", CONTAINER_FLAT),
        given("external", EXTERNAL_FLAT),
    ];
    OBJECT_STATUS_FLAT = [
        always("target", REFERENCE),
        always("metricName", Kind::Text),
        always("currentValue", Kind::Quantity),
        given("selector", SELECTOR),
        given("averageValue", Kind::Quantity),
    ];
    PODS_STATUS_FLAT = [
        always("metricName", Kind::Text),
        always("currentAverageValue", Kind::Quantity),
        given("selector", SELECTOR),
    ];
    RESOURCE_STATUS_FLAT = [
        always("name", Kind::Text),
        given("currentAverageUtilization", Kind::Int32),
        always("currentAverageValue", Kind::Quantity),
    ];
    CONTAINER_STATUS_FLAT = [
        always("name", Kind::Text),
        given("currentAverageUtilization", Kind::Int32),
        always("currentAverageValue", Kind::Quantity),
        always("container", Kind::Text),
    ];
    EXTERNAL_STATUS_FLAT = [
        always("metricName", Kind::Text),
        given("metricSelector", SELECTOR),
        always("currentValue", Kind::Quantity),
        given("currentAverageValue", Kind::Quantity),
    ];
    METRIC_STATUS_FLAT = [
        always("type", Kind::Text),
        given("object", OBJECT_STATUS_FLAT),
        given("pods", PODS_STATUS_FLAT),
        given("resource", RESOURCE_STATUS_FLAT),
        given("containerResource", CONTAINER_STATUS_FLAT),
        given("external", EXTERNAL_STATUS_FLAT),
    ];
    SPEC_V2BETA1 = [
        always("scaleTargetRef", REFERENCE),
        given("minReplicas", Kind::Int32),
        always("maxReplicas", Kind::Int32),
        non_zero("metrics", Kind::List(&METRIC_SPEC_FLAT)),
    ];
    STATUS_V2BETA1 = [
        given("observedGeneration", Kind::Int64),
        given("lastScaleTime", Kind::Time),
        always("currentReplicas", Kind::Int32),
        always("desiredReplicas", Kind::Int32),
        always("currentMetrics", Kind::List(&METRIC_STATUS_FLAT)),
        always("conditions", Kind::List(&CONDITION)),
    ];
    /// `autoscaling/v2beta1`, served up to 1.24.
    pub V2BETA1 = [
        non_zero("kind", Kind::Text),
        non_zero("apiVersion", Kind::Text),
        always("metadata", Kind::Json),
        always("spec", SPEC_V2BETA1),
        always("status", STATUS_V2BETA1),
    ];
    SPEC_V2BETA2 = [
        always("scaleTargetRef", REFERENCE),
        given("minReplicas", Kind::Int32),
        always("maxReplicas", Kind::Int32),
        non_zero("metrics", Kind::List(&METRIC_SPEC)),
        given("behavior", OLD_BEHAVIOR),
    ];
    STATUS_V2BETA2 = [
        given("observedGeneration", Kind::Int64),
        given("lastScaleTime", Kind::Time),
        always("currentReplicas", Kind::Int32),
        always("desiredReplicas", Kind::Int32),
        always("currentMetrics", Kind::List(&METRIC_STATUS)),
        always("conditions", Kind::List(&CONDITION)),
    ];
    /// `autoscaling/v2beta2`, served up to 1.25.
    pub V2BETA2 = [
        non_zero("kind", Kind::Text),
        non_zero("apiVersion", Kind::Text),
        always("metadata", Kind::Json),
        always("spec", SPEC_V2BETA2),
        always("status", STATUS_V2BETA2),
    ];

    INTERNAL_POLICY = [
        always("Type", Kind::Text),
        always("Value", Kind::Int32),
        always("PeriodSeconds", Kind::Int32),
    ];
    INTERNAL_RULES = [
        nullable("StabilizationWindowSeconds", Kind::Int32),
        nullable("SelectPolicy", Kind::Text),
        always("Policies", Kind::List(&INTERNAL_POLICY)),
        nullable("Tolerance", Kind::Quantity),
    ];
    /// The internal `HorizontalPodAutoscalerBehavior`, whose fields have no JSON names.
    pub(crate) INTERNAL_BEHAVIOR = [nullable("ScaleUp", INTERNAL_RULES), nullable("ScaleDown", INTERNAL_RULES)];
}

/// `[]v1.MetricSpec`, as in the annotation.
pub(crate) const METRIC_SPECS_FLAT: Kind = Kind::List(&METRIC_SPEC_FLAT);
/// `[]v1.MetricStatus`, as in the annotation.
pub(crate) const METRIC_STATUSES_FLAT: Kind = Kind::List(&METRIC_STATUS_FLAT);
/// `[]v1.HorizontalPodAutoscalerCondition`.
pub(crate) const CONDITIONS: Kind = Kind::List(&CONDITION);
