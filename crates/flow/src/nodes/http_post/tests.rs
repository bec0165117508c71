use std::collections::VecDeque;
use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
use parking_lot::Mutex;

use crate::engine::Task;
use crate::ports::{HttpPost, Ports, PostAnswer, PostEndpoint, PostRequest, PostSink, RowTemplate};
use crate::script::{Mode, TaskKind, Vars, define};

/// Keeps requests until they are answered.
#[derive(Default)]
struct Fake {
    requests: Mutex<Vec<PostRequest>>,
    sinks: Mutex<VecDeque<PostSink>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl HttpPost for Fake {
    fn endpoint(&self, name: &str) -> Option<PostEndpoint> {
        (name == "known").then(|| PostEndpoint {
            url: "http://host/{{ .Name }}?h={{ index .Tags \"host\" }}".to_owned(),
            headers: vec![("X".to_owned(), "endpoint".to_owned())],
            basic_auth: Some(("user".to_owned(), "secret".to_owned())),
            row_template: Some(RowTemplate {
                text: "{{ range .Values }}{{ .time }} {{ .value }} {{ jsonCompact . }}{{ end }}".to_owned(),
                functions: true,
            }),
        })
    }

    fn post(&self, request: PostRequest, sink: PostSink) {
        self.requests.lock().push(request);
        self.sinks.lock().push_back(sink);
    }
}

struct Rig {
    fake: Arc<Fake>,
    task: Task,
    endpoints: crate::Endpoints,
}

fn make(node: &str) -> Result<Rig, String> {
    run(&format!("stream|from()|{node}|httpOut('x')"))
}

fn run(script: &str) -> Result<Rig, String> {
    let definition =
        define(script, TaskKind::Auto, &Vars::new(), Mode::Task).map_err(|error| error.to_string())?;
    let fake = Arc::new(Fake::default());
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.http_post = Some(Arc::clone(&fake) as _);
    let endpoints = ports.endpoints.clone();
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).map_err(|e| e.to_string())?;
    task.start().map_err(|error| error.to_string())?;
    Ok(Rig {
        fake,
        task,
        endpoints,
    })
}

impl Rig {
    fn send(&mut self, values: &[i64]) {
        let keys = Arc::new(KeyTable::new());
        let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
        for value in values {
            rows.row(0, keys.intern(&Tags::from_pairs([("host", "a")])));
            rows.field("value", ValueRef::Int(*value));
        }
        self.task
            .collect(&Batch::single(rows.finish()))
            .expect("the task runs");
    }

    fn answer(&mut self, answer: Result<u16, &str>) {
        let sink = self.fake.sinks.lock().pop_front().expect("a request");
        sink(
            answer
                .map(|status| PostAnswer {
                    status,
                    body: "why".to_owned(),
                })
                .map_err(str::to_owned),
        );
        self.task.complete().expect("the task runs");
    }

    fn out(&self) -> String {
        self.endpoints.get("x").unwrap_or_default()
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.task.errors(crate::NodeId(2));
        errors
            .recent()
            .map(|entry| format!("{}: {}", entry.message, entry.error))
            .collect()
    }
}

#[test]
fn data_passes_at_once_and_requests_go_one_by_one() {
    let mut rig = make("httpPost('http://h/{{ .Name }}').header('X','y')").expect("it starts");
    rig.send(&[1, 2]);
    assert!(rig.out().contains(",2]]"));
    assert_eq!(rig.fake.requests.lock().len(), 1);
    assert_eq!(rig.task.pending(), 2);
    rig.answer(Ok(204));
    rig.answer(Ok(500));
    assert_eq!(rig.task.pending(), 0);
    let requests = rig.fake.requests.lock();
    assert_eq!(requests[0].url, "http://h/m");
    assert_eq!(
        requests[1].body,
        "{\"series\":[{\"name\":\"m\",\"tags\":{\"host\":\"a\"},\"columns\":[\"time\",\"value\"],\
         \"values\":[[\"1970-01-01T00:00:00Z\",2]]}]}\n"
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        requests[0].headers,
        [header("Content-Type", "application/json"), header("X", "y")]
    );
    drop(requests);
    assert_eq!(
        rig.errors(),
        [
            "POST returned non 2xx status code 500: unknown error, use .captureResponse() to capture the HTTP response"
        ]
    );
}

#[test]
fn with_a_code_field_data_waits_for_its_answers() {
    let mut rig = make("httpPost('http://h').codeField('code').captureResponse()").expect("it starts");
    rig.send(&[1, 2]);
    rig.send(&[3]);
    assert_eq!(rig.out(), "{\"series\":null}");
    rig.answer(Ok(404));
    rig.answer(Err("refused"));
    // The first message is complete: its last point had no answer.
    assert!(
        rig.out().contains("[\"time\",\"code\",\"value\"]") && rig.out().contains(",0,2]]"),
        "{}",
        rig.out()
    );
    rig.answer(Ok(200));
    assert!(rig.out().contains(",200,3]]"), "{}", rig.out());
    assert_eq!(
        rig.errors(),
        [
            "POST returned non 2xx status code 404: why",
            "failed to POST data: refused"
        ]
    );
}

#[test]
fn an_endpoint_has_its_own_headers_and_templates() {
    let mut rig = make("httpPost().endpoint('known').header('X','script')").expect("it starts");
    rig.send(&[1]);
    let requests = rig.fake.requests.lock();
    assert_eq!(requests[0].url, "http://host/m?h=a");
    assert_eq!(
        requests[0].body,
        "1970-01-01 00:00:00 +0000 UTC 1 {\"time\":\"1970-01-01T00:00:00Z\",\"value\":1}"
    );
    assert_eq!(
        requests[0].basic_auth,
        Some(("user".to_owned(), "secret".to_owned()))
    );
    let last = requests[0].headers.last().expect("headers");
    assert_eq!((&*last.0, &*last.1), ("X", "script"));
    assert!(requests[0].headers.iter().all(|(key, _)| key != "Content-Type"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (node, error) in [
        ("httpPost('a','b')", "httpPost expects 0 or 1 arguments, got 2"),
        ("httpPost()", "must provide url or endpoint"),
        (
            "httpPost('a').endpoint('b')",
            "only one endpoint and url may be specified",
        ),
        (
            "httpPost().endpoint('b').endpoint('c')",
            "httpPost expects 0 or 1 endpoints, got 2",
        ),
        (
            "httpPost('a').header('Authenticate','x')",
            "cannot set 'authenticate' header",
        ),
        (
            "httpPost().endpoint('unknown')",
            "endpoint 'unknown' does not exist",
        ),
    ] {
        assert_eq!(make(node).err().as_deref(), Some(error), "{node}");
    }
    let error = make("httpPost('http://{{')").err().unwrap_or_default();
    assert!(
        error.starts_with("error in url templating: failed to parse template: template: body:1:"),
        "{error}"
    );
}

#[test]
fn nodes_below_flush_when_the_last_answers_have_come() {
    let script = "var all = stream|from()\nvar coded = all|httpPost('http://h').codeField('code')\n\
                  all|join(coded).as('a', 'b')|httpOut('x')";
    for in_time in [true, false] {
        let mut rig = run(script).expect("it starts");
        rig.send(&[1, 2]);
        rig.task.finish().expect("it ends");
        assert!(!rig.out().contains("b.code"), "{}", rig.out());
        if in_time {
            rig.answer(Ok(204));
            assert_eq!(rig.task.pending(), 1);
            assert!(!rig.out().contains("b.code"), "{}", rig.out());
            rig.answer(Ok(204));
        } else {
            rig.task.finish_now().expect("it ends");
        }
        assert_eq!(rig.out().contains("b.code"), in_time, "{}", rig.out());
    }
}
