//! Nothing is converted: an int and a float never meet in arithmetic, a number is no string.

use capstan_expr::Type;
use capstan_tick::ast::{BinaryOperator as B, Kind};

use super::Rule;
use super::subject::{Findings, Span, Subject};
use super::types::{Inference, Mismatch, MismatchKind, Types};

pub(super) static RULE: Rule = Rule {
    name: "type-mismatch",
    rows: &["E-02", "E-20"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let inference = Inference::new(subject);
    for body in subject.lambdas() {
        let mut mismatches = Vec::new();
        inference.of(body, &mut mismatches);
        for mismatch in mismatches {
            tell(&mismatch, findings);
        }
    }
}

fn tell(mismatch: &Mismatch<'_>, findings: &mut Findings) {
    let position = mismatch.node.position;
    let (length, message, hint) = match &mismatch.kind {
        MismatchKind::Operator(operator, left, right) => (
            operator.as_str().len(),
            format!("this fails for every point: {left} {operator} {right}"),
            operator_hint(*operator, *left, *right),
        ),
        MismatchKind::Unary(operator, given) => (
            operator.as_str().len(),
            format!("this fails for every point: {}({given})", operator.as_str()),
            "`!` takes a boolean, `-` a number or a duration".to_owned(),
        ),
        MismatchKind::Arguments(function) => (
            function.name.len(),
            format!(
                "this fails for every point: `{}` does not take these arguments",
                function.name
            ),
            format!("it takes {}", forms(function)),
        ),
    };
    let position = match &mismatch.node.kind {
        Kind::Binary(binary) => binary.operator_position,
        _ => position,
    };
    findings.warn(
        Span {
            position,
            end: position.byte + length,
        },
        message,
        hint,
    );
}

fn operator_hint(operator: B, left: Types, right: Types) -> String {
    let numbers = [Type::Int, Type::Float];
    if left.within(&numbers) && right.within(&numbers) {
        if operator == B::Modulo {
            return "`%` takes ints; `mod(a, b)` takes floats".to_owned();
        }
        return "int and float do not mix: write `2.0` instead of `2`, or convert with float() or int()"
            .to_owned();
    }
    "convert one side: bool(), int(), float(), string(), duration()".to_owned()
}

fn forms(function: &capstan_expr::Function) -> String {
    let form = |signature: &capstan_expr::Signature| {
        let args: Vec<&str> = signature.args.iter().map(|one| one.as_str()).collect();
        format!("({})", args.join(", "))
    };
    let forms: Vec<String> = function.signatures.iter().map(form).collect();
    forms.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "type-mismatch",
            1,
            r#"stream|from().measurement('m')|eval(lambda: int(ceil("x")) * 1.5).as('y')|log()"#,
        );
        warns(
            "type-mismatch",
            2,
            r#"var target = 100
stream|from().measurement('m')|eval(lambda: "x" / 2.0 + target).as('y')|log()"#,
        );
        warns(
            "type-mismatch",
            1,
            "stream|from().measurement('m')|where(lambda: sigma(3) > 2.0)|log()",
        );
        warns(
            "type-mismatch",
            1,
            r#"stream|from().measurement('m')|where(lambda: "host" =~ 'a')|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "type-mismatch",
            r#"var target = 100.0
stream|from().measurement('m')|eval(lambda: "x" / 2.0 + target, lambda: 1 < 2.5, lambda: "a" * 2, lambda: hour("time") + 1, lambda: if("b", 1, 2) * 3, lambda: 1m / 1s + 1).as('y', 'z', 'u', 'v', 'w', 'q')|log()"#,
        );
    }
}
