//! A server that notes what each connection sends.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Debug, Default)]
struct Noted {
    /// Per connection, in the order in which they came.
    texts: Vec<Option<String>>,
}

/// The server; it ends when dropped.
#[derive(Debug)]
pub struct TcpServer {
    address: std::net::SocketAddr,
    noted: Arc<Mutex<Noted>>,
    task: JoinHandle<()>,
}

impl TcpServer {
    /// Listens on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let noted: Arc<Mutex<Noted>> = Arc::default();
        let notes = Arc::clone(&noted);
        let task = capstan_runtime::spawn("case tcp server", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let at = {
                    let mut noted = notes.lock();
                    noted.texts.push(None);
                    noted.texts.len() - 1
                };
                let mut bytes = Vec::new();
                // What was sent before the connection broke counts too.
                let _ = stream.read_to_end(&mut bytes).await;
                notes.lock().texts[at] = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        });
        Ok(Self { address, noted, task })
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What connections sent.
    pub fn received(&self) -> Vec<String> {
        self.noted.lock().texts.iter().flatten().cloned().collect()
    }

    /// Completes when every connection was read to its end: one of our own comes after all others.
    pub async fn idle(&self) {
        let before = self.noted.lock().texts.len();
        if tokio::net::TcpStream::connect(self.address).await.is_err() {
            return;
        }
        loop {
            {
                let mut noted = self.noted.lock();
                let own = noted
                    .texts
                    .iter()
                    .skip(before)
                    .position(|text| text.as_deref() == Some(""));
                if let Some(own) = own.filter(|_| noted.texts.iter().all(Option::is_some)) {
                    noted.texts.remove(before + own);
                    return;
                }
            }
            capstan_runtime::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

impl Drop for TcpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
