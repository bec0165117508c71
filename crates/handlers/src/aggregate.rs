//! Many events as one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use capstan_alert::{Event, EventData, EventState, Handler, HandlerSpec, Level, Owner, Series, Service};
use capstan_gocompat::Value as GoValue;
use capstan_gocompat::template::{Functions, Template};
use capstan_gocompat::value::Struct;
use tokio::sync::mpsc;

const MESSAGE: &str = "Received {{ .Count }} events in the last {{.Interval}}.";
/// Events of one interval whose messages and data are kept; the others are only counted.
const MAX_KEPT: usize = 1_000;

/// Gathers events for an interval and makes one of them.
#[derive(Debug)]
pub(crate) struct Aggregate {
    sender: mpsc::Sender<Event>,
}

#[derive(Debug)]
struct Gathering {
    id: Arc<str>,
    topic: Arc<str>,
    interval: Duration,
    message: Template,
    service: Weak<Service>,
}

#[derive(Debug, Default)]
struct Gathered {
    count: usize,
    level: Level,
    time: i64,
    duration: i64,
    messages: Vec<Arc<str>>,
    series: Vec<Series>,
    /// None of the events may be told outside.
    internal: bool,
}

impl Aggregate {
    /// Starts gathering; must be called within a runtime.
    pub(crate) fn start(spec: &HandlerSpec, owner: &Owner, queue: usize) -> Result<Self, String> {
        let text = match spec.text("message") {
            "" => MESSAGE,
            text => text,
        };
        let gathering = Gathering {
            id: spec.text("id").into(),
            topic: spec.text("topic").into(),
            interval: Duration::from_nanos(u64::try_from(spec.duration("interval")).unwrap_or(1)),
            message: Template::parse("message", text, &Functions::new())
                .map_err(|error| error.to_string())?,
            service: Weak::clone(&owner.service),
        };
        gathering.text(0).map_err(|error| {
            format!("failed to evaluate message template with aggregate message data: {error}")
        })?;
        let (sender, receiver) = mpsc::channel(queue.max(1));
        // Nobody needs the handle: the task ends with the handler.
        drop(capstan_runtime::spawn(
            "aggregate handler",
            gathering.run(receiver),
        ));
        Ok(Self { sender })
    }
}

impl Gathering {
    fn text(&self, count: usize) -> Result<String, capstan_gocompat::template::Error> {
        let nanos = i64::try_from(self.interval.as_nanos()).unwrap_or(i64::MAX);
        let data = Struct::new("alert.aggregateMessageData")
            .field(
                "Count",
                GoValue::NativeInt(i64::try_from(count).unwrap_or(i64::MAX)),
            )
            .field("Interval", GoValue::Duration(nanos));
        self.message.execute(&data.into())
    }

    async fn run(self, mut receiver: mpsc::Receiver<Event>) {
        let mut gathered = Gathered::default();
        let mut pause = Box::pin(capstan_runtime::sleep(self.interval));
        loop {
            tokio::select! {
                event = receiver.recv() => match event {
                    Some(event) => gathered.add(&event),
                    None => return,
                },
                () = &mut pause => {
                    pause = Box::pin(capstan_runtime::sleep(self.interval));
                    self.tell(std::mem::take(&mut gathered));
                }
            }
        }
    }

    fn tell(&self, gathered: Gathered) {
        let Some(service) = self.service.upgrade().filter(|_| gathered.count > 0) else {
            return;
        };
        let message = match self.text(gathered.count) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(topic = &*self.topic, %error, "the message of an aggregate cannot be made");
                return;
            }
        };
        let state = EventState {
            id: Arc::clone(&self.id),
            message: message.into(),
            details: gathered.messages.join("\n").into(),
            time: gathered.time,
            duration: gathered.duration,
            level: gathered.level,
        };
        let data = EventData {
            series: gathered.series,
            ..EventData::default()
        };
        let event = Event {
            internal: gathered.internal,
            ..Event::new(state, Arc::new(data))
        };
        if let Err(error) = service.collect(&self.topic, &event) {
            tracing::error!(topic = &*self.topic, error, "encountered error collecting event");
        }
    }
}

impl Gathered {
    fn add(&mut self, event: &Event) {
        let Event { state, data, .. } = event;
        self.internal = event.internal && (self.count == 0 || self.internal);
        self.count += 1;
        self.level = self.level.max(state.level);
        self.time = if self.count == 1 {
            state.time
        } else {
            self.time.max(state.time)
        };
        self.duration = self.duration.max(state.duration);
        if self.messages.len() < MAX_KEPT {
            self.messages.push(Arc::clone(&state.message));
            self.series.extend_from_slice(&data.series);
        }
    }
}

impl Handler for Aggregate {
    fn handle(&self, event: &Event) -> Result<(), String> {
        self.sender.try_send(event.clone()).map_err(|_| {
            format!(
                "failed to deliver event {:?} to an aggregate handler",
                event.state.id
            )
        })
    }
}
