//! `a == b < c` is `a == (b < c)`.

use capstan_tick::ast::{BinaryOperator as B, Kind};
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "comparison-before-equality",
    rows: &["T-44"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    walk::walk(subject.program, &mut |node| {
        let Kind::Binary(binary) = &node.kind else { return };
        let Kind::Binary(right) = &binary.right.kind else {
            return;
        };
        let equality = matches!(binary.operator, B::Equal | B::NotEqual);
        let comparison = matches!(
            right.operator,
            B::Less | B::LessEqual | B::Greater | B::GreaterEqual
        );
        if equality && comparison && !right.parens {
            let (outer, inner) = (binary.operator, right.operator);
            findings.warn(
                Span {
                    position: binary.operator_position,
                    end: binary.operator_position.byte + outer.as_str().len(),
                },
                format!("`{inner}` binds tighter than `{outer}`: this is `a {outer} (b {inner} c)`"),
                "put what belongs together in parentheses, or join two comparisons with AND",
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "comparison-before-equality",
            1,
            r#"stream|from().measurement('m').where(lambda: "a" == "b" < "c")|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "comparison-before-equality",
            r#"stream|from().measurement('m').where(lambda: "a" == ("b" < "c") AND "a" < "b" == TRUE)|log()"#,
        );
    }
}
