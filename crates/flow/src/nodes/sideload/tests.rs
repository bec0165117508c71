use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

use crate::engine::Task;
use crate::ports::sideload::{parse_file, parse_tables};
use crate::ports::{Ports, SideSource, SideTables, Sideload};
use crate::script::{Mode, TaskKind, Vars, define};

#[derive(Debug)]
struct Fake;

#[derive(Debug)]
struct Loaded(Arc<SideTables>);

impl SideSource for Loaded {
    fn tables(&self) -> Arc<SideTables> {
        Arc::clone(&self.0)
    }
}

impl Sideload for Fake {
    fn open(&self, source: &str) -> Result<Arc<dyn SideSource>, String> {
        if source != "file:///data" {
            return Err(format!("no {source}"));
        }
        let files = [
            ("host/a.yml", "limit: 7\nname: 5.5\nrack: r1\nbad: [1]\n"),
            (
                "all.json",
                "{\"limit\":1,\"other\":2.5,\"rack\":\"r0\",\"none\":null}",
            ),
            ("readme.txt", "limit: 9"),
        ];
        let tables = files.map(|(path, text)| (path.to_owned(), parse_file(path, text).expect("a map")));
        Ok(Arc::new(Loaded(Arc::new(SideTables::from(tables)))))
    }
}

fn make(node: &str) -> Result<(Task, crate::Endpoints), String> {
    let script = format!("stream|from().groupBy('rack')|{node}|httpOut('x')");
    let definition =
        define(&script, TaskKind::Auto, &Vars::new(), Mode::Task).map_err(|error| error.to_string())?;
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.sideload = Some(Arc::new(Fake));
    let endpoints = ports.endpoints.clone();
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).map_err(|e| e.to_string())?;
    task.start().map_err(|error| error.to_string())?;
    Ok((task, endpoints))
}

#[test]
fn the_first_file_that_has_a_value_gives_it() {
    let (mut task, endpoints) = make(
        "sideload().source('file:///data').order('host/{{.host}}.yml', 'all.json').field('limit', 0)\
         .field('other', 0.0).field('name', 'x').field('bad', TRUE).field('none', 3).tag('rack', 'unknown')",
    )
    .expect("it starts");
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    for host in ["a", "b"] {
        rows.row(0, keys.intern(&Tags::from_pairs([("host", host)])));
        rows.field("limit", ValueRef::Int(-1));
    }
    task.collect(&Batch::single(rows.finish()))
        .expect("the task runs");
    let json = endpoints.get("x").expect("an endpoint");
    assert!(
        json.contains(
            r#"{"host":"a","rack":"r1"},"columns":["time","bad","limit","name","none","other"],"values":[["1970-01-01T00:00:00Z",true,7,"5.5",3,2.5]]"#
        ),
        "{json}"
    );
    assert!(json.contains(r#"{"host":"b","rack":"r0"}"#), "{json}");
    assert!(json.contains(r#"true,1,"x",3,2.5"#), "{json}");
    let errors = task.errors(crate::NodeId(2));
    assert_eq!(
        errors
            .recent()
            .map(|entry| entry.error.clone())
            .collect::<Vec<_>>(),
        ["cannot convert value of type []interface {} to type bool key=bad expected=bool got=[]interface {}"]
    );
}

#[test]
fn sources_that_cannot_be_are_refused() {
    for (node, error) in [
        ("sideload()", "unsupported source scheme \"\", must be 'file'"),
        (
            "sideload().source('ftp://x')",
            "unsupported source scheme \"ftp\", must be 'file', 'http', or 'https'",
        ),
        ("sideload().source('file:///x')", "no file:///x"),
    ] {
        assert_eq!(make(node).err().as_deref(), Some(error));
    }
    assert!(make("sideload().source('file:///data').order('{{')").is_err());
}

#[test]
fn http_sources_hold_a_map_per_file() {
    let tables = parse_tables(r#"{"a":{"x":1}}"#).expect("tables");
    assert_eq!(tables["a"]["x"], 1);
    assert!(parse_tables("[]").is_err());
    assert!(parse_file("a.yaml", "").expect("nothing").is_empty());
    assert!(parse_file("a.yaml", "- 1").is_err());
}
