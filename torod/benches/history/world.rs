//! Ninety days of a company's requests: people and programs, conversations of agents, models that fail over.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokenrouter::Protocol;
use tokenrouter::catalog::{Catalogue, Tariff};
use tokenrouter::count::{Counts, Source};
use torod::usage::{AgentSession, Charge, Outcome, Record, Sequence};

/// People and programs with tokens; every tenth conversation is a run of its own.
pub(crate) const TOKENS: u64 = 300;
pub(crate) const RUNS: u64 = 20_000;
/// Conversations that are under way at the same time.
const ACTIVE: usize = 60;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Mostly small, sometimes large.
    fn skewed(&mut self, most: u64) -> u64 {
        let (a, b) = (self.roll(most), self.roll(most));
        a.min(b)
    }
}

/// A conversation that is under way.
struct Talk {
    left: u64,
    token_id: i64,
    session: Option<Arc<AgentSession>>,
    agent: Option<Arc<str>>,
    user_agent: Arc<str>,
    address: IpAddr,
    labels: Option<Arc<str>>,
    models: [usize; 2],
    surface: &'static str,
    protocol: Protocol,
    context: u64,
}

/// A provider's model and what it costs.
struct Model {
    provider: Arc<str>,
    name: Arc<str>,
    tariff: Option<Arc<Tariff>>,
}

/// Who asks for what.
pub(crate) struct World {
    dice: Dice,
    /// How many people and programs have a token.
    people: u64,
    ids: Sequence,
    models: Vec<Model>,
    aliases: Vec<Arc<str>>,
    agents: Vec<Arc<str>>,
    user_agents: Vec<Arc<str>>,
    credentials: Vec<Arc<str>>,
    labels: Vec<Arc<str>>,
    talks: Vec<Talk>,
    talked: u64,
}

impl World {
    /// The first day.
    pub(crate) fn new(people: u64) -> Self {
        let tariff = Catalogue::embedded().find("openai", "gpt-5").price.map(|price| Arc::new(price.tariff()));
        let models = (0..30).map(|n| Model {
            provider: Arc::from(format!("provider-{}", n % 6)),
            name: Arc::from(format!("vendor/model-{n}-2026-05")),
            tariff: tariff.clone(),
        });
        let texts =
            |what: &str, count: u64| (0..count).map(|n| Arc::from(format!("{what}-{n}"))).collect::<Vec<Arc<str>>>();
        let labels = (0..40).map(|n| Arc::from(format!("{{\"project\":\"p{}\",\"team\":\"team-{}\"}}", n, n % 8)));
        let mut world = Self {
            dice: Dice(7),
            people,
            ids: Sequence::after(0),
            models: models.collect(),
            aliases: texts("alias", 6),
            agents: texts("agent", 8),
            user_agents: texts("claude-cli/2.1.329 (external, cli) build", 60),
            credentials: texts("key", 10),
            labels: labels.collect(),
            talks: Vec::new(),
            talked: 0,
        };
        for _ in 0..ACTIVE {
            let talk = world.talk();
            world.talks.push(talk);
        }
        world
    }

    fn pick(dice: &mut Dice, list: &[Arc<str>]) -> Arc<str> {
        let at = dice.roll(list.len() as u64) as usize;
        list.get(at).cloned().unwrap_or_default()
    }

    fn talk(&mut self) -> Talk {
        let dice = &mut self.dice;
        self.talked += 1;
        let is_agent = dice.roll(5) > 0;
        let person = 1 + dice.skewed(self.people);
        let is_run = dice.roll(10) == 0;
        let token = if is_run { self.people + 1 + self.talked % RUNS } else { person };
        let id = format!("{:08x}-{:04x}-7000-8000-{:012x}", dice.roll(1 << 31), dice.roll(1 << 16), self.talked);
        let (surface, protocol) = match dice.roll(3) {
            0 => ("messages", Protocol::Anthropic),
            1 => ("responses", Protocol::Responses),
            _ => ("chat", Protocol::OpenAi),
        };
        Talk {
            left: if is_agent { 20 + dice.roll(180) } else { 400 },
            token_id: token.cast_signed(),
            session: is_agent.then(|| Arc::new(AgentSession { id: id.into(), parent: None })),
            agent: is_agent.then(|| Self::pick(dice, &self.agents)),
            user_agent: self.user_agents.get((person % 60) as usize).cloned().unwrap_or_default(),
            address: IpAddr::V4(Ipv4Addr::new(10, 1, (person / 250) as u8, (person % 250) as u8)),
            labels: (!person.is_multiple_of(4))
                .then(|| self.labels.get((person % 40) as usize).cloned().unwrap_or_default()),
            models: [dice.skewed(30) as usize, dice.roll(30) as usize],
            surface,
            protocol,
            context: 8_000 + dice.roll(20_000),
        }
    }

    /// One request with its attempts.
    pub(crate) fn request(&mut self, now_ms: i64, mut each: impl FnMut(Record)) {
        let at = self.dice.roll(ACTIVE as u64) as usize;
        let is_over = self.talks.get(at).is_none_or(|talk| talk.left == 0);
        if is_over {
            let talk = self.talk();
            if let Some(place) = self.talks.get_mut(at) {
                *place = talk;
            }
        }
        let Some(talk) = self.talks.get_mut(at) else { return };
        talk.left -= 1;
        let dice = &mut self.dice;
        let exchange = self.ids.exchange(now_ms);
        let fails = dice.roll(25) == 0;
        let which = talk.models.get(usize::from(dice.roll(8) == 0)).copied().unwrap_or(0);
        let output = 20 + dice.skewed(2_500);
        let fresh = 200 + dice.skewed(4_000);
        talk.context = (talk.context + output + fresh) % 180_000;
        let cached = dice.roll(10) > 0;
        let counts = Counts {
            input_uncached: if cached { fresh } else { talk.context + fresh },
            cache_read: if cached { talk.context } else { 0 },
            cache_write_5m: if talk.protocol == Protocol::Anthropic { fresh } else { 0 },
            output,
            reasoning: if which % 2 == 0 { output / 2 } else { 0 },
            ..Counts::default()
        };
        let first_byte_us = 300_000 + dice.skewed(4_000_000);
        let uuid = (dice.roll(5) == 0).then(|| format!("{:08x}-aaaa-4bbb-8ccc-{:012x}", dice.roll(1 << 31), now_ms));
        for attempt in 0..=u8::from(fails) {
            let is_failure = fails && attempt == 0;
            let at = (which + usize::from(attempt)) % self.models.len();
            let Some(Model { provider, name, tariff }) = self.models.get(at) else { return };
            each(Record {
                request_id: uuid.as_deref().map(Into::into),
                total_us: if is_failure { first_byte_us } else { first_byte_us + output * (9_000 + dice.roll(9_000)) },
                first_byte_us: if is_failure { 0 } else { first_byte_us },
                token_id: talk.token_id,
                provider: Arc::clone(provider),
                model: Arc::clone(name),
                model_asked: Some(self.aliases.get(which % 6).cloned().unwrap_or_default()),
                surface: talk.surface,
                client_protocol: talk.protocol,
                upstream_protocol: talk.protocol,
                status: if is_failure { 429 } else { 200 },
                outcome: if is_failure { Outcome::UpstreamError } else { Outcome::Ok },
                stream: true,
                counts: if is_failure { Counts::default() } else { counts },
                source: if dice.roll(50) == 0 { Source::Estimated } else { Source::Reported },
                charge: Charge {
                    nanos: if is_failure { 0 } else { counts.total() * 1_250 + dice.roll(1_000) },
                    tariff: tariff.clone(),
                    ..Charge::default()
                },
                counted: !is_failure,
                session: talk.session.clone(),
                agent: talk.agent.clone(),
                credential: self.credentials.get(at % 10).cloned().unwrap_or_default(),
                address: Some(talk.address),
                user_agent: Some(Arc::clone(&talk.user_agent)),
                labels: talk.labels.clone(),
                first: attempt == 0,
                degraded: u16::from(dice.roll(40) == 0),
                error_class: if is_failure { 5 } else { 0 },
                savings_nanos: if is_failure { 0 } else { (counts.cache_read * 900).cast_signed() },
                ..Record::new(self.ids.attempt(now_ms), exchange, now_ms)
            });
        }
    }
}
