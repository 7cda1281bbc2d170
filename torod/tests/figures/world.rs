//! Records as a gateway makes them, and what they come to, reckoned the plain way.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokenrouter::Protocol;
use tokenrouter::catalog::{Catalogue, Tariff};
use tokenrouter::count::{Counts, Source};
use tokenrouter_shared::Labels;
use tokenrouter_shared::figures::{Dimension, ERROR_CLASSES, Totals};
use torod::usage::{AgentSession, Charge, Outcome, Record, Sequence};

/// Numbers that look like chance, the same every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// What records are made of.
pub struct World {
    sequence: Sequence,
    names: Vec<Arc<str>>,
    sessions: Vec<Arc<AgentSession>>,
    labels: Vec<Arc<str>>,
    tariff: Arc<Tariff>,
}

impl Default for World {
    fn default() -> Self {
        let price = Catalogue::embedded().find("openai", "gpt-5").price.unwrap();
        let session = |n: u8| AgentSession { id: format!("session-{n}").into(), parent: None };
        Self {
            sequence: Sequence::after(0),
            names: (0..6).map(|n| format!("name-{n}").into()).collect(),
            sessions: (0..5).map(|n| Arc::new(session(n))).collect(),
            labels: [r#"{"team":"red"}"#, r#"{"team":"blue","stage":"1"}"#, r#"{"stage":"2"}"#].map(Arc::from).to_vec(),
            tariff: Arc::new(price.tariff()),
        }
    }
}

impl World {
    /// One whose ids come after `greatest`.
    pub fn after(greatest: i64) -> Self {
        Self { sequence: Sequence::after(greatest), ..Self::default() }
    }

    fn name(&self, dice: &mut Dice) -> Arc<str> {
        Arc::clone(&self.names[dice.roll(self.names.len() as u64) as usize])
    }

    /// A request with its attempts, the last one first now and then: a stream that ends late.
    pub fn request(&self, dice: &mut Dice, now_ms: i64) -> Vec<Record> {
        let exchange = self.sequence.exchange(now_ms);
        let attempts = 1 + dice.roll(3).saturating_sub(1);
        let token_id = dice.roll(4).cast_signed();
        let session = (!dice.one_in(3)).then(|| Arc::clone(&self.sessions[dice.roll(5) as usize]));
        let address = (!dice.one_in(4)).then(|| IpAddr::V4(Ipv4Addr::new(10, 0, 0, dice.roll(3) as u8)));
        let (user_agent, agent) = (dice.one_in(2).then(|| self.name(dice)), dice.one_in(2).then(|| self.name(dice)));
        let labels = dice.one_in(2).then(|| Arc::clone(&self.labels[dice.roll(3) as usize]));
        let asked = self.name(dice);
        if dice.one_in(20) {
            return vec![Record {
                total_us: dice.roll(9_000),
                token_id: 1 + dice.roll(3).cast_signed(),
                model_asked: Some(asked),
                status: 429,
                outcome: Outcome::Refused,
                ..Record::new(self.sequence.attempt(now_ms), exchange, now_ms)
            }];
        }
        let mut records: Vec<Record> = Vec::new();
        for attempt in 0..attempts {
            let is_last = attempt + 1 == attempts;
            let outcome = match dice.roll(if is_last { 12 } else { 3 }) {
                0 => Outcome::UpstreamError,
                1 => Outcome::Timeout,
                2 if !is_last => Outcome::ConnectFailed,
                2 => Outcome::ClientAbort,
                3 => Outcome::Cut,
                _ => Outcome::Ok,
            };
            let is_fine = matches!(outcome, Outcome::Ok | Outcome::ClientAbort | Outcome::Cut);
            let mut roll = |most: u64| if dice.one_in(3) { 0 } else { dice.roll(most) };
            let counts = if is_fine {
                let output = roll(4_000);
                Counts {
                    input_uncached: roll(10_000),
                    cache_read: roll(200_000),
                    cache_write_5m: roll(20_000),
                    cache_write_1h: roll(20_000),
                    output,
                    reasoning: roll(output + 1),
                }
            } else {
                Counts::default()
            };
            let nanos = roll(900_000_000) * u64::from(is_fine);
            let model = self.name(dice);
            let total_us = 1 + dice.roll(90_000_000);
            let first_byte_us = if is_fine { dice.roll(total_us + 1) } else { 0 };
            let counted = is_fine && !records.iter().any(|record| record.counted);
            records.push(Record {
                request_id: dice.one_in(5).then(|| format!("client-{}", dice.roll(1_000)).into()),
                total_us,
                first_byte_us,
                token_id,
                provider: self.name(dice),
                model_asked: (asked != model).then(|| Arc::clone(&asked)),
                model,
                surface: ["chat", "messages", "responses"][dice.roll(3) as usize],
                client_protocol: Protocol::ALL[dice.roll(5) as usize],
                status: if is_fine { 200 } else { [429, 500, 502][dice.roll(3) as usize] },
                outcome,
                stream: dice.one_in(2),
                counts,
                source: if dice.one_in(4) { Source::Estimated } else { Source::Reported },
                charge: Charge { nanos, tariff: dice.one_in(2).then(|| Arc::clone(&self.tariff)), ..Charge::default() },
                counted,
                session: session.clone(),
                agent: agent.clone(),
                credential: if dice.one_in(4) { Arc::default() } else { self.name(dice) },
                address,
                user_agent: user_agent.clone(),
                labels: labels.clone(),
                first: attempt == 0,
                degraded: dice.roll(3).saturating_sub(1) as u16,
                error_class: if is_fine { 0 } else { 1 + dice.roll(8) as u8 },
                savings_nanos: dice.roll(1_000).cast_signed() - 300,
                generation_us: if dice.one_in(3) { dice.roll(1_000_000) as u32 } else { 0 },
                prompt_us: if dice.one_in(3) { dice.roll(100_000) as u32 } else { 0 },
                ..Record::new(self.sequence.attempt(now_ms), exchange, now_ms)
            });
        }
        if dice.one_in(4) {
            records.reverse();
        }
        records
    }
}

/// What `dimension` says of a record.
pub fn key(record: &Record, dimension: &Dimension) -> Option<String> {
    let text = |name: &Arc<str>| (!name.is_empty()).then(|| name.to_string());
    match dimension {
        Dimension::Provider => text(&record.provider),
        Dimension::Model => text(&record.model),
        Dimension::ModelAsked => text(record.model_asked.as_ref().unwrap_or(&record.model)),
        Dimension::Token => (record.token_id != 0).then(|| format!("tok_{}", record.token_id)),
        // 3 is a run below 2, and that one lies below 1.
        Dimension::Subtree => (record.token_id != 0).then(|| "tok_1".to_owned()),
        Dimension::Run => (record.token_id == 3).then(|| "tok_3".to_owned()),
        Dimension::Session => record.session.as_ref().map(|session| session.id.to_string()),
        Dimension::Agent => record.agent.as_ref().and_then(text),
        Dimension::Label(name) => {
            let labels: Labels = serde_json::from_str(record.labels.as_ref()?).unwrap();
            labels.get(name).cloned()
        }
        Dimension::Address => record.address.map(|address| address.to_string()),
        Dimension::UserAgent => record.user_agent.as_ref().and_then(text),
        Dimension::Credential => text(&record.credential),
        Dimension::Surface => Some(record.surface.to_owned()),
        Dimension::ClientProtocol => Some(record.client_protocol.as_str().to_owned()),
        Dimension::Status => Some(record.status.to_string()),
        Dimension::Outcome => Some(record.outcome.as_str().to_owned()),
        Dimension::ErrorClass => {
            Some(ERROR_CLASSES[usize::from(record.error_class)].to_owned()).filter(|w| !w.is_empty())
        }
        Dimension::Stream => Some(if record.stream { "yes" } else { "no" }.to_owned()),
    }
}

/// What records come to.
pub fn totals<'r>(records: impl Iterator<Item = &'r Record>) -> Totals {
    let mut sum = Totals::default();
    for record in records {
        let counts = record.counts;
        sum.exchanges += u64::from(record.first);
        sum.requests += u64::from(record.counted);
        sum.attempts += 1;
        sum.failures += u64::from(record.outcome != Outcome::Ok);
        sum.degraded += u64::from(record.degraded > 0);
        sum.counts.input_uncached += counts.input_uncached;
        sum.counts.cache_read += counts.cache_read;
        sum.counts.cache_write_5m += counts.cache_write_5m;
        sum.counts.cache_write_1h += counts.cache_write_1h;
        sum.counts.output += counts.output;
        sum.counts.reasoning += counts.reasoning;
        sum.estimated += if record.source == Source::Estimated { counts.total() } else { 0 };
        sum.cost_nanos += record.charge.nanos;
        if record.is_unpriced() {
            sum.unpriced_nanos += record.charge.nanos;
            sum.unpriced_attempts += 1;
        }
        sum.savings_nanos += record.savings_nanos;
        sum.total_us += record.total_us;
        sum.first_byte_us += record.first_byte_us;
        sum.first_bytes += u64::from(record.first_byte_us > 0);
        let writing_us = record.total_us - record.first_byte_us;
        if record.generation_us > 0 {
            sum.generated += counts.output;
            sum.generation_us += u64::from(record.generation_us);
        } else if record.stream
            && record.outcome == Outcome::Ok
            && record.first_byte_us > 0
            && counts.output > 0
            && writing_us >= 100_000
        {
            sum.generated += counts.output;
            sum.generation_us += writing_us;
        }
        if record.prompt_us > 0 {
            sum.prompted += counts.input();
            sum.prompt_us += u64::from(record.prompt_us);
        } else if record.stream
            && record.outcome == Outcome::Ok
            && record.first_byte_us >= 100_000
            && counts.input() > 0
        {
            sum.prompted += counts.input();
            sum.prompt_us += record.first_byte_us;
        }
    }
    sum
}

/// What records come to, apart by some dimensions and by when stretches of `step_ms` begin.
pub fn grouped<'r>(
    records: impl Iterator<Item = &'r Record>,
    by: &[Dimension],
    step_ms: Option<i64>,
) -> BTreeMap<(Vec<Option<String>>, Option<i64>), Totals> {
    let mut groups: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    for record in records {
        let at_ms = tokenrouter_shared::ids::ms_of(record.id.0);
        let keys = by.iter().map(|dimension| key(record, dimension)).collect();
        groups.entry((keys, step_ms.map(|step| at_ms - at_ms.rem_euclid(step)))).or_default().push(record);
    }
    groups.into_iter().map(|(key, records)| (key, totals(records.into_iter()))).collect()
}
