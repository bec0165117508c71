use super::*;
use crate::ast::{BinaryOperator, CallKind};
use crate::format_node;

/// Everything in parentheses, so that the shape of the tree shows.
fn shape(node: &Node) -> String {
    match &node.kind {
        Kind::Binary(binary) => {
            format!(
                "({} {} {})",
                shape(&binary.left),
                binary.operator,
                shape(&binary.right)
            )
        }
        Kind::Unary { operator, operand } => format!("({}{})", operator.as_str(), shape(operand)),
        Kind::Chain {
            operator,
            left,
            right,
        } => {
            format!("({}{}{})", shape(left), operator.as_str(), shape(right))
        }
        Kind::Lambda(body) => format!("lambda {}", shape(body)),
        Kind::Call(call) => {
            let args: Vec<String> = call.args.iter().map(shape).collect();
            format!("{}({})", call.name, args.join(" "))
        }
        Kind::Program(statements) => statements.iter().map(shape).collect::<Vec<_>>().join("; "),
        _ => format_node(node),
    }
}

fn parsed(source: &str) -> String {
    match parse(source) {
        Ok(program) => shape(&program),
        Err(error) => error.to_string(),
    }
}

#[test]
fn operators_bind_as_in_kapacitor() {
    for (source, expected) in [
        ("lambda: a OR b AND c", "lambda (a OR (b AND c))"),
        ("lambda: a == b < c", "lambda (a == (b < c))"),
        ("lambda: !x == y", "lambda ((!x) == y)"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        (
            "1 * 2 + 3 * 4 > 5 AND TRUE",
            "((((1 * 2) + (3 * 4)) > 5) AND TRUE)",
        ),
        ("(1 + 2) * -3", "((1 + 2) * (-3))"),
        ("5 --3", "(5 - (-3))"),
        ("a|b().c.d(1)@e()", "((((a|b()).c).d(1))@e())"),
        ("f(1)|g()", "(f(1)|g())"),
        ("f(1) + 2", "(f(1) + 2)"),
        ("var x = 5 5", "var x = 5; 5"),
        (
            "g([a, 'b', *,], lambda: h(1 + 2,),)",
            "g([a, 'b', *] lambda h((1 + 2)))",
        ),
    ] {
        assert_eq!(parsed(source), expected, "{source}");
    }
}

#[test]
fn errors_are_worded_as_in_kapacitor() {
    const PRIMARY: &str = r#""number","string","duration","identifier","TRUE","FALSE","==","(","-","!""#;
    for (source, expected) in [
        ("stream|from(", format!("parser: unexpected EOF line 1 char 13 in \"ream|from(\". expected: {PRIMARY}")),
        ("var x = 'a", format!("parser: unexpected unterminated string line 1 char 9 in \"var x = 'a\". expected: {PRIMARY}")),
        ("\n\nf(a b)", "parser: unexpected identifier line 3 char 5 in \"f(a b)\". expected: \")\"".to_owned()),
        ("var b\n= stream|\n5", "parser: unexpected number line 3 char 1 in \"5\". expected: \"identifier\"".to_owned()),
        ("f([1])", "parser: unexpected number line 1 char 4 in \"f([1])\". expected: \"identifier\",\"string\",\"*\"".to_owned()),
        ("dbrp 'a'.'b'", "parser: unexpected string line 1 char 6 in \"dbrp 'a'.'b'\". expected: \"reference\"".to_owned()),
        ("var x = 08", "parser: illegal number syntax: \"08\"".to_owned()),
        ("var x = 9223372036854775808", "parser: illegal number syntax: \"9223372036854775808\"".to_owned()),
        ("var x = /(/", "parser: error parsing regexp: missing closing ): `(`".to_owned()),
        ("(stream)|from()", format!("parser: unexpected | line 1 char 9 in \"(stream)|from()\". expected: {PRIMARY}")),
        ("'ééééééééé'  )", format!("parser: unexpected ) line 1 char 23 in \"\u{fffd}ééé'  )\". expected: {PRIMARY}")),
    ] {
        assert_eq!(parsed(source), expected, "{source}");
    }
}

#[test]
fn diagnostics_name_place_and_remedy() {
    for (source, code, hint) in [
        (
            "f(lambda: a and b)",
            "unexpected-token",
            Some("write `AND` in upper case"),
        ),
        (
            "f(1h30m)",
            "unexpected-token",
            Some("a duration has one unit of u, ms, s, m, h, d, w: write 90m, not 1h30m"),
        ),
        (
            "f([1])",
            "unexpected-token",
            Some("a list holds only strings, names and `*`"),
        ),
        (
            "dbrp 'a'.'b'",
            "unexpected-token",
            Some("database and retention policy stand in double quotes: dbrp \"db\".\"rp\""),
        ),
        ("a;", "unknown-character", Some("statements need no separator")),
        (
            "f(lambda : x)",
            "unknown-character",
            Some("write `lambda:` without a blank"),
        ),
        (
            "var x = 010 08",
            "bad-number",
            Some("a leading 0 makes a number octal: leave it out"),
        ),
        ("/* a */", "bad-regex", Some("comments begin with `//`")),
        ("'", "unterminated-string", None),
        ("stream|", "unexpected-end", None),
    ] {
        let error = parse(source).unwrap_err();
        let diagnostic = error.diagnostic();
        assert_eq!(diagnostic.code, code, "{source}: {error}");
        if hint.is_some() {
            assert_eq!(diagnostic.hint.as_deref(), hint, "{source}");
        }
    }
    let source = "stream\n    |from(]\n";
    assert_eq!(
        parse(source).unwrap_err().render(source, "a.tick"),
        "error[unexpected-token]: found `]`, but a number, a string, a duration, a name, `TRUE`, `FALSE`, `(`, `-` or `!` \
         should stand here\n --> a.tick:2:11\n  |\n2 |     |from(]\n  |           ^\n"
    );
}

#[test]
fn operators_and_links_stand_at_their_operator() {
    let program = parse("stream\n  |from()\nvar x = a + b").unwrap();
    let Kind::Program(statements) = &program.kind else {
        panic!("{program:?}")
    };
    assert_eq!(
        statements[0].position,
        Position {
            byte: 9,
            line: 2,
            char: 3
        }
    );
    let Kind::Declaration { value, .. } = &statements[1].kind else {
        panic!("{program:?}")
    };
    assert_eq!(
        value.position,
        Position {
            byte: 27,
            line: 3,
            char: 11
        }
    );
    let Kind::Binary(binary) = &value.kind else {
        panic!("{value:?}")
    };
    assert_eq!(
        (binary.operator, binary.operator_position),
        (BinaryOperator::Add, value.position)
    );
}

#[test]
fn literals_keep_value_and_spelling() {
    let lambda = parse_lambda(r#"f('a\'\n', '''\'x''', "r\"", /a\/b/, 010, .5, 10µ, 2w)"#).unwrap();
    let Kind::Lambda(body) = &lambda.kind else {
        panic!("{lambda:?}")
    };
    let Kind::Call(call) = &body.kind else {
        panic!("{body:?}")
    };
    assert_eq!(call.kind, CallKind::Global);
    let kinds: Vec<&Kind> = call.args.iter().map(|argument| &argument.kind).collect();
    assert_eq!(
        kinds,
        [
            &Kind::String {
                value: "a'\\n".to_owned(),
                triple: false
            },
            &Kind::String {
                value: "\\'x".to_owned(),
                triple: true
            },
            &Kind::Reference("r\"".to_owned()),
            &Kind::Regex("a/b".to_owned()),
            &Kind::Int {
                value: 8,
                octal: true
            },
            &Kind::Float(0.5),
            &Kind::Duration {
                nanos: 10_000,
                literal: "10µ".to_owned()
            },
            &Kind::Duration {
                nanos: 1_209_600_000_000_000,
                literal: "2w".to_owned()
            },
        ]
    );
}

#[test]
fn a_lambda_body_is_one_expression() {
    assert_eq!(
        shape(&parse_lambda("\"a\" > 1 AND f()").unwrap()),
        "lambda ((\"a\" > 1) AND f())"
    );
    assert!(parse_lambda("a b").is_err());
    assert!(parse_lambda("").is_err());
    assert!(parse_lambda("f(lambda: x)").is_err());
    assert!(parse_lambda("a|b()").is_err());
}

#[test]
fn no_input_is_too_deep_for_the_stack() {
    const MANY: usize = 100_000;
    for (open, close) in [("(", ")"), ("f(", ")"), ("-", ""), ("!", ""), ("f(-(", "))")] {
        let source = format!("{}1{}", open.repeat(MANY), close.repeat(MANY));
        let error = parse(&source).unwrap_err();
        assert!(error.diagnostic().code == "too-deep", "{open}: {error}");
    }
    for link in [" + 1", "|f()", " OR 2 > 1 + 1 * 2"] {
        let error = parse(&format!("f(){}", link.repeat(MANY))).unwrap_err();
        assert_eq!(error.diagnostic().code, "too-deep");
    }
    let nested = format!("{}1{}", "f(1 + (".repeat(90), "))".repeat(90));
    let long = format!("x{}", "|f()".repeat(MAX_HEIGHT - 2));
    for source in [nested, long] {
        let text = crate::format(&source).unwrap();
        assert!(crate::walk::same_meaning(
            &parse(&text).unwrap(),
            &parse(&source).unwrap()
        ));
    }
}

#[test]
fn one_error_does_not_hide_the_next() {
    let source = "var a = )\nvar b = 1\nstream|from(\n    ]\nvar c = 08\nx";
    let lines: Vec<usize> = errors(source).iter().map(|error| error.position().line).collect();
    assert_eq!(lines, [1, 4, 5]);
    assert_eq!(errors(source).first(), parse(source).err().as_ref());
    assert!(errors("var a = 1\n// c").is_empty());
    assert_eq!(errors("a b_ _c").len(), 1);
    assert_eq!(errors(&"var )\n".repeat(1_000)).len(), MAX_ERRORS);
}
