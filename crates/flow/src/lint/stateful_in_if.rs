//! `if()` evaluates all of its arguments.

use capstan_tick::ast::Kind;
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject, stateful};

pub(super) static RULE: Rule = Rule {
    name: "stateful-in-if",
    rows: &["E-10"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for body in subject.lambdas() {
        walk::walk(body, &mut |node| {
            let Kind::Call(call) = &node.kind else { return };
            if call.name != "if" {
                return;
            }
            let branches = call.args.iter().skip(1);
            let functions: Vec<&str> = branches.flat_map(stateful).collect();
            if let Some(name) = functions.first() {
                findings.warn(
                    Span {
                        position: node.position,
                        end: node.position.byte + 2,
                    },
                    format!(
                        "`if` evaluates both branches: `{name}` goes on for every point, whichever is chosen"
                    ),
                    "filter with `|where()` first, or choose outside of what counts",
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "stateful-in-if",
            1,
            r#"stream|from().measurement('m')|eval(lambda: if("up", count(), 0)).as('n')|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "stateful-in-if",
            "stream|from().measurement('m')|eval(lambda: if(count() > 3, 1, rand(4))).as('n')|log()",
        );
    }
}
