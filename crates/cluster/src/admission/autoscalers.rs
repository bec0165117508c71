//! Autoscalers, in version v2: the strategy, the rules and the second round of defaults.

use capstan_hpa::conversion::Version;
use capstan_hpa::strategy::{self, Gates};
use capstan_hpa::validation::{self, Rules};
use capstan_hpa::{defaults, wire};
use capstan_kubeapi::{FieldError, Status};
use serde_json::Value;

/// A new object as nobody but the server may shape it.
pub(super) fn prepare_create(object: &mut Value, gates: Gates) {
    strategy::prepare_create(object, gates);
}

/// The next state of an object likewise.
pub(super) fn prepare_update(object: &mut Value, current: &Value, gates: Gates) {
    strategy::prepare_update(object, current, gates);
}

/// Rules for an object, given what it was before.
pub(super) fn validate(object: &Value, current: Option<&Value>, gates: Gates) -> Vec<FieldError> {
    let options = strategy::validation_options(object, current, gates);
    let rules = if gates.declarative_takeover {
        Rules::Declarative
    } else {
        Rules::Handwritten
    };
    validation::create(object, &options, rules)
}

/// Rules for a status.
pub(super) fn validate_status(object: &Value) -> Vec<FieldError> {
    validation::status(object)
}

/// The object as every reader of v2 would complete it: one written through another version can lack what only v2 has.
/// This comes after validation, as upstream's second decoding does.
pub(super) fn complete(object: &mut Value) -> Result<(), Status> {
    defaults::apply(Version::V2, object);
    *object = wire::read(wire::V2, object).map_err(|error| Status::bad_request(error.to_string()))?;
    Ok(())
}
