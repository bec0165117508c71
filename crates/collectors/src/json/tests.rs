use serde_json::json;

use super::*;

fn by_path(document: &str, path: &str, aggregator: &str) -> Result<f64, String> {
    let aggregator = Some(aggregator).filter(|name| !name.is_empty());
    let aggregator = aggregator.map(|name| Aggregator::parse(name).unwrap());
    let extract = Extract::path(path, aggregator).map_err(|error| error.0)?;
    extract
        .number(document.as_bytes())
        .map_err(|error| error.to_string())
}

fn by_eval(document: &str, script: &str) -> Result<f64, String> {
    let extract = Extract::eval(script, None).map_err(|error| error.0)?;
    extract
        .number(document.as_bytes())
        .map_err(|error| error.to_string())
}

/// `TestJSONPathMetricsGetter`.
#[test]
fn numbers_are_found_as_kube_metrics_adapter_finds_them() {
    assert_eq!(by_path(r#"{"value":3}"#, "$.value", "avg"), Ok(3.0));
    assert_eq!(by_path(r#"{"value":[3,4,5]}"#, "$.value", "avg"), Ok(4.0));
    assert_eq!(
        by_path(r#"{"metric.value":5}"#, "$['metric.value']", "avg"),
        Ok(5.0)
    );
    let workers = r#"{"worker_status":[{"last_status":{"backlog":3}},{"last_status":{"backlog":7}}]}"#;
    assert_eq!(
        by_path(workers, "$.worker_status.[*].last_status.backlog", "avg"),
        Ok(5.0)
    );
    let processes = r#"{"active processes":1,"total processes":10}"#;
    let share = "ceil($['active processes'] / $['total processes'] * 100)";
    assert_eq!(by_eval(processes, share), Ok(10.0));
    let unbalanced = by_eval(
        processes,
        "ceil($['active processes'] ) $['total processes'] * 100)",
    );
    assert!(
        unbalanced
            .as_ref()
            .is_err_and(|error| error.ends_with("wrong request: formula has no left parentheses")),
        "{unbalanced:?}"
    );
    assert_eq!(
        by_path(r#"{"metric.value":5}"#, "$['invalid.metric.values']", "avg"),
        Err("unexpected json: expected single numeric or array value".to_owned())
    );
    assert_eq!(
        by_path("{", "$['invalid.metric.values']", "avg"),
        Err("unexpected end of file".to_owned())
    );
}

#[test]
fn aggregators_are_these() {
    for (name, expected) in [("avg", 2.0), ("min", 1.0), ("max", 3.0), ("sum", 6.0)] {
        assert_eq!(by_path("[1,2,3]", "$", name), Ok(expected), "{name}");
        assert_eq!(by_path("[1,2,3]", "$[*]", name), Ok(expected), "{name}");
    }
    assert!(
        Aggregator::parse("median")
            .unwrap_err()
            .0
            .starts_with("aggregator function: median is unknown")
    );
    let missing = by_path("[1,2]", "$", "").unwrap_err();
    assert!(
        missing.starts_with("no aggregator function has been specified"),
        "{missing}"
    );
    assert!(
        by_path("[]", "$", "avg").is_err(),
        "no zero and no NaN of nothing"
    );
    assert!(
        by_path(r#"["a"]"#, "$", "sum")
            .unwrap_err()
            .contains("did not find numeric type")
    );
    assert!(
        by_path(r#"{"a":"5"}"#, "$.a", "")
            .unwrap_err()
            .starts_with("unsupported type string")
    );
    assert!(
        by_path(r#"{"a":null}"#, "$.a", "")
            .unwrap_err()
            .starts_with("unsupported type null")
    );
}

fn store() -> Value {
    json!({"store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395", "price": 22.99}
        ],
        "bicycle": {"color": "red", "price": 19.95}}})
}

/// The titles or prices that a path leads to.
fn found(path: &str) -> Result<Vec<Value>, JsonError> {
    let root = store();
    let run = Run::over(&root);
    let nodes = Path::parse(path)?.apply(&run, &Node::of(&root))?;
    Ok(nodes
        .iter()
        .map(|node| match node {
            Node::Number(number) => json!(number),
            Node::Text(text) => json!(text),
            Node::Container(value) => value
                .get("price")
                .cloned()
                .unwrap_or_else(|| json!(node.type_name())),
            _ => Value::Null,
        })
        .collect())
}

/// `TestJsonPath` of ajson, by the prices.
#[test]
fn paths_mean_what_they_mean_to_ajson() {
    let all = json!([8.95, 12.99, 8.99, 22.99]);
    for (path, expected) in [
        ("$", json!(["object"])),
        ("$.", json!(["object"])),
        ("$.*", json!(["object"])),
        ("$.store.bicycle", json!([19.95])),
        ("$..bicycle", json!([19.95])),
        ("$..price", json!([19.95, 8.95, 12.99, 8.99, 22.99])),
        ("$..['price']", json!([19.95, 8.95, 12.99, 8.99, 22.99])),
        (
            "$['store']['book'][1].*",
            json!(["Evelyn Waugh", "fiction", 12.99, "Sword of Honour"]),
        ),
        (
            "$['store']['book'][2]['author','price','title']",
            json!(["Herman Melville", 8.99, "Moby Dick"]),
        ),
        ("$['store']['book'][1,2]", json!([12.99, 8.99])),
        ("$['store']['book'][-2,(@.length-1)]", json!([8.99, 22.99])),
        ("$['store']['book'][-1,-3]", json!([22.99, 12.99])),
        ("$..[1:4]", json!([12.99, 8.99, 22.99])),
        ("$..[1:4:]", json!([12.99, 8.99, 22.99])),
        ("$..[1:]", json!([12.99, 8.99, 22.99])),
        ("$..[:2]", json!([8.95, 12.99])),
        ("$..[:4:2]", json!([8.95, 8.99])),
        ("$..[::]", all.clone()),
        ("$['store']['book'][1:4:3]", json!([12.99])),
        ("$['store']['book'][:-1]", json!([8.95, 12.99, 8.99])),
        ("$['store']['book'][-1:]", json!([22.99])),
        ("$..[::-1]", json!([22.99, 8.99, 12.99, 8.95])),
        ("$..[::-2]", json!([22.99, 12.99])),
        ("$..[-3:(@.length)]", json!([12.99, 8.99, 22.99])),
        ("$..[1:(@.length - 1)]", json!([12.99, 8.99])),
        ("$['store']['book'][(@.length-1)]", json!([22.99])),
        ("$['store']['book'][(3.5 - 3/2)]", json!([8.99])),
        ("$..book[?(@.isbn)]", json!([8.99, 22.99])),
        ("$..[?(@.price < factorial(3) + 3)]", json!([8.95, 8.99])),
        ("$[('store')][('bo'+'ok')][(@.length - 1)]", json!([22.99])),
        ("$[('store'+'')][('bo'+'ok')][(true)]", all.clone()),
        ("$.store.bicycle.price[(@.length-1)]", json!([])),
        ("$.store.bicycle.price[?(@ > 0)]", json!([])),
        ("$['store']['book'].length", json!([4.0])),
        ("$.store.book.length()", json!([4.0])),
        ("$['store']['book'][?(@.price + 0.05 == 9)].price", json!([8.95])),
        ("$.store.book[?(@.author =~ '^J.*n$')].price", json!([22.99])),
        // RFC 9535 has filters without parentheses.
        ("$.store.book[?@.price > 10 && @.isbn].price", json!([22.99])),
        (
            "$.store.book[?(@.price > 10) && (@.price < 20)].price",
            json!([12.99]),
        ),
    ] {
        assert_eq!(found(path).map(Value::Array), Ok(expected), "{path}");
    }
    for path in [
        "$..[(foobar(@.length))::]",
        "$..[::0]",
        "$..[:(1/0):]",
        "$..[:(1/2):]",
        "$..[:0.5:]",
        "$..[(1/0)]",
        "$.store.book[(@.length / 0)]",
        "$.store.book[?(@.price / 0 > 0)]",
        "$.store.book[?(@.price * 0 = 0)]",
        "$[?()]",
        "$['store'",
        "$x",
        "{}",
        "",
        ".store",
    ] {
        assert!(found(path).is_err(), "{path}: {:?}", found(path));
    }
    assert_eq!(
        Path::parse("{}").unwrap_err().to_string(),
        "wrong symbol '{' at 0"
    );
}

/// What both read means the same to RFC 9535, except for the order of values.
#[test]
fn common_paths_mean_what_the_rfc_says() {
    let root = store();
    for path in [
        "$.store.book[*].price",
        "$..price",
        "$['store']['book'][0]['price']",
        "$.store.book[-1].price",
        "$.store.book[1:3].price",
        "$.store.book[::-1].price",
        "$.store.book[?@.price < 10].price",
        "$.store.book[?@.isbn].price",
        "$.store.book[?(@.category == 'fiction' && @.price > 10)].price",
        "$.store.book[0,2].price",
        "$.store.*.price",
        "$.store.nothing",
    ] {
        let query = parse_json_path(path).unwrap();
        let sorted = |mut numbers: Vec<f64>| {
            numbers.sort_by(f64::total_cmp);
            numbers
        };
        let rfc = js_path_process(&query, &root).unwrap();
        let rfc = rfc
            .into_iter()
            .map(|found| found.val().as_f64().unwrap())
            .collect();
        let run = Run::over(&root);
        let ours = Path::parse(path).unwrap().apply(&run, &Node::of(&root)).unwrap();
        let ours = ours.iter().map(|node| node.number().unwrap()).collect();
        assert_eq!(sorted(ours), sorted(rfc), "{path}");
    }
    // Only the RFC's functions are left to its own reader.
    let rings = r#"{"a":[{"n":"x1","v":1},{"n":"y","v":2}]}"#;
    assert_eq!(by_path(rings, "$.a[?match(@.n, 'x.')].v", ""), Ok(1.0));
}

#[test]
fn expressions_compute_as_in_ajson() {
    let document = store().to_string();
    for (script, expected) in [
        ("avg($..price)", 14.774_000_000_000_001),
        ("sum($.store.book[*].price)", 53.92),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 ** 3 ** 2", 512.0),
        ("10 - 2 - 3", 5.0),
        ("-1e1 + 3", -7.0),
        ("7 % 4 << 2", 12.0),
        ("6 & 3 | 8", 10.0),
        ("7 &^ 2", 5.0),
        // Not (1 ^ 6): what waits with ^ always goes first.
        ("1 ^ 2 * 3", 9.0),
        ("length($.store.book)", 4.0),
        ("$.store.book.length*2", 8.0),
        ("size($.store.bicycle)", 2.0),
        ("factorial(5) + pow10(2)", 220.0),
        ("round(2.5) + roundToEven(2.5) + FLOOR(-0.5)", 4.0),
        ("sqrt(abs(-16)) + trunc(PI) + log2(8)", 10.0),
        (
            "first($.store.book[*].price) - last($.store.book[*].price)",
            8.95 - 22.99,
        ),
        ("cbrt(27) + logb(8)", 6.0),
        ("erfinv(erf(0.5))", 0.5),
    ] {
        let found = by_eval(&document, script);
        assert!(
            found.as_ref().is_ok_and(|found| (found - expected).abs() < 1e-9),
            "{script}: {found:?}, not {expected}"
        );
    }
    for (script, error) in [
        ("$.nothing * 2", "not parsed yet"),
        ("pow10($.nothing)", "wrong type of Node"),
        (
            "ceil($.nothing)",
            "function 'Ceil' was called from non numeric node",
        ),
        ("1 / 0", "division by zero"),
        ("5 % 0", "division by zero"),
        ("1.5 % 2", "node is not INT"),
        ("1 == 1", "unsupported type bool"),
        ("'a' + 'b'", "unsupported type string"),
        ("$.nothing", "unsupported type null"),
        ("max(1, 2)", "'max' is not a function"),
        ("foo + 1", "'foo' is not a constant"),
        ("1 +", "wrong request: 1 +"),
        ("1 2", "wrong request: 1 2"),
        ("(1", "'(' is not an operation or function"),
        ("", "unexpected end of file"),
        ("1 = 2", "wrong symbol '=' at 2"),
        ("$['a' + 1", "unexpected end of file"),
        ("factorial(1000000000)", "above 170"),
        ("randint(0)", "below 1"),
    ] {
        let found = by_eval(&document, script).unwrap_err();
        assert!(found.contains(error), "{script}: {found}");
    }
}

#[test]
fn nothing_runs_for_long_or_deep() {
    let deep = format!("$[{}", "(".repeat(50_000));
    assert!(by_path("{}", &deep, "").is_err());
    let deep = "(".repeat(1000);
    assert!(by_eval("{}", &deep).unwrap_err().contains("nested deeper"));
    let nested = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    assert!(by_path(&nested, "$..x", "").is_err());
    let wide = format!("[{}1]", "1,".repeat(100_000));
    let squares = by_path(&wide, "$[?(sum($[*]) > 0)]", "sum").unwrap_err();
    assert!(squares.contains("looks at more than"), "{squares}");
    assert!(by_path(&wide, "$[?(@ > 0)]", "sum").is_ok());
    for text in [
        "\\",
        "$['\\",
        "$..",
        "$...",
        "$[",
        "'",
        "\"\\",
        "$[?(@.a='",
        "@",
        "$.é[",
        "é",
        "$[''].é",
        "$[:]",
    ] {
        // Whatever it says, it says it without panic.
        let _ = (by_path(r#"{"é":1}"#, text, ""), by_eval("{}", text));
    }
    assert_eq!(by_path(r#"{"é":1,"a:b":2}"#, "$.é", ""), Ok(1.0));
    assert_eq!(by_path(r#"{"é":1,"a:b":2}"#, "$.a:b", ""), Ok(2.0));
}

/// What ajson 0.9.6 itself gave, for paths and expressions made at random; its number, or null for an error.
#[test]
fn recorded_paths_and_expressions_give_what_ajson_gave() {
    let recorded: Value = serde_json::from_str(include_str!("../../testdata/ajson.json")).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 400, "{}", cases.len());
    for case in cases {
        let document = recorded["docs"][case[0].as_u64().unwrap() as usize].to_string();
        let text = case[2].as_str().unwrap();
        let aggregator = Some(Aggregator::parse(case[3].as_str().unwrap()).unwrap());
        let made = match case[1].as_str() {
            Some("path") => Extract::path(text, aggregator),
            _ => Extract::eval(text, aggregator),
        };
        let found = made
            .ok()
            .and_then(|extract| extract.number(document.as_bytes()).ok());
        let same = match (found, case[4].as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-12 * expected.abs(),
            (found, expected) => found == expected,
        };
        assert!(same, "{text} on {document}: {found:?}, not {}", case[4]);
    }
}
