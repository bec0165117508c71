//! Kubeconfigs: for the administrator with everything in it, for pods with paths.

use std::path::Path;

use capstan_tls::Identity;
use serde_json::{Value, json};

/// The name of cluster, user and context.
const NAME: &str = "capstan";

/// A kubeconfig that needs no other file.
pub(crate) fn with_data(url: &str, authority_pem: &str, identity: &Identity, token: &str) -> String {
    let mut user = json!({
        "client-certificate-data": encode_base64(identity.certificate_pem.as_bytes()),
        "client-key-data": encode_base64(identity.key_pem.as_bytes()),
    });
    if !token.is_empty() {
        user["token"] = token.into();
    }
    let cluster =
        json!({"certificate-authority-data": encode_base64(authority_pem.as_bytes()), "server": url});
    text(cluster, user, "default")
}

/// A kubeconfig that names the files of a service account.
pub(crate) fn with_files(url: &str, authority: &Path, token: &Path, namespace: &str) -> String {
    let cluster = json!({"certificate-authority": authority.to_string_lossy(), "server": url});
    text(cluster, json!({"tokenFile": token.to_string_lossy()}), namespace)
}

fn text(cluster: Value, user: Value, namespace: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
        "preferences": {},
    });
    // JSON is YAML, and every client reads it.
    format!("{config:#}\n")
}

/// Standard base64 with padding.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode_base64;

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("hello", "aGVsbG8="),
        ] {
            assert_eq!(encode_base64(bytes.as_bytes()), text);
        }
    }
}
