//! The configured functions, and what each says about itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use capstan_base::SharedClock;
use capstan_flow::ports::udf::{Udf, UdfCatalog, UdfInfo, UdfRun, UdfSession, UdfSink};
use parking_lot::{Mutex, RwLock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Handle;

use crate::agent::{InfoRequest, Request, Response, request, response};
use crate::error::Error;
use crate::transport::{Caller, Connection, connect};
use crate::{convert, frame, session};

/// What a function said this recently need not be asked again.
const FRESH: Duration = Duration::from_secs(5);

/// One configured function (S-39).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// What scripts call it by.
    pub name: String,
    pub place: Place,
    /// How long it may be silent. Keepalives are sent twice as often.
    pub timeout: Duration,
}

/// Where a function is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A program that is started for each node.
    Program {
        program: String,
        arguments: Vec<String>,
        /// Added to our own.
        environment: BTreeMap<String, String>,
    },
    /// A service that is dialled for each node.
    Socket(PathBuf),
}

/// All configured functions.
#[derive(Debug)]
pub struct Functions {
    by_name: BTreeMap<String, Arc<Function>>,
    catalog: RwLock<UdfCatalog>,
    /// When each was asked last, monotonic.
    asked: Mutex<BTreeMap<String, Duration>>,
    clock: SharedClock,
    runtime: Handle,
}

impl Functions {
    /// Nothing is started before [`Functions::load`]. Programs and connections live on `runtime`.
    pub fn new(
        functions: impl IntoIterator<Item = Function>,
        clock: SharedClock,
        runtime: Handle,
    ) -> Arc<Self> {
        let by_name: BTreeMap<String, Arc<Function>> = functions
            .into_iter()
            .map(|function| (function.name.clone(), Arc::new(function)))
            .collect();
        let mut catalog = UdfCatalog::default();
        for name in by_name.keys() {
            catalog.insert(name.as_str(), Err("it was not asked yet".to_owned()));
        }
        Arc::new(Self {
            by_name,
            catalog: RwLock::new(catalog),
            asked: Mutex::default(),
            clock,
            runtime,
        })
    }

    /// Asks every function what it is, all at once. One that fails is logged by its name and the others go on; scripts
    /// that call it are told why they cannot.
    pub async fn load(self: &Arc<Self>) {
        self.ask(self.by_name.values().cloned().collect()).await;
    }

    async fn ask(self: &Arc<Self>, functions: Vec<Arc<Function>>) {
        let asking = functions.into_iter().map(|function| {
            let this = Arc::clone(self);
            capstan_runtime::spawn("udf info", async move {
                let info = info(&function).await;
                this.enter(&function.name, info);
            })
        });
        for asked in asking.collect::<Vec<_>>() {
            // A panic is logged by who spawns.
            let _ = asked.await;
        }
    }

    fn enter(&self, name: &str, info: Result<UdfInfo, Error>) {
        let info = info.map_err(|error| format!("failed to load process info for {name:?}: {error}"));
        match &info {
            Ok(_) => tracing::info!(udf = name, "loaded UDF info"),
            Err(error) => tracing::error!(udf = name, "{error}"),
        }
        self.catalog.write().insert(name, info);
        self.asked.lock().insert(name.to_owned(), self.clock.monotonic());
    }
}

impl Udf for Functions {
    fn catalog(&self) -> UdfCatalog {
        self.catalog.read().clone()
    }

    fn refresh(&self, names: &[String]) {
        let now = self.clock.monotonic();
        let stale = |name: &&String| {
            let asked = self.asked.lock();
            asked
                .get(*name)
                .is_none_or(|asked| now.saturating_sub(*asked) >= FRESH)
        };
        let functions: Vec<Arc<Function>> = names
            .iter()
            .filter(stale)
            .filter_map(|name| self.by_name.get(name).cloned())
            .collect();
        let (answer, answers) = std::sync::mpsc::channel();
        let count = functions.len();
        let _runtime = self.runtime.enter();
        for function in functions {
            let answer = answer.clone();
            capstan_runtime::spawn("udf info", async move {
                let info = info(&function).await;
                // Who asked waits.
                let _ = answer.send((function, info));
            });
        }
        drop(answer);
        for (function, info) in answers.into_iter().take(count) {
            self.enter(&function.name, info);
        }
    }

    fn open(&self, run: UdfRun, sink: UdfSink) -> Result<Box<dyn UdfSession>, String> {
        let function = self.by_name.get(&*run.function);
        let function = function.ok_or_else(|| format!("no such UDF {}", run.function))?;
        let _runtime = self.runtime.enter();
        let (function, clock) = (Arc::clone(function), Arc::clone(&self.clock));
        Ok(Box::new(session::start(function, run, clock, sink)))
    }
}

/// What a function says about itself: it is started or dialled for this one question.
async fn info(function: &Function) -> Result<UdfInfo, Error> {
    let caller = Caller {
        function: function.name.clone(),
        task: String::new(),
        node: String::new(),
    };
    let Connection {
        mut input,
        mut output,
        mut peer,
    } = connect(function, caller, function.timeout).await?;
    let question = async {
        let mut bytes = Vec::new();
        let message = Some(request::Message::Info(InfoRequest {}));
        frame::put(&Request { message }, &mut bytes);
        input.write_all(&bytes).await.map_err(Error::Write)?;
        input.flush().await.map_err(Error::Write)?;
        let mut buffer = BytesMut::new();
        loop {
            while let Some(response) = frame::take::<Response>(&mut buffer)? {
                match response.message {
                    Some(response::Message::Info(info)) => return convert::info(info),
                    Some(response::Message::Error(error)) => return Err(Error::Reported(error.error)),
                    _ => {}
                }
            }
            if output.read_buf(&mut buffer).await.map_err(Error::Read)? == 0 {
                return Err(Error::Closed);
            }
        }
    };
    let answer = tokio::time::timeout(function.timeout, question).await;
    let answer = match answer {
        Ok(Ok(info)) => Ok(info),
        Ok(Err(error)) => Err(peer.explain(error).await),
        Err(_) => Err(Error::NoInfo(function.timeout)),
    };
    drop((input, output));
    let patience = session::grace(function.timeout);
    capstan_runtime::spawn("udf end", async move { peer.stop(patience).await });
    answer
}
