//! Command line flags as Go's `flag` package reads them (C-01): `-tick x`, `--tick x`, `-tick=x`; switches take a value
//! only behind `=`; the first argument that is no flag ends them, and so does `--`.

use capstan_gocompat::strconv::{parse_bool, quote};

/// One flag of a verb.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    name: &'static str,
    /// What its value is called in the usage; empty for a switch.
    value: &'static str,
    usage: &'static str,
}

impl Flag {
    /// A flag with a value.
    pub(crate) const fn text(name: &'static str, value: &'static str, usage: &'static str) -> Self {
        Self { name, value, usage }
    }

    /// A flag that is on or off.
    pub(crate) const fn switch(name: &'static str, usage: &'static str) -> Self {
        Self {
            name,
            value: "",
            usage,
        }
    }

    fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

/// What a command line says.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    values: Vec<(&'static str, String)>,
    /// The arguments that are no flags.
    pub(crate) rest: Vec<String>,
}

impl Flags {
    /// The value given last.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|(flag, _)| *flag == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value given, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values
            .iter()
            .filter(move |(flag, _)| *flag == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a switch was given, and how.
    pub(crate) fn is_set(&self, name: &str) -> Option<bool> {
        self.last(name).map(|value| value == "true")
    }
}

/// Why a command line cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FlagError {
    /// `-h` or `-help`.
    Help,
    /// Go's words for it.
    Wrong(String),
}

/// Reads `args`. With `anywhere`, flags may also follow other arguments.
pub(crate) fn parse(args: &[String], flags: &[Flag], anywhere: bool) -> Result<Flags, FlagError> {
    let mut found = Flags::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            break;
        }
        let Some(text) = arg.strip_prefix('-').filter(|text| !text.is_empty()) else {
            found.rest.push(arg.clone());
            if anywhere {
                continue;
            }
            break;
        };
        let text = text.strip_prefix('-').unwrap_or(text);
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(FlagError::Wrong(format!("bad flag syntax: {arg}")));
        }
        let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
            if matches!(name, "h" | "help") {
                return Err(FlagError::Help);
            }
            return Err(FlagError::Wrong(format!(
                "flag provided but not defined: -{name}"
            )));
        };
        let value = match inline {
            Some(value) if flag.is_switch() => {
                let wrong = |_| {
                    let value = quote(value);
                    FlagError::Wrong(format!("invalid boolean value {value} for -{name}: parse error"))
                };
                parse_bool(value).map_err(wrong)?.to_string()
            }
            Some(value) => value.to_owned(),
            None if flag.is_switch() => "true".to_owned(),
            None => match args.next() {
                Some(value) => value.clone(),
                None => return Err(FlagError::Wrong(format!("flag needs an argument: -{name}"))),
            },
        };
        found.values.push((flag.name, value));
    }
    found.rest.extend(args.cloned());
    Ok(found)
}

/// The flags' part of a usage text.
pub(crate) fn defaults(flags: &[Flag]) -> String {
    let mut flags = flags.to_vec();
    flags.sort_by_key(|flag| flag.name);
    let mut text = String::new();
    for flag in flags {
        text.push_str("  -");
        text.push_str(flag.name);
        if !flag.is_switch() {
            text.push(' ');
            text.push_str(flag.value);
        }
        text.push_str("\n    \t");
        text.push_str(flag.usage);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::text("tick", "string", "script"),
        Flag::switch("no-reload", "do not"),
    ];

    fn read(args: &[&str], anywhere: bool) -> Result<Flags, FlagError> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        parse(&args, FLAGS, anywhere)
    }

    #[test]
    fn all_of_gos_spellings_are_read() {
        for args in [
            ["-tick", "x"].as_slice(),
            &["--tick", "x"],
            &["-tick=x"],
            &["--tick=x"],
        ] {
            assert_eq!(read(args, false).unwrap().last("tick"), Some("x"), "{args:?}");
        }
        assert_eq!(
            read(&["-tick", "-no-reload"], false).unwrap().last("tick"),
            Some("-no-reload")
        );
        assert_eq!(
            read(&["-no-reload=f"], false).unwrap().is_set("no-reload"),
            Some(false)
        );
    }

    #[test]
    fn other_arguments_end_the_flags_unless_they_may_stand_anywhere() {
        let found = read(&["-no-reload", "a", "-tick", "x"], false).unwrap();
        assert_eq!(found.rest, ["a", "-tick", "x"]);
        let found = read(&["-no-reload", "a", "-tick", "x", "--", "-b"], true).unwrap();
        assert_eq!(
            (found.rest.as_slice(), found.last("tick")),
            (["a".to_owned(), "-b".to_owned()].as_slice(), Some("x"))
        );
    }

    #[test]
    fn mistakes_are_named_as_go_names_them() {
        let wrong = |args: &[&str]| match read(args, false) {
            Err(FlagError::Wrong(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(&["-x"]), "flag provided but not defined: -x");
        assert_eq!(wrong(&["-tick"]), "flag needs an argument: -tick");
        assert_eq!(
            wrong(&["-no-reload=maybe"]),
            "invalid boolean value \"maybe\" for -no-reload: parse error"
        );
        assert_eq!(wrong(&["---tick"]), "bad flag syntax: ---tick");
        assert_eq!(read(&["-h"], false).unwrap_err(), FlagError::Help);
    }
}
