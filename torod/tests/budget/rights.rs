//! Whatever names lead where, and whatever tokens allow and deny: nothing that a token may not use is called or told.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::rig::Token;
use crate::support::{Answer, TestDaemon, port_zero};

/// Of each of the two providers; one name is known to both, and one is that of an alias.
const MODELS: [[&str; 3]; 2] = [["ok", "alpha", "both"], ["beta", "chat", "both"]];
const PROVIDERS: [&str; 2] = ["one", "two"];
const ALIASES: [&str; 4] = ["chat", "mix", "small", "one/ok"];
const PATTERNS: [&str; 22] = [
    "chat",
    "mix",
    "small",
    "auto",
    "claude-auto",
    "auto*",
    "one/ok",
    "one/alpha",
    "one/both",
    "two/beta",
    "two/chat",
    "two/both",
    "ok",
    "alpha",
    "both",
    "one/*",
    "two/*",
    "*/both",
    "*a*",
    "*",
    "MIX",
    "nobody",
];

type Target = (usize, usize);

/// A configuration: where each alias leads, and which of them is the default of the virtual models.
#[derive(Clone, Debug)]
struct World {
    aliases: Vec<Vec<Target>>,
    /// An alias that leads to another one besides, which stands after it: there are no circles.
    to: Vec<Option<usize>>,
    default: usize,
    pool: bool,
}

#[derive(Clone, Debug)]
struct Rights {
    allow: Vec<&'static str>,
    deny: Vec<&'static str>,
}

fn world() -> impl Strategy<Value = World> {
    let aliases = vec(vec((0..2_usize, 0..3_usize), 1..4), ALIASES.len());
    let to = vec(proptest::option::of(0..8_usize), ALIASES.len());
    (aliases, to, 0..3_usize, any::<bool>()).prop_map(|(aliases, to, default, pool)| {
        let after = |(at, to): (usize, Option<usize>)| to.map(|to| at + 1 + to % 3).filter(|to| *to < ALIASES.len());
        World { aliases, to: to.into_iter().enumerate().map(after).collect(), default, pool }
    })
}

fn rights() -> impl Strategy<Value = Rights> {
    let some = |most| vec(proptest::sample::select(PATTERNS.as_slice()), 0..most);
    (some(4), some(3)).prop_map(|(allow, deny)| Rights { allow, deny })
}

/// The same as the gateway means it, thought out anew: a star is anything, capitals are nothing.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Rights {
    /// Whether this way is open.
    fn let_pass(&self, road: &Road) -> bool {
        let is_meant = |pattern: &&str| {
            road.names.iter().any(|name| fits(pattern, name))
                || fits(pattern, &road.id())
                || (!pattern.contains('/') && fits(pattern, road.model))
        };
        let passed = |pattern: &&str| road.through.iter().any(|name: &&str| fits(pattern, name));
        !self.deny.iter().any(|pattern| is_meant(pattern) || passed(pattern))
            && (self.allow.is_empty() || self.allow.iter().any(is_meant))
    }

    fn json(&self) -> Value {
        json!({ "models": { "allow": self.allow, "deny": self.deny } })
    }
}

impl World {
    fn text(&self, urls: &[String; 2]) -> String {
        let mut text = String::from(
            "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
             [routing]\nattempts = 4\nprobe = false\nbreaker = { failures = 1000, connection_failures = 1000 }\n",
        );
        for (name, url) in PROVIDERS.iter().zip(urls) {
            text += &format!(
                "[[providers]]\nname = \"{name}\"\nprotocols = {{ openai = \"{url}/v1\", anthropic = \"{url}/anthropic\", responses = \"{url}/v1\" }}\n"
            );
        }
        for ((name, targets), to) in ALIASES.iter().zip(&self.aliases).zip(&self.to) {
            text += &format!("[[model_aliases]]\nname = \"{name}\"\n");
            let mut seen = BTreeSet::new();
            for target in targets.iter().filter(|target| seen.insert(**target)) {
                let (provider, model) = (PROVIDERS[target.0], MODELS[target.0][target.1]);
                text += &format!("[[model_aliases.targets]]\nprovider = \"{provider}\"\nmodel = \"{model}\"\n");
            }
            if let Some(to) = to {
                text += &format!("[[model_aliases.targets]]\nmodel = \"{}\"\n", ALIASES[*to]);
            }
        }
        // Without a pool the default serves, which is an alias.
        let pool = if self.pool { "allow = [\"one/ok\", \"two/beta\"]" } else { "allow = [\"nobody\"]" };
        text + &format!("[auto]\n{pool}\ndefault = \"{}\"\n", ALIASES[self.default])
    }

    /// Where an alias leads, with those that it names.
    fn of_alias(&self, at: usize, names: &[&'static str], through: &[&'static str]) -> Vec<Road> {
        let own = self.aliases[at].iter().map(|&(p, m)| Road {
            names: names.to_vec(),
            through: through.to_vec(),
            provider: PROVIDERS[p],
            model: MODELS[p][m],
        });
        let mut roads: Vec<Road> = own.collect();
        if let Some(to) = self.to[at] {
            roads.extend(self.of_alias(to, names, &[through, &[ALIASES[to]]].concat()));
        }
        roads
    }

    /// Where `asked` may lead, whoever asks, with the names that it is asked by and passes.
    fn roads(&self, asked: &str) -> Vec<Road> {
        let road = |names: &[&'static str], provider: usize, model: usize| Road {
            names: names.to_vec(),
            through: Vec::new(),
            provider: PROVIDERS[provider],
            model: MODELS[provider][model],
        };
        if let Some(at) = ALIASES.iter().position(|alias| *alias == asked) {
            return self.of_alias(at, &[ALIASES[at]], &[]);
        }
        if asked.ends_with("auto") {
            let names: &[&str] = if asked == "auto" { &["auto"] } else { &["auto", "claude-auto"] };
            let mut roads = self.of_alias(self.default, names, &[ALIASES[self.default]]);
            if self.pool {
                roads.push(road(names, 1, 0));
                // The other's name is an alias too, which goes before the model.
                roads.extend(self.of_alias(3, names, &[ALIASES[3]]));
            }
            return roads;
        }
        let all = (0..2).flat_map(|p| [0, 1, 2].map(|m| road(&[], p, m)));
        all.filter(|road| road.model == asked || road.id() == asked).collect()
    }
}

/// A way from a name to a model.
#[derive(Debug)]
struct Road {
    names: Vec<&'static str>,
    through: Vec<&'static str>,
    provider: &'static str,
    model: &'static str,
}

impl Road {
    fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

struct Stage {
    daemon: TestDaemon,
    other: Simulator,
}

impl Stage {
    async fn start(world: &World) -> Self {
        let settings =
            |models: [&str; 3]| Settings { models: models.map(str::to_owned).to_vec(), ..Settings::default() };
        let one = Simulator::start(port_zero(), settings(MODELS[0])).await.unwrap();
        let other = Simulator::start(port_zero(), settings(MODELS[1])).await.unwrap();
        let text = world.text(&[one.url(), other.url()]);
        Self { daemon: TestDaemon::configured(one, &text, Clock::system()).await, other }
    }

    /// Which models were called since the last look.
    fn called(&self) -> Vec<(&'static str, String)> {
        let of = |name: &'static str, simulator: &Simulator| {
            let calls = simulator.calls().into_iter().filter(|call| call.method == "POST");
            let models = calls.map(|call| {
                let body: Value = serde_json::from_slice(&call.body).unwrap();
                (name, body["model"].as_str().unwrap().to_owned())
            });
            let models: Vec<_> = models.collect();
            simulator.clear();
            models
        };
        [of("one", &self.daemon.simulator), of("two", &self.other)].concat()
    }

    async fn get(&self, token: &Token, path: &str, more: Option<(&'static str, &str)>) -> Answer {
        let mut request = self.daemon.request_of(token, path, String::new());
        *request.method_mut() = http::Method::GET;
        if let Some((name, value)) = more {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.daemon.send(request).await
    }
}

fn may(levels: &[&Rights], road: &Road) -> bool {
    levels.iter().all(|rights| rights.let_pass(road))
}

async fn check(stage: &Stage, world: &World, token: &Token, levels: &[&Rights]) {
    let mut names: Vec<String> =
        ALIASES.iter().chain(&["auto", "claude-auto", "ok", "alpha", "both", "beta"]).map(|&n| n.into()).collect();
    names.extend((0..2).flat_map(|p| MODELS[p].map(|model| format!("{}/{model}", PROVIDERS[p]))));
    let mut open = BTreeSet::new();
    for asked in &names {
        let roads = world.roads(asked);
        let allowed: Vec<_> = roads.iter().filter(|road| may(levels, road)).collect();
        if !allowed.is_empty() {
            open.insert(asked.clone());
        }
        for (path, body) in [
            ("/v1/chat/completions", json!({"model": asked, "messages": [{"role": "user", "content": "hi"}]})),
            ("/v1/messages", json!({"model": asked, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})),
            ("/v1/messages/count_tokens", json!({"model": asked, "messages": [{"role": "user", "content": "hi"}]})),
            ("/v1/responses/compact", json!({"model": asked, "input": "hi"})),
        ] {
            let answer = stage.daemon.post_of(token, path, body.to_string()).await;
            let called = stage.called();
            let what = format!("{asked} at {path} of {world:?} by {levels:?}: {called:?} {}", answer.text());
            for (provider, model) in &called {
                assert!(allowed.iter().any(|road| road.provider == *provider && road.model == model), "{what}");
            }
            match answer.status.as_u16() {
                200 => assert!(!allowed.is_empty(), "{what}"),
                // Virtual models with a default that may not be used are 403 as well.
                403 => assert!(called.is_empty() && (allowed.is_empty() || asked.ends_with("auto")), "{what}"),
                _ => panic!("{what}"),
            }
            if allowed.is_empty() {
                tells_nothing(&answer, asked, levels, world);
            }
        }
        let one = stage.get(token, &format!("/v1/models/{asked}"), None).await;
        assert!(one.status == 403 || (one.status == 200 && !allowed.is_empty()), "{asked}: {}", one.text());
        tells_nothing(&one, asked, levels, world);
    }
    for (path, header) in [
        ("/v1/models", None),
        ("/v1/models?limit=1000", Some(("anthropic-version", "2023-06-01"))),
        ("/v1beta/models", None),
        ("/v2/models", None),
        ("/v1/models", Some(("user-agent", "codex_cli_rs/0.50.0"))),
        ("/v1/models?client_version=1", None),
        ("/v1/models?q=o", None),
        ("/v1/models/nobody", None),
        ("/v1/models/alpah", None),
        ("/v1/status", None),
    ] {
        let list = stage.get(token, path, header).await;
        tells_nothing(&list, "", levels, world);
        if path == "/v1/models" && header.is_none() {
            let listed = list.json();
            let ids: BTreeSet<_> =
                listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
            for id in &ids {
                assert!(
                    open.contains(id) || id.starts_with("auto-") || id.starts_with("claude-auto-"),
                    "{id} {levels:?}"
                );
            }
            let missing: Vec<_> = open.iter().filter(|id| id.contains('/') && !ids.contains(*id)).collect();
            assert!(missing.is_empty(), "{missing:?} of {levels:?} {world:?}");
        }
    }
    let misspelt = stage.daemon.chat_of(token, "one/alpah", "").await;
    stage.called();
    tells_nothing(&misspelt, "one/alpah", levels, world);
    let misspelt = stage.daemon.chat_of(token, "alphaa", "").await;
    stage.called();
    tells_nothing(&misspelt, "alphaa", levels, world);
}

/// No answer names a model that the token cannot come to by any name; what it `asked` for it knows.
fn tells_nothing(answer: &Answer, asked: &str, levels: &[&Rights], world: &World) {
    let mut names: Vec<String> = ALIASES.iter().chain(&["auto", "claude-auto"]).map(|&n| n.into()).collect();
    names.extend((0..2).flat_map(|p| MODELS[p].map(|model| format!("{}/{model}", PROVIDERS[p]))));
    let roads: Vec<_> = names.iter().flat_map(|name| world.roads(name)).collect();
    for (provider, model) in (0..2).flat_map(|p| MODELS[p].map(|model| (PROVIDERS[p], model))) {
        let id = format!("{provider}/{model}");
        let is_open = roads.iter().any(|road| road.id() == id && may(levels, road));
        // This one is the name of an alias too.
        if !is_open && id != asked && id != "one/ok" {
            assert!(!answer.text().contains(&format!("{id}\"")), "{id} is told of by {levels:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn nothing_outside_of_a_tokens_rights_is_called_or_told() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::from_seed(
            proptest::test_runner::RngAlgorithm::ChaCha,
            &std::array::from_fn::<u8, 32, _>(|at| at as u8),
        ),
    );
    for round in 0..12 {
        let mut world = world().new_tree(&mut runner).unwrap().current();
        if round == 0 {
            world.to = vec![Some(1), Some(2), None, None];
        }
        let stage = Stage::start(&world).await;
        for turn in 0..4 {
            let mut own = rights().new_tree(&mut runner).unwrap().current();
            // What stands in the middle is denied, surely once.
            if (round, turn) == (0, 0) {
                own = Rights { allow: vec!["chat", "auto"], deny: vec!["mix"] };
            }
            let below = rights().new_tree(&mut runner).unwrap().current();
            let parent = stage.daemon.token(None, own.json()).await;
            check(&stage, &world, &parent, &[&own]).await;
            // A child that may not be made is none; one that is made has the rights of both.
            let wanted = json!({ "role": "inferrer", "parent": parent.id, "limits": below.json() });
            let made = stage.daemon.post("/admin/api/tokens", wanted.to_string()).await;
            if made.status == 201 {
                let made = made.json();
                let text = |name: &str| made[name].as_str().unwrap().to_owned();
                check(&stage, &world, &Token { id: text("id"), key: text("key") }, &[&own, &below]).await;
            }
        }
        stage.daemon.stop().await;
        stage.other.stop().await;
    }
}
