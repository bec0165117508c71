use serde_json::json;

use super::*;
use crate::event::EventData;

/// Notes topic, id, previous level and level of every event.
#[derive(Debug, Default)]
struct Notes {
    events: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Note {
    topic: Arc<str>,
    events: Arc<Mutex<Vec<String>>>,
}

impl Factory for Notes {
    fn make(&self, _spec: &HandlerSpec, owner: &Owner) -> Result<Arc<dyn Handler>, String> {
        Ok(Arc::new(Note {
            topic: Arc::clone(&owner.topic),
            events: Arc::clone(&self.events),
        }))
    }
}

impl Handler for Note {
    fn handle(&self, event: &Event) -> Result<(), String> {
        let Event { state, previous, .. } = event;
        self.events
            .lock()
            .push(format!("{} {} {previous} {}", self.topic, state.id, state.level));
        Ok(())
    }
}

fn service() -> (Arc<Service>, Arc<Mutex<Vec<String>>>) {
    let notes = Notes::default();
    let events = Arc::clone(&notes.events);
    (Service::new(Arc::new(notes), Arc::new(NoJournal)), events)
}

fn spec(kind: &str, options: serde_json::Value) -> HandlerSpec {
    HandlerSpec::from_options(kind, options.as_object().expect("an object")).expect("a handler")
}

fn event(level: Level) -> Event {
    let state = EventState {
        id: "id".into(),
        message: "".into(),
        details: "".into(),
        time: 0,
        duration: 0,
        level,
    };
    Event::new(state, Arc::new(EventData::default()))
}

fn topic(name: &str) -> Arc<str> {
    Arc::from(name)
}

#[test]
fn an_event_knows_the_level_before_it_in_each_topic() {
    let (service, events) = service();
    let tcp = spec("tcp", json!({"address": "x:1"}));
    for name in ["a", "b"] {
        service
            .attach(&topic(name), &"h".into(), &tcp, "")
            .expect("attached");
    }
    assert_eq!(service.collect(&topic("a"), &event(Level::Info)), Ok(()));
    assert_eq!(service.collect(&topic("a"), &event(Level::Critical)), Ok(()));
    assert_eq!(service.collect(&topic("b"), &event(Level::Critical)), Ok(()));
    assert_eq!(
        *events.lock(),
        ["a id OK INFO", "a id INFO CRITICAL", "b id OK CRITICAL"]
    );
}

#[test]
fn published_events_go_round_once_at_most() {
    let (service, events) = service();
    let tcp = spec("tcp", json!({"address": "x:1"}));
    for (from, to) in [("a", "b"), ("b", "a")] {
        let publish = spec("publish", json!({"topics": [to]}));
        service
            .attach(&topic(from), &"p".into(), &publish, "")
            .expect("attached");
        service
            .attach(&topic(from), &"h".into(), &tcp, "changed()")
            .expect("attached");
    }
    let problem = service.collect(&topic("a"), &event(Level::Info)).unwrap_err();
    assert_eq!(problem, "topics publish in a circle: a -> b -> a");
    assert_eq!(*events.lock(), ["a id OK INFO", "b id OK INFO"]);
    // Nothing changed: the condition keeps the handlers quiet.
    assert!(service.collect(&topic("a"), &event(Level::Info)).is_err());
    assert_eq!(events.lock().len(), 2);
}

#[test]
fn what_cannot_send_is_refused_by_name() {
    let (service, _) = service();
    let refused = |kind: &str| service.open(&topic("t"), &[spec(kind, json!({}))]).unwrap_err();
    assert!(refused("slack").contains("slack cannot send yet"));
    assert!(refused("hipchat").contains("hipChat"));
    assert!(refused("post").contains("URL or endpoint"));
    assert!(refused("log").contains("must be absolute"));
}

#[test]
fn an_older_run_of_a_task_does_not_close_the_topic_of_the_newer() {
    let (service, events) = service();
    let tcp = [spec("tcp", json!({"address": "x:1"}))];
    let t = topic("main:task:alert2");
    let older = service.open(&t, &tcp).expect("opened");
    let newer = service.open(&t, &tcp).expect("opened");
    service.close(&t, older);
    assert_eq!(service.collect(&t, &event(Level::Critical)), Ok(()));
    assert_eq!(events.lock().len(), 1);
    service.close(&t, newer);
    assert_eq!(service.topic(&t), None);
    // Kept for the next run.
    assert_eq!(
        service.event(&t, "id").map(|state| state.level),
        Some(Level::Critical)
    );
    service.delete_all("main:task:");
    assert_eq!(service.event(&t, "id"), None);
}
