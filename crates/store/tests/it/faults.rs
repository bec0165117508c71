//! Kills, locks and full disks, with this test binary started again as the victim.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use capstan_base::{Class, Classify as _};
use capstan_store::{Error, Store, TaskRecord};

const VICTIM: &str = "CAPSTAN_STORE_VICTIM";

fn task(id: String) -> TaskRecord {
    TaskRecord {
        id,
        script: "x".repeat(2_000),
        ..TaskRecord::default()
    }
}

/// Runs in the child only: writes tasks for ever and says each one that is acknowledged.
#[test]
fn victim() {
    let Ok(path) = std::env::var(VICTIM) else { return };
    let store = Store::open(path).expect("opens");
    for number in 0.. {
        match store.put(&task(format!("t{number:06}"))) {
            Ok(()) => println!("ack {number}"),
            Err(error) => {
                // Once more: the store must be usable for reading after the fault.
                let count = store.list::<TaskRecord>("").map(|tasks| tasks.len());
                println!("err {:?} {count:?} {error}", error.class());
                return;
            }
        }
    }
}

fn start(path: &Path, shell: &str) -> Child {
    let me = std::env::current_exe().expect("this binary");
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(me)
        .args(["--exact", "faults::victim", "--nocapture", "--test-threads=1"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// The victim's lines; those of the test harness are left out.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = child.stdout.take().expect("piped");
    let said = |line: String| {
        let at = line.find("ack ").or_else(|| line.find("err "))?;
        Some(line[at..].to_owned())
    };
    BufReader::new(out).lines().map_while(Result::ok).filter_map(said)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = start(&path, "");
        let mut said = lines(&mut child);
        for _ in 0..25 {
            let line = said.next().expect("the victim writes");
            let number: usize = line.strip_prefix("ack ").expect(&line).parse().expect(&line);
            acknowledged = acknowledged.max(number + 1);
        }
        child.kill().expect("kills");
        child.wait().expect("ends");
        let store = Store::open(&path).expect("opens after a kill");
        let tasks = store.list::<TaskRecord>("").expect("reads");
        assert!(
            tasks.len() >= acknowledged,
            "{} of {acknowledged} are there",
            tasks.len()
        );
        for (number, stored) in tasks.into_iter().enumerate() {
            assert_eq!(stored, task(format!("t{number:06}")));
        }
    }
}

#[test]
fn a_second_process_is_told_at_once_that_the_store_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    let mut child = start(&path, "");
    lines(&mut child).next().expect("the victim holds the store");
    let error = Store::open(&path).expect_err("is locked");
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(
        error.to_string().contains(path.to_str().expect("text")),
        "{error}"
    );
    child.kill().expect("kills");
    child.wait().expect("ends");
    Store::open(&path).expect("opens once it is free");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.db");
    // The file may not grow beyond this many blocks; the signal that comes with it is ignored, as on a full disk.
    let mut child = start(&path, "trap '' XFSZ; ulimit -f 4096;");
    let mut acknowledged = 0;
    let mut end = String::new();
    for line in lines(&mut child) {
        if line.starts_with("ack ") {
            acknowledged += 1;
        } else {
            end = line;
        }
    }
    assert!(child.wait().expect("ends").success());
    assert!(
        end.starts_with(&format!("err {:?} Ok({acknowledged})", Class::Unavailable)),
        "{end} after {acknowledged}"
    );
    let store = Store::open(&path).expect("opens");
    assert_eq!(store.list::<TaskRecord>("").expect("reads").len(), acknowledged);
    store
        .put(&task("later".into()))
        .expect("writes again once there is room");
}
