//! The world around the tasks of a case: servers on local sockets that note what alert handlers send, a fake that runs no
//! programs, and the production senders in between.

mod commands;
mod http;
mod mail;
mod tcp;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use capstan_alert::{NoJournal, Service};
use capstan_flow::Ports;
use capstan_handlers::{BodyTemplate, Endpoint, Handlers, Options, Retry, Smtp};
use serde_json::Value as Json;
use tokio::runtime::Runtime;

pub use commands::{Commands, Ran};
pub use http::{Answer, HttpServer, Request};
pub use mail::{Mail, MailServer};
pub use tcp::TcpServer;

/// How long senders may take after the input ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sockets and senders of all cases.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be started")
});

/// What a case reaches.
#[derive(Debug)]
pub struct Outside {
    pub http: HttpServer,
    pub tcp: TcpServer,
    pub mail: MailServer,
    pub commands: Arc<Commands>,
    /// A directory of its own (`${TMP}`).
    folder: tempfile::TempDir,
    data: PathBuf,
}

/// Placeholders that stand for something outside.
pub const PLACEHOLDERS: [&str; 9] = [
    "${SERVER_URL}",
    "${SERVER_ADDR}",
    "${SERVER_HOST}",
    "${SERVER_PORT}",
    "${DATA}",
    "${TMP}",
    "${HOSTNAME}",
    "${CLUSTER_ID}",
    "${SERVER_ID}",
];

/// Expectations about what alert handlers sent.
pub const CHECKED: [&str; 3] = ["alerts", "exec", "smtp"];

impl Outside {
    /// Servers that answer as the case wants; `data` is the folder of recordings.
    pub fn new(case: &Json, data: &std::path::Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the case's servers cannot start: {error}");
        let server = &case["env"]["server"];
        let answer = Answer {
            status: server["respond_status"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(200),
            delay: Duration::from_nanos(server["respond_delay_ns"].as_u64().unwrap_or(0)),
        };
        let outside = RUNTIME.block_on(async {
            Ok::<_, std::io::Error>(Self {
                http: HttpServer::start(answer).await?,
                tcp: TcpServer::start().await?,
                mail: MailServer::start().await?,
                commands: Arc::default(),
                folder: tempfile::tempdir()?,
                data: data.to_owned(),
            })
        });
        outside.map_err(failed)
    }

    /// The case with addresses and folders in the place of `${…}`.
    pub fn resolved(&self, case: &Json) -> Json {
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        let (host, port) = self.mail.address();
        let values = [
            self.http.url(),
            self.tcp.address(),
            host,
            port,
            data.display().to_string(),
            self.folder.path().display().to_string(),
            "localhost".to_owned(),
            "cluster".to_owned(),
            "server".to_owned(),
        ];
        let fill = |text: &str| {
            PLACEHOLDERS
                .iter()
                .zip(&values)
                .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        everywhere(case, &fill)
    }

    /// Topics with the production senders behind them. Gives what tells when all was sent.
    pub fn connect(&self, case: &Json, ports: &mut Ports) -> Arc<Handlers> {
        let config = &case["config"];
        let options = Options {
            // What fails is part of a case; trying again would only take time.
            retry: Retry {
                attempts: 1,
                ..Retry::default()
            },
            smtp: smtp(&config["smtp"]),
            endpoints: endpoints(&config["httppost"]),
            commander: Arc::<Commands>::clone(&self.commands),
            ..Options::new(Arc::clone(&ports.clock))
        };
        let handlers = Handlers::new(options, RUNTIME.handle().clone());
        ports.alerts = Service::new(Arc::<Handlers>::clone(&handlers), Arc::new(NoJournal));
        ports.server = Arc::new(capstan_flow::ports::ServerInfo {
            hostname: "localhost".into(),
            cluster_id: "cluster".into(),
            server_id: "server".into(),
        });
        handlers
    }

    /// Waits until everything was sent.
    pub fn settle(&self, handlers: &Handlers) -> Result<(), String> {
        RUNTIME
            .block_on(async { tokio::time::timeout(PATIENCE, handlers.idle()).await })
            .map_err(|_| format!("alert handlers did not finish in {PATIENCE:?}"))?;
        // A connection that was closed may still be read.
        RUNTIME
            .block_on(async { tokio::time::timeout(PATIENCE, self.tcp.idle()).await })
            .map_err(|_| "a connection is still open".to_owned())
    }
}

/// A table, or a list of them.
fn sections(config: &Json) -> &[Json] {
    match config {
        Json::Array(sections) => sections,
        Json::Object(_) => std::slice::from_ref(config),
        _ => &[],
    }
}

fn text(section: &Json, key: &str) -> Option<String> {
    section[key].as_str().map(str::to_owned)
}

/// A number, possibly as text because a placeholder stood there.
fn number(section: &Json, key: &str) -> Option<u16> {
    match &section[key] {
        Json::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn smtp(section: &Json) -> Option<Smtp> {
    if section["enabled"] != Json::Bool(true) {
        return None;
    }
    let word = |key: &str| text(section, key).unwrap_or_default();
    let flag = |key: &str| section[key].as_bool().unwrap_or_default();
    let list = section["to"].as_array().into_iter().flatten();
    Some(Smtp {
        host: text(section, "host").unwrap_or_else(|| "localhost".to_owned()),
        port: number(section, "port").unwrap_or(25),
        username: word("username"),
        password: word("password"),
        no_verify: flag("no-verify"),
        from: word("from"),
        to: list.filter_map(|to| to.as_str().map(str::to_owned)).collect(),
        to_templates: Vec::new(),
        idle_timeout: Duration::from_secs(30),
        global: flag("global"),
        state_changes_only: flag("state-changes-only"),
    })
}

fn headers(section: &Json) -> Vec<(String, String)> {
    let headers = section["headers"].as_object().into_iter().flatten();
    headers
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn basic_auth(section: &Json) -> Option<(String, String)> {
    let auth = &section["basic-auth"];
    Some((text(auth, "username")?, text(auth, "password")?))
}

/// Sections `[[httppost]]` by their id.
fn endpoints(config: &Json) -> BTreeMap<String, Endpoint> {
    let endpoint = |section: &Json| {
        let template = |text: String, functions| BodyTemplate { text, functions };
        let file = text(section, "alert-template-file").and_then(|file| std::fs::read_to_string(file).ok());
        let endpoint = Endpoint {
            url: text(section, "url").unwrap_or_default(),
            headers: headers(section),
            basic_auth: basic_auth(section),
            alert_template: text(section, "alert-template")
                .filter(|text| !text.is_empty())
                .map(|text| template(text, true))
                .or_else(|| file.map(|text| template(text, false))),
        };
        (text(section, "endpoint").unwrap_or_default(), endpoint)
    };
    sections(config).iter().map(endpoint).collect()
}

fn everywhere(value: &Json, replace: &impl Fn(&str) -> String) -> Json {
    match value {
        Json::String(text) => Json::String(replace(text)),
        Json::Array(items) => items.iter().map(|item| everywhere(item, replace)).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), everywhere(member, replace)))
            .collect(),
        other => other.clone(),
    }
}
