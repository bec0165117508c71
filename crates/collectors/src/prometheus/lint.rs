//! Doubts about a query, from its text alone. Prometheus decides what a query is; this only notices at once what it
//! would refuse later, and never keeps a query from it.

/// What is doubtful about a query; empty for most.
pub(super) fn doubts(query: &str) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut chars = query.char_indices().peekable();
    // A range at the end of all, outside of brackets: the result is a matrix.
    let mut ends_in_range = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '#' => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            '"' | '\'' | '`' => {
                let has_end = skip_string(&mut chars, c);
                if !has_end {
                    doubts.push(format!(
                        "the text that begins at character {} has no end",
                        place(query, at)
                    ));
                    return doubts;
                }
            }
            '(' | '[' | '{' => open.push((c, at)),
            ')' | ']' | '}' => {
                let wants = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((found, _)) if found == wants => {}
                    Some((found, from)) => {
                        doubts.push(format!(
                            "{c} at character {} meets {found} from character {}",
                            place(query, at),
                            place(query, from)
                        ));
                        return doubts;
                    }
                    None => {
                        doubts.push(format!("{c} at character {} closes nothing", place(query, at)));
                        return doubts;
                    }
                }
                ends_in_range = c == ']' && open.is_empty();
                continue;
            }
            _ => {}
        }
        if !c.is_whitespace() {
            ends_in_range = false;
        }
    }
    for (c, at) in open {
        doubts.push(format!("{c} at character {} is not closed", place(query, at)));
    }
    if ends_in_range {
        doubts
            .push("its result is a range of values and no value; use a function, as rate(…[1m])".to_owned());
    }
    doubts
}

/// Whether the string had an end.
fn skip_string(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>, quote: char) -> bool {
    while let Some((_, c)) = chars.next() {
        if c == quote {
            return true;
        }
        // Between backquotes a backslash is itself.
        if c == '\\' && quote != '`' {
            chars.next();
        }
    }
    false
}

/// Counted from 1, in characters, as Prometheus counts.
fn place(query: &str, at: usize) -> usize {
    query[..at].chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::doubts;

    #[test]
    fn queries_that_prometheus_takes_raise_no_doubts() {
        for query in [
            "up",
            "sum(rate(rps[1m]))",
            r#"scalar(sum(rate(event-service_events_count{application="event-service",processed="true"}[1m])))"#,
            r#"x{a=~"[)}\"]*",b='(',c=`\`}"#,
            "max_over_time(rate(x[1m])[10m:1m]) # a ( comment",
            "x offset 5m",
        ] {
            assert_eq!(doubts(query), Vec::<String>::new(), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_noticed() {
        for (query, doubt) in [
            ("sum(rate(x[1m])", "( at character 4 is not closed"),
            ("sum(x))", ") at character 7 closes nothing"),
            ("sum(x]", "] at character 6 meets ( from character 4"),
            (r#"x{a="b}"#, "the text that begins at character 5 has no end"),
            ("x[5m] ", "its result is a range"),
        ] {
            let found = doubts(query);
            assert!(
                found.len() == 1 && found[0].starts_with(doubt),
                "{query}: {found:?}"
            );
        }
    }
}
