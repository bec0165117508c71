use std::sync::Arc;

use capstan_alert::{Event, EventState, Factory, Handler, HandlerSpec, Level, NoJournal, Owner, Service};
use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
use parking_lot::Mutex;

use crate::engine::Task;
use crate::ports::Ports;
use crate::script::{DefineError, Definition, Mode, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

/// Notes events with the handler that got them.
#[derive(Debug, Default)]
struct Notes {
    events: Arc<Mutex<Vec<(String, Event)>>>,
}

#[derive(Debug)]
struct Note {
    spec: HandlerSpec,
    events: Arc<Mutex<Vec<(String, Event)>>>,
}

impl Factory for Notes {
    fn make(&self, spec: &HandlerSpec, _owner: &Owner) -> Result<Arc<dyn Handler>, String> {
        Ok(Arc::new(Note {
            spec: spec.clone(),
            events: Arc::clone(&self.events),
        }))
    }
}

impl Handler for Note {
    fn handle(&self, event: &Event) -> Result<(), String> {
        let name = self.spec.text("address").to_owned();
        self.events.lock().push((name, event.clone()));
        Ok(())
    }
}

struct Rig {
    ports: Ports,
    topics: Arc<Service>,
    events: Arc<Mutex<Vec<(String, Event)>>>,
    keys: Arc<KeyTable>,
}

impl Rig {
    fn new() -> Self {
        let notes = Notes::default();
        let events = Arc::clone(&notes.events);
        let topics = Service::new(Arc::new(notes), Arc::new(NoJournal));
        let mut ports = Ports::offline(VirtualClock::at(0));
        ports.alerts = Arc::<Service>::clone(&topics);
        Self {
            ports,
            topics,
            events,
            keys: Arc::new(KeyTable::new()),
        }
    }

    fn start(&self, id: &str, script: &str) -> Task {
        let mut task = self.task(id, script);
        task.start().expect("the task starts");
        task
    }

    fn task(&self, id: &str, script: &str) -> Task {
        let pipeline = Arc::new(read(script).expect("a script").pipeline);
        let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
        Task::new(id, pipeline, dbrps, self.ports.clone()).expect("a task")
    }

    /// Points of `cpu`: seconds, host, value.
    fn points(&self, points: &[(i64, &str, i64)]) -> Batch {
        let keys = Arc::clone(&self.keys);
        let mut rows = BlockBuilder::new("cpu", keys).from_source("db".into(), "rp".into());
        for (seconds, host, value) in points {
            let tags = Tags::from_pairs([("host", host)]);
            rows.row(seconds * SECOND, self.keys.intern(&tags));
            rows.field("value", ValueRef::Int(*value));
        }
        Batch::single(rows.finish())
    }

    /// Handler, id, previous level, level and duration of what was sent, and forgets it.
    fn sent(&self) -> Vec<String> {
        let line = |(handler, event): (String, Event)| {
            let EventState {
                id, level, duration, ..
            } = &event.state;
            format!("{handler} {id} {} {level} {}", event.previous, duration / SECOND)
        };
        std::mem::take(&mut *self.events.lock())
            .into_iter()
            .map(line)
            .collect()
    }
}

fn read(script: &str) -> Result<Definition, DefineError> {
    define(script, TaskKind::Stream, &Vars::new(), Mode::Task)
}

#[test]
fn handlers_have_properties_of_their_own_and_those_of_the_node() {
    let script = "stream|from()|alert().post('u').header('a', 'b').header('c', 'd').id('i').timeout(1s)\
                  .slack().channel('#x').opsGenie2().details().teams('t').pushover().details('D').URL('l')\
                  .mqtt('m').topic('n').topic('o').all().topic('p')|log()";
    let definition = read(script).expect("a script");
    let alert = &definition.pipeline.nodes()[2];
    let specs: Vec<HandlerSpec> = alert
        .handlers
        .iter()
        .map(|call| super::handlers::spec(call).expect("a handler"))
        .collect();
    let shown: Vec<String> = specs
        .iter()
        .map(|spec| {
            format!(
                "{} {}",
                spec.kind.kind,
                serde_json::Value::from(spec.options.clone())
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"post {"url":"u","headers":{"a":"b","c":"d"},"timeout":1000000000}"#,
            r##"slack {"channel":"#x"}"##,
            r#"opsgenie2 {"details":true,"teams-list":["t"]}"#,
            r#"pushover {"url":"l"}"#,
            r#"mqtt {"topic":"o"}"#,
        ]
    );
    let text = |name| alert.string(name);
    // `all()` leads back to the node.
    assert_eq!(text("topic").as_deref(), Some("p"));
    assert_eq!(
        (text("id").as_deref(), text("details").as_deref()),
        (Some("i"), Some("D"))
    );
}

#[test]
fn mistakes_in_handlers_are_found_when_the_script_is_read() {
    let error = |script: &str| read(script).expect_err(script).to_string();
    let misspelt = error("stream|from()|alert().slack().chanel('x')");
    assert!(misspelt.contains("chanel"), "{misspelt}");
    assert!(error("stream|from()|alert().log(3)").contains("must be a string"));
    assert_eq!(
        error("stream|from()|alert().snmpTrap('1.1.1').data('1.1', 'z', '1')"),
        "invalid SNMP trap \"1.1.1\": unsupported data type \"z\" for data entry \"1.1\""
    );
    assert!(error("stream|from()|alert().all().channel('x')").contains("channel"));
}

#[test]
fn what_cannot_send_is_refused_when_the_task_starts() {
    let rig = Rig::new();
    let refusal = |script: &str| rig.task("t", script).start().expect_err(script).to_string();
    assert!(refusal("stream|from()|alert().crit(lambda: TRUE).slack()").contains("slack cannot send yet"));
    assert!(refusal("stream|from()|alert().post()").contains("URL or endpoint"));
}

const CPU: &str = "stream|from().groupBy('host')|alert().id('{{ index .Tags \"host\" }}').details('')\
                   .warn(lambda: \"value\" > 1).crit(lambda: \"value\" > 2)";

#[test]
fn an_event_goes_to_the_handlers_of_the_script_and_to_the_named_topic() {
    let rig = Rig::new();
    let tcp = HandlerSpec::from_options(
        "tcp",
        serde_json::json!({"address": "named"})
            .as_object()
            .expect("options"),
    );
    let tcp = tcp.expect("a handler");
    rig.topics
        .attach(&"t".into(), &"h".into(), &tcp, "level() == CRITICAL")
        .expect("attached");
    let mut task = rig.start("task", &format!("{CPU}.tcp('own').topic('t')|log()"));
    let body = rig.points(&[(1, "a", 2), (2, "a", 3), (3, "b", 0), (4, "a", 0), (5, "a", 0)]);
    task.collect(&body).expect("collected");
    assert_eq!(
        rig.sent(),
        [
            "own a OK WARNING 0",
            "own a WARNING CRITICAL 1",
            "named a WARNING CRITICAL 1",
            "own a CRITICAL OK 3"
        ]
    );
    let stats = task.stats();
    let alert = stats.node("alert2").expect("the node");
    let own: Vec<i64> = alert.own.iter().map(|(_, value)| *value).collect();
    assert_eq!(own, [3, 0, 1, 0, 1, 1]);
    assert_eq!((alert.emitted, alert.working_cardinality), (3, 2));
}

#[test]
fn one_alert_silences_another_as_long_as_it_is_not_ok() {
    let rig = Rig::new();
    let mut system = rig.start("system", &format!("{CPU}.inhibit('apps', 'host')"));
    let mut app = rig.start("app", &format!("{CPU}.category('apps').tcp('x')"));
    system.collect(&rig.points(&[(1, "a", 3)])).expect("collected");
    app.collect(&rig.points(&[(2, "a", 3), (2, "b", 3)]))
        .expect("collected");
    assert_eq!(rig.sent(), ["x b OK CRITICAL 0"]);
    assert_eq!(
        app.stats().node("alert2").map(|node| node.own[1]),
        Some(("alerts_inhibited", 1))
    );
    system.collect(&rig.points(&[(3, "a", 0)])).expect("collected");
    app.collect(&rig.points(&[(4, "a", 3)])).expect("collected");
    // The topic never heard of the silenced event, the node did.
    assert_eq!(rig.sent(), ["x a OK CRITICAL 2"]);
    drop(system);
    assert!(
        !rig.topics
            .inhibitors()
            .is_inhibited("apps", &Tags::from_pairs([("host", "a")]))
    );
}

#[test]
fn a_restart_repeats_nothing_and_still_tells_recoveries() {
    let rig = Rig::new();
    let script = format!("{CPU}.stateChangesOnly().tcp('x')");
    let mut task = rig.start("task", &script);
    task.collect(&rig.points(&[(1, "a", 3)])).expect("collected");
    assert_eq!(rig.sent(), ["x a OK CRITICAL 0"]);
    drop(task);
    // Only the topic is left (A-44).
    let mut task = rig.start("task", &script);
    task.collect(&rig.points(&[(2, "a", 3), (3, "a", 0)]))
        .expect("collected");
    assert_eq!(rig.sent(), ["x a CRITICAL OK 2"]);
}

#[test]
fn a_snapshot_alone_is_enough() {
    let first = Rig::new();
    let script = format!("{CPU}.tcp('x').flapping(0.2, 0.9).inhibit('apps', 'host')");
    let mut task = first.start("task", &script);
    task.collect(&first.points(&[(1, "a", 2), (2, "b", 3)]))
        .expect("collected");
    let snapshot = task.snapshot();
    let second = Rig::new();
    let mut task = second.task("task", &script);
    assert_eq!(task.restore(&snapshot).expect("restored"), Vec::<String>::new());
    task.start().expect("started");
    assert!(
        second
            .topics
            .inhibitors()
            .is_inhibited("apps", &Tags::from_pairs([("host", "a")]))
    );
    task.collect(&second.points(&[(5, "a", 3), (6, "b", 0)]))
        .expect("collected");
    assert_eq!(second.sent(), ["x a WARNING CRITICAL 4", "x b CRITICAL OK 4"]);
}

#[test]
fn what_a_topic_learned_after_the_snapshot_wins() {
    let rig = Rig::new();
    let script = format!("{CPU}.stateChangesOnly().tcp('x')");
    let mut task = rig.start("task", &script);
    task.collect(&rig.points(&[(1, "a", 2)])).expect("collected");
    let snapshot = task.snapshot();
    task.collect(&rig.points(&[(2, "a", 3)])).expect("collected");
    assert_eq!(rig.sent().len(), 2);
    drop(task);
    let mut task = rig.task("task", &script);
    task.restore(&snapshot).expect("restored");
    task.start().expect("started");
    task.collect(&rig.points(&[(3, "a", 3)])).expect("collected");
    assert_eq!(rig.sent(), Vec::<String>::new());
}

#[test]
fn a_condition_that_fails_is_counted_and_does_not_hold() {
    let rig = Rig::new();
    let script = "stream|from()|alert().crit(lambda: \"nope\" > 1).warn(lambda: \"value\" > 1).tcp('x')";
    let mut task = rig.start("task", script);
    task.collect(&rig.points(&[(1, "a", 2)])).expect("collected");
    assert_eq!(rig.sent(), ["x cpu:nil OK WARNING 0"]);
    // Asked once: the level is found before the current one is reached.
    assert_eq!(task.stats().node("alert2").map(|node| node.errors), Some(1));
}

#[test]
fn a_dead_mans_switch_is_three_nodes_and_names_what_it_watches() {
    let definition = read("stream|from().groupBy('host')|deadman(2.0, 10s, lambda: TRUE).tcp('x')|log()")
        .expect("a script");
    let names: Vec<String> = definition
        .pipeline
        .nodes()
        .iter()
        .map(crate::NodeConfig::name)
        .collect();
    assert_eq!(
        names.join(" "),
        "stream0 from1 stats2 noop3 derivative4 alert5 log6"
    );
    let rig = Rig::new();
    let clock = VirtualClock::at(0);
    let ports = Ports {
        clock: Arc::<VirtualClock>::clone(&clock),
        ..rig.ports.clone()
    };
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("task", Arc::new(definition.pipeline), dbrps, ports).expect("a task");
    task.start().expect("started");
    for round in 0..4 {
        if round < 2 {
            let at = round * 10;
            task.collect(&rig.points(&[(at, "a", 1), (at, "a", 1), (at, "a", 1)]))
                .expect("collected");
        }
        clock.advance_to((round + 1) * 10 * SECOND);
        while let Some(due) = task.next_timer().filter(|due| *due <= (round + 1) * 10 * SECOND) {
            task.fire_timers(due).expect("fired");
        }
    }
    let texts: Vec<String> = rig
        .events
        .lock()
        .iter()
        .map(|(_, event)| event.state.message.to_string())
        .collect();
    assert_eq!(
        texts,
        ["host=a:from1 for task 'task' is dead: 0.000 points/10s."; 2]
    );
    assert!(
        rig.events
            .lock()
            .iter()
            .all(|(_, event)| event.state.level == Level::Critical)
    );
}
