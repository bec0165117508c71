//! Walks the trees, infers the context of every action and puts the escapers behind its pipeline.

mod pipeline;
mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::context::{Context, Delim, EscapeError, JsCtx, State, UrlPart};
use crate::strconv;
use crate::template::node::{Branch, List, Node, Pipe, TreeSet};
use pipeline::{add_escapers, identifier, is_predefined};

/// Most nodes visited: bodies of loops are visited twice, so nesting doubles the work.
const MAX_STEPS: u64 = 200_000;
/// Deepest nesting of nodes and templates.
const MAX_DEPTH: u32 = 200;

/// Adds escapers to the template `name` and all it calls. The error is Go's text.
pub(super) fn escape(mut trees: TreeSet, name: &str) -> Result<TreeSet, String> {
    let mut work = Work {
        trees: &trees,
        next_id: trees.next_id,
        steps: 0,
        depth: 0,
    };
    let mut escaper = Escaper::default();
    let (context, _) = escaper.tree(&mut work, Context::default(), 0, name);
    if work.steps > MAX_STEPS || work.depth > MAX_DEPTH {
        return Err(format!("html/template:{name}: template is too complex"));
    }
    if let Some(mut error) = context.error {
        name.clone_into(&mut error.name);
        return Err(error.text(&trees));
    }
    if context.state != State::Text {
        let error = EscapeError {
            name: name.to_owned(),
            description: format!("ends in a non-text context: {context}"),
            ..EscapeError::default()
        };
        return Err(error.text(&trees));
    }
    let next_id = work.next_id;
    let Escaper { derived, edits, .. } = escaper;
    for (name, list) in derived {
        trees.trees.insert(name, Arc::unwrap_or_clone(list));
    }
    for list in trees.trees.values_mut() {
        edits.apply(list);
    }
    trees.next_id = next_id;
    Ok(trees)
}

/// What all escapers of one run share.
struct Work<'t> {
    trees: &'t TreeSet,
    next_id: u32,
    steps: u64,
    depth: u32,
}

impl Work<'_> {
    /// False when the template has cost too much.
    fn enter(&mut self) -> bool {
        self.steps += 1;
        self.depth += 1;
        self.steps <= MAX_STEPS && self.depth <= MAX_DEPTH
    }

    fn leave(&mut self) {
        // Once too deep, the whole run stays refused.
        if self.depth <= MAX_DEPTH {
            self.depth -= 1;
        }
    }
}

/// Changes to nodes, by their ids.
#[derive(Clone, Default)]
struct Edits {
    actions: HashMap<u32, Vec<&'static str>>,
    templates: HashMap<u32, String>,
    texts: HashMap<u32, String>,
}

impl Edits {
    fn apply(&self, list: &mut List) {
        for node in &mut list.nodes {
            match node {
                Node::Text { id, text } => {
                    if let Some(edited) = self.texts.get(id) {
                        text.clone_from(edited);
                    }
                }
                Node::Action { id, pipe, .. } => {
                    if let Some(escapers) = self.actions.get(id) {
                        add_escapers(pipe, escapers);
                    }
                }
                Node::Template { id, name, .. } => {
                    if let Some(callee) = self.templates.get(id) {
                        name.clone_from(callee);
                    }
                }
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                    self.apply(&mut branch.list);
                    if let Some(list) = &mut branch.else_list {
                        self.apply(list);
                    }
                }
                Node::Break { .. } | Node::Continue { .. } => {}
            }
        }
    }
}

/// The contexts at the breaks and continues of one loop, with the position of the node.
#[derive(Clone, Default)]
struct RangeContext {
    breaks: Vec<(Context, usize)>,
    continues: Vec<(Context, usize)>,
}

#[derive(Default)]
struct Escaper {
    /// Context after each template, by mangled name.
    output: HashMap<String, Context>,
    /// Templates copied for another context than that of their definition.
    derived: HashMap<String, Arc<List>>,
    called: HashSet<String>,
    edits: Edits,
    ranges: Vec<RangeContext>,
}

impl Escaper {
    fn node(&mut self, work: &mut Work<'_>, context: Context, node: &Node) -> Context {
        match node {
            Node::Text { id, text } => self.text(context, *id, text),
            Node::Action { id, position, pipe } => self.action(context, *id, *position, pipe, node),
            Node::If(branch) => self.branch(work, context, branch, "if"),
            Node::With(branch) => self.branch(work, context, branch, "with"),
            Node::Range(branch) => self.branch(work, context, branch, "range"),
            Node::Template {
                id, position, name, ..
            } => {
                let (context, callee) = self.tree(work, context, *position, name);
                if callee != *name {
                    self.edits.templates.insert(*id, callee);
                }
                context
            }
            Node::Break { position } => {
                if let Some(range) = self.ranges.last_mut() {
                    range.breaks.push((context, *position));
                }
                Context::in_state(State::Dead)
            }
            Node::Continue { position } => {
                if let Some(range) = self.ranges.last_mut() {
                    range.continues.push((context, *position));
                }
                Context::in_state(State::Dead)
            }
        }
    }

    fn list(&mut self, work: &mut Work<'_>, mut context: Context, list: &List) -> Context {
        if !work.enter() {
            return Context::error(None, "template is too complex");
        }
        for node in &list.nodes {
            work.steps += 1;
            context = self.node(work, context, node);
            if context.state == State::Dead || work.steps > MAX_STEPS {
                break;
            }
        }
        work.leave();
        context
    }

    fn branch(&mut self, work: &mut Work<'_>, context: Context, branch: &Branch, name: &str) -> Context {
        let position = branch.position;
        let is_range = name == "range";
        if is_range {
            self.ranges.push(RangeContext::default());
        }
        let mut first = self.list(work, context.clone(), &branch.list);
        if is_range {
            let range = self.ranges.pop().unwrap_or_default();
            first = join_range(work.trees, first, &range);
            if first.state == State::Error {
                return first;
            }
            // The body must end as it does after a second round.
            self.ranges.push(RangeContext::default());
            let (second, _) = self.conditionally(work, first.clone(), &branch.list, |_, _| false);
            let range = self.ranges.pop().unwrap_or_default();
            first = join(first, second, position, name);
            if first.state == State::Error {
                if let Some(error) = &mut first.error {
                    error.line = work.trees.line(position);
                    error.description = format!("on range loop re-entry: {}", error.description);
                }
                return first;
            }
            first = join_range(work.trees, first, &range);
            if first.state == State::Error {
                return first;
            }
        }
        let other = match &branch.else_list {
            Some(list) => self.list(work, context, list),
            None => context,
        };
        join(first, other, position, name)
    }

    /// Escapes a list apart, and keeps what was found only if `filter` agrees.
    fn conditionally(
        &mut self,
        work: &mut Work<'_>,
        context: Context,
        list: &List,
        filter: impl FnOnce(&Self, &Context) -> bool,
    ) -> (Context, bool) {
        work.steps += self.output.len() as u64;
        let mut apart = Self {
            output: self.output.clone(),
            ranges: std::mem::take(&mut self.ranges),
            ..Self::default()
        };
        let context = apart.list(work, context, list);
        self.ranges = std::mem::take(&mut apart.ranges);
        let keep = filter(&apart, &context);
        if keep {
            self.output.extend(apart.output);
            self.derived.extend(apart.derived);
            self.called.extend(apart.called);
            self.edits.actions.extend(apart.edits.actions);
            self.edits.templates.extend(apart.edits.templates);
            self.edits.texts.extend(apart.edits.texts);
        }
        (context, keep)
    }

    /// Escapes the template `name` as called in `context`; also yields the name to call it by.
    fn tree(
        &mut self,
        work: &mut Work<'_>,
        context: Context,
        position: usize,
        name: &str,
    ) -> (Context, String) {
        let mangled = context.mangle(name);
        self.called.insert(mangled.clone());
        if let Some(output) = self.output.get(&mangled) {
            return (output.clone(), mangled);
        }
        let known = work.trees.trees.get(name);
        let Some(original) = known else {
            let message = format!("no such template {}", strconv::quote(name));
            return (Context::error(Some(position), message), mangled);
        };
        let list = if mangled == name {
            Arc::new(original.clone())
        } else if let Some(derived) = self.derived.get(&mangled) {
            Arc::clone(derived)
        } else {
            let mut copy = original.clone();
            copy.renumber(&mut work.next_id);
            let copy = Arc::new(copy);
            self.derived.insert(mangled.clone(), Arc::clone(&copy));
            copy
        };
        work.steps += list.nodes.len() as u64;
        let output = self.output_context(work, context, &list, &mangled);
        (output, mangled)
    }

    fn output_context(&mut self, work: &mut Work<'_>, context: Context, list: &List, name: &str) -> Context {
        let (first, fits) = self.body(work, context, list, name);
        if fits {
            return first;
        }
        // Look for a fixed point with what came out as assumption.
        let (second, fits) = self.body(work, first.clone(), list, name);
        if fits {
            return second;
        }
        if first.state == State::Error {
            return first;
        }
        let message = format!("cannot compute output context for template {name}");
        Context::error(Some(list.position), message)
    }

    /// Escapes a template's body on the assumption that it ends as it begins, which recursive calls of it rely on.
    fn body(&mut self, work: &mut Work<'_>, context: Context, list: &List, name: &str) -> (Context, bool) {
        self.output.insert(name.to_owned(), context.clone());
        self.conditionally(work, context.clone(), list, |apart, output| {
            output.state != State::Error && (!apart.called.contains(name) || context == *output)
        })
    }

    fn action(&mut self, context: Context, id: u32, position: usize, pipe: &Pipe, node: &Node) -> Context {
        if !pipe.variables.is_empty() {
            return context;
        }
        let mut context = context.nudge();
        for (index, command) in pipe.commands.iter().enumerate() {
            let Some(name) = identifier(command) else { continue };
            let unquoted =
                context.state == State::Attr && context.delim == Delim::SpaceOrTagEnd && name == "html";
            if is_predefined(name) && (index + 1 < pipe.commands.len() || unquoted) {
                let message = format!(
                    "predefined escaper {} disallowed in template",
                    strconv::quote(name)
                );
                return Context::error(Some(position), message);
            }
        }
        let mut escapers = Vec::new();
        match context.state {
            State::Error => return context,
            State::Url
            | State::CssDqStr
            | State::CssSqStr
            | State::CssDqUrl
            | State::CssSqUrl
            | State::CssUrl => {
                if context.url_part == UrlPart::Unknown {
                    let message = format!("{node} appears in an ambiguous context within a URL");
                    return Context::error(Some(position), message);
                }
                if context.url_part == UrlPart::None {
                    escapers.push("_html_template_urlfilter");
                }
                escapers.push(match (context.url_part, context.state) {
                    (UrlPart::QueryOrFrag, _) => "_html_template_urlescaper",
                    (_, State::CssDqStr | State::CssSqStr) => "_html_template_cssescaper",
                    _ => "_html_template_urlnormalizer",
                });
            }
            State::Js => {
                escapers.push("_html_template_jsvalescaper");
                context.js_ctx = JsCtx::DivOp;
            }
            State::JsDqStr | State::JsSqStr => escapers.push("_html_template_jsstrescaper"),
            State::JsBqStr => {
                let message = format!("{node} appears in a JS template literal");
                return Context::error(Some(position), message);
            }
            State::JsRegexp => escapers.push("_html_template_jsregexpescaper"),
            State::Css => escapers.push("_html_template_cssvaluefilter"),
            State::Text => escapers.push("_html_template_htmlescaper"),
            State::Rcdata => escapers.push("_html_template_rcdataescaper"),
            State::Tag | State::AttrName => {
                context.state = State::AttrName;
                escapers.push("_html_template_htmlnamefilter");
            }
            State::Srcset => escapers.push("_html_template_srcsetescaper"),
            State::HtmlComment
            | State::JsBlockComment
            | State::JsLineComment
            | State::CssBlockComment
            | State::CssLineComment => escapers.push("_html_template_commentescaper"),
            State::Attr | State::AfterName | State::BeforeValue | State::Dead => {}
        }
        match context.delim {
            Delim::None => {}
            Delim::SpaceOrTagEnd => escapers.push("_html_template_nospaceescaper"),
            Delim::SingleQuote | Delim::DoubleQuote => escapers.push("_html_template_attrescaper"),
        }
        self.edits.actions.insert(id, escapers);
        context
    }
}

/// The context after either of two branches.
fn join(a: Context, b: Context, position: usize, name: &str) -> Context {
    if a.state == State::Error || b.state == State::Dead {
        return a;
    }
    if b.state == State::Error || a.state == State::Dead || a == b {
        return b;
    }
    let mut same = a.clone();
    same.url_part = b.url_part;
    if same == b {
        same.url_part = UrlPart::Unknown;
        return same;
    }
    let mut same = a.clone();
    same.js_ctx = b.js_ctx;
    if same == b {
        same.js_ctx = JsCtx::Unknown;
        return same;
    }
    let (a_nudged, b_nudged) = (a.clone().nudge(), b.clone().nudge());
    if a_nudged != a || b_nudged != b {
        let joined = join(a_nudged, b_nudged, position, name);
        if joined.state != State::Error {
            return joined;
        }
    }
    let message = format!("{{{{{name}}}}} branches end in different contexts: {a}, {b}");
    Context::error(Some(position), message)
}

fn join_range(trees: &TreeSet, mut context: Context, range: &RangeContext) -> Context {
    let ends = [(&range.breaks, "break"), (&range.continues, "continue")];
    for (contexts, name) in ends {
        for (other, position) in contexts {
            if context.state == State::Error {
                return context;
            }
            context = join(context, other.clone(), *position, "range");
            if let Some(error) = context.error.as_mut().filter(|_| context.state == State::Error) {
                error.line = trees.line(*position);
                error.description = format!("at range loop {name}: {}", error.description);
            }
        }
    }
    context
}
