//! What the parser says of presets and of providers that use them, word for word; and that they do what they say.

use super::*;
use tokenrouter::catalog::ModelList;

/// The text of a file, and each finding behind `torod.toml:`.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("presets = 1", &[
        "1:11: `presets` must be a table, not a whole number: write `[presets.work]`",
    ]),
    ("[presets.work]", &[
        "1:1: this preset has no `protocols`: add `protocols = { openai = \"https://llm.example.com/v1\" }`",
    ]),
    ("[presets.work]\nprotocols = {}", &[
        "2:13: `protocols` names no known protocol: write `protocols = { openai = \"https://llm.example.com/v1\" }`",
    ]),
    ("[presets.\"a b\"]\nprotocols = { openai = \"http://h\" }", &[
        "1:1: `a b` is no name for a preset: use 1 to 64 letters, digits, `.`, `_` and `-`",
    ]),
    ("[presets.work]\nprotocol = { openai = \"http://h\" }", &[
        "1:1: this preset has no `protocols`: add `protocols = { openai = \"https://llm.example.com/v1\" }`",
        "2:1: unknown key `protocol`: did you mean `protocols`?",
    ]),
    ("[presets.work]\nprotocols = { openai = 1 }", &[
        "2:24: `openai` must be a URL in quotes or a table, not a whole number: write `openai = \"https://llm.example.com/v1\"`",
    ]),
    ("[presets.work]\nprotocols = { openai = {} }", &[
        "2:24: this protocol has no `url`: add `url = \"https://llm.example.com/v1\"`",
    ]),
    ("[presets.work]\nprotocols = { openai = { url = \"http://h\", auth = \"beerer\" } }", &[
        "2:51: `beerer` is no `auth`: did you mean \"bearer\"?",
    ]),
    ("[presets.work]\nprotocols = { openai = { url = \"http://h\", quirks = [\"NoStopp\", \"qqq\"] } }", &[
        "2:54: `NoStopp` is no quirk: did you mean \"NoStop\"?",
        "2:65: `qqq` is no quirk: known: NoDeveloperRole, SystemFirstOnly, MaxTokensOldName, NoSampling, NoStop, NoParallelSwitch, NoSchemaFormat, NoStreamOptions, NoEffort, ReplaysReasoning, NoStrictTools, FreeformTools, Namespaces, ToolSearch, NoNullContent, NineLetterIds, LateSystem, AdaptiveThinking, NoThinking, EffortXHigh, OutputFormat, ThinkingLevel, NeedsSignature, ResultMedia, CacheMarks, HostedTools, OpenAiExtras, PlainSampling, KeepsAnswers, AlwaysThinks, NoSystem",
    ]),
    ("[presets.work]\nprotocols = { openai = \"https://{region}.example.com\" }", &[
        "2:24: the URL needs `region`, which `needs` does not explain: add `needs = { region = \"what it is and where to find it\" }`",
    ]),
    ("[presets.work]\nprotocols = { openai = \"https://u:hunter2@h\" }", &[
        "2:24: the URL must not hold a user name or password: write it like \"https://llm.example.com/v1\"",
    ]),
    ("[presets.work]\nprotocols = { openai = \"https://h/v1?a=b\" }", &[
        "2:24: the URL must not hold a query (`?…`): write `query = \"name=value\"` beside `url`",
    ]),
    ("[presets.work]\nprotocols = { openai = \"http://h\" }\nmodels_url = \"nowhere\"", &[
        "3:14: the URL must start with `http://` or `https://`: write `models_url = \"https://llm.example.com/v1/models\"`",
    ]),
    ("[presets.work]\nprotocols = { openai = \"http://h\" }\nrate_limit = \"x\"", &[
        "3:14: `x` is no `rate_limit`: write \"none\" or \"openai\" or \"anthropic\" or \"windowed\" or \"ietf\"",
    ]),
    ("[presets.work]\nprotocols = { openai = \"http://h\" }\n[presets.Work]\nprotocols = { openai = \"http://h\" }", &[
        "3:1: there is already a preset `work`: give each preset its own name",
    ]),
    ("[presets.work]\nprotocols = { openai = \"http://h\" }\nneeds = 1\nenv = \"A\"", &[
        "3:9: `needs` must be a table, not a whole number: write `needs = { account_id = \"the number at the top of the console\" }`",
        "4:7: `env` must be an array of texts, not a string: write `env = [\"WORK_API_KEY\"]`",
    ]),
    ("[presets.work]\nprotocols = { openai = \"http://h\" }\nlocal_port = 1\n[[providers]]\nname = \"a\"\nprovider_type = \"wrok\"", &[
        "6:17: unknown provider_type `wrok`: did you mean \"work\"?",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"gitlab\"", &[
        "3:17: provider_type `gitlab` cannot be called: GitLab Duo documents no endpoint of a protocol that is spoken here; its models are reached through GitLab's own programs",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"azure\"\napi_key = \"${K}\"", &[
        "1:1: preset `azure`: the URL needs `resource_name`: write `account = { resource_name = \"…\" }`: the name of the Azure OpenAI resource: the first part of its endpoint, under Keys and Endpoint",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"azure\"\napi_key = \"${K}\"\naccount = { resource_name = \"a/b\" }", &[
        "1:1: preset `azure`: `resource_name` must be 1 to 128 letters, digits, `.`, `_` and `-`: write `account = { resource_name = \"…\" }`: the name of the Azure OpenAI resource: the first part of its endpoint, under Keys and Endpoint",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"azure\"\napi_key = \"${K}\"\naccount = { resource_nam = \"hunter2\", resource_name = \"b\" }", &[
        "5:28: nothing in the URL is called `resource_nam`: did you mean `resource_name`?",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"groq\"\napi_key = \"${K}\"\naccount = { id = \"b\" }", &[
        "5:18: nothing in the URL is called `id`: remove it: the URLs are known without",
    ]),
];

#[test]
fn every_finding_about_presets_is_worded() {
    for (text, expected) in CASES {
        let expected: Vec<_> = expected.iter().map(|line| format!("torod.toml:{line}")).collect();
        let findings = examine(text, "torod.toml").findings;
        let found: Vec<_> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(found, expected, "{text}");
        for finding in findings {
            let mut shown = Vec::new();
            finding.write_with_source(&mut shown).unwrap();
            assert!(!String::from_utf8(shown).unwrap().contains("hunter2"), "{text}");
        }
    }
}

const OWN: &str = r#"
    [presets.groq]
    name = "Ours"
    aliases = ["our-groq"]
    protocols = { anthropic = { url = "https://{site}.example.com/x", auth = "bearer", quirks = ["NoThinking"] }, openai = { url = "https://{site}.example.com", version = false, query = "a=b", auth = "api-key", lacks = ["NoDeveloperRole"] } }
    env = ["OUR_KEY"]
    models_url = "https://{site}.example.com/list"
    needs = { site = "the office" }
    free_tier = true
    rate_limit = "windowed"
    quota = "open-router"
    local_port = 7
    note = "a \"note\""
    [presets.plain]
    protocols = { openai = "http://127.0.0.1:9/v1" }
    models_url = "none"
    models = ["m"]
    public = true
    free_models = ["*-free"]
    [[providers]]
    name = "a"
    provider_type = "Our_Groq"
    account = { site = "berlin" }
    api_key = "${K}"
    [[providers]]
    name = "b"
    provider_type = "plain"
"#;

#[test]
fn a_preset_of_the_operator_replaces_ours_and_is_shown_as_it_reads() {
    let config = parse(OWN, "t").unwrap();
    let a = &config.providers[0];
    let urls: Vec<_> = a.protocols.iter().map(|(p, url)| url.join(*p, "/models")).collect();
    assert_eq!(urls, ["https://berlin.example.com/x/v1/models", "https://berlin.example.com/models?a=b"]);
    assert_eq!(a.provider_type.as_deref(), Some("groq"));
    assert_eq!(a.model_list, ModelList::At("https://berlin.example.com/list".into()));
    assert_eq!(config.providers[1].model_list, ModelList::Unlisted);
    let shown = show(&config);
    let again = parse(&shown, "t").unwrap_or_else(|findings| panic!("{findings:?}\n{shown}"));
    assert_eq!(again.presets, config.presets, "{shown}");
    let groq = &view(&config)["presets"]["groq"];
    assert_eq!((&groq["name"], &groq["protocols"]["openai"]["version"]), (&"Ours".into(), &false.into()));
    assert_eq!(view(&config)["providers"][0]["protocols"]["anthropic"], "https://berlin.example.com/x");
}

#[test]
fn urls_of_a_provider_go_before_those_of_its_preset() {
    for (lines, expected, list) in [
        ("provider_type = \"perplexity\"", "https://api.perplexity.ai/chat/completions", ModelList::Unlisted),
        // Moved, its paths stay what they are.
        ("provider_type = \"perplexity\"\nbase_url = \"http://h\"", "http://h/chat/completions", ModelList::Unlisted),
        // What `config show` prints reads as what it was.
        (
            "provider_type = \"perplexity\"\nprotocols = { openai = \"https://api.perplexity.ai\" }",
            "https://api.perplexity.ai/chat/completions",
            ModelList::Unlisted,
        ),
        (
            "provider_type = \"anthropic\"\nprotocols = { openai = \"http://h\" }",
            "http://h/v1/chat/completions",
            ModelList::Usual,
        ),
        (
            "provider_type = \"azure\"\nbase_url = \"https://w.openai.azure.com/openai/v1\"",
            "https://w.openai.azure.com/openai/v1/chat/completions",
            ModelList::Unlisted,
        ),
    ] {
        let config = parse(&format!("[[providers]]\nname = \"a\"\n{lines}"), "t").unwrap();
        let (protocol, url) = &config.providers[0].protocols[0];
        assert_eq!(url.join(*protocol, "/chat/completions"), expected, "{lines}");
        assert_eq!(config.providers[0].model_list, list, "{lines}");
        let again = parse(&show(&config), "t").unwrap();
        let (protocol, url) = &again.providers[0].protocols[0];
        assert_eq!(url.join(*protocol, "/chat/completions"), expected, "{lines}");
    }
}
