use proptest::prelude::*;

use super::*;
use crate::value::{ContentKind, Parameter};

fn text(body: &str, data: &Value) -> Result<String, String> {
    Template::parse("t", body, &Functions::new())
        .and_then(|template| template.execute(data))
        .map_err(|error| error.to_string())
}

fn html(body: &str, data: &Value) -> Result<String, String> {
    html::Template::parse("t", body, &Functions::new())
        .and_then(|template| template.execute(data))
        .map_err(|error| error.to_string())
}

fn data() -> Value {
    Value::map([
        ("a", Value::Int(1)),
        ("s", Value::from("<x>")),
        (
            "l",
            Value::list([Value::Float(1.5), Value::Nil, Value::from("y")]),
        ),
        ("m", Value::string_map([("k", "v")])),
        ("t", Value::Time(0)),
        ("d", Value::Duration(1)),
    ])
}

#[test]
fn a_template_that_calls_itself_without_end_is_stopped() {
    let error = text(
        "{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}",
        &Value::Nil,
    )
    .unwrap_err();
    assert_eq!(
        error,
        "template: t:1:25: executing \"x\" at <{{template \"x\"}}>: exceeded maximum template depth (300)"
    );
    let error = html(
        "{{define \"x\"}}<b>{{template \"x\"}}{{end}}{{template \"x\"}}",
        &Value::Nil,
    )
    .unwrap_err();
    assert!(error.contains("exceeded maximum template depth"), "{error}");
    let error = text(
        "{{define \"x\"}}{{with (print (print (print .)))}}{{template \"x\" .}}{{end}}{{end}}{{template \"x\" 1}}",
        &Value::Nil,
    )
    .unwrap_err();
    assert!(error.contains("exceeded maximum template depth"), "{error}");
}

#[test]
fn output_is_bounded() {
    let doubling = "{{$x := \"0123456789\"}}{{range .}}{{$x = print $x $x}}{{end}}{{len $x}}";
    let rounds = |count: usize| Value::list((0..count).map(|_| Value::Nil));
    assert_eq!(text(doubling, &rounds(10)).unwrap(), "10240");
    let mut many = String::new();
    for _ in 0..20 {
        many.push_str("{{printf \"%999999d\" 1}}");
    }
    let error = text(&many, &Value::Nil).unwrap_err();
    assert!(error.ends_with("output has more than 4194304 bytes"), "{error}");
}

#[test]
fn steps_are_bounded() {
    let wide = Value::list((0..200).map(|_| Value::Nil));
    let mut body = String::new();
    for _ in 0..8 {
        body.push_str("{{range $}}");
    }
    body.push_str(&"{{end}}".repeat(8));
    let error = text(&body, &wide).unwrap_err();
    assert!(error.ends_with("exceeded 5000000 steps"), "{error}");
    // Bodies of loops are examined twice, and so on for each level.
    let mut body = "{{range .}}".repeat(60);
    body.push_str(&"{{end}}".repeat(60));
    let error = html(&body, &Value::Nil).unwrap_err();
    assert!(error.contains("too complex"), "{error}");
}

#[test]
fn texts_that_nest_too_deeply_are_refused() {
    for body in ["{{if .}}", "{{(((((", "{{range .}}{{with .}}"] {
        let error = text(&body.repeat(5_000), &Value::Nil).unwrap_err();
        assert!(error.starts_with("template: t:1: "), "{error}");
    }
    let body = format!("{{{{{}1{}}}}}", "(".repeat(5_000), ")".repeat(5_000));
    let error = text(&body, &Value::Nil).unwrap_err();
    assert!(error.ends_with("nested more than 100 levels deep"), "{error}");
    let deep = format!("{{{{{}1{}}}}}", "(".repeat(90), ")".repeat(90));
    assert_eq!(text(&deep, &Value::Nil).unwrap(), "1");
}

#[test]
fn a_user_function_replaces_a_builtin_and_its_error_stops_the_template() {
    let functions = Functions::new()
        .with(
            "len",
            Function::new(&[Parameter::Any], |_| Ok(Value::from("mine"))),
        )
        .with("fail", Function::new(&[], |_| Err("no luck".to_owned())));
    let template = Template::parse("t", "{{len 1}}", &functions).unwrap();
    assert_eq!(template.execute(&Value::Nil).unwrap(), "mine");
    let template = Template::parse("t", "{{fail}}", &functions).unwrap();
    assert_eq!(
        template.execute(&Value::Nil).unwrap_err(),
        Error::Execute("template: t:1:2: executing \"t\" at <fail>: error calling fail: no luck".to_owned())
    );
}

#[test]
fn escaping_is_checked_before_any_data_is_there() {
    let template = html::Template::parse("details", "<a href='{{if .}}x", &Functions::new());
    assert_eq!(
        template.unwrap_err().to_string(),
        "template: details:1: unexpected EOF"
    );
    let template = html::Template::parse("details", "<a href='{{.}}", &Functions::new()).unwrap();
    let error = template.check().unwrap_err();
    assert!(matches!(&error, Error::Escape(text) if text.starts_with("html/template:details: ends in")));
    assert_eq!(template.execute(&Value::Nil).unwrap_err(), error);
}

#[test]
fn the_json_of_kapacitor_is_escaped_in_text_and_kept_in_scripts() {
    let functions = Functions::new().with(
        "json",
        Function::new(&[Parameter::Any], |args| {
            let text = crate::json::marshal(&args[0])?;
            Ok(Value::Content(ContentKind::Js, text.into()))
        }),
    );
    let template =
        html::Template::parse("d", "{{ json . }}<script>{{ json . }}</script>", &functions).unwrap();
    assert_eq!(
        template.execute(&Value::string_map([("a", "b")])).unwrap(),
        "{&#34;a&#34;:&#34;b&#34;}<script>{\"a\":\"b\"}</script>"
    );
}

/// Pieces that make texts which parse now and then.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{{",
            "}}",
            "{{- ",
            " -}}",
            "{{if .a}}",
            "{{else}}",
            "{{end}}",
            "{{range .l}}",
            "{{range $i, $e := .l}}",
            "{{with .m}}",
            "{{.s}}",
            "{{.}}",
            "{{$x := .s}}",
            "{{$x}}",
            "{{break}}",
            "{{continue}}",
            "{{define \"d\"}}",
            "{{template \"d\" .}}",
            "{{block \"b\" .}}",
            "{{printf \"%v %[1]d %*d\" .a 3 .l}}",
            "{{index .l 1}}",
            "{{slice .s 1 2}}",
            "{{.t.Format \"2006\"}}",
            "{{.t.AddDate 9 99 999}}",
            "{{.d.Round .d}}",
            "{{eq .a .s .l}}",
            "{{html .s}}",
            "{{.s | urlquery}}",
            "{{/* c */}}",
            "(",
            ")",
            "|",
            "$",
            ".",
            ",",
            ":=",
            "=",
            "nil",
            "'",
            "\"",
            "`",
            "<a href=",
            "<a href=\"",
            "<script>",
            "</script>",
            "<style>",
            "</style>",
            "<!--",
            "-->",
            "/*",
            "*/",
            "//",
            "/",
            "[",
            "\\",
            "url(",
            "<textarea>",
            "</",
            ">",
            "<",
            " ",
            "\n",
            "é",
            "\u{2028}",
            "style=",
            "onclick='",
            "srcset=",
            "?",
            "#",
            "&amp;",
            "&#x27;",
            "0x1F",
            "1e9",
            "x",
            "{",
            "}",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// As many cases as `PROPTEST_CASES` says, for long runs.
fn cases() -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig::with_cases(1_000)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_text_panics(body in pieces()) {
        let data = data();
        for printed in [text(&body, &data), html(&body, &data)].into_iter().flatten() {
            prop_assert!(printed.len() <= MAX_OUTPUT_BYTES);
        }
    }

    #[test]
    fn no_format_panics(format in "[%a-zA-Z0-9\\[\\]*.+# -]{0,12}", number in any::<i64>(), float in any::<f64>(), word in ".{0,4}") {
        let arguments = [
            Value::Int(number),
            Value::Float(float),
            Value::from(word),
            Value::NativeInt(number % 20),
            data(),
            Value::Bytes(number.to_le_bytes().as_slice().into()),
        ];
        prop_assert!(crate::fmt::sprintf(&format, &arguments).len() <= crate::fmt::MAX_OUTPUT_BYTES);
    }

    #[test]
    fn values_never_leave_their_place(value in ".{0,12}") {
        let place = Value::from(value);
        let out = html("<p title='{{.}}' class={{.}}>{{.}}</p>", &place).unwrap();
        prop_assert_eq!(out.matches('<').count(), 2);
        prop_assert_eq!(out.matches('\'').count(), 2);
        let out = html("<script>var a = \"{{.}}\";</script>", &place).unwrap();
        prop_assert_eq!(out.matches('"').count(), 2);
        prop_assert_eq!(out.matches('<').count(), 2);
    }

    #[test]
    fn time_methods_take_any_time(nanos in any::<i64>(), years in -400i64..400, unit in any::<i64>()) {
        let data = Value::map([("t", Value::Time(nanos)), ("y", Value::NativeInt(years)), ("d", Value::Duration(unit))]);
        text("{{.t.AddDate .y .y .y}}{{.t.Round .d}}{{.t.Truncate .d}}{{.t.Add .d}}{{.d.Round .d}}{{.d.Truncate .d}}", &data).unwrap();
        text("{{.t}}{{.t.Month}}{{.t.Weekday}}{{.t.YearDay}}{{.d.Seconds}}{{.d.Abs}}{{printf \"%#v\" .t}}", &data).unwrap();
    }
}
