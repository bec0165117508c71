//! Events by mail.

mod message;

use std::str::FromStr;

use capstan_alert::{Event, HandlerSpec};
use capstan_base::SharedClock;
use capstan_gocompat::template::{Functions, Template};
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::data;
use crate::options::Smtp;
use crate::queue::{Failure, Send1, Sending};

/// The port on which TLS comes before everything else.
const SMTPS: u16 = 465;

/// Mails with the message as subject and the details as HTML.
#[derive(Debug)]
pub(crate) struct Email {
    to: Vec<String>,
    templates: Vec<Template>,
    server: Option<Server>,
    clock: SharedClock,
}

#[derive(Debug)]
struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: String,
    to: Vec<String>,
}

impl Email {
    pub(crate) fn new(spec: &HandlerSpec, smtp: Option<&Smtp>, clock: SharedClock) -> Result<Self, String> {
        let templates = spec.texts("to-field");
        let templates = templates.iter().enumerate().map(|(at, text)| {
            Template::parse(&at.to_string(), text, &Functions::new())
                .map_err(|error| format!("bad template in email address template: {error}"))
        });
        if smtp.is_none() {
            tracing::warn!("an alert sends mails, but [smtp] is not enabled: they will fail");
        }
        Ok(Self {
            to: spec.texts("to"),
            templates: templates.collect::<Result<_, _>>()?,
            server: smtp.map(Server::new).transpose()?,
            clock,
        })
    }

    async fn mail(&self, event: &Event) -> Result<(), Failure> {
        let server = self
            .server
            .as_ref()
            .ok_or_else(|| Failure::lasting("failed to send email: service is not enabled"))?;
        let mut to = self.to.clone();
        if !self.templates.is_empty() {
            let data = data::event(event);
            for template in &self.templates {
                let address = template
                    .execute(&data)
                    .map_err(|error| Failure::lasting(format!("error in email template: {error}")))?;
                if !address.is_empty() {
                    to.push(address);
                }
            }
        }
        if to.is_empty() {
            to.clone_from(&server.to);
        }
        if to.is_empty() {
            return Err(Failure::lasting("not sending email, no recipients defined"));
        }
        let address = |text: &str| {
            Mailbox::from_str(text)
                .map(|mailbox| mailbox.email)
                .map_err(|error| Failure::lasting(format!("invalid email address {text:?}: {error}")))
        };
        let recipients = to.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        let envelope = Envelope::new(Some(address(&server.from)?), recipients)
            .map_err(|error| Failure::lasting(error.to_string()))?;
        let text = message::text(
            &server.from,
            &to,
            &event.state.message,
            &event.state.details,
            self.clock.now_nanos(),
        );
        match server.transport.send_raw(&envelope, text.as_bytes()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failure::lasting(format!("error sending: {error}"))),
            Err(error) => Err(Failure::passing(format!("error sending: {error}"))),
        }
    }
}

impl Send1 for Email {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
        Box::pin(self.mail(event))
    }
}

impl Server {
    fn new(smtp: &Smtp) -> Result<Self, String> {
        capstan_tls::install_provider();
        let tls = TlsParameters::builder(smtp.host.clone())
            .dangerous_accept_invalid_certs(smtp.no_verify)
            .build()
            .map_err(|error| format!("smtp: {error}"))?;
        let pool = PoolConfig::new().max_size(1).idle_timeout(smtp.idle_timeout);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .tls(if smtp.port == SMTPS {
                Tls::Wrapper(tls)
            } else {
                Tls::Opportunistic(tls)
            })
            .pool_config(pool);
        if !smtp.username.is_empty() {
            builder = builder.credentials(Credentials::new(smtp.username.clone(), smtp.password.clone()));
        }
        Ok(Self {
            transport: builder.build(),
            from: smtp.from.clone(),
            to: smtp.to.clone(),
        })
    }
}
