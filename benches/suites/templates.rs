//! Templates of alert ids and messages.
#![allow(missing_docs)]

use capstan_gocompat::Value;
use capstan_gocompat::template::{Functions, Template};
use criterion::{Criterion, criterion_group, criterion_main};

fn templates(c: &mut Criterion) {
    let data = Value::map([
        ("ID", Value::from("cpu:host=a")),
        ("Level", Value::from("CRITICAL")),
        ("Tags", Value::string_map([("host", "a"), ("region", "west")])),
    ]);
    let mut group = c.benchmark_group("template");
    for (name, text) in [
        ("id", "{{ .ID }}"),
        (
            "message",
            "{{ .ID }} is {{ .Level }} on {{ index .Tags \"host\" }}",
        ),
        (
            "condition",
            "{{ if eq .Level \"CRITICAL\" }}page{{ else }}mail{{ end }} {{ range $k, $v := .Tags }}{{ $k }}={{ $v }} {{ end }}",
        ),
    ] {
        let template = Template::parse("bench", text, &Functions::new()).expect("a valid template");
        group.bench_function(name, |b| b.iter(|| template.execute(&data).expect("it executes")));
    }
    group.finish();
}

criterion_group!(benches, templates);
criterion_main!(benches);
