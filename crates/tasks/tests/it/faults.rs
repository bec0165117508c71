//! Nodes that panic and nodes that hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capstan_flow::ports::{ScaleRequest, ScaleSink, ScaleTarget, Scaler};
use capstan_hpa::Record;
use capstan_store::Store;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{Server, new};

const SCALING: &str = "stream|from().measurement('m')|k8sAutoscale().resourceName('app').replicas(lambda: 2)";
const PLAIN: &str = "stream|from().measurement('m')|httpOut('out')";

/// Panics at the first request and swallows the others.
#[derive(Debug, Default)]
struct Panicking(AtomicUsize);

impl Scaler for Panicking {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, _target: &ScaleTarget, _request: ScaleRequest, _sink: ScaleSink) {
        assert!(
            self.0.fetch_add(1, Ordering::SeqCst) > 0,
            "this is how a defect looks"
        );
    }

    fn record(&self, _record: &Record) {}
}

/// Hangs in a request until it is let go.
#[derive(Debug)]
struct Hanging {
    entered: Sender<()>,
    released: Receiver<()>,
}

impl Scaler for Hanging {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, _target: &ScaleTarget, _request: ScaleRequest, _sink: ScaleSink) {
        let _ = self.entered.try_send(());
        let _ = self.released.recv_timeout(Duration::from_secs(20));
    }

    fn record(&self, _record: &Record) {}
}

#[test]
fn a_panic_ends_only_its_task_which_is_started_again() {
    let scaler = Arc::new(Panicking::default());
    let server = Server::with_scaler(&Store::in_memory(), Some(Arc::clone(&scaler) as Arc<dyn Scaler>));
    server.tasks.create(new("bad", SCALING)).unwrap();
    server.tasks.create(new("good", PLAIN)).unwrap();
    server.write("m value=1 1");
    server.until("good", "out", ",1]");
    let (_sender, never) = bounded::<()>(0);
    let again = (0..2000).any(|_| {
        let _ = never.recv_timeout(Duration::from_millis(5));
        let restarts = |node: &capstan_tasks::NodeStatistics| {
            node.task == "bad" && node.values.contains(&("restarts", 1))
        };
        server.tasks.is_executing("bad") && server.tasks.statistics().0.iter().any(restarts)
    });
    assert!(again, "the task is started again");
    assert!(
        server
            .tasks
            .get("bad")
            .unwrap()
            .error
            .contains("this is how a defect looks")
    );
    server.write("m value=1 2");
    let asked = (0..2000).any(|_| {
        let _ = never.recv_timeout(Duration::from_millis(5));
        scaler.0.load(Ordering::SeqCst) > 1
    });
    assert!(asked, "and works on");
    server.stop();
}

#[test]
fn a_task_that_hangs_loses_its_own_data_and_nobody_elses() {
    let ((entered, wait), (release, released)) = (bounded(1), bounded(0));
    let server = Server::with_scaler(&Store::in_memory(), Some(Arc::new(Hanging { entered, released })));
    server.tasks.create(new("hangs", SCALING)).unwrap();
    server.tasks.create(new("good", PLAIN)).unwrap();
    server.write("m value=0 1");
    wait.recv_timeout(Duration::from_secs(10)).unwrap();
    for value in 1..=20 {
        server.write(&format!("m value={value} {value}"));
        server.until("good", "out", &format!(",{value}]"));
    }
    let view = server.tasks.view(
        &server.tasks.get("hangs").unwrap(),
        capstan_tasks::DotView::Attributes,
    );
    assert!(view.executing, "what was published last is shown meanwhile");
    let nodes = server.tasks.statistics().0;
    let dropped = nodes
        .iter()
        .find(|node| node.task == "hangs" && &*node.kind == "stream")
        .unwrap();
    assert!(dropped.values.contains(&("dropped", 12)), "{:?}", dropped.values);
    drop(release);
    server.stop();
}
