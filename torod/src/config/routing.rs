//! `[routing]`: in which order endpoints are tried, how often, and when a failing one is left alone.

use std::time::Duration;

use tokenrouter::pick::order::Criterion;

use super::field::Field;
use super::section::{Section, closest, shorten};

/// How an endpoint is chosen among those that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// What decides, the weightiest first. Not empty, nothing twice.
    pub order: Vec<Criterion>,
    /// Calls in all for one request when fewer endpoints than that could serve it.
    pub attempts: u32,
    /// The longest wait for a provider's `Retry-After` when nobody else can serve.
    pub max_wait: Duration,
    /// Repeated calls to a provider as a share of its traffic, in percent.
    pub retry_percent: u32,
    /// How long a conversation's endpoint is remembered after its last request.
    pub session_ttl: Duration,
    /// Whether a provider whose connection failed is asked for its model list until it answers again.
    pub probe: bool,
    /// The pause between two such questions.
    pub probe_interval: Duration,
    /// When a failing endpoint is left alone, and for how long.
    pub breaker: Breaker,
}

/// When a failing endpoint is left alone, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row of one model at one endpoint.
    pub failures: u32,
    /// How long that model is left alone there.
    pub recovery: Duration,
    /// Failed connections in a row to one endpoint.
    pub connection_failures: u32,
    /// How long the whole endpoint is left alone.
    pub connection_recovery: Duration,
    /// How long a key that was refused is left alone.
    pub credential_recovery: Duration,
}

/// Reads an `order`; none where it was empty or wrong as a whole.
pub(super) fn read_order(field: &Field<'_>) -> Option<Vec<Criterion>> {
    let elements = field.elements("an array of criteria");
    if elements.is_empty() {
        if field.value.is_array() {
            field.refuse("`order` is empty", "name at least one criterion, or leave `order` out");
        }
        return None;
    }
    let mut order = Vec::new();
    for element in elements {
        let Some(text) = element.string() else { continue };
        let names = || Criterion::ALL.iter().map(|criterion| criterion.as_str());
        match text.parse::<Criterion>() {
            Ok(criterion) if order.contains(&criterion) => {
                element.refuse(format!("criterion `{text}` is given twice"), "keep the first");
            }
            Ok(criterion) => order.push(criterion),
            Err(_) => {
                let advice = match closest(text, names()) {
                    Some(known) => format!("did you mean \"{known}\"?"),
                    None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
                };
                element.refuse(format!("unknown criterion `{}`", shorten(text)), advice);
            }
        }
    }
    (!order.is_empty()).then_some(order)
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            order: Criterion::USUAL.to_vec(),
            attempts: 3,
            max_wait: Duration::from_secs(20),
            retry_percent: 20,
            session_ttl: Duration::from_hours(1),
            probe: true,
            probe_interval: Duration::from_secs(5),
            breaker: Breaker::default(),
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 3,
            recovery: Duration::from_mins(1),
            connection_failures: 1,
            connection_recovery: Duration::from_mins(2),
            credential_recovery: Duration::from_mins(5),
        }
    }
}

impl Routing {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut routing = Self::default();
        if let Some(order) = section.take("order").and_then(|field| read_order(&field)) {
            routing.order = order;
        }
        section.set_integer("attempts", 1..17, &mut routing.attempts);
        section.set_duration("max_wait", Duration::ZERO..=Duration::from_mins(10), &mut routing.max_wait);
        section.set_integer("retry_percent", 0..101, &mut routing.retry_percent);
        section.set_duration(
            "session_ttl",
            Duration::from_secs(1)..=Duration::from_hours(168),
            &mut routing.session_ttl,
        );
        section.set_bool("probe", &mut routing.probe);
        section.set_duration(
            "probe_interval",
            Duration::from_millis(100)..=Duration::from_hours(1),
            &mut routing.probe_interval,
        );
        if let Some(breaker) = section.section("breaker") {
            routing.breaker = Breaker::read(breaker);
        }
        section.finish();
        routing
    }
}

impl Breaker {
    fn read(mut section: Section<'_>) -> Self {
        let mut breaker = Self::default();
        let recovery = || Duration::from_millis(1)..=Duration::from_hours(24);
        section.set_integer("failures", 1..1_001, &mut breaker.failures);
        section.set_duration("recovery", recovery(), &mut breaker.recovery);
        section.set_integer("connection_failures", 1..1_001, &mut breaker.connection_failures);
        section.set_duration("connection_recovery", recovery(), &mut breaker.connection_recovery);
        section.set_duration("credential_recovery", recovery(), &mut breaker.credential_recovery);
        section.finish();
        breaker
    }
}
