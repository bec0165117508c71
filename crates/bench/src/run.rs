//! One measurement.

use std::time::Duration;

use bytes::Bytes;
use capstan_base::SharedClock;
use capstan_client::wire::{CreateTask, Dbrp, TaskStatus, TaskType};
use capstan_client::{Client, task_href};
use serde_json::Value;

use crate::drive;
use crate::error::Error;
use crate::pipeline::{ENDPOINT, Pipeline};
use crate::process::Process;
use crate::report::Figures;
use crate::workload::Workload;

const TASK: &str = "bench";

/// How load is put on.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Connections that send at once.
    pub connections: usize,
    /// Tasks that do the same work on the same points.
    pub tasks: usize,
}

/// What every task reads.
const DATABASE: &str = "bench";
const RETENTION_POLICY: &str = "autogen";

/// Where the points of every task are posted.
pub(crate) const WRITE_PATH: &str = "/write?db=bench&rp=autogen";

/// An enabled stream task that reads what is posted to [`WRITE_PATH`].
pub(crate) fn stream_task(id: &str, script: &str) -> CreateTask {
    CreateTask {
        id: id.to_owned(),
        kind: Some(TaskType::Stream),
        dbrps: vec![Dbrp {
            db: DATABASE.to_owned(),
            rp: RETENTION_POLICY.to_owned(),
        }],
        script: script.to_owned(),
        status: Some(TaskStatus::Enabled),
        ..CreateTask::default()
    }
}

/// How often a task is asked how far it is. Each question costs the server some microseconds.
const POLL: Duration = Duration::from_millis(5);

/// With fewer series, what each takes is lost in what the server takes anyway.
const MANY: u64 = 10_000;

/// After the last point, until what is not needed any more has gone back to the system.
const SETTLING: Duration = Duration::from_millis(1_500);

/// Nothing moved for so long: nothing more will come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the load goes.
#[derive(Debug, Clone)]
pub struct Target {
    pub url: String,
    /// The server's process when it is on this machine.
    pub process: Option<Process>,
}

/// Defines the tasks, sends the bodies, waits for the last nodes, checks what came out, deletes the tasks.
pub async fn measure(
    target: &Target,
    workload: &Workload,
    pipeline: &Pipeline,
    bodies: &[Bytes],
    pressure: Pressure,
    clock: &SharedClock,
) -> Result<Figures, Error> {
    let client = Client::new(&target.url, false)?;
    let ids: Vec<String> = (0..pressure.tasks.max(1)).map(|n| format!("{TASK}{n}")).collect();
    for id in &ids {
        // One left over from a run that was broken off.
        let _ = client.delete_task(&task_href(id)).await;
        client.create_task(&stream_task(id, pipeline.script())).await?;
    }
    let idle = target.process.map(Process::memory).transpose()?;
    let allocations_before = allocations(&client).await;
    let cpu_before = target.process.map(Process::cpu).transpose()?;
    let started = clock.monotonic();
    drive::send(&target.url, WRITE_PATH, bodies, pressure.connections).await?;
    let sent = clock.monotonic();
    let mut done = sent;
    for id in &ids {
        done = done.max(finished(&client, id, workload, pipeline, clock).await?);
    }
    let cpu_after = target.process.map(Process::cpu).transpose()?;
    let memory = target.process.map(Process::memory).transpose()?;
    let allocations_after = allocations(&client).await;
    let bytes_per_series = match (target.process, idle) {
        (Some(process), Some(idle)) if workload.hosts >= MANY => {
            capstan_runtime::sleep(SETTLING).await;
            let grown = process.memory()?.resident.saturating_sub(idle.resident);
            Some(grown as f64 / workload.hosts as f64)
        }
        _ => None,
    };
    let checked = !matches!(pipeline, Pipeline::Script(_));
    for id in &ids {
        let href = task_href(id);
        if checked {
            let shown: Value = client.get_json(&format!("{href}/{ENDPOINT}"), &[]).await?;
            pipeline.check(workload, &shown)?;
        }
        client.delete_task(&href).await?;
    }
    let elapsed = done.saturating_sub(started);
    Ok(Figures {
        points: workload.points(),
        seconds: elapsed.as_secs_f64(),
        write_seconds: sent.saturating_sub(started).as_secs_f64(),
        points_per_second: workload.points() as f64 / elapsed.as_secs_f64(),
        cpu_micros_per_point: cpu_before.zip(cpu_after).map(|(before, after)| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / workload.points() as f64
        }),
        memory_bytes: memory.map(|memory| memory.resident),
        peak_memory_bytes: memory.map(|memory| memory.peak),
        bytes_per_series,
        allocations_per_point: allocations_before
            .zip(allocations_after)
            .map(|(before, after)| after.saturating_sub(before) as f64 / workload.points() as f64),
        output_checked: checked,
    })
}

/// Allocations of the server so far; `None` when it does not count them.
async fn allocations(client: &Client) -> Option<u64> {
    let vars = client.debug_vars().await.ok()?;
    vars.memstats.get("Mallocs").and_then(Value::as_u64)
}

/// Waits until a task has worked everything off; says when that was seen.
async fn finished(
    client: &Client,
    id: &str,
    workload: &Workload,
    pipeline: &Pipeline,
    clock: &SharedClock,
) -> Result<Duration, Error> {
    let last = pipeline.last(workload);
    let mut seen = Vec::new();
    let mut moved = clock.monotonic();
    loop {
        let task = client.task(&task_href(id), "").await?;
        let now = clock.monotonic();
        let collected: Vec<(String, u64)> = task
            .stats
            .node_stats
            .iter()
            .map(|(node, stats)| {
                let collected = stats.get("collected").and_then(Value::as_u64);
                (node.clone(), collected.unwrap_or_default())
            })
            .collect();
        let of = |wanted: &str| {
            collected
                .iter()
                .find(|(node, _)| node == wanted)
                .map(|(_, count)| *count)
        };
        if let Some((node, expected)) = last {
            let count = of(node).ok_or_else(|| Error::NoNode(node.to_owned()))?;
            if count >= expected {
                return Ok(now);
            }
            if now.saturating_sub(moved) > PATIENCE {
                return Err(Error::Incomplete {
                    node: node.to_owned(),
                    collected: count,
                    expected,
                    patience: PATIENCE,
                });
            }
        } else if collected == seen && of("stream0").is_some() && now.saturating_sub(moved) > POLL * 40 {
            // Nothing moved for a while: it was finished when it moved last.
            return Ok(moved);
        }
        if collected != seen {
            seen = collected;
            moved = now;
        }
        capstan_runtime::sleep(POLL).await;
    }
}
