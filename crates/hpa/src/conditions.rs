//! Conditions of the status (upstream: `setCondition`).

use jiff::Timestamp;

use crate::autoscaling::Condition;

/// `True` or `False` as the API writes it.
pub(crate) fn truth(is: bool) -> &'static str {
    if is { "True" } else { "False" }
}

/// Sets a condition where it stands, or at the end; its time moves only when its status changes.
pub fn set(
    list: &mut Vec<Condition>,
    type_: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let index = list
        .iter()
        .position(|condition| condition.type_ == type_)
        .unwrap_or_else(|| {
            list.push(Condition {
                type_: type_.to_owned(),
                ..Condition::default()
            });
            list.len() - 1
        });
    let condition = &mut list[index];
    if condition.status != status {
        condition.last_transition_time = Some(now);
    }
    status.clone_into(&mut condition.status);
    reason.clone_into(&mut condition.reason);
    message.clone_into(&mut condition.message);
}

/// Removes a condition; the others keep their order.
pub fn remove(list: &mut Vec<Condition>, type_: &str) {
    list.retain(|condition| condition.type_ != type_);
}

/// Whether a condition is there and `True`.
pub fn is_true(list: &[Condition], type_: &str) -> bool {
    list.iter()
        .find(|condition| condition.type_ == type_)
        .is_some_and(|condition| condition.status == "True")
}
