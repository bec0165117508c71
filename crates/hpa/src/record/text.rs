//! A record as text for people.

use std::fmt::Write as _;

use capstan_gocompat::duration;

use super::{Direction, Record, Source, WriteStatus};

/// Longest summary in bytes: a Kubernetes Event takes no more in its message (1024) and an ellipsis may follow.
const SUMMARY_LIMIT: usize = 1000;

impl Record {
    /// The decision in one line of at most 1000 bytes: for lists, and for the message of a Kubernetes Event.
    pub fn summary(&self) -> String {
        let mut line = format!("{} {}: ", self.target.kind, self.object());
        if self.direction == Direction::None {
            let _ = write!(line, "stays at {}", self.current_replicas);
        } else {
            let _ = write!(
                line,
                "{} -> {}",
                self.current_replicas, self.final_desired_replicas
            );
        }
        let asked = self.raw_desired_replicas != self.final_desired_replicas;
        match (asked, self.constraints_applied.is_empty()) {
            (true, true) => {
                let _ = write!(line, " (asked for {})", self.raw_desired_replicas);
            }
            (true, false) => {
                let limits = self.constraints_applied.join(", ");
                let _ = write!(
                    line,
                    " (asked for {}, limited by {limits})",
                    self.raw_desired_replicas
                );
            }
            (false, false) => {
                let _ = write!(line, " (limited by {})", self.constraints_applied.join(", "));
            }
            (false, true) => {}
        }
        if self.direction == Direction::None
            && let Some(step) = self.steps.iter().rfind(|step| step.bit())
            && !step.detail.is_empty()
            && self.raw_desired_replicas != self.current_replicas
        {
            let _ = write!(line, ": {}", step.detail);
        }
        match (self.write.status, self.write.message.as_str()) {
            (WriteStatus::Failed, message) => {
                let _ = write!(line, "; write failed: {message}");
            }
            (WriteStatus::DryRun, _) => line.push_str("; not written (dry run)"),
            (_, "") => {}
            (_, message) => {
                let _ = write!(line, "; {message}");
            }
        }
        if self.count > 1 {
            let _ = write!(line, "; {} times until {}", self.count, self.latest());
        }
        cut(&one_line(&line), SUMMARY_LIMIT)
    }

    /// The decision with its inputs and each step of the arithmetic, in several lines without a last line break.
    pub fn explain(&self) -> String {
        let mut lines = vec![format!("{}  {} {}", self.time, self.target.kind, self.object())];
        let decided = match &self.source {
            Source::Task { task, node } => format!("task {task}, node {node}"),
            Source::Hpa { hpa } => format!("HorizontalPodAutoscaler {hpa}"),
            Source::Autoscaler { autoscaler } => format!("Autoscaler {autoscaler}"),
        };
        lines.push(format!(
            "  decided by   {} ({})",
            decided, self.target.api_version
        ));
        let outcome = match self.direction {
            Direction::None => format!("stays at {}", self.current_replicas),
            Direction::ScaleUp => format!(
                "up from {} to {}",
                self.current_replicas, self.final_desired_replicas
            ),
            Direction::ScaleDown => {
                format!(
                    "down from {} to {}",
                    self.current_replicas, self.final_desired_replicas
                )
            }
        };
        lines.push(format!("  outcome      {outcome}, reason {}", self.reason));
        if let Some(metric) = &self.selected_metric {
            lines.push(format!("  decided on   {metric}"));
        }
        self.explain_inputs(&mut lines);
        self.explain_steps(&mut lines);
        if let Some(arithmetic) = &self.arithmetic {
            arithmetic.explain(&mut lines);
        }
        if !self.constraints_applied.is_empty() {
            lines.push(format!("  limited by   {}", self.constraints_applied.join(", ")));
        }
        let written = match self.write.status {
            WriteStatus::NotNeeded => "nothing to write",
            WriteStatus::Pending => "on its way",
            WriteStatus::Succeeded => "succeeded",
            WriteStatus::Failed => "failed",
            WriteStatus::DryRun => "left out (dry run)",
        };
        let message = if self.write.message.is_empty() { "" } else { ": " };
        lines.push(format!("  write        {written}{message}{}", self.write.message));
        if let Some(blocked) = self.blocked() {
            lines.push(format!("  held by      {}: {}", blocked.step, blocked.why));
            lines.push(format!("  unless       {}", blocked.unblock));
        }
        if self.count > 1 {
            lines.push(format!(
                "  repeated     {} times, last at {}",
                self.count,
                self.latest()
            ));
        }
        lines
            .iter()
            .map(|line| one_line(line))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn explain_inputs(&self, lines: &mut Vec<String>) {
        let width = self
            .inputs
            .iter()
            .map(|input| input.name.chars().count())
            .max()
            .unwrap_or(0);
        for (index, input) in self.inputs.iter().enumerate() {
            let title = if index == 0 { "inputs" } else { "" };
            let value = input
                .value
                .map_or_else(|| "missing".to_owned(), |value| value.to_string());
            let age = input
                .age
                .map(|age| format!(", {} old", duration::format_go(age.0)))
                .unwrap_or_default();
            let value = match input.last_good {
                Some(last) => {
                    let age = duration::format_go(last.age.0);
                    format!("{value}, last {} at {}, {age} old", last.value, last.time)
                }
                None => value,
            };
            let time = input.time.map(|time| format!("  at {time}")).unwrap_or_default();
            lines.push(format!(
                "  {title:<12} {:<width$} = {value}{time}{age}",
                input.name
            ));
        }
    }

    fn explain_steps(&self, lines: &mut Vec<String>) {
        let width = self
            .steps
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0);
        for (index, step) in self.steps.iter().enumerate() {
            let title = if index == 0 { "steps" } else { "" };
            let change = format!("{} -> {}", step.before, step.after);
            lines.push(format!(
                "  {title:<12} {:<width$} {change:<10} {}",
                step.name, step.detail
            ));
        }
    }

    fn object(&self) -> String {
        if self.target.namespace.is_empty() {
            self.target.name.clone()
        } else {
            format!("{}/{}", self.target.namespace, self.target.name)
        }
    }
}

/// Line breaks and other control characters as spaces; no blanks at the end.
fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean.trim_end().to_owned()
}

fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}
