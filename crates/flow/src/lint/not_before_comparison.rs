//! `!a == b` is `(!a) == b`.

use capstan_tick::ast::{BinaryOperator as B, Kind, UnaryOperator};
use capstan_tick::{TokenKind, lex, walk};

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "not-before-comparison",
    rows: &["T-44"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    walk::walk(subject.program, &mut |node| {
        let Kind::Binary(binary) = &node.kind else { return };
        let compares = !matches!(
            binary.operator,
            B::And | B::Or | B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo
        );
        let Kind::Unary {
            operator: UnaryOperator::Not,
            ..
        } = binary.left.kind
        else {
            return;
        };
        // With a boolean on the right the left side is one too, and both readings give the same.
        if !compares || matches!(binary.right.kind, Kind::Bool(_)) {
            return;
        }
        let start = binary.left.position;
        let Some(text) = subject.script.get(start.byte..binary.operator_position.byte) else {
            return;
        };
        if !closes_more_than_it_opens(text) {
            findings.warn(
                Span {
                    position: start,
                    end: start.byte + 1,
                },
                format!(
                    "`!` belongs to the left side alone: this is `(!a) {} b`, which fails unless both are booleans",
                    binary.operator
                ),
                "write `!(a == b)`, or `a != b`; or `(!a) == b` if that is meant",
            );
        }
    });
}

/// Whether the text leaves parentheses that were opened before it.
fn closes_more_than_it_opens(text: &str) -> bool {
    let count = |kind| lex(text).iter().filter(|token| token.kind == kind).count();
    count(TokenKind::RParen) > count(TokenKind::LParen)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "not-before-comparison",
            1,
            r#"stream|from().measurement('m').where(lambda: !"a" == "b")|log()"#,
        );
        warns(
            "not-before-comparison",
            1,
            r#"stream|from().measurement('m')|where(lambda: TRUE AND (!bool("a") == "b"))|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "not-before-comparison",
            r#"stream|from().measurement('m').where(lambda: (!"a") == "b" AND !("a" == "b") AND !"a" == TRUE AND !"c")|log()"#,
        );
    }
}
