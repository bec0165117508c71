//! Settings as a file (S-10, C-61).

use crate::settings::Settings;

const REDACTED: &str = "<redacted>";

/// The complete configuration with its current values as TOML. Passwords, tokens and secrets that are set are not shown.
pub fn print_config(settings: &Settings) -> String {
    let mut shown = settings.clone();
    let mut secrets = vec![&mut shown.http.shared_secret];
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
