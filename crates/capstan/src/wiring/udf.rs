//! User defined functions, as the configuration names them (S-39).

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_config::{Settings, UdfFunction};
use capstan_udf::{Function, Functions, Place};
use tokio::runtime::Handle;

/// The configured functions, each asked what it is; `None` without any. One that fails is logged, and scripts that call
/// it are told why they cannot.
pub(crate) async fn functions(settings: &Settings, clock: SharedClock) -> Option<Arc<Functions>> {
    let configured = &settings.udf.functions;
    if configured.is_empty() {
        return None;
    }
    let functions = configured
        .iter()
        .map(|(name, function)| of_settings(name, function));
    let functions = Functions::new(functions, clock, Handle::current());
    functions.load().await;
    Some(functions)
}

fn of_settings(name: &str, function: &UdfFunction) -> Function {
    let place = if function.socket.is_empty() {
        Place::Program {
            program: function.prog.clone(),
            arguments: function.args.clone(),
            environment: function.env.clone(),
        }
    } else {
        Place::Socket(function.socket.clone().into())
    };
    Function {
        name: name.to_owned(),
        place,
        timeout: function.timeout,
    }
}
