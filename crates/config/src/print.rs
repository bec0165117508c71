//! Settings as a file (S-10, C-61).

use crate::settings::{Influxdb, Kubernetes, Settings, Swarm};

const REDACTED: &str = "<redacted>";

/// The complete configuration with its current values as TOML. Passwords, tokens and secrets that are set are not shown. A list
/// that is empty is shown with one element that is not enabled, so that its keys are seen.
pub fn print_config(settings: &Settings) -> String {
    let mut shown = settings.clone();
    if shown.influxdb.is_empty() {
        shown.influxdb.push(Influxdb {
            enabled: false,
            ..Influxdb::default()
        });
    }
    if shown.kubernetes.is_empty() {
        shown.kubernetes.push(Kubernetes::default());
    }
    if shown.swarm.is_empty() {
        shown.swarm.push(Swarm::default());
    }
    let mut secrets = vec![&mut shown.http.shared_secret, &mut shown.smtp.password];
    for endpoint in &mut shown.httppost {
        secrets.push(&mut endpoint.basic_auth.password);
    }
    for database in &mut shown.influxdb {
        secrets.extend([
            &mut database.password,
            &mut database.token,
            &mut database.http_shared_secret,
        ]);
    }
    for cluster in &mut shown.kubernetes {
        secrets.push(&mut cluster.token);
    }
    for secret in secrets {
        if !secret.is_empty() {
            REDACTED.clone_into(secret);
        }
    }
    toml::to_string(&shown).expect("settings have a TOML form")
}
