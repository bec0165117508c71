use proptest::prelude::*;

use super::*;
use crate::walk::same_meaning;

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(format(source).unwrap(), expected);
}

#[test]
fn chains_calls_and_operators() {
    check(
        "var x=stream|from().measurement('cpu')@udf().a('x',lambda:\"a\">(1+2)*3)",
        "var x = stream\n    |from()\n        .measurement('cpu')\n    @udf()\n        .a('x', lambda: \"a\" > (1 + 2) * 3)\n",
    );
    check("f(\na,b)", "f(\n    a,\n    b\n)\n");
    check(
        "f(a,\nlambda: x\n OR y)",
        "f(\n    a,\n    lambda: x OR\n    y\n)\n",
    );
    check("f((a\n+ b) * c)", "f(\n    (a +\n        b) *\n    c\n)\n");
    check("(((a)))  ((1.)) ((010))", "a\n\n1.0\n\n010\n");
    check(
        r"'a\'b' '''c'd''' =~ /e\/f/ 60s",
        "'a\\'b'\n\n'''c'd''' =~ /e\\/f/\n\n60s\n",
    );
    check("dbrp \"a\\\"\" . \"b\"", "dbrp \"a\\\"\".\"b\"\n");
    check("", "");
}

#[test]
fn no_comment_is_lost() {
    check(
        "// a\n//   b\n\n// c\nvar x = 1 // d",
        "// a\n//   b\n\n// c\nvar x = 1\n\n// d\n\n",
    );
    check("// c\n-5", "// c\n-5\n");
    check(
        "f(\n    'a',\n    // 'b',\n)\n    .g()",
        "f(\n    'a'\n)\n        // 'b',\n        .g()\n",
    );
    check("var x = (\n// c\na)", "var x = \n// c\na\n");
    check(
        "dbrp // a\n\"x\" . // b\n\"y\"",
        "// a\n\n// b\ndbrp \"x\".\"y\"\n",
    );
    check("f(// c\ng(1) + 2)", "f(\n    \n    // c\n    g(1) + 2\n)\n");
}

#[test]
fn a_part_of_a_script_prints_alone() {
    let lambda = crate::parse_lambda("\"a\" > 1\nAND TRUE").unwrap();
    assert_eq!(format_node(&lambda), "lambda: \"a\" > 1 AND\nTRUE");
}

/// Scripts as people and generators write them: any layout, comments anywhere.
fn script() -> impl Strategy<Value = String> {
    let space = prop_oneof![
        6 => Just(" "), 2 => Just("\n"), 1 => Just("\n\n  "), 1 => Just(" // c\n"), 1 => Just("\n// d\n//  e\n\n// f\n")
    ];
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("1".to_owned()),
        Just("010".to_owned()),
        Just("1.50".to_owned()),
        Just("90s".to_owned()),
        Just("TRUE".to_owned()),
        Just("\"r \\\" é\"".to_owned()),
        Just("'s\\'\\'".to_owned() + "'"),
        Just("'''t'\n'''".to_owned()),
    ];
    let operand = leaf.prop_recursive(4, 24, 3, move |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "AND", "OR", "==", "<=", "%"]);
        let space = space.clone();
        prop_oneof![
            (
                inner.clone(),
                space.clone(),
                operator,
                space.clone(),
                inner.clone()
            )
                .prop_map(|(a, s, o, t, b)| format!("{a}{s}{o}{t}{b}")),
            (inner.clone(), space.clone(), space.clone()).prop_map(|(a, s, t)| format!("({s}{a}{t})")),
            (inner.clone(), space.clone()).prop_map(|(a, s)| format!("-{s}{a}")),
            (inner.clone(), space.clone(), inner.clone(), space.clone())
                .prop_map(|(a, s, b, t)| format!("f({s}{a},{t}{b}{s})")),
            (inner, space).prop_map(|(a, s)| format!("({a}{s}=~{s}/x\\/y/)")),
        ]
    });
    let argument = (operand, 0..5u8).prop_map(|(operand, kind)| match kind {
        0 => format!("lambda: {operand}"),
        1 => "['x', // g\n y, *]".to_owned(),
        2 => "*".to_owned(),
        _ => operand,
    });
    let link = (
        argument.clone(),
        prop::sample::select(vec!["|", ".", "@", "\n// h\n|", "| // i\n", "\n ."]),
    )
        .prop_map(|(argument, operator)| format!("{operator}f({argument})"));
    let chain = prop::collection::vec(link, 1..4).prop_map(|links| format!("stream{}", links.concat()));
    let value = prop_oneof![
        argument,
        chain.clone(),
        chain.clone().prop_map(|chain| format!("stream|join({chain})"))
    ];
    let statement = prop_oneof![
        value.prop_map(|value| format!("var x = {value}")),
        chain,
        Just("dbrp \"a\".\"b\"".to_owned()),
        Just("var y // j\n float".to_owned()),
        Just("// k\n".to_owned()),
    ];
    prop::collection::vec(statement, 0..4).prop_map(|statements| statements.join("\n"))
}

fn comments(text: &str) -> usize {
    text.matches("//").count()
}

proptest! {
    #[test]
    fn formatting_keeps_the_meaning_and_the_comments_and_is_a_fixed_point(source in script()) {
        let tree = parse(&source).unwrap();
        let text = format(&source).unwrap();
        let again = parse(&text).unwrap();
        prop_assert!(same_statements(&tree, &again), "{source}\n----\n{text}");
        prop_assert_eq!(comments(&text), comments(&source), "{}\n----\n{}", source, text);
        let second = format_node(&again);
        prop_assert_eq!(&second, &text, "{}\n----\n{}", source, text);
    }

    #[test]
    fn no_text_makes_it_panic(source in "[ -~\\né'\"/\\\\|.@(),*=!~<>_-]{0,60}|\\PC{0,40}") {
        let _ = crate::lex(&source);
        if let Ok(text) = format(&source) {
            prop_assert!(parse(&text).is_ok());
        }
        match parse(&source) {
            Ok(_) => {}
            Err(error) => {
                let _ = error.render(&source, "x.tick");
            }
        }
        let _ = crate::parse_lambda(&source);
        let errors = crate::errors(&source);
        prop_assert_eq!(errors.first().cloned(), parse(&source).err());
    }

    #[test]
    fn no_run_of_words_makes_it_panic(words in prop::collection::vec(
        prop::sample::select(vec!["var", "dbrp", "lambda:", "lambda", "x", "f(", ")", "(", "[", "]", ",", "|", ".", "@", "=",
            "==", "=~", "/a/", "1", "0", "08", "1.", "5m", "'s'", "\"r\"", "TRUE", "AND", "!", "-", "*", "// c\n", "\n"]), 0..20))
    {
        let source = words.join(" ");
        if let Ok(tree) = parse(&source) {
            let text = format(&source).unwrap();
            let again = parse(&text).unwrap();
            prop_assert!(same_statements(&tree, &again), "{source}\n----\n{text}");
            prop_assert_eq!(comments(&text), comments(&source), "{}\n----\n{}", source, text);
            prop_assert_eq!(&format_node(&again), &text, "{}\n----\n{}", source, text);
        }
    }
}

/// Same statements, a comment at the end aside.
fn same_statements(a: &Node, b: &Node) -> bool {
    same_meaning(&without_comment(a), &without_comment(b))
}

fn without_comment(node: &Node) -> Node {
    let mut node = node.clone();
    if let Kind::Program(statements) = &mut node.kind {
        statements.retain(|statement| !matches!(statement.kind, Kind::Comment(_)));
    }
    node
}
