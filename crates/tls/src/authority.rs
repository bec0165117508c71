//! A certificate authority and what it issues.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use capstan_base::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::{CertificateFacts, Error, files};

/// Clocks of two machines may differ by this much before a new certificate is refused.
const BACKDATE_SECONDS: i64 = 300;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A private certificate authority: one self-signed ECDSA P-256 certificate and its key.
pub struct Authority {
    certificate_pem: String,
    facts: CertificateFacts,
    key: KeyPair,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority that is valid for `days`.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn generate(common_name: &str, days: u32, clock: &dyn Clock) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let mut params = authority_params(common_name);
        set_validity(&mut params, days, clock);
        let certificate = params.self_signed(&key)?;
        let facts = CertificateFacts::from_der(certificate.der())?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            facts,
            key,
        })
    }

    /// Takes an authority made by [`Authority::generate`] from its two PEM texts.
    ///
    /// # Errors
    /// When one of them is not PEM, or they do not belong together.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, Error> {
        let identity = Identity {
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
        };
        let key = KeyPair::from_pem(key_pem).map_err(|error| Error::Pem {
            what: "private key",
            reason: error.to_string(),
        })?;
        let der = identity.certificate_der()?;
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|window| window == public) {
            return Err(Error::Mismatch);
        }
        let facts = CertificateFacts::from_der(&der)?;
        Ok(Self {
            certificate_pem: identity.certificate_pem,
            facts,
            key,
        })
    }

    /// Reads the authority from two files, or makes it and writes them when neither exists or it is due for renewal.
    ///
    /// # Errors
    /// When a file exists but cannot be used, or cannot be written.
    pub fn load_or_generate(
        certificate: &Path,
        key: &Path,
        common_name: &str,
        days: u32,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        if certificate.exists() || key.exists() {
            let loaded = Self::from_pem(&files::read(certificate)?, &files::read(key)?)?;
            if !loaded.facts.due(clock.now()) {
                return Ok(loaded);
            }
        }
        let made = Self::generate(common_name, days, clock)?;
        made.save(certificate, key)?;
        Ok(made)
    }

    /// Writes the certificate, and the key with mode 0600.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), Error> {
        files::write_secret(key, &self.key.serialize_pem())?;
        files::write_public(certificate, &self.certificate_pem)
    }

    /// The authority's own certificate: what clients trust, and what goes into a `caBundle`.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key, for whoever stores it.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its name and validity.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Issues a certificate for a server that answers to these names and addresses.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue_server(
        &self,
        common_name: &str,
        names: &[&str],
        addresses: &[IpAddr],
        days: u32,
        clock: &dyn Clock,
    ) -> Result<Identity, Error> {
        let mut params = leaf_params(common_name, None, ExtendedKeyUsagePurpose::ServerAuth);
        for name in names {
            params
                .subject_alt_names
                .push(SanType::DnsName((*name).try_into()?));
        }
        params
            .subject_alt_names
            .extend(addresses.iter().map(|&address| SanType::IpAddress(address)));
        self.sign(params, days, clock)
    }

    /// Issues a certificate for a client. Kubernetes reads the common name as the user and the organisation as its
    /// group; an administrator is in `system:masters`.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue_client(
        &self,
        common_name: &str,
        organization: Option<&str>,
        days: u32,
        clock: &dyn Clock,
    ) -> Result<Identity, Error> {
        self.sign(
            leaf_params(common_name, organization, ExtendedKeyUsagePurpose::ClientAuth),
            days,
            clock,
        )
    }

    fn sign(&self, mut params: CertificateParams, days: u32, clock: &dyn Clock) -> Result<Identity, Error> {
        set_validity(&mut params, days, clock);
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority_params(&self.facts.common_name), &self.key);
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A certificate and its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and any intermediates after it, in PEM.
    pub certificate_pem: String,
    /// The private key in PEM. Never log it.
    pub key_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("facts", &self.facts().ok())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads a certificate and its key from two files.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Ok(Self {
            certificate_pem: files::read(certificate)?,
            key_pem: files::read(key)?,
        })
    }

    /// Writes the certificate, and the key with mode 0600.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), Error> {
        files::write_secret(key, &self.key_pem)?;
        files::write_public(certificate, &self.certificate_pem)
    }

    /// Its name and validity; [`CertificateFacts::due`] says when to issue it anew.
    ///
    /// # Errors
    /// When the certificate is malformed.
    pub fn facts(&self) -> Result<CertificateFacts, Error> {
        CertificateFacts::from_der(&self.certificate_der()?)
    }

    fn certificate_der(&self) -> Result<CertificateDer<'static>, Error> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).map_err(|error| Error::Pem {
            what: "certificate",
            reason: error.to_string(),
        })
    }
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::CrlSign,
    ];
    params
}

fn leaf_params(
    common_name: &str,
    organization: Option<&str>,
    usage: ExtendedKeyUsagePurpose,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn set_validity(params: &mut CertificateParams, days: u32, clock: &dyn Clock) {
    let now = clock.now().as_second();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // Unix seconds of a clock before 1970 would be negative; such a clock gets certificates from the epoch on.
    let at = |seconds: i64| epoch + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    params.not_before = at(now - BACKDATE_SECONDS);
    params.not_after = at(now + i64::from(days.min(36_500)) * DAY_SECONDS);
}
