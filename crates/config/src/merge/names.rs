//! Names that are nearly right, and names that mean something to Kapacitor only.

/// Sections of Kapacitor's file that nothing here acts on yet: taken without a fuss.
pub(crate) const UNUSED_SECTIONS: [&str; 39] = [
    "alerta",
    "alertmanager",
    "auth",
    "azure",
    "bigpanda",
    "collectd",
    "consul",
    "discord",
    "dns",
    "ec2",
    "file-discovery",
    "fluxtask",
    "gce",
    "graphite",
    "hipchat",
    "kafka",
    "marathon",
    "mqtt",
    "nerve",
    "opentsdb",
    "opsgenie",
    "opsgenie2",
    "pagerduty",
    "pagerduty2",
    "pushover",
    "scraper",
    "sensu",
    "serverset",
    "servicenow",
    "slack",
    "snmptrap",
    "static-discovery",
    "talk",
    "teams",
    "telegram",
    "triton",
    "udp",
    "victorops",
    "zenoss",
];

/// The name most like `name`, if one is like it at all.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let near = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(d, _)| *d <= limit);
    near.min().map(|(_, candidate)| candidate.to_owned())
}

/// How many letters must be added, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars()
            .map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() })
            .collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
