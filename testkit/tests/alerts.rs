//! Alert handlers from a script to a socket, a file or a program, by cases of our own in the format of the reference ones.

use std::path::Path;

use capstan_testkit::report::Status;
use capstan_testkit::stream_cases;
use serde_json::{Value as Json, json};

/// Ten points of `cpu`, one a second, and one that ends their window.
fn recording(folder: &Path) {
    let point = |second: i64| format!("dbname\nrpname\ncpu,host=serverA value={second} {second}\n");
    let text: String = (0..=10).map(point).collect();
    std::fs::write(folder.join("points.srpl"), text).expect("a file");
}

fn run(script: &str, more: Json) {
    let folder = tempfile::tempdir().expect("a directory");
    recording(folder.path());
    let mut case = json!({
        "name": "own", "kind": "stream", "task_id": "own", "data": "points.srpl",
        "tick": script, "dbrps": [{"db": "dbname", "rp": "rpname"}],
    });
    let members = more.as_object().expect("an object").clone();
    case.as_object_mut().expect("an object").extend(members);
    let result = stream_cases::run(&case, folder.path());
    assert!(result.status == Status::Pass, "{}", result.detail);
}

const COUNTED: &str = "stream|from().measurement('cpu').groupBy('host')|window().period(10s).every(10s)|count('value')\
                       |alert().id('kapacitor.{{ .Name }}.{{ index .Tags \"host\" }}').details('')\
                       .info(lambda: \"count\" > 6.0).crit(lambda: \"count\" > 8.0)";

fn event() -> Json {
    json!({
        "id": "kapacitor.cpu.serverA", "message": "kapacitor.cpu.serverA is CRITICAL", "details": "",
        "time": "1971-01-01T00:00:10Z", "duration": 0, "level": "CRITICAL", "previousLevel": "OK", "recoverable": true,
        "data": {"series": [{"name": "cpu", "tags": {"host": "serverA"}, "columns": ["time", "count"],
            "values": [["1971-01-01T00:00:10Z", 10]]}]},
    })
}

#[test]
fn tcp() {
    run(
        &format!("{COUNTED}.tcp('${{SERVER_ADDR}}')"),
        json!({"expect": {"type": "alerts", "via": "tcp", "events": [event()], "ordered": true}}),
    );
}

#[test]
fn log_files_have_their_mode() {
    let expect = |file: &str, mode: &str| json!({"type": "alerts", "via": "log", "events": [event()], "file": file, "mode": mode});
    run(
        &format!("{COUNTED}.log('${{TMP}}/normal.log').log('${{TMP}}/mode.log').mode(0640)"),
        json!({"expect": expect("${TMP}/normal.log", "0600"), "also": [expect("${TMP}/mode.log", "0640")]}),
    );
}

#[test]
fn programs_get_the_event() {
    run(
        &format!("{COUNTED}.exec('/bin/one', 'a', 'b').exec('/bin/two')"),
        json!({"expect": {"type": "exec", "ordered": false, "commands": [
            {"prog": "/bin/two", "args": [], "stdin_alert": event(), "stdin_trailing_newline": true},
            {"prog": "/bin/one", "args": ["a", "b"], "stdin_alert": event(), "stdin_trailing_newline": true},
        ]}}),
    );
}

#[test]
fn posts_go_to_urls_and_endpoints() {
    run(
        &format!("{COUNTED}.post('${{SERVER_URL}}').header('A', 'b')"),
        json!({"expect": {"type": "alerts", "via": "post", "events": [event()],
            "headers": {"A": "b", "Content-Type": "application/json"}}}),
    );
    let endpoint = json!([{
        "endpoint": "e", "url": "${SERVER_URL}/{{ .Level }}", "headers": {"B": "c"},
        "basic-auth": {"username": "user", "password": "pass"},
        "alert-template": "{\"is\":\"{{ .Message }}\",\"all\":{{ json . }}}",
    }]);
    run(
        &format!("{COUNTED}.post().endpoint('e')"),
        json!({"config": {"httppost": endpoint}, "expect": {"type": "alerts", "via": "post",
            "events": [{"is": "kapacitor.cpu.serverA is CRITICAL", "all": event()}],
            "headers": {"B": "c", "Authorization": "Basic dXNlcjpwYXNz"}}}),
    );
}

#[test]
fn mails_go_to_addresses_and_templates() {
    let script = COUNTED.replace(
        ".details('')",
        ".details('''\n<b>{{.Message}}</b>\nValue: {{ index .Fields \"count\" }}\n''')",
    );
    let headers = |to: &str| {
        json!({"Mime-Version": "1.0", "Content-Type": "text/html; charset=UTF-8", "To": to, "From": "me@example.com",
            "Content-Transfer-Encoding": "quoted-printable", "Subject": "kapacitor.cpu.serverA is CRITICAL"})
    };
    let body = "\n<b>kapacitor.cpu.serverA is CRITICAL</b>\nValue: 10\n";
    let smtp = json!({"enabled": true, "host": "${SERVER_HOST}", "port": "${SERVER_PORT}", "from": "me@example.com",
        "to": ["default@example.com"]});
    run(
        &format!(
            "{script}.email('a@example.com').to('b@example.com')\
             .toTemplates('{{{{ index .Tags \"host\" }}}}@example.com').email()"
        ),
        json!({"config": {"smtp": smtp}, "expect": {"type": "smtp", "ordered": false, "messages": [
            {"headers": headers("a@example.com, b@example.com, serverA@example.com"), "body": body},
            {"headers": headers("default@example.com"), "body": body},
        ]}}),
    );
}

#[test]
fn a_case_with_other_alerts_fails() {
    let folder = tempfile::tempdir().expect("a directory");
    recording(folder.path());
    let mut other = event();
    other["level"] = json!("INFO");
    let case = json!({
        "name": "own", "kind": "stream", "task_id": "own", "data": "points.srpl",
        "tick": format!("{COUNTED}.tcp('${{SERVER_ADDR}}')"), "dbrps": [{"db": "dbname", "rp": "rpname"}],
        "expect": {"type": "alerts", "via": "tcp", "events": [other]},
    });
    assert!(stream_cases::run(&case, folder.path()).status == Status::Fail);
}
