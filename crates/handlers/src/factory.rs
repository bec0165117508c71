//! From specifications to handlers.

use std::sync::Arc;

use capstan_alert::{Factory, Global, Handler, HandlerKind, HandlerSpec, Owner, kind};
use serde_json::{Map, Value as Json};
use tokio::runtime::Handle;

use crate::aggregate::Aggregate;
use crate::email::Email;
use crate::exec::Exec;
use crate::log::Log;
use crate::options::{Options, Retry, Smtp};
use crate::post::Post;
use crate::queue::{Pending, Queue, Send1};
use crate::tcp::Tcp;

/// Makes all handlers that send.
#[derive(Debug)]
pub struct Handlers {
    options: Options,
    runtime: Handle,
    pending: Arc<Pending>,
}

impl Handlers {
    /// Handlers whose tasks run on `runtime`.
    pub fn new(options: Options, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            options,
            runtime,
            pending: Arc::default(),
        })
    }

    /// Completes when every event was sent or given up.
    pub async fn idle(&self) {
        self.pending.none().await;
    }

    fn is_disabled(&self, kind: &'static HandlerKind) -> bool {
        self.options
            .disabled
            .iter()
            .any(|known| std::ptr::eq(*known, kind))
    }

    fn queue(&self, owner: &Owner, spec: &HandlerSpec, target: impl Send1, retry: Retry) -> Arc<dyn Handler> {
        let name = if owner.id.is_empty() {
            format!("{} of {}", spec.kind.method, owner.topic)
        } else {
            format!("{} of {}", owner.id, owner.topic)
        };
        let pending = Arc::clone(&self.pending);
        let _entered = self.runtime.enter();
        Arc::new(Queue::start(
            name.into(),
            target,
            self.options.queue,
            retry,
            pending,
        ))
    }
}

impl Factory for Handlers {
    fn make(&self, spec: &HandlerSpec, owner: &Owner) -> Result<Arc<dyn Handler>, String> {
        let retry = self.options.retry;
        // What has an effect beyond the event's arrival is not repeated.
        let once = Retry { attempts: 1, ..retry };
        let is = |known: &'static HandlerKind| std::ptr::eq(spec.kind, known);
        if self.is_disabled(spec.kind) {
            return Err(format!("alert handler {} is disabled", spec.kind.name()));
        }
        Ok(if is(&kind::LOG) {
            self.queue(owner, spec, Log::new(spec), once)
        } else if is(&kind::EXEC) {
            let commander = Arc::clone(&self.options.commander);
            self.queue(owner, spec, Exec::new(spec, commander), once)
        } else if is(&kind::TCP) {
            self.queue(owner, spec, Tcp::new(spec), retry)
        } else if is(&kind::POST) {
            let post = Post::new(spec, &self.options.endpoints)?;
            self.queue(owner, spec, post, retry)
        } else if is(&kind::EMAIL) {
            let clock = Arc::clone(&self.options.clock);
            let _entered = self.runtime.enter();
            let email = Email::new(spec, self.options.smtp.as_ref(), clock)?;
            self.queue(owner, spec, email, retry)
        } else if is(&kind::AGGREGATE) {
            let _entered = self.runtime.enter();
            Arc::new(Aggregate::start(spec, owner, self.options.queue)?)
        } else {
            return Err(format!("alert handler {} cannot send yet", spec.kind.name()));
        })
    }

    fn globals(&self) -> Vec<Global> {
        let mail = self
            .options
            .smtp
            .as_ref()
            .filter(|smtp| smtp.global && !self.is_disabled(&kind::EMAIL));
        let options = |smtp: &Smtp| {
            let templates = Json::from(smtp.to_templates.clone());
            Map::from_iter([("to-field".to_owned(), templates)])
        };
        let global = |smtp: &Smtp| Global {
            spec: HandlerSpec {
                kind: &kind::EMAIL,
                options: options(smtp),
            },
            state_changes_only: smtp.state_changes_only,
        };
        mail.map(global).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use capstan_base::VirtualClock;

    use super::*;

    #[tokio::test]
    async fn disabled_kinds_are_refused_by_name_and_others_are_not() {
        let smtp = Smtp {
            host: "h".to_owned(),
            port: 25,
            username: String::new(),
            password: String::new(),
            no_verify: false,
            from: "f@h".to_owned(),
            to: Vec::new(),
            to_templates: Vec::new(),
            idle_timeout: std::time::Duration::from_secs(1),
            global: true,
            state_changes_only: false,
        };
        let handlers = |disabled| {
            let options = Options {
                disabled,
                smtp: Some(smtp.clone()),
                ..Options::new(VirtualClock::at(0))
            };
            Handlers::new(options, Handle::current())
        };
        let make = |handlers: &Handlers, kind| {
            let owner = Owner {
                topic: "t".into(),
                id: "".into(),
                service: Weak::new(),
            };
            let options = Map::from_iter([("prog".to_owned(), Json::from("true"))]);
            handlers.make(&HandlerSpec { kind, options }, &owner).map(drop)
        };
        let some = handlers(vec![&kind::EXEC, &kind::EMAIL]);
        assert_eq!(
            make(&some, &kind::EXEC),
            Err("alert handler exec is disabled".to_owned())
        );
        assert_eq!((make(&some, &kind::LOG), some.globals().len()), (Ok(()), 0));
        let none = handlers(Vec::new());
        assert_eq!((make(&none, &kind::EXEC), none.globals().len()), (Ok(()), 1));
    }
}
