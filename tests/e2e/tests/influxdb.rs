//! Batch tasks against a real InfluxDB 1.6: query it, compute, write back.

#![allow(clippy::print_stdout)] // what is skipped and why must be seen
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use capstan_e2e::{Running, capstan, free_address, http, root, wait_for};

const SCRIPT: &str = "
batch
    |query('SELECT mean(v) AS v FROM db.rp.m')
        .period(1h)
        .every(1s)
        .groupBy('host')
    |eval(lambda: \"v\" * 10.0)
        .as('v')
    |httpOut('out')
    |influxDBOut()
        .database('made')
        .retentionPolicy('rp')
        .measurement('n')
        .tag('by', 'task')
        .flushInterval(100ms)
        .create()
";

/// Ends the server with the test.
struct Influx(Child);

impl Drop for Influx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> Option<PathBuf> {
    let program = root().join("target/tools/influxdb-debian/usr/bin/influxd");
    if program.is_file() {
        return Some(program);
    }
    println!("skipped: no influxd (scripts/setup installs one)");
    None
}

#[test]
fn a_batch_task_reads_and_writes() -> Result<()> {
    let Some(program) = program() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (influx, rpc, api) = (free_address(), free_address(), free_address());
    let path = |name: &str| folder.path().join(name);
    let _influx = Influx(
        Command::new(program)
            .env("INFLUXDB_REPORTING_DISABLED", "true")
            .env("INFLUXDB_BIND_ADDRESS", rpc.to_string())
            .env("INFLUXDB_HTTP_BIND_ADDRESS", influx.to_string())
            .env("INFLUXDB_META_DIR", path("meta"))
            .env("INFLUXDB_DATA_DIR", path("data"))
            .env("INFLUXDB_DATA_WAL_DIR", path("wal"))
            .env("HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    wait_for("InfluxDB", || {
        Ok(http(influx, "GET", "/ping", b"")
            .ok()
            .filter(|(status, _)| *status == 204))
    })?;
    let created = http(
        influx,
        "POST",
        "/query?q=CREATE%20DATABASE%20db%20WITH%20NAME%20rp",
        b"",
    )?;
    ensure!(created.0 == 200, "{created:?}");
    // Times of the server, so that they are within the last hour.
    let written = http(
        influx,
        "POST",
        "/write?db=db&rp=rp",
        b"m,host=a v=1\nm,host=b v=5",
    )?;
    ensure!(written.0 == 204, "{written:?}");

    let config = path("kapacitor.conf");
    std::fs::write(
        &config,
        format!(
            "data_dir = {:?}\n[http]\nbind-address = \"{api}\"\n[[influxdb]]\nenabled = true\nname = \"main\"\nurls = [\"http://{influx}\"]\n",
            path("state").display().to_string()
        ),
    )?;
    let _server = Running::start(Command::new(capstan()).arg("serve").arg("--config").arg(&config))?;
    wait_for("the server", || {
        Ok(http(api, "GET", "/kapacitor/v1/ping", b"")
            .ok()
            .filter(|(status, _)| *status == 204))
    })?;
    let task = serde_json::json!({
        "id": "batch",
        "type": "batch",
        "dbrps": [{"db": "db", "rp": "rp"}],
        "script": SCRIPT,
        "status": "enabled",
    });
    let made = http(api, "POST", "/kapacitor/v1/tasks", task.to_string().as_bytes())?;
    ensure!(made.0 == 200, "{made:?}");
    wait_for("the task's results", || {
        let (_, body) = http(api, "GET", "/kapacitor/v1/tasks/batch/out", b"")?;
        Ok((body.contains(",10]") && body.contains(",50]")).then_some(body))
    })?;
    wait_for("what the task wrote", || {
        let query = "/query?db=made&q=SELECT%20v%2C%22by%22%2Chost%20FROM%20rp.n";
        let (_, body) = http(influx, "POST", query, b"")?;
        Ok((body.contains("50,\"task\",\"b\"") && body.contains("10,\"task\",\"a\"")).then_some(()))
    })?;
    let (_, shown) = http(api, "GET", "/kapacitor/v1/tasks/batch", b"")?;
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    let dot = shown["dot"].as_str().unwrap_or_default();
    ensure!(
        dot.contains("batches/s") && dot.contains("batches_queried"),
        "{dot}"
    );
    ensure!(!dot.contains("batch0"), "{dot}");
    // A query of what the task is not declared to read is refused.
    let foreign = task
        .to_string()
        .replace("db.rp.m", "other.rp.m")
        .replace("\"id\":\"batch\"", "\"id\":\"foreign\"");
    let refused = http(api, "POST", "/kapacitor/v1/tasks", foreign.as_bytes())?;
    ensure!(
        refused
            .1
            .contains("batch query is not allowed to request data from"),
        "{refused:?}"
    );
    Ok(())
}
