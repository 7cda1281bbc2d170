//! Every sentence about aliases, profiles and routing, word for word, and what aliases mean in which profile.

use super::*;

/// Two providers, on lines 1 to 6.
const PROVIDERS: &str = "[[providers]]\nname = \"openai\"\nbase_url = \"http://h\"\n[[providers]]\nname = \"work\"\nbase_url = \"http://h\"\n";

/// What stands below [`PROVIDERS`], and each finding behind `t:`.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("[[model_aliases]]\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        r#"7:1: this alias has no `name`: add `name = "chat"`"#,
    ]),
    ("[[model_aliases]]\nname = \"\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "8:8: `` is no alias: use 1 to 256 characters without control characters",
    ]),
    ("[[model_aliases]]\nname = \"a\\nb\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "8:8: `a\u{fffd}b` is no alias: use 1 to 256 characters without control characters",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\" }]\n\
      [[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"n\" }]", &[
        "11:8: there is already an alias `chat`: give each alias its own name",
    ]),
    ("[[model_aliases]]\nname = \"work\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "8:8: warning: alias `work` is called like a provider: choose a name that cannot be mistaken",
    ]),
    ("[[model_aliases]]\nname = \"work/m\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "8:8: warning: alias `work/m` hides the model of that name of provider `work`: choose another name unless that is meant",
    ]),
    ("[[model_aliases]]\nname = \"org/m\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[]),
    ("[[model_aliases]]\nname = \"chat\"", &[
        "8:8: alias `chat` has no targets: add a `[[model_aliases.targets]]` table with `provider` and `model`",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = []", &[
        "8:8: alias `chat` has no targets: add a `[[model_aliases.targets]]` table with `provider` and `model`",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = \"work/m\"", &[
        "9:11: `targets` must be an array of tables (`[[model_aliases.targets]]`), not a string: write `[[model_aliases.targets]]`",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\n[[model_aliases.targets]]\nprovider = \"work\"", &[
        r#"9:1: this target has no `model`: add `model = "qwen2.5:14b"`"#,
    ]),
    ("[[model_aliases]]\nname = \"chat\"\n[[model_aliases.targets]]\nprovider = \"opnai\"\nmodel = \"m\"", &[
        r#"10:12: this target names no provider: `opnai`: did you mean "openai"?"#,
    ]),
    ("[[model_aliases]]\nname = \"chat\"\n[[model_aliases.targets]]\nprovider = \"zzz\"\nmodel = \"m\"", &[
        "10:12: this target names no provider: `zzz`: write one of: openai, work",
    ]),
    ("enabled = false\n[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "10:25: warning: the provider `work` is disabled: set `enabled = true` there, or name another",
    ]),
    // Servers of this machine may be found later.
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"ollama\", model = \"m\" }]", &[]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"\" }]", &[
        "9:41: this is no model id: write the id that the provider uses",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\", profile = \"\" }]", &[
        "9:56: `` is no profile: use 1 to 64 characters without control characters",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\", weight = 0 }]", &[
        "9:55: a weight of 0 would never be chosen: write 1 or more, or remove the whole entry",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\", weight = 1000001 }]", &[
        "9:55: `weight` is out of range: write a whole number from 1 to 1000000",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\nlossy = \"maybe\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "9:9: `maybe` is not known: write `warn` or `reject`",
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargts = []\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "9:1: unknown key `targts`: did you mean `targets`?",
    ]),
    // An alias of an alias.
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ model = \"fast\" }]\n\
      [[model_aliases]]\nname = \"fast\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ model = \"fst\" }]\n\
      [[model_aliases]]\nname = \"fast\"\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        r#"9:22: `fst` is no alias, and no `provider` is given: did you mean "fast"? For a model itself add `provider`"#,
    ]),
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ model = \"gpt-5\" }]", &[
        "9:22: `gpt-5` is no alias, and no `provider` is given: add `provider`, or name another alias",
    ]),
    ("[[model_aliases]]\nname = \"a\"\ntargets = [{ model = \"a\" }]", &[
        "9:22: alias `a` leads back to itself: a → a: give one of these targets a `provider`",
    ]),
    ("[[model_aliases]]\nname = \"a\"\ntargets = [{ provider = \"work\", model = \"m\" }, { model = \"b\" }]\n\
      [[model_aliases]]\nname = \"b\"\ntargets = [{ model = \"c\" }]\n\
      [[model_aliases]]\nname = \"c\"\ntargets = [{ model = \"a\" }]\n\
      [[model_aliases]]\nname = \"d\"\ntargets = [{ model = \"a\" }]", &[
        "9:58: alias `a` leads back to itself: a → b → c → a: give one of these targets a `provider`",
        "12:22: alias `b` leads back to itself: b → c → a → b: give one of these targets a `provider`",
        "15:22: alias `c` leads back to itself: c → a → b → c: give one of these targets a `provider`",
    ]),
    // Profiles.
    ("[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"work\", model = \"m\", profile = \"local\" }, { provider = \"work\", model = \"n\", profile = \"far\" }]\n\
      [[model_aliases]]\nname = \"both\"\ntargets = [{ provider = \"work\", model = \"m\" }]\n\
      [[model_aliases]]\nname = \"far\"\ntargets = [{ provider = \"work\", model = \"m\", profile = \"far\" }]", &[
        "13:1: warning: alias `far` has no target in the active profile `local`: it falls back to its first profile, `far`; give it a target of `local`",
    ]),
    // Criteria.
    ("[routing]\norder = []", &[
        "8:9: `order` is empty: name at least one criterion, or leave `order` out",
    ]),
    ("[routing]\norder = [\"affinity\", \"latncy\"]", &[
        r#"8:22: unknown criterion `latncy`: did you mean "latency"?"#,
    ]),
    ("[routing]\norder = [\"zzz\"]", &[
        "8:10: unknown criterion `zzz`: known: affinity, priority, price, latency, round_robin, weighted, quota",
    ]),
    ("[routing]\norder = [\"price\", \"price\", 7]", &[
        "8:19: criterion `price` is given twice: keep the first",
        r#"8:28: `order[2]` must be a string, not a whole number: write `order = ["affinity", "priority", "price", "latency"]`"#,
    ]),
    ("[routing]\norder = \"price\"", &[
        r#"8:9: `order` must be an array of criteria, not a string: write `order = ["affinity", "priority", "price", "latency"]`"#,
    ]),
    ("[[model_aliases]]\nname = \"chat\"\norder = []\ntargets = [{ provider = \"work\", model = \"m\" }]", &[
        "9:9: `order` is empty: name at least one criterion, or leave `order` out",
    ]),
    ("[routing]\nattempts = 0\nretry_percent = 101\nmax_wait = \"1h\"\nsession_ttl = \"0s\"\nprobe_interval = 5", &[
        "8:12: `attempts` is out of range: write a whole number from 1 to 16",
        "9:17: `retry_percent` is out of range: write a whole number from 0 to 100",
        r#"10:12: `max_wait` is out of range: write a duration from "0s" to "10m""#,
        r#"11:15: `session_ttl` is out of range: write a duration from "1s" to "7d""#,
        r#"12:18: `probe_interval` must be a duration in quotes, not a whole number: write `probe_interval = "5s"`"#,
    ]),
    ("[routing]\nbreaker = { failures = 0, recovry = \"1s\", connection_recovery = \"0s\" }", &[
        "8:24: `failures` is out of range: write a whole number from 1 to 1000",
        "8:27: unknown key `recovry`: did you mean `recovery`?",
        r#"8:65: `connection_recovery` is out of range: write a duration from "1ms" to "1d""#,
    ]),
];

fn found(text: &str) -> Vec<String> {
    examine(text, "t").findings.iter().map(|finding| finding.to_string().split_off(2)).collect()
}

#[test]
fn every_finding_is_worded_with_place_and_advice() {
    for (below, expected) in CASES {
        // Where a case has the profile `local`, it is the active one, on a line before all others.
        let shift = usize::from(below.contains("\"local\""));
        let profile = "active_model_profile = \"local\"\n".repeat(shift);
        let text = format!("{profile}{PROVIDERS}{below}");
        let expected: Vec<_> = expected
            .iter()
            .map(|line| {
                let (number, rest) = line.split_once(':').unwrap();
                format!("{}:{rest}", number.parse::<usize>().unwrap() + shift)
            })
            .collect();
        assert_eq!(found(&text), expected, "{text}");
    }
}

#[test]
fn an_active_profile_must_be_some_aliases_profile() {
    let alias =
        "[[model_aliases]]\nname = \"x\"\ntargets = [{ profile = \"runpod\", provider = \"work\", model = \"m\" }]\n";
    for (profile, aliases, expected) in [
        ("runpod", alias, None),
        ("runpdo", alias, Some(r#"1:24: no alias has the profile `runpdo`: did you mean "runpod"?"#)),
        ("zzz", alias, Some("1:24: no alias has the profile `zzz`: write one of: runpod")),
        (
            "zzz",
            "",
            Some(
                "1:24: no alias has the profile `zzz`: add targets with `profile = \"zzz\"` to `[[model_aliases]]`, or remove this line",
            ),
        ),
    ] {
        let text = format!("active_model_profile = \"{profile}\"\n{PROVIDERS}{aliases}");
        assert_eq!(found(&text).first().map(String::as_str), expected);
        assert_eq!(parse(&text, "t").is_err(), expected.is_some());
    }
}

#[test]
fn too_long_a_way_is_told() {
    let link = |n| format!("[[model_aliases]]\nname = \"n{n}\"\ntargets = [{{ model = \"n{}\" }}]\n", n + 1);
    let chain = (0..20).map(link).collect::<Vec<_>>().concat();
    let end = "[[model_aliases]]\nname = \"n20\"\ntargets = [{ provider = \"work\", model = \"m\" }]\n";
    let told = found(&format!("{PROVIDERS}{chain}{end}"));
    assert_eq!(told[0], "8:8: alias `n0` leads to more than 64 targets, or through more than 16 aliases: name fewer");
    assert_eq!(told.len(), 4);
}

/// What `chat` means: targets as `provider/model*weight`.
fn means(profile: &str, more: &str) -> String {
    let text = format!(
        "{profile}\n{PROVIDERS}[[model_aliases]]\nname = \"chat\"\ntargets = [\n\
         {{ profile = \"local\", provider = \"work\", model = \"l1\" }}, {{ provider = \"openai\", model = \"any\" }},\n\
         {{ profile = \"local\", model = \"fast\", weight = 3 }}, {{ profile = \"far\", provider = \"openai\", model = \"f1\" }}]\n\
         [[model_aliases]]\nname = \"fast\"\ntargets = [{{ provider = \"work\", model = \"q\", weight = 2 }}, {{ provider = \"work\", model = \"r\" }}]\n{more}"
    );
    let config = parse(&text, "t").unwrap();
    let alias = config.aliases().remove(0);
    let targets: Vec<_> = alias
        .targets
        .iter()
        .map(|t| format!("{}/{}{}", t.provider, t.model, t.weight.map_or(String::new(), |w| format!("*{w}"))))
        .collect();
    format!("{}: {}", alias.profile.as_deref().unwrap_or("-"), targets.join(" "))
}

#[test]
fn an_alias_means_the_targets_of_the_active_profile() {
    assert_eq!(means("", ""), "-: openai/any");
    assert_eq!(means("active_model_profile = \"local\"", ""), "local: work/l1 work/q*6 work/r*3");
    assert_eq!(means("active_model_profile = \"far\"", ""), "far: openai/f1");
    let other =
        "[[model_aliases]]\nname = \"y\"\ntargets = [{ profile = \"third\", provider = \"work\", model = \"m\" }]";
    assert_eq!(means("active_model_profile = \"third\"", other), "-: openai/any");
    let only = format!(
        "{PROVIDERS}[[model_aliases]]\nname = \"x\"\ntargets = [{{ profile = \"p\", provider = \"work\", model = \"1\" }}, {{ profile = \"q\", provider = \"work\", model = \"2\" }}]"
    );
    let alias = parse(&only, "t").unwrap().aliases().remove(0);
    assert_eq!((alias.profile.as_deref(), alias.targets.len()), (Some("p"), 1));
}
