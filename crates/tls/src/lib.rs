//! Certificates and TLS settings: the only crate that names the crypto provider.
//!
//! It makes a private certificate authority, issues server and client certificates from it, keeps keys in files only their owner may
//! read, says when a certificate is due for renewal, and builds rustls settings from PEM.
//!
//! Deliberately absent: sockets, HTTP, Kubernetes. What a client certificate's name and organisations *mean* is for
//! whoever authenticates with it; [`CertificateFacts`] only reads them.
//!
//! ```no_run
//! # fn main() -> Result<(), capstan_tls::Error> {
//! let clock = capstan_base::SystemClock::shared();
//! let authority = capstan_tls::Authority::generate("capstan-ca", 3650, clock.as_ref())?;
//! let server = authority.issue_server("kube-apiserver", &["localhost"], &["127.0.0.1".parse().expect("an address")], 365, clock.as_ref())?;
//! let settings = capstan_tls::server_config(&server, Some(authority.certificate_pem()))?;
//! # drop(settings);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`authority`] | a certificate authority and what it issues |
//! | [`facts`] | the few fields of an X.509 certificate that we read |
//! | [`files`] | reading and writing PEM files, keys with mode 0600 |
//! | [`peers`] | listeners whose own certificate may change, and whose clients are judged by several authorities |
//! | [`settings`] | rustls server and client settings; the provider |

pub mod authority;
pub mod error;
pub mod facts;
pub mod files;
pub mod peers;
pub mod settings;

pub use authority::{Authority, Identity};
pub use error::Error;
pub use facts::CertificateFacts;
pub use peers::{Peers, Serving, asking_server_config};
pub use settings::{client_config, install_provider, server_config, unverified_client_config};

#[cfg(test)]
mod tests;
