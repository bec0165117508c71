//! `fmt.Sprintf`, `Sprint` and `Sprintln` for the values that templates handle.
//!
//! Verbs `v T t d b o O x X c q U e E f F g G s`, flags `+ - # 0` and space, width, precision, `*` and argument indexes; wrong uses print
//! Go's `%!d(string=x)` forms. Pointers have no address here: `%p` is refused in the same form.

mod float;
mod integer;
mod printer;
mod verbs;

pub use float::format_float;

use crate::value::Value;
use printer::Printer;

/// Longest text one call yields; what lies beyond is cut off.
pub const MAX_OUTPUT_BYTES: usize = 4 << 20;

/// `fmt.Sprintf(format, arguments...)`.
///
/// ```
/// use capstan_gocompat::{Value, fmt::sprintf};
///
/// assert_eq!(sprintf("%05.1f|%q", &[Value::Float(2.25), Value::from("a\"b")]), "002.2|\"a\\\"b\"");
/// assert_eq!(sprintf("%d", &[Value::from("x")]), "%!d(string=x)");
/// ```
pub fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut printer = Printer::new();
    verbs::print_format(&mut printer, format, arguments);
    printer.finish()
}

/// `fmt.Sprint(arguments...)`: a space between two that are no strings.
pub fn sprint(arguments: &[Value]) -> String {
    let mut printer = Printer::new();
    let mut previous_is_text = false;
    for (index, argument) in arguments.iter().enumerate() {
        let is_text = argument.as_text().is_some();
        if index > 0 && !is_text && !previous_is_text {
            printer.push(' ');
        }
        printer.argument(argument, 'v');
        previous_is_text = is_text;
    }
    printer.finish()
}

/// `fmt.Sprintln(arguments...)`: spaces between all and a newline at the end.
pub fn sprintln(arguments: &[Value]) -> String {
    let mut printer = Printer::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            printer.push(' ');
        }
        printer.argument(argument, 'v');
    }
    printer.push('\n');
    printer.finish()
}
