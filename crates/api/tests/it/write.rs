//! H-20 to H-23.

use std::io::Write as _;

use axum::body::Body;
use axum::extract::Request;

use crate::fixture::Server;

fn accepted(server: &Server) -> u64 {
    server.app.ingest.totals().points
}

#[tokio::test]
async fn both_paths_take_points() {
    let server = Server::new();
    for path in ["/write", "/kapacitor/v1/write"] {
        let answer = server
            .call("POST", &format!("{path}?db=d&rp=r&precision=s"), "m value=1i 1")
            .await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    }
    assert_eq!(accepted(&server), 2);
    assert_eq!(
        server.call("POST", "/write?db=d", "").await.status,
        204,
        "an empty body has no bad line"
    );
}

#[tokio::test]
async fn good_lines_are_kept_and_bad_ones_named() {
    let server = Server::new();
    let answer = server
        .call(
            "POST",
            "/write?db=d",
            "m value=1\nnonsense\nm value=2\nm value=\n",
        )
        .await;
    assert_eq!(answer.status, 400);
    let text = answer.text();
    assert!(text.ends_with('\n') && !text.starts_with('{'), "{text}");
    assert!(
        text.contains("line 2: ") && text.contains("line 4: ") && !text.contains("line 3: "),
        "{text}"
    );
    assert_eq!(accepted(&server), 2);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let server = Server::new();
    let answer = server.call("POST", "/write", "m value=1").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, "database is required\n")
    );
    let answer = server.call("POST", "/write?db=d&precision=y", "m value=1").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("precision"));
    assert_eq!(accepted(&server), 0);
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_however_they_come() {
    let server = Server::new();
    let body = "m value=1\n".repeat(20_000);
    assert_eq!(server.call("POST", "/write?db=d", body.clone()).await.status, 413);
    let chunks = body
        .into_bytes()
        .chunks(1000)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let chunked = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(server.call("POST", "/write?db=d", chunked).await.status, 413);
}

#[tokio::test]
async fn gzip_bodies_are_unpacked() {
    let server = Server::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"m value=1\nm value=2").unwrap();
    let request = |body: Vec<u8>| {
        let request = Request::builder()
            .method("POST")
            .uri("/write?db=d")
            .header("Content-Encoding", "gzip");
        request.body(Body::from(body)).unwrap()
    };
    assert_eq!(server.send(request(packed.finish().unwrap())).await.status, 204);
    assert_eq!(accepted(&server), 2);
    assert_eq!(server.send(request(b"not gzip".to_vec())).await.status, 400);
}
