//! Any text is tokens, a tree or a finding that can be shown; never a panic.

#![no_main]

use capstan_tick::TokenKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let tokens = capstan_tick::lex(source);
    let last = tokens.last().expect("the end is a token");
    assert!(matches!(last.kind, TokenKind::Eof | TokenKind::Error));
    for token in &tokens {
        assert!(token.end() <= source.len() && source.is_char_boundary(token.end()));
    }

    let program = capstan_tick::parse(source);
    let found = capstan_tick::errors(source);
    assert_eq!(program.is_err(), !found.is_empty());
    if let (Err(error), Some(first)) = (&program, found.first()) {
        assert_eq!(error, first);
    }
    for error in &found {
        assert!(error.position().byte <= source.len());
        assert!(!error.render(source, "x.tick").is_empty());
    }
    if let Ok(program) = &program {
        let _ = capstan_tick::script_type(program);
        let _ = capstan_tick::dbrps(program);
        let _ = capstan_tick::walk::references(program);
        let _ = capstan_tick::walk::calls(program);
    }
    if let Err(error) = capstan_tick::parse_lambda(source) {
        assert!(!error.render(source, "x.tick").is_empty());
    }
});
