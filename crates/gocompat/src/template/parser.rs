//! Builds the trees of a text: Go's grammar with its three tokens of look-ahead, its line numbers and its messages.

mod pipeline;

use std::collections::HashMap;

use super::lexer::{Item, Kind, lex};
use super::literal;
use super::node::{Branch, List, Node, TreeSet};
use super::{Functions, MAX_NESTING, MAX_TEXT_BYTES};
use crate::strconv;

/// What ended a list of nodes.
enum End {
    End,
    Else,
}

impl End {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node or what ends a list.
enum Parsed {
    Node(Node),
    End(End),
}

/// What each template being parsed keeps for itself.
struct TreeState {
    tokens: [Item; 3],
    peeked: usize,
    variables: Vec<String>,
    action_line: usize,
    range_depth: u32,
}

impl TreeState {
    fn new() -> Self {
        let none = || Item {
            kind: Kind::Error,
            position: 0,
            text: String::new(),
            line: 0,
        };
        Self {
            tokens: [none(), none(), none()],
            peeked: 0,
            variables: vec!["$".to_owned()],
            action_line: 0,
            range_depth: 0,
        }
    }
}

struct Parser<'a> {
    name: &'a str,
    functions: &'a Functions,
    items: std::vec::IntoIter<Item>,
    last: Item,
    tree: TreeState,
    trees: HashMap<String, List>,
    next_id: u32,
    nesting: u32,
}

type Result<T> = std::result::Result<T, String>;

/// Parses a text and all templates it defines.
pub(super) fn parse(name: &str, text: &str, functions: &Functions) -> Result<TreeSet> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!(
            "template: {name}:1: text has {} bytes, more than {MAX_TEXT_BYTES}",
            text.len()
        ));
    }
    let items = lex(
        text,
        !functions.contains("break"),
        !functions.contains("continue"),
    );
    let last = items.last().cloned().unwrap_or(Item {
        kind: Kind::Eof,
        position: text.len(),
        text: String::new(),
        line: 1,
    });
    let mut parser = Parser {
        name,
        functions,
        items: items.into_iter(),
        last,
        tree: TreeState::new(),
        trees: HashMap::new(),
        next_id: 0,
        nesting: 0,
    };
    let root = parser.top_level()?;
    parser.add(name, root)?;
    Ok(TreeSet {
        parse_name: name.to_owned(),
        text: text.to_owned(),
        trees: parser.trees,
        next_id: parser.next_id,
    })
}

impl Parser<'_> {
    fn read(&mut self) -> Item {
        self.items.next().unwrap_or_else(|| self.last.clone())
    }

    fn next(&mut self) -> Item {
        if self.tree.peeked > 0 {
            self.tree.peeked -= 1;
        } else {
            self.tree.tokens[0] = self.read();
        }
        self.tree.tokens[self.tree.peeked].clone()
    }

    fn backup(&mut self) {
        self.tree.peeked += 1;
    }

    fn peek(&mut self) -> Item {
        if self.tree.peeked == 0 {
            self.tree.tokens[0] = self.read();
            self.tree.peeked = 1;
        }
        self.tree.tokens[self.tree.peeked - 1].clone()
    }

    fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.kind != Kind::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item {
        let item = self.next_non_space();
        self.backup();
        item
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        Err(format!(
            "template: {}:{}: {}",
            self.name,
            self.tree.tokens[0].line,
            message.as_ref()
        ))
    }

    fn unexpected<T>(&self, item: &Item, context: &str) -> Result<T> {
        if item.kind != Kind::Error {
            return self.error(format!("unexpected {item} in {context}"));
        }
        let started = self.tree.action_line;
        if started == 0 || started == item.line {
            return self.error(item.to_string());
        }
        let action = if item.text.ends_with(" action") {
            ""
        } else {
            " in action"
        };
        self.error(format!("{item}{action} started at {}:{started}", self.name))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Item> {
        let item = self.next_non_space();
        if item.kind == kind {
            Ok(item)
        } else {
            self.unexpected(&item, context)
        }
    }

    fn unquote(&self, item: &Item) -> Result<String> {
        literal::unquote(&item.text).or_else(|message| self.error(message))
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn deeper(&mut self) -> Result<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.error(format!("nested more than {MAX_NESTING} levels deep"));
        }
        Ok(())
    }

    /// Keeps a template; an empty one never replaces another, and two that are not empty clash.
    fn add(&mut self, name: &str, root: List) -> Result<()> {
        if self.trees.get(name).is_none_or(List::is_blank) {
            self.trees.insert(name.to_owned(), root);
        } else if !root.is_blank() {
            return self.error(format!(
                "template: multiple definition of template {}",
                strconv::quote(name)
            ));
        }
        Ok(())
    }

    fn top_level(&mut self) -> Result<List> {
        let mut root = List {
            position: self.peek().position,
            nodes: Vec::new(),
        };
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.tree.tokens[1] = delim;
                self.tree.peeked = 2;
            }
            match self.text_or_action()? {
                Parsed::Node(node) => root.nodes.push(node),
                Parsed::End(end) => return self.error(format!("unexpected {}", end.text())),
            }
        }
        Ok(root)
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::replace(&mut self.tree, TreeState::new());
        let item = self.next_non_space();
        if !matches!(item.kind, Kind::String | Kind::RawString) {
            return self.unexpected(&item, CONTEXT);
        }
        let name = self.unquote(&item)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let (list, end) = self.item_list()?;
        if matches!(end, End::Else) {
            return self.error(format!("unexpected {} in {CONTEXT}", end.text()));
        }
        self.add(&name, list)?;
        self.tree = outer;
        Ok(())
    }

    fn item_list(&mut self) -> Result<(List, End)> {
        let mut list = List {
            position: self.peek_non_space().position,
            nodes: Vec::new(),
        };
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Parsed::Node(node) => list.nodes.push(node),
                Parsed::End(end) => return Ok((list, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Parsed> {
        let item = self.next_non_space();
        match item.kind {
            Kind::Text => Ok(Parsed::Node(Node::Text {
                id: self.id(),
                text: item.text,
            })),
            Kind::LeftDelim => {
                self.tree.action_line = item.line;
                let parsed = self.action()?;
                self.tree.action_line = 0;
                Ok(parsed)
            }
            _ => self.unexpected(&item, "input"),
        }
    }

    fn action(&mut self) -> Result<Parsed> {
        let item = self.next_non_space();
        let node = match item.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.loop_control(
                Node::Break {
                    position: item.position,
                },
                "{{break}}",
            )?,
            Kind::Continue => self.loop_control(
                Node::Continue {
                    position: item.position,
                },
                "{{continue}}",
            )?,
            Kind::Else => {
                if self.peek_non_space().kind != Kind::If {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Parsed::End(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Parsed::End(End::End));
            }
            Kind::If => Node::If(self.control("if")?),
            Kind::Range => Node::Range(self.control("range")?),
            Kind::With => Node::With(self.control("with")?),
            Kind::Template => self.template_call()?,
            _ => {
                self.backup();
                let position = self.peek().position;
                Node::Action {
                    id: self.id(),
                    position,
                    pipe: self.pipeline("command", Kind::RightDelim)?,
                }
            }
        };
        Ok(Parsed::Node(node))
    }

    fn loop_control(&mut self, node: Node, name: &str) -> Result<Node> {
        let item = self.next_non_space();
        if item.kind != Kind::RightDelim {
            return self.unexpected(&item, name);
        }
        if self.tree.range_depth == 0 {
            return self.error(format!("{name} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn control(&mut self, context: &str) -> Result<Box<Branch>> {
        self.deeper()?;
        let variables = self.tree.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let is_range = u32::from(context == "range");
        self.tree.range_depth += is_range;
        let (list, end) = self.item_list()?;
        self.tree.range_depth -= is_range;
        let mut else_list = None;
        if matches!(end, End::Else) {
            if context == "if" && self.peek().kind == Kind::If {
                // {{else if}} is an if within the else that shares its end.
                let item = self.next();
                let branch = self.control("if")?;
                else_list = Some(List {
                    position: item.position,
                    nodes: vec![Node::If(branch)],
                });
            } else {
                let (list, end) = self.item_list()?;
                if matches!(end, End::Else) {
                    return self.error(format!("expected end; found {}", end.text()));
                }
                else_list = Some(list);
            }
        }
        self.tree.variables.truncate(variables);
        self.nesting -= 1;
        Ok(Box::new(Branch {
            position: pipe.position,
            pipe,
            list,
            else_list,
        }))
    }

    fn template_name(&mut self, item: &Item, context: &str) -> Result<String> {
        match item.kind {
            Kind::String | Kind::RawString => self.unquote(item),
            _ => self.unexpected(item, context),
        }
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::replace(&mut self.tree, TreeState::new());
        let (list, end) = self.item_list()?;
        if matches!(end, End::Else) {
            self.tree = outer;
            return self.error(format!("unexpected {} in {CONTEXT}", end.text()));
        }
        self.add(&name, list)?;
        self.tree = outer;
        Ok(Node::Template {
            id: self.id(),
            position: item.position,
            name,
            pipe: Some(pipe),
        })
    }

    fn template_call(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template {
            id: self.id(),
            position: item.position,
            name,
            pipe,
        })
    }
}
