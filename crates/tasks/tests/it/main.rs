//! Tasks over a real store and a real way in.

// Helpers of tests may fail as tests do, and say what they skip.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod ending;
mod faults;

use std::sync::Arc;
use std::time::Duration;

use capstan_base::SystemClock;
use capstan_flow::Ports;
use capstan_flow::ports::Scaler;
use capstan_ingest::{Encoding, Ingest, IngestOptions};
use capstan_store::Store;
use capstan_tasks::{
    Dbrp, Decisions, Error, Limits, LoadDirectory, NewTask, Options, TaskPatch, Tasks, Var, VarValue,
};

struct Server {
    tasks: Arc<Tasks>,
    ingest: Arc<Ingest>,
}

impl Server {
    fn new(store: &Store) -> Self {
        Self::with_scaler(store, None)
    }

    fn with_scaler(store: &Store, scaler: Option<Arc<dyn Scaler>>) -> Self {
        Self::with_ports(store, |ports| ports.scaler = scaler)
    }

    fn with_ports(store: &Store, wire: impl FnOnce(&mut Ports)) -> Self {
        let clock = SystemClock::shared();
        let ingest = Arc::new(Ingest::new(IngestOptions::default(), Arc::clone(&clock)));
        let decisions = Decisions::open(store.clone(), 100, 100).unwrap();
        let mut ports = Ports::offline(Arc::clone(&clock));
        wire(&mut ports);
        let options = Options {
            restart_backoff: Duration::from_millis(1),
            queue: Limits {
                batches: 8,
                points: 1000,
                bytes: 1 << 20,
            },
            ..Options::new(clock, store.clone(), Arc::clone(&ingest), ports, decisions)
        };
        let tasks = Tasks::open(options).unwrap();
        tasks.start_enabled();
        Self { tasks, ingest }
    }

    fn write(&self, lines: &str) {
        let outcome = self
            .ingest
            .write("db", "rp", "s", Encoding::Identity, lines.as_bytes())
            .unwrap();
        assert_eq!(outcome.rejected_total, 0);
    }

    fn stop(self) {
        self.tasks.shutdown(Duration::from_secs(10));
    }

    /// Waits for what a task's thread does.
    fn until(&self, id: &str, endpoint: &str, text: &str) {
        let (_sender, never) = crossbeam_channel::bounded::<()>(0);
        for _ in 0..1000 {
            if self
                .tasks
                .endpoint(id, endpoint)
                .is_some_and(|json| json.contains(text))
            {
                return;
            }
            let _ = never.recv_timeout(Duration::from_millis(5));
        }
        panic!(
            "{endpoint} never showed {text}: {:?}",
            self.tasks.endpoint(id, endpoint)
        );
    }
}

fn new(id: &str, script: &str) -> NewTask {
    let dbrps = vec![Dbrp {
        database: "db".into(),
        retention_policy: "rp".into(),
    }];
    NewTask {
        id: id.into(),
        script: script.into(),
        dbrps,
        enabled: true,
        ..NewTask::default()
    }
}

#[test]
fn a_restart_goes_on_where_the_task_was() {
    let store = Store::in_memory();
    let server = Server::new(&store);
    let script = "stream|from().measurement('m')|derivative('value').unit(1s)|httpOut('out')";
    server.tasks.create(new("a", script)).unwrap();
    server.write("m value=1 1");
    server.write("m value=3 2");
    server.until("a", "out", "\"1970-01-01T00:00:02Z\",2]");
    server.stop();
    let server = Server::new(&store);
    // The point before the restart is remembered: no point is lost to starting afresh.
    server.write("m value=8 3");
    server.until("a", "out", "\"1970-01-01T00:00:03Z\",5]");
    server.stop();
}

#[test]
fn disabling_and_enabling_keeps_what_the_task_remembers_and_deleting_does_not() {
    let store = Store::in_memory();
    let server = Server::new(&store);
    let script = "stream|from().measurement('m')|derivative('value').unit(1s)|httpOut('out')";
    let patch = |enabled| TaskPatch {
        enabled: Some(enabled),
        ..TaskPatch::default()
    };
    server.tasks.create(new("a", script)).unwrap();
    server.write("m value=1 1");
    server.tasks.update("a", patch(false), false).unwrap();
    server.tasks.update("a", patch(true), false).unwrap();
    server.write("m value=3 2");
    server.until("a", "out", ",2]");
    // A new id takes it along.
    server
        .tasks
        .update(
            "a",
            TaskPatch {
                id: "b".into(),
                ..TaskPatch::default()
            },
            false,
        )
        .unwrap();
    server.write("m value=6 3");
    server.until("b", "out", ",3]");
    server.tasks.delete("b").unwrap();
    assert!(store.snapshot("b").unwrap().is_none());
    server.stop();
}

#[test]
fn variables_come_from_outside_and_are_kept() {
    let store = Store::in_memory();
    let server = Server::new(&store);
    let script = "var name = 'none'\nvar keep = lambda: TRUE\nstream|from().measurement(name)|where(keep)|httpOut('out')";
    let var = |value| Var {
        value,
        description: String::new(),
    };
    let mut task = new("a", script);
    task.vars.insert("name".into(), var(VarValue::String("m".into())));
    task.vars
        .insert("keep".into(), var(VarValue::Lambda("\"value\" > 5".into())));
    server.tasks.create(task).unwrap();
    server.stop();
    let server = Server::new(&store);
    server.write("m value=1 1\nm value=9 2\nm value=2 3");
    server.until("a", "out", "\"1970-01-01T00:00:02Z\",9]");
    let mut wrong = new("b", script);
    wrong.vars.insert("name".into(), var(VarValue::Int(1)));
    assert!(matches!(server.tasks.create(wrong), Err(Error::Script(_))));
    assert_eq!(server.tasks.counts(), (1, 1));
    server.stop();
}

#[test]
fn only_points_of_the_tasks_databases_arrive() {
    let server = Server::new(&Store::in_memory());
    server
        .tasks
        .create(new("a", "stream|from()|httpOut('out')"))
        .unwrap();
    server
        .ingest
        .write("db", "", "s", Encoding::Identity, b"m value=1 1")
        .unwrap();
    server.write("m value=2 1");
    server.until("a", "out", ",2]");
    let view = server.tasks.view(
        &server.tasks.get("a").unwrap(),
        capstan_tasks::DotView::Attributes,
    );
    assert_eq!(view.stats.unwrap().node("from1").unwrap().collected, 1);
    server.stop();
}

#[test]
fn the_load_directory_is_kept_up_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join("tasks").join(name);
    std::fs::create_dir(directory.path().join("tasks")).unwrap();
    let store = Store::in_memory();
    let server = Server::new(&store);
    let load = LoadDirectory::new(directory.path());
    server
        .tasks
        .create(new("mine", "stream|from()|httpOut('out')"))
        .unwrap();

    std::fs::write(
        file("one.tick"),
        "dbrp \"db\".\"rp\"\nstream|from()|httpOut('out')",
    )
    .unwrap();
    std::fs::write(
        file("two.yaml"),
        "id: other\ndbrps:\n  - db: db\n    rp: rp\nvars:\n  name: m\nscript: |\n  var name = 'x'\n  stream|from().measurement(name)|httpOut('out')\n",
    )
    .unwrap();
    std::fs::write(file("notes.txt"), "not a task").unwrap();
    let loaded = load.load(&server.tasks).unwrap();
    assert_eq!((loaded.created, loaded.updated, loaded.deleted), (2, 0, 0));
    assert!(server.tasks.is_executing("one") && server.tasks.is_executing("other"));

    // Nothing changed: nothing is restarted.
    assert_eq!(load.load(&server.tasks).unwrap().unchanged, 2);
    server.stop();

    let server = Server::new(&store);
    std::fs::write(
        file("one.tick"),
        "dbrp \"db\".\"rp\"\nstream|from()|httpOut('new')",
    )
    .unwrap();
    std::fs::remove_file(file("two.yaml")).unwrap();
    let loaded = load.load(&server.tasks).unwrap();
    assert_eq!((loaded.created, loaded.updated, loaded.deleted), (0, 1, 1));
    assert!(server.tasks.endpoint("one", "new").is_some());
    assert!(server.tasks.get("other").is_err() && server.tasks.get("mine").is_ok());

    std::fs::write(file("bad.tick"), "dbrp \"db\".\"rp\"\nstream|").unwrap();
    assert!(matches!(load.load(&server.tasks), Err(Error::Load { path, .. }) if path.ends_with("bad.tick")));
    server.stop();
}
