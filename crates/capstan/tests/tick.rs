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
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("invalid type supplied for n, got float exp int")
    );
}
