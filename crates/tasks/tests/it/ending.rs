//! What is under way when a task is disabled.

use std::sync::Arc;
use std::time::Duration;

use capstan_flow::ports::{
    HttpPost, InfluxWrite, PostAnswer, PostEndpoint, PostRequest, PostSink, WriteRequest, WriteSink,
};
use capstan_store::Store;
use capstan_tasks::TaskPatch;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{Server, new};

const SCRIPT: &str = "var all = stream|from().measurement('m')
    all|influxDBOut().database('early')
    all|httpPost('http://h').codeField('code')|influxDBOut().database('late')";

/// A web service that answers once the first points are written to a database.
#[derive(Debug)]
struct Slow {
    post: Sender<Waiting>,
    posts: Receiver<Waiting>,
    written: Sender<String>,
}

struct Waiting(PostSink);

impl HttpPost for Slow {
    fn endpoint(&self, _name: &str) -> Option<PostEndpoint> {
        None
    }

    fn post(&self, _request: PostRequest, sink: PostSink) {
        let _ = self.post.try_send(Waiting(sink));
    }
}

impl InfluxWrite for Slow {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, _cluster: &str, request: Arc<WriteRequest>, sink: WriteSink) {
        if let Ok(Waiting(post)) = self.posts.try_recv() {
            post(Ok(PostAnswer {
                status: 201,
                body: String::new(),
            }));
        }
        let _ = self
            .written
            .try_send(format!("{}: {}", request.database, request.body));
        sink(Ok(()));
    }

    fn execute(&self, _cluster: &str, _command: String, sink: WriteSink<String>) {
        sink(Ok(()));
    }
}

#[test]
fn an_answer_that_comes_at_the_end_is_still_worked_through() {
    let ((post, posts), (written, bodies)) = (bounded(1), bounded(8));
    let slow = Arc::new(Slow {
        post,
        posts: posts.clone(),
        written,
    });
    let server = Server::with_ports(&Store::in_memory(), |ports| {
        ports.http_post = Some(Arc::clone(&slow) as _);
        ports.influx_write = Some(slow as _);
    });
    server.tasks.create(new("a", SCRIPT)).unwrap();
    server.write("m value=1 1");
    let (_sender, never) = bounded::<()>(0);
    let posted = (0..2000).any(|_| {
        let _ = never.recv_timeout(Duration::from_millis(5));
        !posts.is_empty()
    });
    assert!(posted);
    let disabled = TaskPatch {
        enabled: Some(false),
        ..TaskPatch::default()
    };
    server.tasks.update("a", disabled, false).unwrap();
    let bodies: Vec<String> = bodies.try_iter().collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies[0].starts_with("early: m "), "{bodies:?}");
    assert!(
        bodies[1].starts_with("late: m ") && bodies[1].contains("code=201i"),
        "{bodies:?}"
    );
    server.stop();
}
