//! Calendar functions read the time in the zone of the server.

use capstan_tick::ast::Kind;
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "local-time",
    rows: &["E-07"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut first = None;
    for body in subject.lambdas() {
        walk::walk(body, &mut |node| {
            if let Kind::Call(call) = &node.kind
                && matches!(call.name.as_str(), "hour" | "weekday" | "day" | "month" | "year")
            {
                first.get_or_insert((node.position, call.name.as_str()));
            }
        });
    }
    // Once: whoever has thought of it has done so for the whole script.
    if let Some((position, name)) = first {
        findings.warn(
            Span {
                position,
                end: position.byte + name.len(),
            },
            format!(
                "`{name}` reads the time in the server's time zone, so the answer depends on where it runs"
            ),
            "set TZ for the server, and allow this rule when its zone is what you mean",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "local-time",
            1,
            r#"stream|from().measurement('m')|where(lambda: hour("time") > 8 AND hour("time") < 17)|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "local-time",
            r#"stream|from().measurement('m')|where(lambda: minute("time") > 8 AND unixNano("time") > 0)|log()"#,
        );
    }
}
