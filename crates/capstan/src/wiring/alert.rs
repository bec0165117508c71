//! Topics, the senders behind them, and what of their states outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_alert::{EventState, HandlerKind, Journal, Level, NoJournal, Service};
use capstan_base::SharedClock;
use capstan_config::{HttpPost, Settings};
use capstan_flow::Ports;
use capstan_flow::ports::{DeadmanTemplates, ServerInfo};
use capstan_handlers::{BodyTemplate, Endpoint, Handlers, Options, Smtp};
use capstan_store::{Identity, Store, TopicEventRecord};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// How often changed states are written to the store.
const FLUSH: Duration = Duration::from_millis(200);
/// How long senders may take for what waits when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Alerting of a running server.
#[derive(Debug)]
pub(crate) struct Alerts {
    pub(crate) topics: Arc<Service>,
    handlers: Arc<Handlers>,
    journal: Option<Arc<StoreJournal>>,
    flushing: Option<JoinHandle<()>>,
}

impl Alerts {
    /// Topics with the states that an earlier run kept.
    ///
    /// # Errors
    /// The store or a template file cannot be read.
    pub(crate) fn start(settings: &Settings, store: &Store, clock: SharedClock) -> Result<Self> {
        let options = Options {
            queue: settings.alert.topic_buffer_length,
            smtp: smtp(settings),
            endpoints: settings
                .httppost
                .iter()
                .map(|section| Ok((section.endpoint.clone(), endpoint(section)?)))
                .collect::<Result<_>>()?,
            disabled: disabled(&settings.capstan.disable_handlers)?,
            ..Options::new(clock)
        };
        let handlers = Handlers::new(options, tokio::runtime::Handle::current());
        let factory = Arc::<Handlers>::clone(&handlers);
        if !settings.alert.persist_topics {
            return Ok(Self {
                topics: Service::new(factory, Arc::new(NoJournal)),
                handlers,
                journal: None,
                flushing: None,
            });
        }
        let journal = Arc::new(StoreJournal {
            store: store.clone(),
            changes: Mutex::default(),
        });
        let topics = Service::new(factory, Arc::<StoreJournal>::clone(&journal) as _);
        for record in store.list::<TopicEventRecord>("")? {
            let topic: Arc<str> = record.topic.as_str().into();
            topics.restore(&topic, state(record));
        }
        Ok(Self {
            topics,
            handlers,
            flushing: Some(flush(Arc::clone(&journal))),
            journal: Some(journal),
        })
    }

    /// The ports of alert nodes.
    pub(crate) fn ports(&self, settings: &Settings, identity: &Identity, ports: Ports) -> Ports {
        Ports {
            alerts: Arc::<Service>::clone(&self.topics),
            deadman: Arc::new(DeadmanTemplates {
                id: settings.deadman.id.clone(),
                message: settings.deadman.message.clone(),
            }),
            server: Arc::new(ServerInfo {
                hostname: settings.hostname.as_str().into(),
                cluster_id: identity.cluster.to_string().into(),
                server_id: identity.server.to_string().into(),
            }),
            ..ports
        }
    }

    /// Lets what waits be sent, and keeps the last states. Tasks have ended by now.
    pub(crate) async fn stop(self) {
        if tokio::time::timeout(PATIENCE, self.handlers.idle())
            .await
            .is_err()
        {
            tracing::error!("alert events were still waiting to be sent when the server stopped");
        }
        if let Some(flushing) = self.flushing {
            flushing.abort();
        }
        if let Some(journal) = self.journal {
            let flushed = capstan_runtime::spawn_blocking(move || journal.flush()).await;
            if let Err(error) = flushed {
                tracing::error!(%error, "alert states could not be kept");
            }
        }
    }
}

/// The kinds of these names, as scripts or handler files write them.
fn disabled(names: &[String]) -> Result<Vec<&'static HandlerKind>> {
    let names = names
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            HandlerKind::of_topic(name)
                .or_else(|| HandlerKind::of_method(name))
                .with_context(|| format!("capstan.disable-handlers: there is no alert handler {name:?}"))
        })
        .collect()
}

fn smtp(settings: &Settings) -> Option<Smtp> {
    let section = Some(&settings.smtp).filter(|section| section.enabled)?;
    Some(Smtp {
        host: section.host.clone(),
        port: u16::try_from(section.port).unwrap_or(25),
        username: section.username.clone(),
        password: section.password.clone(),
        no_verify: section.no_verify,
        from: section.from.clone(),
        to: section.to.clone(),
        to_templates: section.to_templates.clone(),
        idle_timeout: section.idle_timeout,
        global: section.global,
        state_changes_only: section.state_changes_only,
    })
}

fn endpoint(section: &HttpPost) -> Result<Endpoint> {
    let template = if !section.alert_template.is_empty() {
        Some(BodyTemplate {
            text: section.alert_template.clone(),
            functions: true,
        })
    } else if section.alert_template_file.is_empty() {
        None
    } else {
        let file = &section.alert_template_file;
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("failed to read template file {file:?}"))?;
        Some(BodyTemplate {
            text,
            functions: false,
        })
    };
    let auth = &section.basic_auth;
    Ok(Endpoint {
        url: section.url.clone(),
        headers: section.headers.clone().into_iter().collect(),
        // Kapacitor wants both.
        basic_auth: (!auth.username.is_empty() && !auth.password.is_empty())
            .then(|| (auth.username.clone(), auth.password.clone())),
        alert_template: template,
    })
}

/// What changed since the last flush.
#[derive(Debug, Default)]
struct Changes {
    /// Topics whose stored states go before the rest is done.
    deleted: BTreeSet<String>,
    /// By key; `None`: the event is OK again.
    states: BTreeMap<String, Option<TopicEventRecord>>,
}

/// Keeps states in the store, many changes at a time.
#[derive(Debug)]
struct StoreJournal {
    store: Store,
    changes: Mutex<Changes>,
}

impl StoreJournal {
    /// Writes what changed. On an error the changes stay for the next time, unless they were overtaken.
    fn flush(&self) {
        let changes = std::mem::take(&mut *self.changes.lock());
        if changes.deleted.is_empty() && changes.states.is_empty() {
            return;
        }
        if let Err(error) = self.write(&changes) {
            tracing::error!(%error, "alert states could not be kept, trying again");
            let mut current = self.changes.lock();
            let newer = std::mem::replace(&mut *current, changes);
            for topic in &newer.deleted {
                current.forget(topic);
            }
            current.deleted.extend(newer.deleted);
            current.states.extend(newer.states);
        }
    }

    fn write(&self, changes: &Changes) -> Result<(), capstan_store::Error> {
        let mut gone = Vec::new();
        for topic in &changes.deleted {
            let stored = self
                .store
                .list::<TopicEventRecord>(&TopicEventRecord::key_of(topic, ""))?;
            gone.extend(stored.into_iter().map(|record| record.key));
        }
        self.store.transaction(|transaction| {
            for key in &gone {
                transaction.delete::<TopicEventRecord>(key)?;
            }
            for (key, record) in &changes.states {
                match record {
                    Some(record) => transaction.put(record)?,
                    None => {
                        transaction.delete::<TopicEventRecord>(key)?;
                    }
                }
            }
            Ok(())
        })
    }
}

impl Changes {
    fn forget(&mut self, topic: &str) {
        let prefix = TopicEventRecord::key_of(topic, "");
        self.states.retain(|key, _| !key.starts_with(&prefix));
    }
}

impl Journal for StoreJournal {
    fn keep(&self, topic: &Arc<str>, state: &EventState) {
        let key = TopicEventRecord::key_of(topic, &state.id);
        let record = TopicEventRecord {
            key: key.clone(),
            topic: topic.to_string(),
            id: state.id.to_string(),
            message: state.message.to_string(),
            details: state.details.to_string(),
            time: state.time,
            duration: state.duration,
            level: state.level.as_str().to_owned(),
        };
        self.changes.lock().states.insert(key, Some(record));
    }

    fn forget(&self, topic: &Arc<str>, id: &Arc<str>) {
        let key = TopicEventRecord::key_of(topic, id);
        self.changes.lock().states.insert(key, None);
    }

    fn forget_topic(&self, topic: &str) {
        let mut changes = self.changes.lock();
        changes.forget(topic);
        changes.deleted.insert(topic.to_owned());
    }
}

fn state(record: TopicEventRecord) -> EventState {
    EventState {
        level: Level::parse(&record.level).unwrap_or_default(),
        id: record.id.into(),
        message: record.message.into(),
        details: record.details.into(),
        time: record.time,
        duration: record.duration,
    }
}

fn flush(journal: Arc<StoreJournal>) -> JoinHandle<()> {
    capstan_runtime::spawn("alert states", async move {
        loop {
            capstan_runtime::sleep(FLUSH).await;
            let journal = Arc::clone(&journal);
            if capstan_runtime::spawn_blocking(move || journal.flush())
                .await
                .is_err()
            {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, level: Level) -> EventState {
        EventState {
            id: id.into(),
            message: "m".into(),
            details: "".into(),
            time: 1,
            duration: 2,
            level,
        }
    }

    #[test]
    fn what_is_wrong_is_kept_and_what_is_well_again_is_not() {
        let store = Store::in_memory();
        let journal = StoreJournal {
            store: store.clone(),
            changes: Mutex::default(),
        };
        let (t, other): (Arc<str>, Arc<str>) = ("t".into(), "tt".into());
        journal.keep(&t, &event("a", Level::Info));
        journal.keep(&t, &event("b", Level::Critical));
        journal.keep(&other, &event("a", Level::Warning));
        journal.forget(&t, &"a".into());
        journal.flush();
        let kept = || -> Vec<(String, String)> {
            let all = store.list::<TopicEventRecord>("").expect("reads");
            all.into_iter().map(|record| (record.topic, record.id)).collect()
        };
        let pair = |topic: &str, id: &str| (topic.to_owned(), id.to_owned());
        assert_eq!(kept(), [pair("t", "b"), pair("tt", "a")]);
        journal.keep(&t, &event("c", Level::Info));
        journal.forget_topic("t");
        journal.keep(&t, &event("d", Level::Info));
        journal.flush();
        assert_eq!(kept(), [pair("t", "d"), pair("tt", "a")]);
        let record = store
            .list::<TopicEventRecord>("1:t:")
            .expect("reads")
            .pop()
            .expect("a record");
        assert_eq!(state(record), event("d", Level::Info));
    }

    #[test]
    fn handlers_are_disabled_by_their_names_in_scripts_or_files() {
        let names = |names: &[&str]| disabled(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let kinds = names(&["exec", " email", "smtp", ""]).expect("known names");
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.method).collect();
        assert_eq!(kinds, ["exec", "email", "email"]);
        let error = names(&["exce"]).expect_err("a slip").to_string();
        assert_eq!(
            error,
            "capstan.disable-handlers: there is no alert handler \"exce\""
        );
    }
}
