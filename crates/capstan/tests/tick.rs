//! `capstan tick` on files.

use std::path::Path;
use std::process::{Command, Output};

fn tick(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_capstan"))
        .arg("tick")
        .args(arguments)
        .arg(file)
        .output()
        .expect("the binary starts")
}

#[test]
fn check_finds_what_the_server_would_refuse_and_shows_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tick");
    for (script, expected) in [
        (
            "stream\n    |from()\n        .measurment('requests')\n",
            "measurement",
        ),
        ("stream\n    |form()\n", "from"),
        ("var x = \n", "a.tick:2:1"),
    ] {
        std::fs::write(&file, script).unwrap();
        let output = tick(&["check"], &file);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains('^') && told.contains(expected), "{told}");
    }
    std::fs::write(&file, include_str!("../../../demo/autoscale.tick")).unwrap();
    assert!(tick(&["check"], &file).status.success());
}

#[test]
fn fmt_writes_back_and_keeps_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tick");
    let script = "stream|from().measurement('requests')";
    std::fs::write(&file, script).unwrap();
    assert!(tick(&["fmt", "--write", "--backup"], &file).status.success());
    let formatted = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        formatted,
        "stream\n    |from()\n        .measurement('requests')\n"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.tick.orig")).unwrap(),
        script
    );
    assert_eq!(tick(&["fmt"], &file).stdout, formatted.as_bytes());
    let missing = tick(&["fmt"], &folder.path().join("absent.tick"));
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("absent.tick"));
}

/// The shorter script is the tutorial's with other numbers; they must not drift apart.
#[test]
fn the_demonstrations_scripts_differ_only_in_their_numbers() {
    let pipeline = |script: &'static str| script.split_once("\nstream\n").unwrap().1;
    let (tutorial, demo) = (
        include_str!("../../../demo/autoscale.tick"),
        include_str!("../../../demo/demo.tick"),
    );
    assert_eq!(pipeline(tutorial), pipeline(demo));
}

#[test]
fn check_warns_of_traps_and_fails_for_them_only_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tick");
    std::fs::write(
        &file,
        "var n int\nstream\n    |from()\n        .measurement('m')\n    |sample(n)\n    |eval(lambda: \"x\" + 010)\n        .as('y')\n",
    )
    .unwrap();
    let output = tick(&["check"], &file);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("warning[octal-literal]: `010` is octal: it means 8\n")
            && told.contains("a.tick:6:25\n")
            && told.contains("\n6 |     |eval(lambda: \"x\" + 010)\n  |                         ^^^\n"),
        "{told}"
    );
    assert_eq!(tick(&["check", "--deny-warnings"], &file).status.code(), Some(1));

    let output = tick(&["check", "--json"], &file);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (
            told["code"].as_str(),
            told["severity"].as_str(),
            told["line"].as_u64(),
            told["rows"][0].as_str()
        ),
        (Some("octal-literal"), Some("warning"), Some(6), Some("T-06"))
    );
    assert!(output.stderr.is_empty());

    let output = tick(&["check", "--json", "--type", "batch"], &file);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (told["code"].as_str(), told["severity"].as_str()),
        (Some("undefined-name"), Some("error"))
    );

    let vars = folder.path().join("vars.json");
    let with_vars = ["check", "--vars", vars.to_str().unwrap()];
    std::fs::write(&vars, r#"{"n": {"type": "int", "value": 3}}"#).unwrap();
    assert!(tick(&with_vars, &file).status.success());
    std::fs::write(&vars, r#"{"n": {"type": "float", "value": 3}}"#).unwrap();
    let output = tick(&with_vars, &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the script declares type int, not float"));
}

fn capstan(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_capstan"))
        .arg("tick")
        .args(arguments)
        .output()
        .expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, content).expect("a file in a folder for this test");
    file.display().to_string()
}

#[test]
fn fmt_check_lists_what_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.tick", "stream\n    |from()\n");
    let bad = write(folder.path(), "bad.tick", "stream|from()");
    assert_eq!(capstan(&["fmt", "--check", &good]).0, Some(0));
    let (status, told, _) = capstan(&["fmt", "--check", &good, &bad]);
    assert_eq!((status, told), (Some(1), format!("{bad}\n")));
    assert_eq!(std::fs::read_to_string(&bad).unwrap(), "stream|from()");
}

const CPU: &str = "var crit = 90.0\nstream\n    |from()\n        .measurement('cpu')\n    |alert()\n        \
                   .id('cpu')\n        .crit(lambda: \"usage\" > crit)\n    |httpOut('seen')\n";

#[test]
fn run_shows_what_a_script_makes_of_data() {
    let folder = tempfile::tempdir().unwrap();
    let script = write(folder.path(), "cpu.tick", CPU);
    let data = write(
        folder.path(),
        "a.lp",
        "cpu,host=a usage=95 1500000000000000000\ncpu,host=a usage=5 1500000060000000000\n",
    );
    let (status, told, notes) = capstan(&["run", &script, "--data", &data]);
    assert_eq!((status, notes.as_str()), (Some(0), ""), "{told}");
    for part in [
        "2017-07-14T02:40:00Z     alert2           CRITICAL cpu: cpu is CRITICAL (was OK, for 0s)",
        "2 points in 1m of data",
        "from1",
    ] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
    let (_, told, _) = capstan(&["run", &script, "--data", &data, "--output", "line"]);
    assert!(
        told.contains("cpu,host=a usage=95 1500000000000000000\n"),
        "{told}"
    );
    let vars = write(
        folder.path(),
        "vars.json",
        "{\"crit\": {\"type\": \"float\", \"value\": 99}}",
    );
    let (_, told, _) = capstan(&[
        "run", &script, "--data", &data, "--vars", &vars, "--output", "json",
    ]);
    let kinds: Vec<String> = told
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].to_string())
        .collect();
    assert_eq!(kinds, ["\"stats\""], "{told}");
    // Data that cannot be read is named with its line, data that is not read is told.
    let broken = write(folder.path(), "b.lp", "cpu usage=1 1\ncpu usage= 2\n");
    let (status, _, told) = capstan(&["run", &script, "--data", &broken]);
    assert_eq!(status, Some(1));
    assert!(told.contains("b.lp:2: "), "{told}");
    let other = write(folder.path(), "c.lp", "disk used=1 1500000000000000000\n");
    let (_, _, told) = capstan(&["run", &script, "--data", &other]);
    assert!(told.contains("took none of the 1 points"), "{told}");
}

#[test]
fn test_tells_passed_failed_and_broken_apart() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "cpu.tick", CPU);
    let case = |name: &str, level: &str| {
        let text = format!(
            "script: cpu.tick\npoints: cpu,host=a usage=95 +2m\nexpect:\n  alerts: [{{at: +2m, level: {level}}}]\n"
        );
        write(folder.path(), name, &text)
    };
    let (good, bad, broken) = (
        case("good.yaml", "CRITICAL"),
        case("bad.yaml", "WARNING"),
        case("broken.yaml", "LOUD"),
    );
    let (status, told, _) = capstan(&["test", &good]);
    assert_eq!(
        (status, told),
        (Some(0), format!("{good}\n  ok   good\n1 passed\n"))
    );
    let junit = folder.path().join("report.xml");
    let (status, told, _) = capstan(&["test", &good, &bad, "--junit", &junit.display().to_string()]);
    assert_eq!(status, Some(1));
    assert!(
        told.contains("level: expected WARNING, got CRITICAL") && told.ends_with("1 passed, 1 failed\n"),
        "{told}"
    );
    assert!(
        std::fs::read_to_string(junit)
            .unwrap()
            .contains("tests=\"2\" failures=\"1\"")
    );
    let (status, _, told) = capstan(&["test", &good, &broken]);
    assert_eq!(status, Some(2));
    assert!(told.contains("broken.yaml:4:"), "{told}");
    assert_eq!(capstan(&["test", &good, &bad, "--filter", "good"]).0, Some(0));
    assert_eq!(capstan(&["test", &good, "--filter", "other"]).0, Some(2));
    let (_, told, _) = capstan(&["test", &bad, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["failed"], 1);
}

#[test]
fn graph_draws_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let script = write(folder.path(), "cpu.tick", CPU);
    let (_, told, _) = capstan(&["graph", &script]);
    assert!(told.starts_with("digraph cpu {\nstream0 -> from1;\n"), "{told}");
    let data = write(folder.path(), "a.lp", "cpu,host=a usage=95 1500000000000000000\n");
    let (_, told, _) = capstan(&["graph", &script, "--data", &data]);
    assert!(told.contains("from1 -> alert2 [processed=\"1\"];"), "{told}");
    let (_, told, _) = capstan(&["graph", &script, "--format", "svg", "--data", &data]);
    assert!(
        told.starts_with("<svg ") && told.contains(">alert2</text>"),
        "{told}"
    );
}

/// What the README and docs/testing.md show.
#[test]
fn the_demonstrations_scenarios_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/tests");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    let arguments: Vec<&str> = std::iter::once("test")
        .chain(files.iter().map(String::as_str))
        .collect();
    let (status, told, notes) = capstan(&arguments);
    assert_eq!(status, Some(0), "{told}{notes}");
}
