//! Comma-separated values (RFC 4180): records of text, with the lines they begin at.

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// From 1.
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

impl Record {
    /// Whether it is an empty line.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// All records, empty lines included; an error is a line and what is wrong.
pub(super) fn records(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let mut all = Vec::new();
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let mut line = 1;
    while chars.peek().is_some() {
        let begin = line;
        let mut cells = Vec::new();
        loop {
            let mut cell = String::new();
            if chars.next_if_eq(&'"').is_some() {
                loop {
                    match chars.next() {
                        Some('"') if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                        Some('"') => break,
                        Some(c) => {
                            line += usize::from(c == '\n');
                            cell.push(c);
                        }
                        None => return Err((begin, "a quoted cell does not end".to_owned())),
                    }
                }
                if chars.peek().is_some_and(|c| !matches!(c, ',' | '\n' | '\r')) {
                    return Err((line, "text after a quoted cell".to_owned()));
                }
            } else {
                while let Some(c) = chars.next_if(|c| !matches!(c, ',' | '\n' | '\r')) {
                    cell.push(c);
                }
            }
            cells.push(cell);
            if chars.next_if_eq(&',').is_none() {
                break;
            }
        }
        let _ = chars.next_if_eq(&'\r');
        let _ = chars.next_if_eq(&'\n');
        line += 1;
        all.push(Record { line: begin, cells });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_be_quoted() {
        let text = "a,\"b,\"\"c\"\"\nd\",\n\ne\r\nf";
        let all = records(text).unwrap();
        let cells: Vec<(usize, Vec<&str>)> = all
            .iter()
            .map(|record| (record.line, record.cells.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            cells,
            [
                (1, vec!["a", "b,\"c\"\nd", ""]),
                (3, vec![""]),
                (4, vec!["e"]),
                (5, vec!["f"])
            ]
        );
        assert_eq!(records("a\n\"b").unwrap_err().0, 2);
        assert_eq!(records("\"b\"c").unwrap_err().0, 1);
    }
}
