//! TICKscript: lexer, parser, syntax tree, formatter, diagnostics.
pub mod ast;
