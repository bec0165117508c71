//! The world around the tasks of a case: what the case configures of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use capstan_flow::ports::{PostEndpoint, RowTemplate};
use capstan_sim::World;
use serde_json::Value as Json;

use super::expectations;

/// Where scripts find the web server.
pub(super) const SERVER_URL: &str = "http://server.test";

/// A world as a case configures it, at a time.
pub(super) fn world(case: &Json, start: i64) -> World {
    let env = &case["env"];
    let server = &env["server"];
    let statuses = expectations(case)
        .filter(|expect| expect["type"] == "httpPost")
        .flat_map(|expect| expect["requests"].as_array().into_iter().flatten())
        .map(|request| status(&request["respond_status"]).unwrap_or(200));
    let mut world = World::new(start).with_web(|web| {
        let delay = Duration::from_nanos(server["respond_delay_ns"].as_u64().unwrap_or(0));
        let status = status(&server["respond_status"]).unwrap_or(200);
        web.with_endpoints(endpoints(case))
            .answering(statuses.collect(), status, delay)
    });
    // A case has one orchestrator.
    let replicas = [&env["k8s"], &env["swarm"]]
        .into_iter()
        .filter_map(|env| env["initial_replicas"].as_object())
        .flatten();
    for (name, count) in replicas {
        world.orchestrator.set(name, count.as_i64().unwrap_or(0));
    }
    if env["k8s"].is_null() {
        world.ports.scaler = None;
    }
    if env["swarm"].is_null() {
        world.ports.swarm = None;
    }
    if env["influxdb"].is_null() {
        world.ports.influx_write = None;
    }
    world
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
        text.replace("${SERVER_URL}", SERVER_URL)
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
