//! What can go wrong between us and the gateway, in sentences.

use std::borrow::Cow;
use std::fmt;
use std::io;

use http::StatusCode;
use serde::Deserialize;
use tokenrouter_shared::Problem;

use super::address::Address;
use super::fingerprint::Fingerprint;
use super::tls::WrongCertificate;
use crate::exit::{Exit, Failure};
use crate::printer::{plain, span};

/// Why a question to the gateway has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// Nobody answers there, or not to the end.
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// Nobody vouches for its certificate.
    Untrusted {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// It shows another certificate than the one that is stored.
    Foreign {
        /// Where.
        url: String,
        /// What it shows.
        seen: Fingerprint,
    },
    /// It says no.
    Refused {
        /// The status.
        status: StatusCode,
        /// Why, and what to do.
        problem: Problem,
    },
    /// What answers is no gateway of ours.
    Nonsense {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// The key has characters that no key has.
    BadKey,
}

#[derive(Deserialize)]
struct Body {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: Option<serde_json::Value>,
    #[serde(default)]
    advice: String,
}

impl ClientError {
    pub(crate) fn nonsense(url: &str, why: &str) -> Self {
        Self::Nonsense { url: url.to_owned(), why: why.to_owned() }
    }

    pub(super) fn of_io(error: &io::Error, url: &str) -> Self {
        let url = url.to_owned();
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) => {
                match other.0.downcast_ref::<WrongCertificate>() {
                    Some(wrong) => Self::Foreign { url, seen: wrong.0 },
                    None => Self::Untrusted { url, why: error.to_string() },
                }
            }
            Some(rustls::Error::InvalidCertificate(why)) => Self::Untrusted { url, why: certificate(why) },
            Some(why) => Self::Unreachable { url, why: format!("TLS fails: {why}") },
            None => Self::Unreachable { url, why: io_words(error) },
        }
    }

    pub(crate) fn of_body(status: StatusCode, body: &[u8], url: &str) -> Self {
        let Ok(Body { error }) = serde_json::from_slice::<Body>(body) else {
            return Self::without_reason(status, url);
        };
        let code = error.code.as_ref().and_then(|code| code.as_str()).unwrap_or("error").to_owned();
        // On the data plane the message ends with the advice, for clients that show nothing else.
        let (message, advice) = (plain(&error.message), plain(&error.advice));
        let alone = message.strip_suffix(&advice).map(str::trim_end).filter(|rest| !rest.is_empty());
        let message = alone.map_or_else(|| message.clone(), str::to_owned);
        let problem = Problem { code: Cow::Owned(code), message, advice, ..Problem::default() };
        Self::Refused { status, problem }
    }

    /// A refusal that is no word of the gateway: mostly of a proxy before it.
    fn without_reason(status: StatusCode, url: &str) -> Self {
        let (message, advice) = match status.as_u16() {
            401 => ("the token is not accepted", ""),
            402 => ("there is no money left for that", "`toro status` shows what your token has left."),
            403 => ("that is forbidden", "Perhaps something before the gateway forbids it: ask whoever runs it."),
            407 => ("a proxy on the way wants a password", "Reach the gateway without it."),
            413 => ("that is too large", "Send less."),
            429 => ("too many requests in a short time", "Wait a minute, then try again."),
            _ => return Self::nonsense(url, &format!("it answers {status} without a reason")),
        };
        let problem =
            Problem { code: "error".into(), message: message.into(), advice: advice.into(), ..Problem::default() };
        Self::Refused { status, problem }
    }

    /// The same, to be tried again after what `Retry-After` says.
    pub(crate) fn after(self, retry_after: Option<&str>) -> Self {
        let Some(seconds) = retry_after.and_then(|text| text.trim().parse::<u32>().ok()).filter(|s| *s > 0) else {
            return self;
        };
        match self {
            Self::Refused { status: StatusCode::TOO_MANY_REQUESTS, problem } => {
                let again = format!("Try again in {}.", span(u64::from(seconds) * 1_000));
                let advice = if problem.advice.is_empty() { again } else { format!("{} {again}", problem.advice) };
                Self::Refused { status: StatusCode::TOO_MANY_REQUESTS, problem: Problem { advice, ..problem } }
            }
            other => other,
        }
    }

    /// The code of the gateway's refusal.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { problem, .. } => &problem.code,
            _ => "",
        }
    }

    /// The status of the gateway's refusal.
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same question may be answered in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            // A proxy before a gateway that is down.
            Self::Nonsense { why, .. } => why.contains(" 50"),
            _ => false,
        }
    }
}

fn certificate(why: &rustls::CertificateError) -> String {
    match why {
        rustls::CertificateError::UnknownIssuer => "nobody that this machine trusts vouches for it".to_owned(),
        rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::TimedOut => "it does not answer".to_owned(),
        io::ErrorKind::UnexpectedEof => "it closes the connection (is it http and not https?)".to_owned(),
        _ if error.to_string().contains("lookup address") => "its name is not known".to_owned(),
        _ => error.to_string(),
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, why } => write!(f, "the gateway at {url} cannot be reached: {why}"),
            Self::Untrusted { url, why } => write!(f, "the certificate of {url} is not trusted: {why}"),
            Self::Foreign { url, seen } => {
                write!(f, "{url} shows another certificate than the one that was stored: {seen}")
            }
            Self::Refused { problem, .. } => f.write_str(problem.message.trim_end_matches('.')),
            Self::Nonsense { url, why } => write!(f, "what answers at {url} is no tokenrouter gateway: {why}"),
            Self::BadKey => f.write_str("the token has characters that no token has"),
        }
    }
}

impl std::error::Error for ClientError {}

impl ClientError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unreachable { url, .. } if url.parse().is_ok_and(|address: Address| address.is_loopback()) => {
                "Is torod running? `torod serve` starts it; `toro connect` finds it where it moved to.".to_owned()
            }
            Self::Unreachable { .. } => {
                "Is the address right and the gateway up? `toro connect` stores another one.".to_owned()
            }
            Self::Untrusted { .. } => {
                "If it is self-signed, `toro connect` shows its fingerprint and remembers it.".to_owned()
            }
            Self::Foreign { .. } => {
                "Ask whoever runs the gateway. If they changed it, `toro connect` stores the new one; if not, somebody \
                 stands between."
                    .to_owned()
            }
            Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                "The stored token is wrong or has ended: get another one, then `toro set-key`.".to_owned()
            }
            Self::Refused { problem, .. } if !problem.advice.is_empty() => problem.advice.clone(),
            Self::Refused { status, .. } => match status.as_u16() {
                402 => "`toro status` shows what is left, and when there is more.".to_owned(),
                403 => "`toro status` shows what your token may do.".to_owned(),
                429 => "Wait a moment; `toro status` shows your limits.".to_owned(),
                _ => String::new(),
            },
            Self::Nonsense { .. } => "Check the address: `toro connect` stores another one.".to_owned(),
            Self::BadKey => "Copy it again, then `toro set-key`.".to_owned(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Refused { .. } | ClientError::BadKey => Exit::Refused,
            _ => Exit::Unreachable,
        };
        Self::new(exit, error.to_string(), error.advice())
    }
}
