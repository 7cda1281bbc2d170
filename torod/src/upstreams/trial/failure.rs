//! Why a call of a trial failed, in words and without anything secret.

use std::error::Error;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use tokenrouter::call::CallError;
use tokenrouter::error::{Kind, Problem};
use tokenrouter_shared::Secret;

/// What is said where a key is wanted and none was sent.
pub(super) const WANTS_KEY: &str = "it wants a key, and none was given";
/// The longest sentence of a provider that is repeated, in characters.
const LONGEST: usize = 300;

/// Why a call failed.
#[derive(Debug)]
pub(super) struct Failure {
    class: Class,
    /// What was answered, if anything.
    pub(super) status: Option<u16>,
    said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Authentication,
    Permission,
    Model,
    NotFound,
    Unreachable,
    Tls,
    Timeout,
    RateLimit,
    Refused,
    Provider,
    Nonsense,
    Unsupported,
}

impl Failure {
    fn new(class: Class, said: impl Into<String>) -> Self {
        Self { class, status: None, said: said.into() }
    }

    pub(super) fn refused(why: &str) -> Self {
        Self::new(Class::Refused, why)
    }

    pub(super) fn nonsense(why: &str) -> Self {
        Self::new(Class::Nonsense, why)
    }

    pub(super) fn unsupported(why: &str) -> Self {
        Self::new(Class::Unsupported, why)
    }

    pub(super) fn late(deadline: Duration) -> Self {
        Self::new(Class::Timeout, format!("nothing answered in {} s: check host and port", deadline.as_secs()))
    }

    pub(super) fn broken(e: &(dyn Error + 'static)) -> Self {
        Self::new(Class::Provider, format!("the answer broke off: {e}"))
    }

    /// There is no model to ask; `refused` is why the list did not name any.
    pub(super) fn no_model(refused: Option<&str>) -> Self {
        let help = "name a model with `--model`";
        match refused {
            Some("authentication") => Self::new(Class::Authentication, "the key is refused"),
            Some(why @ ("unreachable" | "tls")) => {
                let class = if why == "tls" { Class::Tls } else { Class::Unreachable };
                Self::new(class, "see above")
            }
            _ => Self::new(Class::Model, format!("no model is known: {help}")),
        }
    }

    /// A call to `at` that came to nothing.
    pub(super) fn unsent(e: &CallError, at: &Uri) -> Self {
        let place = at.authority().map_or("it", Authority::as_str);
        match e {
            CallError::FirstByteTimeout => Self::new(Class::Timeout, "no answer in time"),
            CallError::Broken(why) => Self::new(Class::Provider, format!("the connection broke: {why}")),
            CallError::Connect(why) => {
                let lower = why.to_ascii_lowercase();
                let marks = ["certificate", "tls", "handshake", "corrupt message", "invalidcontenttype"];
                let is_plain = ["corrupt message", "invalidcontenttype"].iter().any(|mark| lower.contains(mark));
                if is_plain {
                    return Self::new(Class::Tls, format!("this port speaks no TLS: try http://{place}"));
                }
                if marks.iter().any(|mark| lower.contains(mark)) {
                    return Self::new(Class::Tls, why.as_str());
                }
                Self::new(Class::Unreachable, unreachable(&lower, place).unwrap_or_else(|| why.clone()))
            }
        }
    }

    /// The provider said `problem`.
    pub(super) fn answered(problem: &Problem, status: u16) -> Self {
        let class = match (problem.kind, problem.code) {
            (Kind::Unauthenticated, _) => Class::Authentication,
            (Kind::Forbidden, _) => Class::Permission,
            (Kind::NotFound | Kind::MethodNotAllowed, _) => {
                if speaks_of_a_model(&problem.message) {
                    Class::Model
                } else {
                    Class::NotFound
                }
            }
            (Kind::RateLimited, _) => Class::RateLimit,
            (_, "upstream_nonsense") => Class::Nonsense,
            (Kind::BadRequest | Kind::TooLarge, _) => Class::Refused,
            (Kind::UpstreamTimeout, _) => Class::Timeout,
            (Kind::UpstreamFailed | Kind::Unavailable | Kind::Internal, _) => Class::Provider,
        };
        let said = match class {
            // The provider's own sentence may repeat the key.
            Class::Authentication => "the key is refused".to_owned(),
            Class::Permission => "the key may not do this".to_owned(),
            _ => problem.message.clone().into_owned(),
        };
        Self { class, status: Some(status), said }
    }

    /// No key was sent: the same refusal says something else then.
    pub(super) fn without_key(self) -> Self {
        match self.class {
            Class::Authentication => Self { said: WANTS_KEY.to_owned(), ..self },
            _ => self,
        }
    }

    /// Nothing is where the list should be.
    pub(super) fn at(self, url: &str) -> Self {
        match self.class {
            Class::NotFound => Self { said: format!("nothing is at {url}: is the URL right?"), ..self },
            _ => self,
        }
    }

    pub(super) fn is_missing_model(&self) -> bool {
        self.class == Class::Model
    }

    /// Whether the name or the size of the limit was refused, and nothing else of the question.
    pub(super) fn is_about_the_limit(&self) -> bool {
        self.class == Class::Refused && self.status == Some(400) && self.said.contains("max_tokens")
    }

    /// The kind of failure.
    pub(super) const fn word(&self) -> &'static str {
        match self.class {
            Class::Authentication => "authentication",
            Class::Permission => "permission",
            Class::Model => "model not found",
            Class::NotFound => "not found",
            Class::Unreachable => "unreachable",
            Class::Tls => "tls",
            Class::Timeout => "timeout",
            Class::RateLimit => "rate limit",
            Class::Refused => "refused",
            Class::Provider => "provider failed",
            Class::Nonsense => "no answer of this protocol",
            Class::Unsupported => "not supported",
        }
    }

    /// The words, without what is secret, and in one line.
    pub(super) fn sentence(&self, secrets: &[Secret]) -> String {
        let mut said = self.said.clone();
        for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
            said = said.replace(secret.expose(), "[secret]");
        }
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut short: String = said.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if said.chars().count() > LONGEST {
            short.push('…');
        }
        short
    }
}

/// What a connection that cannot be made mostly means.
fn unreachable(why: &str, place: &str) -> Option<String> {
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    if why.contains("dns error") || why.contains("lookup address") {
        return Some(format!("{host} is not found: no network, a mistyped name, or a proxy is needed"));
    }
    why.contains("connection refused").then(|| format!("nothing listens at {place}"))
}

fn speaks_of_a_model(said: &str) -> bool {
    said.to_ascii_lowercase().contains("model")
}
