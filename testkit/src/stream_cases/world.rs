//! The world around the tasks of a case: a clock, fakes behind the ports, what the case configures of them.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_flow::ports::{Loopback, LoopbackError, PostEndpoint, RowTemplate};
use capstan_flow::{Endpoints, Ports};
use capstan_model::Block;
use parking_lot::Mutex;
use serde_json::Value as Json;

use super::expectations;
use crate::fake_influx::FakeInflux;
use crate::fake_post::{self, FakePost};
use crate::fake_scaler::FakeScaler;
use crate::side_files::SideFiles;

/// Keeps what loopback nodes write until the tasks are fed with it.
#[derive(Debug, Default)]
pub(super) struct Looped {
    rows: Mutex<VecDeque<Arc<Block>>>,
}

impl Looped {
    pub(super) fn take(&self) -> Option<Arc<Block>> {
        self.rows.lock().pop_front()
    }
}

impl Loopback for Looped {
    fn write(&self, rows: Arc<Block>) -> Result<(), LoopbackError> {
        self.rows.lock().push_back(rows);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Arc<VirtualClock>,
    pub(super) scaler: Arc<FakeScaler>,
    pub(super) influx: Arc<FakeInflux>,
    pub(super) post: Arc<FakePost>,
    pub(super) looped: Arc<Looped>,
    pub(super) ports: Ports,
}

impl World {
    pub(super) fn new(case: &Json, start: i64) -> Self {
        // A case has one orchestrator.
        let env = &case["env"];
        let replicas = [&env["k8s"], &env["swarm"]]
            .into_iter()
            .filter_map(|env| env["initial_replicas"].as_object())
            .flatten();
        let replicas = replicas.filter_map(|(name, count)| Some((name.clone(), count.as_i64()?)));
        let server = &case["env"]["server"];
        let statuses = expectations(case)
            .filter(|expect| expect["type"] == "httpPost")
            .flat_map(|expect| expect["requests"].as_array().into_iter().flatten())
            .map(|request| status(&request["respond_status"]).unwrap_or(200));
        let post = FakePost::new(
            endpoints(case),
            statuses.collect(),
            status(&server["respond_status"]).unwrap_or(200),
            Duration::from_nanos(server["respond_delay_ns"].as_u64().unwrap_or(0)),
        );
        let clock = VirtualClock::at(start);
        let mut world = Self {
            scaler: Arc::new(FakeScaler::new(replicas)),
            influx: Arc::default(),
            post: Arc::new(post),
            looped: Arc::default(),
            ports: Ports::offline(clock.clone()),
            clock,
        };
        world.ports.scaler = (!case["env"]["k8s"].is_null()).then(|| Arc::clone(&world.scaler) as _);
        world.ports.swarm = (!env["swarm"].is_null()).then(|| Arc::clone(&world.scaler) as _);
        world.ports.influx_write =
            (!case["env"]["influxdb"].is_null()).then(|| Arc::clone(&world.influx) as _);
        world.ports.http_post = Some(Arc::clone(&world.post) as _);
        world.ports.sideload = Some(Arc::new(SideFiles));
        world.ports.loopback = Arc::clone(&world.looped) as _;
        world
    }

    /// The ports of one task.
    pub(super) fn ports(&self) -> Ports {
        Ports {
            endpoints: Endpoints::default(),
            ..self.ports.clone()
        }
    }
}

fn status(value: &Json) -> Option<u16> {
    value.as_u64().and_then(|status| u16::try_from(status).ok())
}

/// The sections `[[httppost]]` of the case.
fn endpoints(case: &Json) -> BTreeMap<String, PostEndpoint> {
    let config = &case["config"]["httppost"];
    let sections = config
        .as_array()
        .map_or(std::slice::from_ref(config), Vec::as_slice);
    let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let section = |section: &Json| {
        let headers = section["headers"].as_object().into_iter().flatten();
        let auth = &section["basic-auth"];
        let file = text(&section["row-template-file"]).and_then(|file| std::fs::read_to_string(file).ok());
        let template = |text, functions| RowTemplate { text, functions };
        let endpoint = PostEndpoint {
            url: text(&section["url"]).unwrap_or_default(),
            headers: headers
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            basic_auth: text(&auth["username"]).zip(text(&auth["password"])),
            row_template: text(&section["row-template"])
                .map(|text| template(text, true))
                .or_else(|| file.map(|text| template(text, false))),
        };
        Some((text(&section["endpoint"])?, endpoint))
    };
    sections.iter().filter_map(section).collect()
}

/// The case with its placeholders filled in.
pub(super) fn fill_in(case: &Json, data: &Path) -> Json {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let data = data.to_string_lossy();
    let fill = |text: &str| {
        text.replace("${SERVER_URL}", fake_post::URL)
            .replace("${DATA}", &data)
    };
    everywhere(case, &fill)
}

/// The value with every text replaced.
pub(super) fn everywhere(value: &Json, replace: &impl Fn(&str) -> String) -> Json {
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
