//! What was acknowledged survives a kill.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(data_dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_capstan"))
            .args(["serve", "--bind-address", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env_remove("KAPACITOR_CONFIG_PATH")
            .env_remove("CAPSTAN_CONFIG_PATH")
            .env("HOME", data_dir)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(|line| line.unwrap())
            .find_map(|line| {
                let (_, rest) = line.split_once("address=")?;
                line.contains("http api listens")
                    .then(|| rest.split_whitespace().next().unwrap().parse().unwrap())
            })
            .expect("the server says where it listens");
        // Nobody reads the log from here on; a full pipe would hold the server up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    fn define(&self, id: &str) {
        let body = format!(
            r#"{{"id":"{id}","dbrps":[{{"db":"d","rp":"r"}}],"script":"stream|from()|httpOut('out')","status":"enabled"}}"#
        );
        let (status, answer) = self.request("POST", "/kapacitor/v1/tasks", &body);
        assert_eq!(status, 200, "{answer}");
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .arg(name)
                .arg(self.child.id().to_string())
                .status()
                .unwrap()
                .success()
        );
    }
}

#[test]
fn definitions_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Process::start(directory.path());
    first.define("one");
    first.signal("-KILL");
    assert!(!first.child.wait().unwrap().success());

    let mut second = Process::start(directory.path());
    let (status, answer) = second.request("GET", "/kapacitor/v1/tasks/one/out", "");
    assert_eq!(status, 200, "an enabled task runs again: {answer}");
    second.define("two");
    second.signal("-KILL");
    second.child.wait().unwrap();

    let mut third = Process::start(directory.path());
    for id in ["one", "two"] {
        assert_eq!(
            third.request("GET", &format!("/kapacitor/v1/tasks/{id}"), "").0,
            200
        );
    }
    third.signal("-TERM");
    assert!(
        third.child.wait().unwrap().success(),
        "a signal ends the server in order"
    );
}

#[test]
fn a_second_server_is_told_what_is_in_its_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Process::start(directory.path());
    let second = |data_dir: &Path, address: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_capstan"))
            .args(["serve", "--bind-address", address, "--data-dir"])
            .arg(data_dir)
            .env("HOME", data_dir)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let locked = second(directory.path(), "127.0.0.1:0");
    assert!(locked.contains("in use by another process"), "{locked}");
    let other = tempfile::tempdir().unwrap();
    let taken = second(other.path(), &first.address.to_string());
    assert!(
        taken.contains(&format!("port {} is in use", first.address.port())),
        "{taken}"
    );
    first.signal("-INT");
    assert!(first.child.wait().unwrap().success());
}

#[test]
fn links_to_the_binary_are_kapacitors_commands() {
    let directory = tempfile::tempdir().unwrap();
    for (name, args, wanted) in [
        ("kapacitor", ["version"].as_slice(), "Kapacitor OSS "),
        ("kapacitord", &["version"], "Kapacitor OSS "),
        ("kapacitord", &["config"], "bind-address"),
    ] {
        let link = directory.path().join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_capstan"), &link).unwrap();
        }
        let output = Command::new(&link)
            .args(args)
            .env("HOME", directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name} {args:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(wanted),
            "{name} {args:?}"
        );
    }
}
