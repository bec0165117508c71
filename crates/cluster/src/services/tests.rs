use serde_json::json;

use super::listener::{Protocol, looks_like_http};
use super::route::Route;

#[test]
fn only_request_lines_look_like_http() {
    assert_eq!(looks_like_http(b"GET / HT"), Some(true));
    assert_eq!(looks_like_http(b"CONNECT "), Some(true));
    assert_eq!(looks_like_http(b"DEL"), None);
    assert_eq!(looks_like_http(b"PRI * HT"), Some(false));
    assert_eq!(looks_like_http(&[0x16, 3, 1]), Some(false));
}

#[test]
fn the_service_says_what_a_port_speaks() {
    assert_eq!(Protocol::of(&json!({"port": 80})), Protocol::Sniff);
    assert_eq!(Protocol::of(&json!({"name": "http-admin"})), Protocol::Http);
    assert_eq!(Protocol::of(&json!({"name": "https"})), Protocol::Raw);
    assert_eq!(
        Protocol::of(&json!({"name": "http", "appProtocol": "kubernetes.io/h2c"})),
        Protocol::Raw
    );
}

#[tokio::test]
async fn turns_go_round_and_a_retired_endpoint_is_waited_for() {
    let route = Route::new("default/app:80".to_owned());
    let address = |last: u8| std::net::SocketAddr::from(([127, 1, 0, last], 80));
    route.set_endpoints(&[address(1), address(2)]);
    let firsts: Vec<_> = (0..4)
        .filter_map(|_| route.in_turn().next())
        .map(|e| e.address)
        .collect();
    assert_eq!(firsts, [address(1), address(2), address(1), address(2)]);
    let busy = route.in_turn().find(|e| e.address == address(1)).unwrap();
    let in_flight = busy.enter();
    let leaving = route.retire(address(1).ip());
    assert_eq!(leaving.len(), 1);
    assert!(busy.left.is_raised());
    assert_eq!(
        route.in_turn().map(|e| e.address).collect::<Vec<_>>(),
        [address(2)]
    );
    {
        let idle = leaving[0].idle();
        tokio::pin!(idle);
        assert!(futures::poll!(idle.as_mut()).is_pending());
        drop(in_flight);
        idle.await;
    }
}
