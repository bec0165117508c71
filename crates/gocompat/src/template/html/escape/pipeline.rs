//! Puts escapers at the end of pipelines.

use std::collections::HashSet;

use crate::template::node::{Arg, ArgKind, Command, Pipe};

/// The function a command calls.
pub(super) fn identifier(command: &Command) -> Option<&str> {
    match &command.args.first()?.kind {
        ArgKind::Identifier(name) => Some(name),
        _ => None,
    }
}

pub(super) fn is_predefined(name: &str) -> bool {
    matches!(name, "html" | "urlquery")
}

/// The predefined escaper that a contextual one is as good as, or the name itself.
fn normalized(name: &str) -> &str {
    match name {
        "_html_template_attrescaper" | "_html_template_htmlescaper" | "_html_template_rcdataescaper" => {
            "html"
        }
        "_html_template_urlescaper" | "_html_template_urlnormalizer" => "urlquery",
        name => name,
    }
}

/// Whether `next` changes nothing behind `last`.
fn is_redundant(last: &str, next: &str) -> bool {
    match last.strip_prefix("_html_template_") {
        Some("commentescaper") => matches!(
            next,
            "_html_template_attrescaper" | "_html_template_nospaceescaper" | "_html_template_htmlescaper"
        ),
        Some("cssescaper" | "jsregexpescaper" | "jsstrescaper") => next == "_html_template_attrescaper",
        Some("urlescaper") => next == "_html_template_urlnormalizer",
        _ => false,
    }
}

fn append(commands: &mut Vec<Command>, name: &str, position: usize) {
    let last = commands.last().and_then(identifier);
    if last.is_some_and(|last| is_redundant(last, name)) {
        return;
    }
    let arg = Arg {
        position,
        kind: ArgKind::Identifier(name.to_owned()),
    };
    commands.push(Command {
        position,
        args: vec![arg],
    });
}

/// Ends a pipeline with the escapers; an `html` or `urlquery` at its end takes the place of an equivalent one.
pub(super) fn add_escapers(pipe: &mut Pipe, escapers: &[&'static str]) {
    if escapers.is_empty() {
        return;
    }
    let position = pipe.position;
    let mut escapers: Vec<String> = escapers.iter().map(|name| (*name).to_owned()).collect();
    let last = pipe
        .commands
        .last()
        .and_then(identifier)
        .filter(|name| is_predefined(name));
    if let Some(predefined) = last.map(str::to_owned) {
        let single = pipe.commands.len() == 1;
        if let Some(command) = pipe
            .commands
            .last_mut()
            .filter(|command| single && command.args.len() > 1)
            && let Some(first) = command.args.first_mut()
        {
            // {{html a b}} becomes {{_eval_args_ a b | html}}.
            first.kind = ArgKind::Identifier("_eval_args_".to_owned());
            append(&mut pipe.commands, &predefined, position);
        }
        let mut replaced = false;
        for escaper in &mut escapers {
            if normalized(escaper) == normalized(&predefined) {
                escaper.clone_from(&predefined);
                replaced = true;
            }
        }
        if replaced {
            pipe.commands.pop();
        }
    }
    let present: HashSet<String> = pipe
        .commands
        .iter()
        .filter_map(identifier)
        .map(|name| normalized(name).to_owned())
        .collect();
    for escaper in &escapers {
        if !present.contains(normalized(escaper)) {
            append(&mut pipe.commands, escaper, position);
        }
    }
}
