//! Readiness and liveness probes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use capstan_runtime::sleep;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::controllers::endpoints::container_port;
use crate::controllers::pods::int;

/// How a container is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Http {
        port: u16,
        path: String,
        host: String,
        headers: Vec<(String, String)>,
    },
    Tcp {
        port: u16,
    },
    Exec {
        command: Vec<String>,
    },
}

/// A probe with its timing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    question: Question,
    pub(crate) initial_delay: Duration,
    pub(crate) period: Duration,
    timeout: Duration,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
}

/// What a probe of kind `exec` needs.
pub(crate) struct Commands<'a> {
    pub(crate) env: &'a [(String, String)],
    pub(crate) directory: &'a std::path::Path,
}

impl Probe {
    /// Reads a container's probe; `None` when it has none, or one that we cannot carry out.
    pub(crate) fn of(pod: &Value, container: &Value, member: &str) -> Option<Self> {
        let probe = container.get(member)?;
        let seconds = |field: &str, default: i64| {
            Duration::from_secs(u64::try_from(int(probe, &format!("/{field}"), default)).unwrap_or(0))
        };
        let count = |field: &str, default: i64| {
            u32::try_from(int(probe, &format!("/{field}"), default).max(1)).unwrap_or(1)
        };
        Some(Self {
            question: question(pod, probe)?,
            initial_delay: seconds("initialDelaySeconds", 0),
            period: seconds("periodSeconds", 10).max(Duration::from_secs(1)),
            timeout: seconds("timeoutSeconds", 1).max(Duration::from_secs(1)),
            successes: count("successThreshold", 1),
            failures: count("failureThreshold", 3),
        })
    }

    /// A probe that asks whether something listens, often: for apps without a probe of their own.
    pub(crate) fn listening(port: u16) -> Self {
        Self {
            question: Question::Tcp { port },
            initial_delay: Duration::ZERO,
            period: Duration::from_millis(20),
            timeout: Duration::from_secs(1),
            successes: 1,
            failures: 1,
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// What upstream's `Unhealthy` event says after the probe's name.
    pub(crate) async fn ask(&self, address: IpAddr, commands: &Commands<'_>) -> Result<(), String> {
        let asked = async {
            match &self.question {
                Question::Tcp { port } => connect(address, *port).await.map(|_| ()),
                Question::Http {
                    port,
                    path,
                    host,
                    headers,
                } => get(address, *port, path, host, headers).await,
                Question::Exec { command } => execute(command, commands).await,
            }
        };
        tokio::select! {
            answer = asked => answer,
            () = sleep(self.timeout) => Err(format!("timed out after {}s", self.timeout.as_secs())),
        }
    }
}

fn question(pod: &Value, probe: &Value) -> Option<Question> {
    let port = |of: &Value| match of.get("port")? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
        Value::String(name) => name
            .parse()
            .ok()
            .or_else(|| u16::try_from(container_port(pod, name)?).ok()),
        _ => None,
    };
    if let Some(http) = probe.get("httpGet") {
        let text = |field: &str| http.get(field).and_then(Value::as_str).unwrap_or("");
        let number = port(http)?;
        // Certificates of pods are not ours to judge: that something listens must do.
        if text("scheme") == "HTTPS" {
            return Some(Question::Tcp { port: number });
        }
        let path = if text("path").starts_with('/') {
            text("path").to_owned()
        } else {
            format!("/{}", text("path"))
        };
        let headers = http
            .get("httpHeaders")
            .and_then(Value::as_array)
            .map(|all| {
                let part = |header: &Value, f: &str| header.get(f).and_then(Value::as_str).map(str::to_owned);
                all.iter()
                    .filter_map(|header| Some((part(header, "name")?, part(header, "value")?)))
                    .collect()
            })
            .unwrap_or_default();
        return Some(Question::Http {
            port: number,
            path,
            host: text("host").to_owned(),
            headers,
        });
    }
    if let Some(tcp) = probe.get("tcpSocket").or_else(|| probe.get("grpc")) {
        return Some(Question::Tcp { port: port(tcp)? });
    }
    let command = probe.pointer("/exec/command")?.as_array()?;
    Some(Question::Exec {
        command: command
            .iter()
            .filter_map(|part| part.as_str().map(str::to_owned))
            .collect(),
    })
}

async fn connect(address: IpAddr, port: u16) -> Result<TcpStream, String> {
    let address = SocketAddr::new(address, port);
    TcpStream::connect(address)
        .await
        .map_err(|error| format!("dial tcp {address}: {error}"))
}

async fn get(
    address: IpAddr,
    port: u16,
    path: &str,
    host: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let stream = connect(address, port).await?;
    let told = |error: &dyn std::fmt::Display| format!("Get \"http://{address}:{port}{path}\": {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    let host = if host.is_empty() {
        format!("{address}:{port}")
    } else {
        host.to_owned()
    };
    let mut request = http::Request::get(path)
        .header(http::header::HOST, host)
        .header(http::header::USER_AGENT, "kube-probe/1.36")
        .header(http::header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| told(&error))?;
    // Both live only as long as this question: nothing outlasts the timeout.
    let asked = sender.send_request(request);
    tokio::pin!(asked, connection);
    let response = tokio::select! {
        response = asked.as_mut() => response,
        ended = connection.as_mut() => match ended {
            Ok(()) => asked.await,
            Err(error) => Err(error),
        },
    };
    let status = response.map_err(|error| told(&error))?.status();
    if (200..400).contains(&status.as_u16()) {
        Ok(())
    } else {
        Err(format!("HTTP probe failed with statuscode: {}", status.as_u16()))
    }
}

async fn execute(command: &[String], commands: &Commands<'_>) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let status = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(commands.directory)
        .envs(commands.env.iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|error| format!("{program}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("command ended with {status}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn probes_are_read_with_their_defaults() {
        let pod = json!({"spec": {"containers": [{"ports": [{"name": "web", "containerPort": 8000}]}]}});
        let container =
            json!({"readinessProbe": {"httpGet": {"port": "web", "path": "ping"}, "periodSeconds": 2}});
        let probe = Probe::of(&pod, &container, "readinessProbe").unwrap();
        let wanted = Question::Http {
            port: 8000,
            path: "/ping".into(),
            host: String::new(),
            headers: Vec::new(),
        };
        assert_eq!(probe.question, wanted);
        assert_eq!(
            (probe.period, probe.failures, probe.successes),
            (Duration::from_secs(2), 3, 1)
        );
        assert_eq!(Probe::of(&pod, &container, "livenessProbe"), None);
    }
}
