//! `kapacitor show` (C-36, layout C-70 to C-76).

use std::fmt::Write as _;

use capstan_client::task_href;
use capstan_client::wire::{Task, Var, VarType, ZERO_TIME};
use capstan_gocompat::{duration, strconv, time_layout};
use serde_json::Value;

use super::flags::{Flag, defaults};
use super::{Failure, Session, list, parse_flags};

const FLAGS: &[Flag] = &[Flag::text(
    "replay",
    "string",
    "Optional replay ID. If set the task information is in the context of the running replay.",
)];

pub(super) fn usage() -> String {
    format!(
        "Usage: kapacitor show [-replay] [task ID]\n\n\tShow everything about one task.\n\nOptions:\n\n{}",
        defaults(FLAGS)
    )
}

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let flags = parse_flags(args, FLAGS, false, usage)?;
    let [id] = flags.rest.as_slice() else {
        return Err(Failure::usage("Must specify one task ID", &usage()));
    };
    let task = session
        .client
        .task(&task_href(id), flags.last("replay").unwrap_or_default())
        .await?;
    let text = layout(&task).map_err(Failure::Failed)?;
    Ok(session.out.write_all(text.as_bytes())?)
}

fn layout(task: &Task) -> Result<String, String> {
    let mut text = String::new();
    for (label, value) in [
        ("ID", task.id.as_str()),
        ("Error", &task.error),
        ("Template", &task.template_id),
        ("Type", task.kind.as_str()),
        ("Status", task.status.as_str()),
        ("Executing", if task.executing { "true" } else { "false" }),
        ("Created", &time(&task.created)),
        ("Modified", &time(&task.modified)),
        ("LastEnabled", &time(&task.last_enabled)),
        ("Databases Retention Policies", &list::dbrps(&task.dbrps)),
    ] {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{label}: {value}");
    }
    let _ = writeln!(text, "TICKscript:\n{}", task.script);
    if !task.vars.is_empty() {
        let _ = writeln!(text, "Vars:\n{:<30}{:<10}{:<40}", "Name", "Type", "Value");
        for (name, var) in &task.vars {
            let value = value(var).map_err(|reason| format!("invalid var {name}: {reason}"))?;
            let _ = writeln!(text, "{name:<30}{:<10}{value:<40}", var.kind.as_str());
        }
    }
    let _ = writeln!(text, "DOT:\n{}", task.dot);
    Ok(text)
}

/// RFC 822 in the zone that the server wrote (C-72); what is no time is shown as it came.
fn time(text: &str) -> String {
    if text == ZERO_TIME {
        return "01 Jan 01 00:00 UTC".to_owned();
    }
    let Some(nanos) = time_layout::parse_rfc3339(text) else {
        return text.to_owned();
    };
    match offset_seconds(text) {
        Some(seconds) if seconds != 0 => match jiff::tz::Offset::from_seconds(seconds) {
            // Go knows no name for a zone given by its offset, and prints the offset instead.
            Ok(offset) => {
                time_layout::format_in(nanos, "02 Jan 06 15:04 -0700", &jiff::tz::TimeZone::fixed(offset))
            }
            Err(_) => time_layout::format_rfc822(nanos),
        },
        _ => time_layout::format_rfc822(nanos),
    }
}

/// The offset at the end of an RFC 3339 time: `+02:00`.
fn offset_seconds(text: &str) -> Option<i32> {
    let offset = text.get(text.len().checked_sub(6)?..)?;
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60))
}

/// A value as Go's `%v` prints it; lists as `[a, b]` (C-75).
fn value(var: &Var) -> Result<String, String> {
    if var.kind == VarType::List {
        let items = var.items();
        let texts = items.iter().map(|item| match (item.kind, &item.value) {
            (VarType::String, Value::String(text)) => Ok(text.clone()),
            (VarType::String, _) => Err("non string value in string var".to_owned()),
            (VarType::Star, _) => Ok("*".to_owned()),
            (other, _) => Err(format!(
                "lists can only contain strings or a star, got {}",
                other.as_str()
            )),
        });
        return Ok(format!("[{}]", texts.collect::<Result<Vec<_>, _>>()?.join(", ")));
    }
    Ok(match &var.value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (var.kind, number.as_i64()) {
            (VarType::Duration, Some(nanos)) => duration::format_go(nanos),
            (VarType::Float, _) => strconv::format_float_g(number.as_f64().unwrap_or(f64::NAN)),
            _ => number.to_string(),
        },
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        serde_json::from_str(
            r#"{"id":"autoscale","type":"stream","status":"enabled","executing":true,
                "dbrps":[{"db":"autoscale","rp":"autogen"}],
                "script":"stream\n    |from()\n","dot":"digraph autoscale {\nstream0 -> from1;\n}",
                "created":"2016-11-14T17:23:00.5Z","modified":"2016-11-14T17:23:00+02:00",
                "last-enabled":"0001-01-01T00:00:00Z"}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_layout_is_kapacitors() {
        assert_eq!(
            layout(&task()).unwrap(),
            "ID: autoscale\nError: \nTemplate: \nType: stream\nStatus: enabled\nExecuting: true\n\
             Created: 14 Nov 16 17:23 UTC\nModified: 14 Nov 16 17:23 +0200\nLastEnabled: 01 Jan 01 00:00 UTC\n\
             Databases Retention Policies: [\"autoscale\".\"autogen\"]\nTICKscript:\nstream\n    |from()\n\n\
             DOT:\ndigraph autoscale {\nstream0 -> from1;\n}\n"
        );
    }

    #[test]
    fn variables_stand_between_script_and_graph() {
        let mut task = task();
        task.vars = serde_json::from_str(
            r#"{"period":{"type":"duration","value":"90s"},"groups":{"type":"list","value":[{"type":"string","value":"a"},{"type":"star"}]},
                "x":{"type":"float","value":10}}"#,
        )
        .unwrap();
        let text = layout(&task).unwrap();
        let (_, vars) = text.split_once("Vars:\n").unwrap();
        let lines: Vec<&str> = vars.lines().collect();
        assert_eq!(lines[0], format!("{:<30}{:<10}{:<40}", "Name", "Type", "Value"));
        assert_eq!(
            lines[1],
            format!("{:<30}{:<10}{:<40}", "groups", "list", "[a, *]")
        );
        assert_eq!(
            lines[2],
            format!("{:<30}{:<10}{:<40}", "period", "duration", "1m30s")
        );
        assert_eq!(lines[3], format!("{:<30}{:<10}{:<40}", "x", "float", "10"));
        assert_eq!(lines[4], "DOT:");
    }
}
