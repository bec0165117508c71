use super::*;

/// Runs the cases of a file without other files.
fn outcomes(text: &str) -> Vec<Outcome> {
    let mut none = |path: &str| Err(format!("there is no {path}"));
    let cases = read(text, "x.yaml", &mut none)
        .unwrap_or_else(|problem| panic!("{}", problem.render(text, "x.yaml")));
    cases.iter().map(run).collect()
}

/// Everything that is wrong with the only case; empty when it passes.
fn wrong(text: &str) -> String {
    let mut none = |path: &str| Err(format!("there is no {path}"));
    let cases = read(text, "x.yaml", &mut none)
        .unwrap_or_else(|problem| panic!("{}", problem.render(text, "x.yaml")));
    let cases = cases.into_iter().map(|case| {
        let outcome = run(&case);
        (case, outcome)
    });
    let tested = report::Tested {
        file: "x.yaml".into(),
        cases: cases.collect(),
    };
    if tested.counts().1 == 0 {
        return String::new();
    }
    report::text(&tested, report::Paint(false))
}

fn passes(text: &str) {
    let wrong = wrong(text);
    assert!(wrong.is_empty(), "{wrong}");
}

fn problem(text: &str) -> String {
    let mut none = |path: &str| Err(format!("there is no {path}"));
    let problem = read(text, "x.yaml", &mut none).expect_err("it must be refused");
    problem.render(text, "x.yaml")
}

const ALERT: &str = "tick: |
  stream
      |from().measurement('cpu').groupBy('host')
      |alert().id('load of {{ index .Tags \"host\" }}').message('{{ .ID }} is {{ .Level }}')
          .warn(lambda: \"usage\" > 70).crit(lambda: \"usage\" > 90).stateChangesOnly()
";

#[test]
fn an_alert_is_said_in_three_lines() {
    passes(&format!(
        "{ALERT}points: cpu,host=a usage=95 +2m\nexpect:\n  alerts: [{{at: +2m, level: CRITICAL}}]\n"
    ));
}

#[test]
fn alerts_are_compared_one_by_one() {
    let input = format!(
        "{ALERT}points:
  - cpu,host=a usage=10 +0s
  - cpu,host=a usage=80 +1m
  - cpu,host=a usage=95 +2m
  - cpu,host=a usage=5 +3m
"
    );
    passes(&format!(
        "{input}expect:
  alerts:
    - {{at: +1m, level: warning, id: load of a, previous: OK}}
    - {{at: +2m, level: CRITICAL, message: {{contains: is CRIT}}, duration: 1m, tags: {{host: a}}, fields: {{usage: 95}}}}
    - {{at: {{min: +2m, max: +4m}}, level: OK, id: {{matches: '^load'}}, fields: {{other: {{absent: true}}}}}}
"
    ));
    let text = wrong(&format!(
        "{input}expect:
  alerts:
    - {{at: +1m, level: CRITICAL}}
    - {{at: +2m, level: CRITICAL}}
    - {{at: +150s, level: OK, id: other}}
"
    ));
    for part in [
        "alerts: 3 expected, 3 happened  (x.yaml:12)",
        "~ +1m      WARNING \"load of a\" \"load of a is WARNING\"",
        "level: expected CRITICAL, got WARNING",
        "  +2m      CRITICAL",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let text = wrong(&format!("{input}expect: {{alerts: none}}\n"));
    assert!(text.contains("alerts: none expected, 3 happened"), "{text}");
    let text = wrong(&format!(
        "{input}expect: {{alerts: {{contains: [{{level: INFO}}], count: 4, last: {{at: +2m}}}}}}\n"
    ));
    for part in [
        "alerts: 1 of 1 did not happen",
        "alerts: 4 expected, 3 happened",
        "at: expected +2m, got +3m",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    passes(&format!(
        "{input}expect: {{alerts: {{contains: [{{level: OK}}, {{level: WARNING}}], without: [{{level: INFO}}], first: {{at: +1m}}}}}}\n"
    ));
}

const SCALE: &str = "tick: |
  var cooldown = 1m
  stream
      |from().measurement('load')
      |k8sAutoscale().resourceName('app').min(1).max(5).increaseCooldown(cooldown)
          .replicas(lambda: int(\"value\"))
resources: {deployments/app: 1}
";

#[test]
fn decisions_are_compared_and_change_the_world() {
    let input = format!(
        "{SCALE}points:
  - load value=3 +10s
  - load value=4 +20s
  - load value=9 +80s
"
    );
    passes(&format!(
        "{input}expect:
  scales:
    - {{at: +10s, resource: app, from: 1, to: 3, reason: ReplicasExpression}}
    - {{at: +80s, resource: default/Deployment/app, from: 3, to: 5, raw: 9, reason: TooManyReplicas, limits: max}}
  holds: {{contains: [{{at: +20s, reason: IncreaseCooldown, replicas: 3}}]}}
  replicas: {{app: 5}}
"
    ));
    // Without a cooldown there is one more.
    let text = wrong(&format!(
        "{input}vars: {{cooldown: 0s}}
expect:
  scales: [{{to: 3}}, {{to: 5}}]
  replicas: {{app: 3}}
"
    ));
    for part in [
        "scales: 2 expected, 3 happened",
        "+ +20s     deployments/app 3 -> 4 (ReplicasExpression, asked for 4)",
        "replicas of app: expected 3, got 5",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn steps_come_one_after_the_other() {
    passes(&format!(
        "{SCALE}steps:
  - points: load value=3 +10s
  - restart: true
  - points: load value=4 +20s
  - scale: {{app: 2}}
  - points: load value=5 +2m
expect:
  scales: [{{at: +10s, from: 1, to: 3}}, {{at: +2m, from: 2, to: 5}}]
"
    ));
}

#[test]
fn an_object_nobody_said_is_an_error() {
    let text = wrong(
        "tick: |\n  stream|from()|k8sAutoscale().resourceName('app').replicas(lambda: 2)\npoints: m v=1 +1s\nexpect: {scales: none}\n",
    );
    assert!(
        text.contains("nodes complained") && text.contains("not found"),
        "{text}"
    );
}

#[test]
fn generators_make_points_in_the_order_of_time() {
    passes(
        "tick: |
  stream|from()|where(lambda: TRUE)|log()
points:
  - {series: 'm,host=a', ramp: [0, 2], to: 4s, every: 2s}
  - {measurement: m, tags: {host: b}, field: n, type: int, values: [1, 5], from: 1s, every: 2s, fields: {zone: eu}}
expect:
  points:
    where: |
      m,host=a value=0 +0s
      m,host=b n=1i,zone=\"eu\" +1s
      m,host=a value=1 +2s
      m,host=b n=5 +3s
      m,host=a value=2 +4s
  logs: {count: 5, first: {at: 0s, text: {contains: 'm,host=a value=0'}}}
",
    );
    // Counters go on where they stopped.
    passes(
        "tick: stream|from()|derivative('value').unit(1s).as('rate')|httpOut('rates')
points:
  - {series: m, rate: 5, to: 2s}
  - {series: m, rate: [5, 15], from: 2s, to: 4s}
expect:
  points:
    rates:
      - {at: +1s, fields: {rate: 5}}
      - {at: +2s, fields: {rate: 5, value: 10}}
      - {at: +3s, fields: {rate: {near: 7.5, within: 0.01}}}
      - {at: +4s, fields: {rate: {min: 12, max: 13}}}
",
    );
}

#[test]
fn time_passes_without_points() {
    passes(
        "tick: |
  stream|from().measurement('m')|deadman(1.0, 10s)|log()
points: {series: m, value: 1, to: 25s}
advance: 20s
expect:
  alerts: [{level: CRITICAL, message: {contains: dead}, at: +40s}]
",
    );
    passes(
        "tick: |
  stream|from().groupBy('host')|barrier().idle(5s).delete(TRUE)|window().period(10s).every(10s)|count('v')
points: ['m,host=a v=1 +0s', 'm,host=a v=1 +4s']
advance: 30s
expect: {points: {count: none}}
",
    );
}

#[test]
fn batches_and_writes() {
    passes(
        "tick: |
  batch|query('SELECT mean(v) FROM db.rp.m').period(10s).every(10s).groupBy('host')
      |max('v').as('top')|influxDBOut().database('out').retentionPolicy('week').measurement('tops')
type: batch
batches:
  - group: {host: a}
    at: +10s
    points: |
      m v=1 +1s
      m v=7 +6s
advance: 1m
expect:
  writes: tops,host=a top=7 +10s
  points:
    max: {at: +10s, fields: {top: 7}}
    query: [{at: +1s, batch: +10s, tags: {host: a}}, {at: +6s, fields: {v: {min: 7}}}]
",
    );
}

#[test]
fn several_cases_share_what_they_have_in_common() {
    let all = outcomes(&format!(
        "{ALERT}points: cpu,host=a usage=80 +1m
tests:
  - name: one
    expect: {{alerts: {{level: WARNING}}}}
  - name: two
    points: cpu,host=a usage=5 +1m
    expect: {{alerts: none}}
  - name: three
    expect: {{alerts: none}}
"
    ));
    assert_eq!(
        all.iter().map(Outcome::passed).collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[test]
fn a_case_that_tests_nothing_fails() {
    let text = wrong(&format!(
        "{ALERT}points: disk,host=a usage=95 +2m\nexpect: {{alerts: none}}\n"
    ));
    assert!(
        text.contains("the task took none of the 1 points") && text.contains("it reads the measurements cpu"),
        "{text}"
    );
    let text = wrong(
        "tick: |\n  stream|from()|eval(lambda: \"x\" * 2.0).as('y')\npoints: m v=1 +1s\nexpect: {alerts: none}\n",
    );
    assert!(text.contains("nodes complained"), "{text}");
    passes(
        "tick: |\n  stream|from()|eval(lambda: \"x\" * 2.0).as('y')\npoints: m v=1 +1s\nexpect: {errors: any, alerts: none}\n",
    );
    let text = wrong("tick: stream|form()\npoints: m v=1 +1s\nexpect: {alerts: none}\n");
    assert!(
        text.contains("did you mean") && text.contains("x.yaml (tick):1"),
        "{text}"
    );
    let text = wrong("tick: stream|from()|log()\npoints: m v=1 +1s\nexpect: {points: {eval: none}}\n");
    assert!(
        text.contains("there is no node or endpoint eval; nodes are stream0, from1, log2"),
        "{text}"
    );
}

#[test]
fn what_is_written_wrong_is_refused_with_its_place() {
    let good = "tick: stream|from()|log()\npoints: m v=1 +1s\n";
    for (text, parts) in [
        (format!("{good}expcet: {{alerts: none}}\n"), ["x.yaml:3:", "did you mean expect?"]),
        (format!("{good}expect:\n  alrets: none\n"), ["x.yaml:4:", "did you mean alerts?"]),
        (format!("{good}expect:\n  alerts: [{{levle: OK}}]\n"), ["x.yaml:4:", "did you mean level?"]),
        (format!("{good}expect:\n  alerts: [{{level: CRITCAL}}]\n"), ["x.yaml:4:", "did you mean CRITICAL?"]),
        (format!("{good}expect:\n  alerts: [{{at: soon}}]\n"), ["x.yaml:4:", "a time after the start"]),
        (format!("{good}expect:\n  alerts: nothing\n"), ["x.yaml:4:", "expected a list, none"]),
        (format!("{good}expect:\n  scales: {{count: {{most: 3}}}}\n"), ["x.yaml:4:", "has no key most"]),
        (format!("{good}expect:\n  points: none\n"), ["x.yaml:4:", "by the node"]),
        (good.to_owned(), ["x.yaml:1:", "expects nothing"]),
        ("points: m v=1 +1s\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:1:", "says no script"]),
        ("script: a.tick\npoints: m v=1 +1s\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:1:", "there is no a.tick"]),
        ("tick: stream|from()\npoints: m v=1\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "has no time"]),
        ("tick: stream|from()\npoints: m v=x +1s\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "m v=x +1s"]),
        ("tick: stream|from()\npoints: {series: m, ramp: [0, 1], to: 5s, evry: 1s}\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "did you mean every?"]),
        ("tick: stream|from()\npoints: {series: m, to: 5s}\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "says no values"]),
        ("tick: stream|from()\npoints: {series: m, rate: 5}\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "until when"]),
        ("tick: stream|from()\nsteps: [{wait: 5s}]\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "a step has no key wait"]),
        ("tick: var n = 1 stream|from()|log()\nvars: {m: 2}\npoints: m v=1 +1s\nexpect: {alerts: none}\n".to_owned(), ["x.yaml:2:", "did you mean n?"]),
        ("tick: stream|from()\ntests:\n  - expect: {alerts: none}\n".to_owned(), ["x.yaml:3:", "has no name"]),
        ("a: [1\n".to_owned(), ["x.yaml:", "-->"]),
    ] {
        let told = problem(&text);
        for part in parts {
            assert!(told.contains(part), "{part} is not in:\n{told}");
        }
    }
}

#[test]
fn reports_are_json_and_xml() {
    let text = format!("{ALERT}points: cpu,host=a usage=95 +2m\nexpect: {{alerts: {{level: WARNING}}}}\n");
    let mut none = |_: &str| Err(String::new());
    let cases = read(&text, "a<b>.yaml", &mut none).unwrap().into_iter();
    let cases = cases.map(|case| {
        let outcome = run(&case);
        (case, outcome)
    });
    let all = [report::Tested {
        file: "a<b>.yaml".into(),
        cases: cases.collect(),
    }];
    let json = report::json(&all);
    assert_eq!(json["failed"], 1);
    assert_eq!(
        json["files"][0]["cases"][0]["failures"][0]["diff"][0]["mark"],
        "changed"
    );
    let xml = report::junit(&all);
    for part in [
        "tests=\"1\" failures=\"1\"",
        "classname=\"a&lt;b&gt;.yaml\"",
        "<failure message=\"alerts: 1 expected, 1 happened\">",
        "level: expected WARNING, got CRITICAL",
    ] {
        assert!(xml.contains(part), "{part}:\n{xml}");
    }
    assert!(!xml.contains("a<b"));
    assert!(report::text(&all[0], report::Paint(true)).contains("\x1b[31mFAIL\x1b[0m"));
}
