use capstan_base::{Class, Classify as _};
use capstan_store::backend::{Backend as _, FileBackend, Tables};
use capstan_store::{DbRp, Error, Identity, Record, Store, TaskRecord, TemplateRecord, TopicEventRecord};
use serde_json::json;

fn task(id: &str) -> TaskRecord {
    TaskRecord {
        id: id.into(),
        kind: "stream".into(),
        script: "stream|from()".into(),
        dbrps: vec![DbRp {
            db: "db".into(),
            rp: "rp".into(),
        }],
        enabled: true,
        created: 5,
        ..TaskRecord::default()
    }
}

#[test]
fn records_survive_reopening_and_are_listed_by_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("deep/er/store.db");
    {
        let store = Store::open(&path).expect("opens");
        for id in ["b", "a1", "a2"] {
            store.put(&task(id)).expect("put");
        }
        store
            .put(&TemplateRecord {
                id: "a1".into(),
                ..TemplateRecord::default()
            })
            .expect("put");
        assert!(store.delete::<TaskRecord>("b").expect("delete"));
        assert!(!store.delete::<TaskRecord>("b").expect("delete"));
    }
    {
        let store = Store::open(&path).expect("opens");
        let ids = |tasks: Vec<TaskRecord>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
        assert_eq!(ids(store.list("").expect("list")), ["a1", "a2"]);
        assert_eq!(ids(store.list("a2").expect("list")), ["a2"]);
        assert_eq!(
            ids(store.list_where("", |id| id.ends_with('1')).expect("list")),
            ["a1"]
        );
        assert_eq!(store.get::<TaskRecord>("a1").expect("get"), Some(task("a1")));
        assert_eq!(store.get::<TaskRecord>("zz").expect("get"), None);
        assert_eq!(store.list::<TemplateRecord>("").expect("list").len(), 1);
    }
}

#[test]
fn a_failed_transaction_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    for store in [
        Store::in_memory(),
        Store::open(dir.path().join("s.db")).expect("opens"),
    ] {
        let result: Result<(), Error> = store.transaction(|transaction| {
            transaction.put(&task("x"))?;
            assert!(transaction.get::<TaskRecord>("x")?.is_some());
            Err(Error::Aborted("no".into()))
        });
        assert_eq!(result.expect_err("aborted").class(), Class::Conflict);
        assert!(store.get::<TaskRecord>("x").expect("get").is_none());
    }
}

#[test]
fn decisions_are_bounded_and_read_newest_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    for round in 0..5 {
        let store = Store::open(&path).expect("opens");
        let records: Vec<_> = (0..4)
            .map(|i| json!({"n": round * 4 + i, "task": i % 2}))
            .collect();
        store.append_decisions(&records, 10).expect("append");
    }
    let store = Store::open(&path).expect("opens");
    let numbers =
        |records: Vec<serde_json::Value>| records.iter().map(|r| r["n"].as_i64()).collect::<Vec<_>>();
    assert_eq!(store.recent_decisions(|_| true, 100).expect("read").len(), 10);
    assert_eq!(
        numbers(store.recent_decisions(|_| true, 2).expect("read")),
        [Some(19), Some(18)]
    );
    assert_eq!(
        numbers(store.recent_decisions(|r| r["task"] == 0, 2).expect("read")),
        [Some(18), Some(16)]
    );
    assert!(store.recent_decisions(|_| true, 0).expect("read").is_empty());
}

#[test]
fn snapshots_are_kept_by_task() {
    let store = Store::in_memory();
    store.put_snapshot("t", b"state").expect("put");
    assert_eq!(store.snapshot("t").expect("get").as_deref(), Some(&b"state"[..]));
    assert!(store.delete_snapshot("t").expect("delete"));
    assert_eq!(store.snapshot("t").expect("get"), None);
}

#[test]
fn ids_are_made_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = Identity::load_or_create(dir.path()).expect("makes");
    assert_eq!(Identity::load_or_create(dir.path()).expect("reads"), made);
    assert_ne!(made.cluster, made.server);
    std::fs::write(dir.path().join("server.id"), "garbage").expect("writes");
    assert!(Identity::load_or_create(dir.path()).is_err());
}

/// What version 1 of each record looked like on disk; never edited, only added to.
#[test]
fn records_of_version_1_can_be_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    let fixtures = [
        ("task", "cpu", include_str!("../fixtures/task.v1.json")),
        ("template", "tmpl", include_str!("../fixtures/template.v1.json")),
        (
            "topic-event",
            "1:t:cpu:nil",
            include_str!("../fixtures/topic-event.v1.json"),
        ),
    ];
    let backend = FileBackend::open(&path).expect("opens");
    backend
        .transact(&mut |tables: &mut dyn Tables| {
            tables.put("meta", b"schema", b"1")?;
            for (namespace, key, text) in fixtures {
                let mut bytes = vec![1];
                bytes.extend_from_slice(text.as_bytes());
                tables.put(namespace, key.as_bytes(), &bytes)?;
            }
            Ok(())
        })
        .expect("writes");
    drop(backend);
    let store = Store::open(&path).expect("opens");
    let task = store.get::<TaskRecord>("cpu").expect("reads").expect("is there");
    assert_eq!(task.kind, "stream");
    assert_eq!(
        task.dbrps,
        [DbRp {
            db: "telegraf".into(),
            rp: "autogen".into()
        }]
    );
    assert_eq!(task.vars["threshold"]["value"], 5);
    assert!(task.enabled);
    assert_eq!(task.last_enabled, 1_700_000_000_000_000_000);
    let events = store
        .list::<TopicEventRecord>(&TopicEventRecord::key_of("t", ""))
        .expect("reads");
    assert_eq!((events.len(), events[0].level.as_str()), (1, "CRITICAL"));
    assert_eq!(events[0].key, TopicEventRecord::key_of("t", "cpu:nil"));
    let template = store
        .get::<TemplateRecord>("tmpl")
        .expect("reads")
        .expect("is there");
    assert_eq!(template.kind, "batch");
    assert_eq!(
        TaskRecord::VERSION,
        1,
        "a new version needs a new fixture and an upgrade"
    );
}

#[test]
fn a_newer_schema_another_format_and_a_bad_record_are_errors_not_panics() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    let backend = FileBackend::open(&path).expect("opens");
    backend
        .transact(&mut |tables: &mut dyn Tables| {
            tables.put("task", b"bad", b"\x01{")?;
            tables.put("task", b"new", b"\x09{}")
        })
        .expect("writes");
    drop(backend);
    let store = Store::open(&path).expect("opens");
    assert!(matches!(
        store.get::<TaskRecord>("bad"),
        Err(Error::Malformed { .. })
    ));
    assert!(matches!(
        store.get::<TaskRecord>("new"),
        Err(Error::Malformed { .. })
    ));
    drop(store);
    let backend = FileBackend::open(&path).expect("opens");
    backend
        .transact(&mut |tables: &mut dyn Tables| tables.put("meta", b"schema", b"99"))
        .expect("writes");
    drop(backend);
    assert!(matches!(Store::open(&path), Err(Error::TooNew { found: 99, .. })));

    let bolt = dir.path().join("kapacitor.db");
    std::fs::write(&bolt, vec![0x42; 8192]).expect("writes");
    assert!(matches!(Store::open(&bolt), Err(Error::Foreign { .. })));
}
