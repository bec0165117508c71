use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Error> {
    resolve(
        Some((Path::new("test.conf"), text)),
        &env(variables),
        &Overrides::default(),
    )
}

fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    match with(text, variables) {
        Err(Error::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("expected problems, found {other:?}"),
    }
}

fn warnings(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    with(text, variables)
        .expect("valid")
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let loaded = resolve(None, &env(&[("HOME", "/home/me")]), &Overrides::default()).expect("valid");
    let settings = &loaded.settings;
    assert_eq!(settings.data_dir, "/home/me/.capstan");
    assert_eq!(settings.storage.boltdb, "/home/me/.capstan/capstan.db");
    assert_eq!(settings.replay.dir, "/home/me/.capstan/replay");
    assert_eq!(settings.load.dir, "/home/me/.capstan/load");
    assert_eq!(settings.task.dir, "/home/me/.capstan/tasks");
    assert_eq!(settings.http.bind_address, ":9092");
    assert!(settings.influxdb.is_empty() && settings.kubernetes.is_empty());
    assert_eq!(loaded.warnings, []);
    let homeless = resolve(None, &env(&[]), &Overrides::default()).expect("valid");
    assert_eq!(homeless.settings.data_dir, ".capstan");
}

#[test]
fn file_environment_and_flags_go_over_each_other() {
    let text = "hostname = 'file'\ndata_dir = '/data'\ndefault-retention-policy = 'autogen'\n\
        [http]\nbind-address = ':1'\nshutdown-timeout = '1d'\n[storage]\nboltdb = '/elsewhere/x.db'\n";
    let variables = env(&[
        ("KAPACITOR_HTTP_BIND_ADDRESS", ":2"),
        ("KAPACITOR_HOSTNAME", "kapacitor"),
        ("CAPSTAN_HOSTNAME", "capstan"),
        ("KAPACITOR_LOGGING_LEVEL", ""),
        ("CAPSTAN_MAX_BODY_BYTES", "1000"),
        ("KAPACITOR_CAPSTAN_MAX_SERIES", "7"),
    ]);
    let overrides = Overrides {
        log_level: Some("error".into()),
        disable_handlers: Some(vec!["exec".into(), "log".into()]),
        ..Overrides::default()
    };
    let loaded = resolve(Some((Path::new("x.conf"), text)), &variables, &overrides).expect("valid");
    let settings = &loaded.settings;
    assert_eq!(settings.http.bind_address, ":2");
    assert_eq!(settings.hostname, "capstan");
    assert_eq!(settings.http.shutdown_timeout, Duration::from_hours(24));
    assert_eq!(settings.default_retention_policy, "autogen");
    assert_eq!(settings.logging.level, "ERROR");
    assert_eq!(settings.capstan.disable_handlers, ["exec", "log"]);
    assert_eq!(settings.storage.boltdb, "/elsewhere/x.db");
    assert_eq!(settings.replay.dir, "/data/replay");
    assert_eq!(
        (settings.capstan.max_body_bytes, settings.capstan.max_series),
        (1_000, 7)
    );
    assert_eq!(loaded.warnings, []);

    let of = |path| loaded.provenance.of(path);
    assert_eq!(
        of("http.bind-address"),
        Source::Variable("KAPACITOR_HTTP_BIND_ADDRESS".into())
    );
    assert_eq!(of("hostname"), Source::Variable("CAPSTAN_HOSTNAME".into()));
    assert_eq!(of("data_dir"), Source::File("x.conf".into()));
    assert_eq!(of("logging.level"), Source::Flag);
    assert_eq!(of("logging.file"), Source::Default);
}

#[test]
fn clusters_come_as_a_table_a_list_or_from_variables_alone() {
    let one = with("[kubernetes]\nenabled = true\nin-cluster = true", &[]).expect("valid");
    assert!(one.settings.kubernetes[0].in_cluster);
    let text = "[[kubernetes]]\nid = 'a'\nenabled = true\napi-servers = ['https://a:6443']\ntoken = 't'\n\
        [[kubernetes]]\nid = 'b'\nenabled = true\nkubeconfig = '/k'\ncontext = 'c'";
    let two = with(
        text,
        &[
            ("KAPACITOR_KUBERNETES_1_NAMESPACE", "ns"),
            ("KAPACITOR_KUBERNETES_TOKEN", "u"),
        ],
    );
    let two = two.expect("valid").settings.kubernetes;
    assert_eq!((&*two[0].token, &*two[1].namespace), ("u", "ns"));

    // S-07 FIX: no section is needed.
    let variables = [
        ("KAPACITOR_KUBERNETES_ENABLED", "true"),
        ("KAPACITOR_KUBERNETES_API_SERVERS_0", "https://127.0.0.1:6443"),
        ("CAPSTAN_KUBERNETES_CA_PATH", "/ca.pem"),
    ];
    let implied = with("", &variables).expect("valid");
    let cluster = &implied.settings.kubernetes[0];
    assert!(cluster.enabled);
    assert_eq!(cluster.api_servers, ["https://127.0.0.1:6443"]);
    assert_eq!(cluster.ca_path, "/ca.pem");
    assert_eq!(
        implied.provenance.of("kubernetes.0.enabled"),
        Source::Variable("KAPACITOR_KUBERNETES_ENABLED".into())
    );
    assert!(
        with("", &[("KAPACITOR_KUBERNETES_0_ENABLED", "1")])
            .expect("valid")
            .settings
            .kubernetes[0]
            .enabled
    );
}

#[test]
fn databases_are_off_unless_the_file_has_them() {
    let text = "[[influxdb]]\nname = 'a'\nurls = ['http://a:8086']\n[influxdb.subscriptions]\ndb = ['rp']\n";
    let loaded = with(text, &[("KAPACITOR_INFLUXDB_0_URLS_0", "http://b:8086")]).expect("valid");
    let database = &loaded.settings.influxdb[0];
    assert!(database.enabled && database.default);
    assert_eq!(database.urls, ["http://b:8086"]);
    assert_eq!(database.subscriptions["db"], ["rp"]);
    assert_eq!(database.excluded_subscriptions["_kapacitor"], ["autogen"]);
    let off = with(text, &[("KAPACITOR_INFLUXDB_0_ENABLED", "false")]).expect("valid");
    assert!(!off.settings.influxdb[0].enabled && !off.settings.influxdb[0].default);
}

#[test]
fn unknown_names_warn_with_the_nearest_known_one() {
    let text = "hostnam = 'x'\n[http]\nbind-adress = ':1'\nzzzzzz = 1\n[htpp]\n[slack]\nenabled = true\n[[kafka]]\n\
        [kubernetes]\napi-server = []\n[nonsense-section]\n";
    let variables = [
        ("KAPACITOR_HTTP_BIND_ADRESS", ":9"),
        ("KAPACITOR_URL", "http://x"),
        ("KAPACITOR_PORT_9092_TCP", "tcp://x"),
        ("KAPACITOR_SLACK_0_ENABLED", "true"),
    ];
    assert_eq!(
        warnings(text, &variables),
        [
            "unknown configuration key hostnam is ignored; did you mean hostname?",
            "unknown configuration key htpp is ignored; did you mean http?",
            "unknown configuration key http.bind-adress is ignored; did you mean http.bind-address?",
            "unknown configuration key http.zzzzzz is ignored",
            "unknown configuration key kubernetes.0.api-server is ignored; did you mean kubernetes.0.api-servers?",
            "unknown configuration key nonsense-section is ignored",
            "these configuration sections are not used by this release: kafka, slack",
            "unknown variable KAPACITOR_HTTP_BIND_ADRESS is ignored; did you mean KAPACITOR_HTTP_BIND_ADDRESS?",
        ]
    );
}

/// The variables of the tutorial's manifest.
#[test]
fn the_first_influxdb_can_be_switched_off_without_a_file() {
    let variables = [
        ("KAPACITOR_INFLUXDB_0_ENABLED", "false"),
        ("KAPACITOR_INFLUXDB_ENABLED", "true"),
    ];
    let loaded = with("", &variables).expect("valid");
    assert!(!loaded.settings.influxdb[0].enabled);
    assert_eq!(
        warnings("", &variables),
        [
            "unknown variable KAPACITOR_INFLUXDB_ENABLED is ignored; did you mean KAPACITOR_INFLUXDB_0_ENABLED?"
        ]
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "hostname = 5\n[http]\nbind-address = 'nowhere'\nlog-enabled = 'yes'\nshutdown-timeout = 10\n\
        [alert]\ntopic-buffer-length = 10\n[stats]\ntiming-sample-rate = 2\n[load]\nenabled = true\ndir = 'here'\n\
        [logging]\nlevel = 'LOUD'\n[capstan]\nmax-series = -1\ntask-queue-policy = 'pray'\n";
    let variables = [
        ("KAPACITOR_TASK_SNAPSHOT_INTERVAL", "soon"),
        ("KAPACITOR_HTTP_AUTH_ENABLED", "maybe"),
    ];
    assert_eq!(
        problems(text, &variables),
        [
            "capstan.max-series: expected a whole number that is not negative, found -1",
            "capstan.task-queue-policy: expected one of block, drop-oldest, found \"pray\"",
            "hostname: expected a string, found 5",
            "http.log-enabled: expected true or false, found \"yes\"",
            "http.shutdown-timeout: expected a duration such as \"10s\", found 10",
            "logging.level: expected one of DEBUG, INFO, WARN, ERROR, found \"LOUD\"",
            "KAPACITOR_HTTP_AUTH_ENABLED: expected true or false, found \"maybe\" (it sets http.auth-enabled)",
            "KAPACITOR_TASK_SNAPSHOT_INTERVAL: expected a duration such as \"10s\", found \"soon\" (it sets task.snapshot-interval)",
            "http.bind-address: expected host:port or :port, found \"nowhere\"",
            "load.dir: must be an absolute path, found \"here\"",
            "alert.topic-buffer-length: must be at least 1000, found 10",
            "stats.timing-sample-rate: must be between 0 and 1",
        ]
    );
    let text = "[[influxdb]]\n[[influxdb]]\nurls = []\n[[kubernetes]]\nenabled = true\nin-cluster = true\ntoken = 'x'\n\
        resource = 'moon'\n";
    assert_eq!(
        problems(text, &[]),
        [
            "influxdb.1.name: \"default\" is the name of another one",
            "influxdb.1.urls: at least one URL is needed",
            "influxdb: exactly one must have default = true, found 0",
            "kubernetes.0.token: cannot be set together with in-cluster",
            "kubernetes.0.resource: expected node, pod, service or endpoint, found \"moon\"",
        ]
    );
    let text = "[[swarm]]\nenabled = true\n[[swarm]]\nenabled = true\nservers = ['ftp://h']\nssl-cert = '/c'\n\
        [[swarm]]\nid = 'off'\n[[swarm]]\nid = 'fine'\nenabled = true\nservers = ['tcp://h:2376', 'unix:///run/docker.sock']\n";
    assert_eq!(
        problems(text, &[]),
        [
            "swarm.0.servers: at least one server URL is needed",
            "swarm.1.id: \"\" is the id of another one",
            "swarm.1.servers: expected a URL such as \"https://host:port\" or \"unix:///path\", found \"ftp://h\"",
            "swarm.1.ssl-cert: needs ssl-key, and the other way round",
        ]
    );
    let syntax = with("[http\n", &[]).expect_err("not TOML").to_string();
    assert!(
        syntax.contains("test.conf") && syntax.contains("line 1"),
        "{syntax}"
    );
}

#[test]
fn the_printed_configuration_is_complete_and_can_be_read_back() {
    let text = "[http]\nbind-address = ':1'\n[[influxdb]]\n[[kubernetes]]\nenabled = true\nnamespace = 'n'\n\
        [[swarm]]\nid = 's'\nenabled = true\nservers = ['http://m:2375']\n";
    let settings = with(text, &[]).expect("valid").settings;
    let printed = print_config(&settings);
    for key in [
        "shutdown-timeout = \"10s\"",
        "[deadman]",
        "snapshot-interval = \"1m0s\"",
        "[[kubernetes]]",
        "[[swarm]]",
        "[capstan]",
    ] {
        assert!(printed.contains(key), "{key} is missing in\n{printed}");
    }
    let again = with(&printed, &[]).expect("valid");
    assert_eq!(again.settings, settings);
    assert_eq!(again.warnings, []);

    let built_in = resolve(None, &env(&[]), &Overrides::default())
        .expect("valid")
        .settings;
    let again = with(&print_config(&built_in), &[]).expect("valid");
    assert_eq!(again.warnings, []);
    assert!(!again.settings.influxdb[0].enabled && !again.settings.kubernetes[0].enabled);
    assert_eq!(
        Settings {
            influxdb: Vec::new(),
            kubernetes: Vec::new(),
            swarm: Vec::new(),
            ..again.settings
        },
        built_in
    );

    let secret = with("[[kubernetes]]\nenabled = true\ntoken = 'hush'", &[]).expect("valid");
    assert!(!print_config(&secret.settings).contains("hush"));
}

#[test]
fn the_file_is_looked_for_where_kapacitor_looks_and_at_home() {
    let find = |asked: Option<&str>, variables: &[(&str, &str)], there: &[&str]| {
        find_file(asked.map(Path::new), &env(variables), &|path| {
            there.iter().any(|known| Path::new(known) == path)
        })
        .map(|path| path.to_string_lossy().into_owned())
    };
    let all = [
        "/h/.capstan/capstan.conf",
        "/h/.kapacitor/kapacitor.conf",
        "/etc/kapacitor/kapacitor.conf",
    ];
    let home = ("HOME", "/h");
    assert_eq!(find(Some("x"), &[home], &all).as_deref(), Some("x"));
    assert_eq!(
        find(None, &[home, ("KAPACITOR_CONFIG_PATH", "k")], &all).as_deref(),
        Some("k")
    );
    assert_eq!(
        find(
            None,
            &[("CAPSTAN_CONFIG_PATH", "c"), ("KAPACITOR_CONFIG_PATH", "k")],
            &all
        )
        .as_deref(),
        Some("c")
    );
    assert_eq!(find(None, &[home], &all).as_deref(), Some(all[0]));
    assert_eq!(find(None, &[home], &all[1..]).as_deref(), Some(all[1]));
    assert_eq!(find(None, &[], &all).as_deref(), Some(all[2]));
    assert_eq!(find(None, &[home], &[]), None);
}

#[test]
fn mail_and_endpoints_are_read_and_checked() {
    let text = "[smtp]\nenabled = true\nfrom = 'a@b'\nto = ['c@d']\nidle-timeout = '1m'\npassword = 'hush'\n\
        [[httppost]]\nendpoint = 'e'\nurl = 'http://x/{{ .ID }}'\nheaders = {A = 'b'}\n\
        basic-auth = {username = 'u', password = 'hush'}\n";
    let settings = with(text, &[]).expect("valid").settings;
    assert_eq!((settings.smtp.port, settings.smtp.to[0].as_str()), (25, "c@d"));
    let endpoint = &settings.httppost[0];
    assert_eq!(
        (
            endpoint.headers["A"].as_str(),
            endpoint.basic_auth.username.as_str()
        ),
        ("b", "u")
    );
    let printed = print_config(&settings);
    assert!(!printed.contains("hush"), "{printed}");
    assert_eq!(
        with(&printed, &[]).expect("valid").settings.httppost[0].url,
        endpoint.url
    );
    let wrong =
        "[smtp]\nenabled = true\nport = 0\n[[httppost]]\nrow-template = 'a'\nrow-template-file = 'b'\n";
    assert_eq!(
        problems(wrong, &[]),
        [
            "smtp.port: invalid port 0",
            "smtp.from: must provide a 'from' address",
            "httppost.0.endpoint: must specify endpoint name",
            "httppost.0.url: must specify url",
            "httppost.0.row-template: must specify only one of row-template and row-template-file",
            "httppost.0.row-template-file: must use an absolute path for row-template-file",
        ]
    );
    let headers = problems(
        "[[httppost]]\nendpoint = 'e'\nurl = 'u'\nheaders = {A = 1}\n",
        &[],
    );
    assert_eq!(headers, ["httppost.0.headers: A: expected a string, found 1"]);
}

#[test]
fn functions_are_read_and_checked() {
    let text = "[udf]\n[udf.functions]\n[udf.functions.movingAverage]\nprog = '/usr/bin/python3'\nargs = ['-u', 'a.py']\n\
        timeout = '10s'\n[udf.functions.movingAverage.env]\nPYTHONPATH = 'x'\n\
        [udf.functions.other]\nsocket = '/tmp/s'\ntimeout = '500ms'\n";
    let settings = with(text, &[]).expect("valid").settings;
    let functions = &settings.udf.functions;
    let average = &functions["movingAverage"];
    assert_eq!((&*average.prog, &*average.args[1]), ("/usr/bin/python3", "a.py"));
    assert_eq!(
        (average.timeout, &*average.env["PYTHONPATH"]),
        (Duration::from_secs(10), "x")
    );
    assert_eq!(&*functions["other"].socket, "/tmp/s");
    let printed = print_config(&settings);
    assert_eq!(with(&printed, &[]).expect("valid").settings.udf, settings.udf);
    let wrong = "[udf.functions.a]\nprog = 'p'\n[udf.functions.b]\nsocket = 's'\nprog = 'p'\ntimeout = '1s'\n\
        [udf.functions.c]\ntimeout = '1s'\n";
    assert_eq!(
        problems(wrong, &[]),
        [
            "udf.functions.a.timeout: timeout is too small: 0ns; it must be set and more than 1ms",
            "udf.functions.b: both socket and process config provided",
            "udf.functions.c: must set either prog or socket",
        ]
    );
    assert_eq!(
        problems("[udf.functions.'a b']\nprog = 'p'\n", &[]),
        ["udf.functions.a b: scripts cannot spell this name"]
    );
    assert_eq!(
        problems(
            "[udf.functions.a]\nprog = 'p'\ntimeout = '1s'\nenv = {A = 1}\n",
            &[]
        ),
        ["udf.functions.a.env: A: expected a string, found 1"]
    );
}
