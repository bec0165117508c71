//! A formatted script means what it meant, keeps its comments, and is formatted.

#![no_main]

use capstan_tick::ast::{Kind, Node};
use capstan_tick::walk::same_meaning;
use capstan_tick::{TokenKind, format, format_node, lex, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let Ok(program) = parse(source) else {
        assert!(format(source).is_err());
        return;
    };
    let text = format(source).expect("it parses");
    let again = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(same_meaning(&statements(program), &statements(again.clone())), "{text}");
    assert_eq!(comments(source), comments(&text), "{text}");
    assert_eq!(format_node(&again), text);
    assert_eq!(format(&text).expect("it parses"), text);

    if let Ok(lambda) = capstan_tick::parse_lambda(source) {
        let _ = format_node(&lambda);
    }
});

/// The script without the comment at its end, which is no statement.
fn statements(mut program: Node) -> Node {
    if let Kind::Program(statements) = &mut program.kind {
        statements.retain(|statement| !matches!(statement.kind, Kind::Comment(_)));
    }
    program
}

/// The words of all comments, in order of the alphabet, since a comment may move.
fn comments(source: &str) -> Vec<String> {
    let mut lines: Vec<String> = lex(source)
        .iter()
        .filter(|token| token.kind == TokenKind::Comment)
        .flat_map(|token| token.text.lines())
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .map(|line| line.strip_prefix("//").unwrap_or(line).trim().to_owned())
        .collect();
    lines.sort();
    lines
}
