//! A mail server that notes messages and delivers none.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A message as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// Names as they were written, lines joined.
    pub headers: Vec<(String, String)>,
    /// Encoded as it was, with `\n` at line ends.
    pub body: String,
}

/// The server; it ends when dropped.
#[derive(Debug)]
pub struct MailServer {
    address: std::net::SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    task: JoinHandle<()>,
}

impl MailServer {
    /// Listens on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let notes = Arc::clone(&mails);
        let task = capstan_runtime::spawn("case mail server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let notes = Arc::clone(&notes);
                drop(capstan_runtime::spawn("case mail connection", async move {
                    // A broken connection has sent what it has sent.
                    let _ = converse(stream, &notes).await;
                }));
            }
        });
        Ok(Self { address, mails, task })
    }

    /// Host and port.
    pub fn address(&self) -> (String, String) {
        (self.address.ip().to_string(), self.address.port().to_string())
    }

    /// What came so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, mails: &Mutex<Vec<Mail>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 localhost\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let command = line.get(..4).unwrap_or(&line).to_uppercase();
        let answer: &[u8] = match command.as_str() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut text = Vec::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    text.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
                }
                mails.lock().push(parse(&text));
                b"250 noted\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok(())
}

fn parse(lines: &[String]) -> Mail {
    let mut mail = Mail::default();
    let mut rest = lines.iter();
    for line in rest.by_ref().take_while(|line| !line.is_empty()) {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => {
                if let Some((_, value)) = mail.headers.last_mut() {
                    value.push_str(line);
                }
            }
            (false, Some((name, value))) => mail.headers.push((name.to_owned(), value.trim().to_owned())),
            (false, None) => {}
        }
    }
    for line in rest {
        mail.body.push_str(line);
        mail.body.push('\n');
    }
    mail
}
