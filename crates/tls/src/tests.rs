use std::sync::Arc;
use std::time::Duration;

use capstan_base::{Clock, SystemClock, VirtualClock};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600_000_000_000;

#[test]
fn a_client_certificate_carries_user_and_groups() {
    let clock = VirtualClock::at(NEW_YEAR);
    let authority = Authority::generate("test-ca", 10, clock.as_ref()).unwrap();
    let admin = authority
        .issue_client("kubernetes-admin", Some("system:masters"), 9, clock.as_ref())
        .unwrap();
    let facts = admin.facts().unwrap();
    assert_eq!(facts.common_name, "kubernetes-admin");
    assert_eq!(facts.organizations, ["system:masters"]);
    assert_eq!(facts.not_after.to_string(), "2026-01-10T00:00:00Z");
    assert!(!facts.due(clock.now()));
    clock.advance(Duration::from_hours(168));
    assert!(facts.due(clock.now()), "less than a third of nine days is left");
}

#[test]
fn an_authority_survives_its_files_and_keys_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("pki/ca.crt"), dir.path().join("pki/ca.key"));
    let clock = VirtualClock::at(NEW_YEAR);
    let made = Authority::load_or_generate(&certificate, &key, "test-ca", 30, clock.as_ref()).unwrap();
    let loaded = Authority::load_or_generate(&certificate, &key, "other name", 30, clock.as_ref()).unwrap();
    assert_eq!(made.certificate_pem(), loaded.certificate_pem());
    assert_eq!(loaded.facts().common_name, "test-ca");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    clock.advance(Duration::from_hours(600));
    let renewed = Authority::load_or_generate(&certificate, &key, "test-ca", 30, clock.as_ref()).unwrap();
    assert_ne!(made.certificate_pem(), renewed.certificate_pem());
}

#[test]
fn a_key_of_another_authority_is_refused() {
    let clock = VirtualClock::at(NEW_YEAR);
    let one = Authority::generate("one", 10, clock.as_ref()).unwrap();
    let two = Authority::generate("two", 10, clock.as_ref()).unwrap();
    assert!(matches!(
        Authority::from_pem(one.certificate_pem(), &two.key_pem()),
        Err(Error::Mismatch)
    ));
    assert!(matches!(
        Authority::from_pem("nonsense", &two.key_pem()),
        Err(Error::Pem { .. })
    ));
}

#[test]
fn truncated_certificates_are_errors() {
    let clock = VirtualClock::at(NEW_YEAR);
    let authority = Authority::generate("one", 10, clock.as_ref()).unwrap();
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let der = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
    for length in 0..der.len() {
        assert!(CertificateFacts::from_der(&der[..length]).is_err());
    }
}

#[tokio::test]
async fn both_sides_trust_what_the_authority_issued_even_after_a_reload() {
    let clock = SystemClock::shared();
    let made = Authority::generate("test-ca", 10, clock.as_ref()).unwrap();
    let authority = Authority::from_pem(made.certificate_pem(), &made.key_pem()).unwrap();
    let server = authority
        .issue_server(
            "server",
            &["localhost"],
            &["127.0.0.1".parse().unwrap()],
            5,
            clock.as_ref(),
        )
        .unwrap();
    let client = authority
        .issue_client("somebody", Some("a"), 5, clock.as_ref())
        .unwrap();
    let acceptor =
        tokio_rustls::TlsAcceptor::from(server_config(&server, Some(made.certificate_pem())).unwrap());
    let connector =
        tokio_rustls::TlsConnector::from(client_config(made.certificate_pem(), Some(&client)).unwrap());
    let (near, far) = tokio::io::duplex(16_384);
    let serve = async {
        let mut stream = acceptor.accept(far).await.unwrap();
        let der = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        CertificateFacts::from_der(&der).unwrap()
    };
    let ask = async {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = connector.connect(name, near).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let (facts, text) = tokio::join!(serve, ask);
    assert_eq!(text, "hello");
    assert_eq!(facts.common_name, "somebody");
    assert_eq!(facts.organizations, ["a"]);
}

#[test]
fn the_provider_may_be_installed_twice() {
    install_provider();
    install_provider();
    assert!(Arc::strong_count(rustls::crypto::CryptoProvider::get_default().unwrap()) >= 1);
}
