//! `kapacitor stats` (C-48, C-49).

use std::fmt::Write as _;

use capstan_client::wire::DebugVars;

use super::{Failure, Session};

pub(super) const USAGE: &str = "Usage: kapacitor stats <general|ingress>

	Print statistics about one side of the server.

	general - A summary.
	ingress - How many points have come, by database, retention policy and measurement.

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let [category] = args else {
        let _ = write!(session.err, "{USAGE}");
        return Err(Failure::Failed("must provide a stats category".to_owned()));
    };
    let vars = session.client.debug_vars().await?;
    let text = match category.as_str() {
        "general" => general(&vars),
        "ingress" => ingress(&vars),
        // compat: any other category prints nothing and succeeds (C-49).
        _ => String::new(),
    };
    Ok(session.out.write_all(text.as_bytes())?)
}

fn general(vars: &DebugVars) -> String {
    let rows = [
        ("ClusterID:", vars.cluster_id.clone()),
        ("ServerID:", vars.server_id.clone()),
        ("Host:", vars.host.clone()),
        ("Tasks:", vars.num_tasks.to_string()),
        ("Enabled Tasks:", vars.num_enabled_tasks.to_string()),
        ("Subscriptions:", vars.num_subscriptions.to_string()),
        ("Platform:", vars.platform.clone()),
        ("Version:", vars.version.clone()),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{name:<30}{value:<30}");
    }
    text
}

fn ingress(vars: &DebugVars) -> String {
    let stats = vars.stats.values();
    let mut rows: Vec<[String; 4]> = stats
        .filter(|stat| {
            stat.name == "ingress" && stat.tags.get("task_master").is_some_and(|tag| tag == "main")
        })
        .map(|stat| {
            let tag = |name: &str| stat.tags.get(name).cloned().unwrap_or_default();
            let points = stat
                .values
                .get("points_received")
                .and_then(serde_json::Value::as_f64)
                .unwrap_or(0.0);
            [
                tag("database"),
                tag("retention_policy"),
                tag("measurement"),
                (points as i64).to_string(),
            ]
        })
        .collect();
    rows.sort();
    let headers = ["Database", "Retention Policy", "Measurement"];
    // compat: widths are in bytes, padding in characters.
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(column, header)| {
            rows.iter()
                .map(|row| row[column].len())
                .fold(header.len(), usize::max)
                + 1
        })
        .collect();
    let [database, policy, measurement] = [widths[0], widths[1], widths[2]];
    let mut text = format!(
        "{:<database$}{:<policy$}{:<measurement$}{}\n",
        headers[0], headers[1], headers[2], "Points Received"
    );
    for [db, rp, name, points] in &rows {
        let _ = writeln!(
            text,
            "{db:<database$}{rp:<policy$}{name:<measurement$}{points:>15}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ingress_columns_are_as_wide_as_their_longest_entry_and_one() {
        let vars: DebugVars = serde_json::from_str(
            r#"{"kapacitor":{
                "b":{"name":"ingress","tags":{"task_master":"main","database":"autoscale","retention_policy":"autogen","measurement":"requests"},"values":{"points_received":120}},
                "a":{"name":"ingress","tags":{"task_master":"main","database":"_kapacitor","retention_policy":"autogen","measurement":"ingress"},"values":{"points_received":1}},
                "c":{"name":"ingress","tags":{"task_master":"replay","database":"x","retention_policy":"y","measurement":"z"},"values":{"points_received":1}}}}"#,
        )
        .unwrap();
        assert_eq!(
            ingress(&vars),
            "Database   Retention Policy Measurement Points Received\n\
             _kapacitor autogen          ingress                   1\n\
             autoscale  autogen          requests                120\n"
        );
    }

    #[test]
    fn the_summary_has_two_columns_of_thirty() {
        let vars = DebugVars {
            num_tasks: 3,
            host: "localhost".into(),
            ..DebugVars::default()
        };
        let text = general(&vars);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[2], format!("{:<30}{:<30}", "Host:", "localhost"));
        assert_eq!(lines[3], format!("{:<30}{:<30}", "Tasks:", "3"));
    }
}
