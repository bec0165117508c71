//! What the handlers of a process share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_alert::HandlerKind;
use capstan_base::SharedClock;

use crate::exec::{Commander, SystemCommander};

/// Settings of all handlers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Events that may wait for one handler.
    pub queue: usize,
    pub retry: Retry,
    /// The mail server; `None`: mails fail.
    pub smtp: Option<Smtp>,
    /// Sections `[[httppost]]` by their id.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Kinds that are refused (C-66).
    pub disabled: Vec<&'static HandlerKind>,
    /// Runs programs.
    pub commander: Arc<dyn Commander>,
    /// Dates of mails.
    pub clock: SharedClock,
}

impl Options {
    /// Defaults: no mail server, no endpoints, programs are run.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            queue: 5_000,
            retry: Retry::default(),
            smtp: None,
            endpoints: BTreeMap::new(),
            disabled: Vec::new(),
            commander: Arc::new(SystemCommander::default()),
            clock,
        }
    }
}

/// How often something that may pass is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// In all, the first time included.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(10),
        }
    }
}

impl Retry {
    /// The pause after `attempt` attempts failed; `None`: give up.
    pub fn pause_after(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| {
            let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
            self.pause.saturating_mul(factor).min(self.longest_pause)
        })
    }
}

/// A section `[[httppost]]` (S-42).
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// A template.
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// User and password.
    pub basic_auth: Option<(String, String)>,
    /// Template of an alert's body; none: the event as JSON.
    pub alert_template: Option<BodyTemplate>,
}

/// A template from the configuration.
#[derive(Debug, Clone)]
pub struct BodyTemplate {
    pub text: String,
    /// Whether it may call `json` and `jsonCompact`: only where it stands in the configuration itself (S-42).
    pub functions: bool,
}

/// The section `[smtp]` (S-43).
#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: String,
    /// Takes any certificate.
    pub no_verify: bool,
    pub from: String,
    /// Whom mails go to when the handler names nobody.
    pub to: Vec<String>,
    /// Templates of the addresses of mails that every alert node sends.
    pub to_templates: Vec<String>,
    /// How long a connection is kept open.
    pub idle_timeout: Duration,
    /// Whether every alert node mails.
    pub global: bool,
    /// With `global`: whether all alert nodes tell changes of state only.
    pub state_changes_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let retry = Retry {
            attempts: 4,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3),
        };
        let pauses: Vec<_> = (1..6).map(|attempt| retry.pause_after(attempt)).collect();
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(pauses, [seconds(1), seconds(2), seconds(3), None, None]);
    }
}
