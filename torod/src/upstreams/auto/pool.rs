//! Who may be chosen: every model of every enabled provider of which something is known, as far as the operator permits.

use chrono::DateTime;
use tokenrouter::auto::features::Features;
use tokenrouter::auto::rules::{self, Wish};
use tokenrouter::auto::{Candidate, Difficulty, Virtual};
use tokenrouter::catalog::listing::{Card, Quote};
use tokenrouter::catalog::{Can, Facts, Modality, Mode};
use tokenrouter::price::{Price, Rate, Unit};

use super::super::snapshot::Snapshot;
use super::super::told::OURSELVES;
use crate::config::Router;

/// So many of those that may not be chosen are remembered, to be told.
const MOST_LEFT_OUT: usize = 200;

/// Who may be chosen in one world.
#[derive(Debug, Default)]
pub struct Pool {
    /// All of them, in the order of the file.
    pub candidates: Vec<Candidate>,
    /// The provider of each, by its place.
    pub providers: Vec<usize>,
    /// Those of them that only the Responses protocol reaches.
    pub only_responses: Vec<usize>,
    /// The model that is asked to choose where nobody names one: the cheapest of known price.
    pub router: Option<String>,
    /// Who may not be chosen although something is known of them, and why.
    pub left_out: Vec<(String, &'static str)>,
}

impl Pool {
    /// Those of `cards`, which are the models of `live`.
    pub fn of(live: &Snapshot, cards: &[Card], now_ms: i64) -> Self {
        let mut pool = Self::default();
        if live.config.auto.router == Router::Off {
            return pool;
        }
        let unknown = output_nanos(&live.unknown_price, now_ms);
        let today = DateTime::from_timestamp_millis(now_ms).map(|now| now.date_naive());
        let mut cheapest: Option<(u128, &str)> = None;
        for card in cards.iter().filter(|card| card.targets.is_empty()) {
            if (card.facts == Facts::default() && card.price.is_none()) || !talks(card) {
                continue;
            }
            let Some(provider) = live.providers.iter().position(|p| *p.name == *card.provider) else { continue };
            let price = card.price.as_ref().and_then(rates);
            let is_over = card.facts.until().zip(today).is_some_and(|(until, today)| until < today);
            let only_responses = card.facts.mode() == Some(Mode::Responses);
            if let Some((input, output)) = price.filter(|_| !is_over && !only_responses) {
                let sum = (u128::from(input) + u128::from(output), card.id.as_str());
                cheapest = Some(cheapest.map_or(sum, |least| least.min(sum)));
            }
            let why_not = if is_over {
                Some("its vendor has ended it")
            } else if !live.config.auto.permits(&card.id) {
                Some("`[auto]` does not permit it")
            } else if !live.config.auto.affords(price.map_or(unknown, |(_, output)| output)) {
                Some("it is dearer than `max_price`, or its price is not known")
            } else {
                None
            };
            if let Some(why_not) = why_not {
                if pool.left_out.len() < MOST_LEFT_OUT {
                    pool.left_out.push((card.id.clone(), why_not));
                }
                continue;
            }
            let at = pool.candidates.len();
            let priority = live.providers.get(provider).map_or(0, |provider| provider.priority);
            let candidate = Candidate::new(card.id.clone(), card.facts).with_priority(priority);
            let priced = price.map(|(input, output)| candidate.clone().priced(input, output));
            pool.candidates.push(priced.unwrap_or(candidate));
            pool.providers.push(provider);
            pool.only_responses.extend(only_responses.then_some(at));
        }
        pool.router = cheapest.map(|(_, id)| id.to_owned());
        pool
    }

    /// How virtual models are listed; none where nobody could serve them.
    pub fn cards(&self, live: &Snapshot) -> Vec<Card> {
        let default = live.config.auto.default.as_ref().filter(|_| live.config.auto.router != Router::Off);
        if self.candidates.is_empty() && default.is_none() {
            return Vec::new();
        }
        let named = Virtual::NAMES.into_iter().filter_map(|name| Some((name, super::means(live, name)?)));
        named.map(|(name, of)| self.card(name, of, default)).collect()
    }

    /// What the best can, and for whom it stands: the hardest work first.
    fn card(&self, name: &str, of: Virtual, default: Option<&String>) -> Card {
        let nothing = Features::default();
        let mut targets: Vec<String> = Vec::new();
        for difficulty in Difficulty::ALL.into_iter().rev() {
            let wish = Wish::of(of, difficulty, &nothing);
            let usable = |at: usize| !self.only_responses.contains(&at);
            let chosen = rules::choose(&self.candidates, &wish, &usable).and_then(|at| self.candidates.get(at));
            targets.extend(chosen.map(|chosen| chosen.id.clone()).filter(|id| !targets.contains(id)));
        }
        if targets.is_empty() {
            targets.extend(default.cloned());
        }
        Card { targets, ..Card::new(name, OURSELVES).with_facts(self.best()) }
    }

    /// The facts of whoever can most of each.
    fn best(&self) -> Facts {
        let all = || self.candidates.iter().map(|candidate| &candidate.facts);
        let mut best = Facts::default().with_mode(Mode::Chat).with_input(Modality::Text).with_output(Modality::Text);
        if let Some(context) = all().filter_map(Facts::context).max() {
            best = best.with_context(context);
        }
        // Whoever writes most may not be who is chosen: what every chosen one can is told by nobody else.
        if let Some(most) = all().filter_map(Facts::max_output).max() {
            best = best.with_max_output(most);
        }
        for can in [Can::Tools, Can::ParallelTools, Can::Reasoning, Can::Schema, Can::StrictSchema, Can::PromptCache] {
            if let Some(yes) = all().filter_map(|facts| facts.can(can)).max() {
                best = best.with(can, yes);
            }
        }
        let kinds = Modality::ALL.iter().filter(|kind| all().any(|facts| facts.takes(**kind) == Some(true)));
        kinds.fold(best, |best, kind| best.with_input(*kind))
    }
}

/// Whether conversations in text can be had with it.
fn talks(card: &Card) -> bool {
    card.converses() && card.facts.gives(Modality::Text) != Some(false)
}

fn rates(quote: &Quote) -> Option<(u64, u64)> {
    if quote.is_free {
        return Some((0, 0));
    }
    quote.input.zip(quote.output).map(|(input, output)| (input.nanos_per_million(), output.nanos_per_million()))
}

fn output_nanos(price: &Price, now_ms: i64) -> u64 {
    let price = price.at(u64::try_from(now_ms).unwrap_or_default());
    price.listed(Unit::Output).map_or(0, Rate::nanos_per_million)
}
