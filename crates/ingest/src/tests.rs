use std::io::Write as _;
use std::sync::Arc;

use capstan_base::{Class, Classify as _, VirtualClock};
use capstan_model::{Batch, ValueRef};
use parking_lot::Mutex;

use super::*;

#[derive(Default)]
struct Collector(Mutex<Vec<(String, Arc<Batch>)>>);

impl Sink for Collector {
    fn deliver(&self, batch: &Arc<Batch>, database: &Arc<str>, retention_policy: &Arc<str>) {
        self.0
            .lock()
            .push((format!("{database}.{retention_policy}"), Arc::clone(batch)));
    }
}

impl Collector {
    /// Measurement and time of each row, in order.
    fn rows(&self) -> Vec<(String, i64)> {
        let mut rows = Vec::new();
        for (_, batch) in &*self.0.lock() {
            for run in batch.runs() {
                let block = &batch.blocks[run.block as usize];
                for row in run.start..run.start + run.len {
                    rows.push((block.name.to_string(), block.time[row as usize]));
                }
            }
        }
        rows
    }
}

fn ingest() -> Ingest {
    let options = IngestOptions {
        default_retention_policy: "autogen".into(),
        ..IngestOptions::default()
    };
    Ingest::new(options, VirtualClock::at(1_000_000_007))
}

fn all_of(database: &str, retention_policy: &str) -> Subscription {
    Subscription {
        dbrps: vec![DbRp::new(database, retention_policy)],
        measurements: None,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn points_go_to_those_who_subscribed() {
    let ingest = ingest();
    let (all, some, other) = (
        Arc::new(Collector::default()),
        Arc::new(Collector::default()),
        Arc::new(Collector::default()),
    );
    let id = ingest.subscribe(all_of("db", "autogen"), all.clone());
    let measurements = Some(vec!["a".to_owned(), "c".to_owned()]);
    ingest.subscribe(
        Subscription {
            measurements,
            ..all_of("db", "autogen")
        },
        some.clone(),
    );
    ingest.subscribe(all_of("db", ""), other.clone());

    // An empty retention policy is the default one, not the empty one (H-22).
    let body = b"a v=1 1\nb v=1 2\nc v=1 3\na v=1 4\nb v=2";
    let outcome = ingest
        .write("db", "", "u", Encoding::Identity, body)
        .expect("taken");
    assert_eq!(outcome.accepted, 5);
    let row = |name: &str, time| (name.to_owned(), time);
    let default_time = 1_000_000_000;
    assert_eq!(
        all.rows(),
        [
            row("a", 1_000),
            row("b", 2_000),
            row("c", 3_000),
            row("a", 4_000),
            row("b", default_time)
        ]
    );
    assert_eq!(some.rows(), [row("a", 1_000), row("c", 3_000), row("a", 4_000)]);
    assert_eq!(other.rows(), []);

    assert!(ingest.unsubscribe(id));
    assert!(!ingest.unsubscribe(id));
    ingest
        .write("db", "autogen", "", Encoding::Identity, b"b v=1 9")
        .expect("taken");
    assert_eq!(all.rows().len(), 5);
    assert_eq!(some.rows().len(), 3);

    let counts: Vec<(String, u64)> = ingest
        .ingress()
        .iter()
        .map(|row| (row.measurement.to_string(), row.points_received))
        .collect();
    assert_eq!(
        counts,
        [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 1)]
    );
    assert_eq!(&*ingest.ingress()[0].retention_policy, "autogen");
}

#[test]
fn good_lines_are_kept_and_bad_ones_named() {
    let ingest = ingest();
    let sink = Arc::new(Collector::default());
    ingest.subscribe(all_of("db", "rp"), sink.clone());
    let outcome = ingest
        .write(
            "db",
            "rp",
            "n",
            Encoding::Identity,
            b"a v=1 1\nbad\na v=2 2\na v= 3\n",
        )
        .expect("taken");
    assert_eq!((outcome.accepted, outcome.rejected_total), (2, 2));
    assert_eq!(
        outcome.rejected.iter().map(|r| r.line).collect::<Vec<_>>(),
        [2, 4]
    );
    assert_eq!(sink.rows().len(), 2);
    assert_eq!(
        ingest.totals(),
        Totals {
            writes: 1,
            bytes: 27,
            points: 2,
            rejected: 2,
            series_refused: 0,
            refused: 0
        }
    );
}

#[test]
fn wrong_requests_are_refused_whole() {
    let ingest = ingest();
    let class = |result: Result<WriteOutcome, Error>| result.expect_err("refused").class();
    assert_eq!(
        class(ingest.write("", "rp", "n", Encoding::Identity, b"a v=1")),
        Class::User
    );
    assert_eq!(
        class(ingest.write("db", "rp", "fortnight", Encoding::Identity, b"a v=1")),
        Class::User
    );
    assert_eq!(
        class(ingest.write("db", "rp", "n", Encoding::Gzip, b"a v=1")),
        Class::User
    );
    assert_eq!(Encoding::parse("br").expect_err("unknown").class(), Class::User);
    assert_eq!(ingest.totals().refused, 3);
}

#[test]
fn gzip_is_unpacked_within_its_limit() {
    let options = IngestOptions {
        max_body_bytes: 10_000,
        max_decompressed_bytes: 20_000,
        ..IngestOptions::default()
    };
    let ingest = Ingest::new(options, VirtualClock::at(0));
    let sink = Arc::new(Collector::default());
    ingest.subscribe(all_of("db", "rp"), sink.clone());
    let write = |encoding, body: &[u8]| ingest.write("db", "rp", "n", encoding, body);
    assert_eq!(
        write(Encoding::Gzip, &gzip(b"a v=1 1\na v=2 2"))
            .expect("taken")
            .accepted,
        2
    );
    let lines = "a v=1 1\n".repeat(2_500);
    assert_eq!(
        write(Encoding::Gzip, &gzip(lines.as_bytes()))
            .expect("taken")
            .accepted,
        2_500
    );

    let bomb = gzip(&vec![b'\n'; 20_001]);
    assert!(matches!(
        write(Encoding::Gzip, &bomb),
        Err(Error::DecompressedTooLarge { limit: 20_000 })
    ));
    let error = write(Encoding::Identity, &[b'\n'; 10_001]).expect_err("too large");
    assert_eq!(error.class(), Class::TooLarge);
    let mut cut = gzip(b"a v=1 1");
    cut.truncate(cut.len() - 4);
    assert!(matches!(write(Encoding::Gzip, &cut), Err(Error::Gzip(_))));
    assert_eq!(
        sink.rows().len(),
        2_502,
        "the open line of a broken body is not a point"
    );
}

#[test]
fn points_are_handed_on_before_the_body_has_ended() {
    let ingest = ingest();
    let sink = Arc::new(Collector::default());
    ingest.subscribe(all_of("db", "rp"), sink.clone());
    for (encoding, body) in [
        (
            Encoding::Identity,
            b"a v=1 1
a v=2 2
a v=3 3"
                .to_vec(),
        ),
        (
            Encoding::Gzip,
            gzip(
                b"a v=1 1
a v=2 2
a v=3 3",
            ),
        ),
    ] {
        let before = sink.rows().len();
        let mut upload = ingest.begin("db", "rp", "n", encoding).expect("begun");
        // Byte by byte: lines and gzip blocks are cut everywhere.
        for piece in body.chunks(1) {
            upload.take([piece]).expect("taken");
        }
        assert_eq!(sink.rows().len(), before + 2, "{encoding:?}");
        // Another body comes in between.
        assert_eq!(
            ingest
                .write("db", "rp", "n", Encoding::Identity, b"b v=1 9")
                .expect("taken")
                .accepted,
            1
        );
        assert_eq!(upload.end().expect("ended").accepted, 3);
        assert_eq!(sink.rows().len(), before + 4, "{encoding:?}");
    }
    let totals = ingest.totals();
    assert_eq!((totals.writes, totals.points, totals.refused), (4, 8, 0));
    drop(ingest.begin("db", "rp", "n", Encoding::Identity).expect("begun"));
    assert_eq!(ingest.totals().refused, 1);
}

#[test]
fn counters_and_databases_are_bounded() {
    let options = IngestOptions {
        max_databases: 2,
        max_counted_measurements: 2,
        ..IngestOptions::default()
    };
    let ingest = Ingest::new(options, VirtualClock::at(0));
    let write = |database, body: &str| ingest.write(database, "", "", Encoding::Identity, body.as_bytes());
    write("a", "x v=1\ny v=1\nz v=1\nw v=1").expect("taken");
    let counts: Vec<_> = ingest
        .ingress()
        .iter()
        .map(|row| (row.measurement.to_string(), row.points_received))
        .collect();
    assert_eq!(
        counts,
        [
            ("(other)".to_owned(), 2),
            ("x".to_owned(), 1),
            ("y".to_owned(), 1)
        ]
    );
    write("b", "x v=1").expect("taken");
    assert!(matches!(
        write("c", "x v=1"),
        Err(Error::TooManyDatabases { limit: 2 })
    ));
}

#[test]
fn batches_made_inside_are_routed_too() {
    let ingest = ingest();
    let sink = Arc::new(Collector::default());
    ingest.subscribe(all_of("_kapacitor", "autogen"), sink.clone());
    let mut block = capstan_model::BlockBuilder::new("nodes", Arc::new(capstan_model::KeyTable::new()));
    block.row(5, 0);
    block.field("emitted", ValueRef::Int(1));
    ingest
        .publish("_kapacitor", "autogen", Batch::single(block.finish()))
        .expect("taken");
    assert_eq!(sink.rows(), [("nodes".to_owned(), 5)]);
    assert_eq!(ingest.ingress().len(), 1);
}

#[test]
fn series_beyond_the_limit_are_refused_until_others_are_gone() {
    let options = IngestOptions {
        max_series: 3,
        ..IngestOptions::default()
    };
    let ingest = Ingest::new(options, VirtualClock::at(0));
    let write = |body: &str| {
        ingest
            .write("db", "rp", "n", Encoding::Identity, body.as_bytes())
            .expect("taken")
    };
    let outcome = write("a,n=1 v=1 1\na,n=2 v=1 1\na,n=3 v=1 1\na,n=4 v=1 1\na,n=1 v=1 2");
    assert_eq!(
        (outcome.accepted, outcome.rejected_total, outcome.series_refused),
        (4, 1, 1)
    );
    assert_eq!(
        outcome.rejected[0].to_string(),
        "line 4: unable to parse 'a,n=4 v=1 1': more than 3 series; max-series sets the limit"
    );
    // The known ones are still written: it stays so.
    for _ in 0..20 {
        let outcome = write("a,n=1 v=1 3\na,n=2 v=1 3\na,n=3 v=1 3\na,n=4 v=1 3");
        assert_eq!(outcome.series_refused, 1);
    }
    // When they are not any more, the new one takes their place.
    let refused = (0..40)
        .take_while(|_| write("a,n=4 v=1 4").series_refused == 1)
        .count();
    assert!(refused < 40, "the new series stays refused");
    assert_eq!(ingest.totals().series_refused, 21 + refused as u64);
}
