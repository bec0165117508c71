//! TICKscript: text to syntax tree and back, and what is wrong with the text.
//!
//! The language is Kapacitor's (`tick/ast` upstream): the same tokens, grammar, positions, one-line error texts and formatting.
//! What a script *means* is not known here: nodes, properties, types and functions belong to `flow` and `expr`.
//!
//! ```
//! let formatted = capstan_tick::format("stream|from().measurement('cpu')").unwrap();
//! assert_eq!(formatted, "stream\n    |from()\n        .measurement('cpu')\n");
//!
//! let error = capstan_tick::parse("var x = )").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "parser: unexpected ) line 1 char 9 in \"var x = )\". expected: \
//!      \"number\",\"string\",\"duration\",\"identifier\",\"TRUE\",\"FALSE\",\"==\",\"(\",\"-\",\"!\""
//! );
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`ast`] | the syntax tree |
//! | [`token`], [`lexer`] | text to tokens |
//! | [`parser`] | tokens to tree: programs and lambda bodies |
//! | [`format`](mod@format) | tree to text |
//! | [`walk`] | visiting a tree; references and calls in it; equality that ignores places |
//! | [`script_type`] | stream or batch, and the `dbrp` statements |
//! | [`diagnostic`] | a finding with place, hint and code, and its rendering with the source line |
//! | [`error`] | the syntax error: Kapacitor's line and a diagnostic |

pub mod ast;
mod comment;
pub mod diagnostic;
pub mod error;
pub mod format;
pub mod lexer;
pub mod parser;
pub mod script_type;
mod source;
pub mod token;
pub mod walk;

pub use diagnostic::{Diagnostic, Severity};
pub use error::SyntaxError;
pub use format::{format, format_node};
pub use lexer::lex;
pub use parser::{errors, parse, parse_lambda};
pub use script_type::{DatabaseRetentionPolicy, ScriptType, dbrps, script_type};
pub use token::{Token, TokenKind};
