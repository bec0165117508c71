//! The few fields of an X.509 certificate that we read: the subject's name and organisations and how long it is valid
//! (RFC 5280, section 4.1). Nothing here verifies a signature; rustls did that before anybody asks.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::Error;

/// What a certificate says about its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's common name (CN): Kubernetes' user name. Empty when there is none.
    pub common_name: String,
    /// The subject's organisations (O): Kubernetes' groups.
    pub organizations: Vec<String>,
    /// The first moment it is valid.
    pub not_before: Timestamp,
    /// The last moment it is valid.
    pub not_after: Timestamp,
}

impl CertificateFacts {
    /// Reads the facts of a certificate in DER.
    ///
    /// # Errors
    /// When the bytes are not shaped like a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader { rest: der };
        let mut certificate = outer.enter(SEQUENCE)?;
        let mut body = certificate.enter(SEQUENCE)?;
        body.skip_if(VERSION)?;
        body.enter(INTEGER)?; // serial number
        body.enter(SEQUENCE)?; // signature algorithm
        body.enter(SEQUENCE)?; // issuer
        let mut validity = body.enter(SEQUENCE)?;
        let not_before = validity.time()?;
        let not_after = validity.time()?;
        let mut subject = body.enter(SEQUENCE)?;
        let mut facts = Self {
            common_name: String::new(),
            organizations: Vec::new(),
            not_before,
            not_after,
        };
        while !subject.rest.is_empty() {
            let mut set = subject.enter(SET)?;
            while !set.rest.is_empty() {
                let mut attribute = set.enter(SEQUENCE)?;
                let oid = attribute.enter(OBJECT_IDENTIFIER)?.rest;
                let (_, value) = attribute.next()?;
                let value = String::from_utf8_lossy(value).into_owned();
                match oid {
                    COMMON_NAME => facts.common_name = value,
                    ORGANIZATION => facts.organizations.push(value),
                    _ => {}
                }
            }
        }
        Ok(facts)
    }

    /// Whether the certificate should be replaced: less than a third of its life is left, or it is not valid yet.
    pub fn due(&self, now: Timestamp) -> bool {
        let life = self
            .not_after
            .as_second()
            .saturating_sub(self.not_before.as_second());
        let left = self.not_after.as_second().saturating_sub(now.as_second());
        now < self.not_before || left < life / 3
    }
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Walks the type-length-value triples of DER.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(u8, &'a [u8]), Error> {
        let short = Error::Certificate("it ends too early");
        let (&tag, rest) = self
            .rest
            .split_first()
            .ok_or(Error::Certificate("it ends too early"))?;
        let (&first, mut rest) = rest
            .split_first()
            .ok_or(Error::Certificate("it ends too early"))?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 || rest.len() < count {
                return Err(Error::Certificate("a length is not in DER"));
            }
            length = rest[..count]
                .iter()
                .fold(0, |sum, &byte| (sum << 8) | usize::from(byte));
            rest = &rest[count..];
        }
        if rest.len() < length {
            return Err(short);
        }
        let (value, rest) = rest.split_at(length);
        self.rest = rest;
        Ok((tag, value))
    }

    fn enter(&mut self, wanted: u8) -> Result<Reader<'a>, Error> {
        match self.next()? {
            (tag, value) if tag == wanted => Ok(Reader { rest: value }),
            _ => Err(Error::Certificate("a field is not of the expected type")),
        }
    }

    fn skip_if(&mut self, tag: u8) -> Result<(), Error> {
        if self.rest.first() == Some(&tag) {
            self.next()?;
        }
        Ok(())
    }

    fn time(&mut self) -> Result<Timestamp, Error> {
        let bad = || Error::Certificate("a validity time is malformed");
        let (tag, value) = self.next()?;
        let text = std::str::from_utf8(value).map_err(|_| bad())?;
        let digits = text.strip_suffix('Z').ok_or_else(bad)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        let (year, rest) = match (tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year: i16 = digits[..2].parse().map_err(|_| bad())?;
                (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
            }
            (GENERALIZED_TIME, 14) => (digits[..4].parse().map_err(|_| bad())?, &digits[4..]),
            _ => return Err(bad()),
        };
        let part = |at: usize| rest[at..at + 2].parse::<i8>().map_err(|_| bad());
        DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0)
            .and_then(|civil| civil.to_zoned(TimeZone::UTC))
            .map(|zoned| zoned.timestamp())
            .map_err(|_| bad())
    }
}
