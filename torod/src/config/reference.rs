//! Every key of the configuration with type, default, meaning and example: the source of `torod config reference`.

/// One key. `path` is written with `[]` for the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands, such as `providers[].timeouts.connect`.
    pub path: &'static str,
    /// What it must be.
    pub kind: &'static str,
    /// What is meant where it is missing; empty where nothing is.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
    /// A line as it stands in the file.
    pub example: &'static str,
}

impl Key {
    /// The key without the tables before it.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Whether its value is a number, a switch or one of a few words: surely no secret, even where a line is garbled.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.kind, "boolean" | "whole number" | "duration" | "size")
    }
}

/// The entry of one key.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

const fn key(
    path: &'static str,
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { path, kind, default, meaning, example }
}

/// Every key the parser accepts, in the order of the file.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("listen_addr", "address with port", "\"127.0.0.1:8080\"", "Where torod listens; the admin pages are at /admin.", "listen_addr = \"127.0.0.1:8080\""),
    key("default_provider", "provider name", "", "Who gets a request whose model no provider lists.", "default_provider = \"openai\""),
    key("active_model_profile", "profile name", "", "Which targets of the aliases hold; without it those that name no profile, and where an alias has none, its first profile.", "active_model_profile = \"local\""),
    key("allow_localhost_no_auth", "boolean", "true", "Programs on this machine may use inference without a token, never the admin API.", "allow_localhost_no_auth = true"),
    key("auto_detect_local_servers", "boolean", "true", "Find and use Ollama, LM Studio, llama.cpp and vLLM on their usual ports of this machine.", "auto_detect_local_servers = true"),
    key("auto_enable_public_free_models", "boolean", "false", "Use providers that serve without a key, such as OpenCode Zen: what is sent to them leaves this machine.", "auto_enable_public_free_models = false"),
    key("lossy", "warn or reject", "\"warn\"", "What becomes of a request of which a part cannot be told to a provider of another protocol; a token may say otherwise.", "lossy = \"warn\""),
    key("presets", "table of tables", "", "Providers of your own for `provider_type`; one with the name of a known one replaces it as a whole.", "[presets.work]"),
    key("presets.<id>.name", "text", "its id", "The name for people.", "name = \"Work\""),
    key("presets.<id>.aliases", "array of texts", "[]", "Other names by which it is found.", "aliases = [\"office\"]"),
    key("presets.<id>.protocols", "table", "", "Every protocol it speaks natively, the preferred one first: a URL, or a table with `url` and how it differs. A URL may have `{placeholders}`.", "protocols = { openai = \"https://llm.example.com/v1\" }"),
    key("presets.<id>.protocols.openai", "URL or table", "", "Chat Completions and the other /v1 paths of OpenAI.", "openai = \"https://llm.example.com/v1\""),
    key("presets.<id>.protocols.responses", "URL or table", "", "OpenAI Responses.", "responses = \"https://llm.example.com/v1\""),
    key("presets.<id>.protocols.anthropic", "URL or table", "", "Anthropic Messages.", "anthropic = { url = \"https://llm.example.com/anthropic\", auth = \"bearer\" }"),
    key("presets.<id>.protocols.gemini", "URL or table", "", "Gemini generateContent.", "gemini = \"https://llm.example.com/v1beta\""),
    key("presets.<id>.protocols.cohere", "URL or table", "", "Cohere v2 chat.", "cohere = \"https://llm.example.com/v2\""),
    key("presets.<id>.protocols.<protocol>.url", "URL", "", "Where it is, with or without the version segment.", "url = \"https://llm.example.com/v1\""),
    key("presets.<id>.protocols.<protocol>.auth", "bearer, x-api-key, x-goog-api-key, api-key or none", "the protocol's", "How the key is sent.", "auth = \"bearer\""),
    key("presets.<id>.protocols.<protocol>.version", "boolean", "true", "Whether its paths have a version segment.", "version = true"),
    key("presets.<id>.protocols.<protocol>.query", "text", "", "What every URL ends with.", "query = \"api-version=2024-10-21\""),
    key("presets.<id>.protocols.<protocol>.quirks", "array of texts", "[]", "How it differs from others of the protocol; docs/providers.md names the quirks.", "quirks = [\"NoStop\"]"),
    key("presets.<id>.protocols.<protocol>.lacks", "array of texts", "[]", "Quirks of unknown providers that it does not have.", "lacks = [\"NoDeveloperRole\"]"),
    key("presets.<id>.env", "array of variables", "[]", "The variables that usually hold its key.", "env = [\"WORK_API_KEY\"]"),
    key("presets.<id>.models_url", "URL or none", "/models beneath its URL", "Where its models are listed; `none` where they are not.", "models_url = \"https://llm.example.com/v1/models\""),
    key("presets.<id>.models", "array of texts", "[]", "Its models, where there is no list.", "models = [\"big-model\"]"),
    key("presets.<id>.key_page", "URL", "", "Where a person gets a key.", "key_page = \"https://llm.example.com/keys\""),
    key("presets.<id>.docs", "URL", "", "Its documentation.", "docs = \"https://llm.example.com/docs\""),
    key("presets.<id>.free_tier", "boolean", "false", "Whether something can be had for nothing with a key.", "free_tier = true"),
    key("presets.<id>.public", "boolean", "false", "Whether it serves without any key.", "public = true"),
    key("presets.<id>.free_models", "array of texts", "every model", "Which models serve without a key: names, or with `*` before them their ends.", "free_models = [\"*-free\"]"),
    key("presets.<id>.rate_limit", "none, openai, anthropic, windowed or ietf", "\"none\"", "In which headers it tells its rate limits.", "rate_limit = \"openai\""),
    key("presets.<id>.local_port", "whole number", "", "Its usual port on this machine, where it is looked for.", "local_port = 30000"),
    key("presets.<id>.needs", "table of texts", "", "What each placeholder of its URLs is, and where to find it.", "needs = { account_id = \"the number at the top of the console\" }"),
    key("presets.<id>.note", "text", "", "What else a person must know.", "note = \"Only from the office network.\""),
    key("providers", "array of tables", "", "Who is called, where, with which keys.", "[[providers]]"),
    key("providers[].name", "name", "", "Unique; letters, digits, `.`, `_` and `-`. Clients write `name/model`.", "name = \"openai\""),
    key("providers[].provider_type", "preset", "", "A well-known provider, or one of `presets`: fills protocols and URLs.", "provider_type = \"openai\""),
    key("providers[].enabled", "boolean", "true", "Whether it is called at all.", "enabled = true"),
    key("providers[].priority", "whole number", "0", "Smaller is tried first.", "priority = 10"),
    key("providers[].base_url", "URL", "the preset's", "Where it is, with or without the version segment; without a preset it speaks `openai`.", "base_url = \"https://llm.example.com/v1\""),
    key("providers[].protocols", "table", "the preset's", "Every protocol it speaks natively, with its URL; instead of `base_url`.", "protocols = { openai = \"https://llm.example.com/v1\" }"),
    key("providers[].protocols.openai", "URL", "", "Chat Completions and the other /v1 paths of OpenAI.", "openai = \"https://llm.example.com/v1\""),
    key("providers[].protocols.responses", "URL", "", "OpenAI Responses.", "responses = \"https://llm.example.com/v1\""),
    key("providers[].protocols.anthropic", "URL", "", "Anthropic Messages.", "anthropic = \"https://llm.example.com/anthropic\""),
    key("providers[].protocols.gemini", "URL", "", "Gemini generateContent.", "gemini = \"https://llm.example.com/v1beta\""),
    key("providers[].protocols.cohere", "URL", "", "Cohere v2 chat.", "cohere = \"https://llm.example.com/v2\""),
    key("providers[].account", "table of texts", "", "What stands for the placeholders in the URLs of its preset, such as an account or a region.", "account = { resource_name = \"work\" }"),
    key("providers[].api_key", "secret", "", "Its key: \"${NAME}\" for a variable, or a table as in `api_keys`.", "api_key = \"${OPENAI_API_KEY}\""),
    key("providers[].api_keys", "array of secrets", "", "Several keys; calls are shared among them by weight.", "api_keys = [{ env = \"KEY_A\" }, { env = \"KEY_B\", weight = 2 }]"),
    key("providers[].api_keys[].env", "variable", "", "The environment variable that holds the key.", "env = \"WORK_API_KEY\""),
    key("providers[].api_keys[].file", "path", "", "The file that holds the key.", "file = \"/run/secrets/work\""),
    key("providers[].api_keys[].command", "text or array", "", "A command that prints the key within 10 s, or JSON with a token and its expiry: an array runs without a shell, a text with `sh -c`.", "command = [\"pass\", \"show\", \"work\"]"),
    key("providers[].api_keys[].oauth", "table", "", "A token server that gives the key to a client of yours (OAuth client credentials); renewed before it expires.", "oauth = { token_url = \"https://login.example.com/oauth/token\", client_id = \"gateway\", client_secret = \"${CLIENT_SECRET}\" }"),
    key("providers[].api_keys[].oauth.token_url", "URL", "", "Where tokens are given; https, or this machine.", "token_url = \"https://login.example.com/oauth/token\""),
    key("providers[].api_keys[].oauth.client_id", "text", "", "The client, as you registered it there.", "client_id = \"gateway\""),
    key("providers[].api_keys[].oauth.client_secret", "secret", "", "The client's password: \"${NAME}\", or a table with `env`, `file` or `command`.", "client_secret = \"${CLIENT_SECRET}\""),
    key("providers[].api_keys[].oauth.scope", "text", "", "What the token shall be good for, in the server's words.", "scope = \"inference\""),
    key("providers[].api_keys[].oauth.audience", "text", "", "For whom the token shall be good, where the server wants to know.", "audience = \"https://llm.example.com\""),
    key("providers[].api_keys[].oauth.auth", "basic or post", "\"basic\"", "Whether the password goes in the Authorization header or in the form.", "auth = \"basic\""),
    key("providers[].api_keys[].device", "table", "", "A token server at which a person signs in with `torod provider login` (OAuth device code), for providers whose terms allow it.", "device = { device_url = \"https://login.example.com/oauth/device/code\", token_url = \"https://login.example.com/oauth/token\", client_id = \"gateway\" }"),
    key("providers[].api_keys[].device.device_url", "URL", "", "Where a code for the person is given; https, or this machine.", "device_url = \"https://login.example.com/oauth/device/code\""),
    key("providers[].api_keys[].device.token_url", "URL", "", "Where tokens are given; https, or this machine.", "token_url = \"https://login.example.com/oauth/token\""),
    key("providers[].api_keys[].device.client_id", "text", "", "Your own client, as you registered it there.", "client_id = \"gateway\""),
    key("providers[].api_keys[].device.client_secret", "secret", "", "The client's password, where the server gave it one.", "client_secret = \"${CLIENT_SECRET}\""),
    key("providers[].api_keys[].device.scope", "text", "", "What the token shall be good for, in the server's words.", "scope = \"inference offline_access\""),
    key("providers[].api_keys[].device.audience", "text", "", "For whom the token shall be good, where the server wants to know.", "audience = \"https://llm.example.com\""),
    key("providers[].api_keys[].device.auth", "basic or post", "\"basic\"", "Whether the password goes in the Authorization header or in the form.", "auth = \"basic\""),
    key("providers[].api_keys[].value", "text", "", "The key itself; better keep it out of the file.", "value = \"${WORK_API_KEY}\""),
    key("providers[].api_keys[].name", "text", "", "What the key is called in reports.", "name = \"team-a\""),
    key("providers[].api_keys[].weight", "whole number", "1", "Its share of the calls, from 1 to 1000000.", "weight = 2"),
    key("providers[].api_keys[].refresh", "duration", "", "After how long a key from a command, a file or a token server is fetched anew at the latest.", "refresh = \"50m\""),
    key("providers[].timeouts", "table", "", "How long a call may wait for what; a whole call has no limit.", "timeouts = { connect = \"10s\" }"),
    key("providers[].timeouts.connect", "duration", "\"10s\"", "For the connection, TLS included.", "connect = \"10s\""),
    key("providers[].timeouts.first_byte", "duration", "\"600s\"", "From the request to the first byte of the answer.", "first_byte = \"600s\""),
    key("providers[].timeouts.idle", "duration", "\"300s\"", "Between two pieces of the answer.", "idle = \"300s\""),
    key("providers[].max_idle_connections", "whole number", "64", "Idle connections that are kept open.", "max_idle_connections = 64"),
    key("providers[].stream_usage", "boolean", "true", "Ask for the token counts at the end of a stream; turn it off for servers that refuse.", "stream_usage = true"),
    key("providers[].headers", "table of texts", "", "Static headers sent with every call; keys belong into `api_key`.", "headers = { \"x-team\" = \"a\" }"),
    key("providers[].models", "array of tables", "", "What is known about its models.", "[[providers.models]]"),
    key("providers[].models[].id", "text", "", "The id the provider uses.", "id = \"big-model\""),
    key("providers[].models[].context", "whole number", "", "Context window in tokens.", "context = 400000"),
    key("providers[].models[].max_output", "whole number", "", "The most it writes in one answer, in tokens.", "max_output = 128000"),
    key("providers[].models[].tools", "boolean", "", "Whether it calls tools.", "tools = true"),
    key("providers[].models[].vision", "boolean", "", "Whether it sees pictures.", "vision = false"),
    key("providers[].models[].reasoning", "boolean", "", "Whether it thinks before it answers.", "reasoning = true"),
    key("providers[].models[].structured_output", "boolean", "", "Whether it keeps to a JSON schema.", "structured_output = true"),
    key("providers[].models[].price", "table", "the catalogue's", "US dollars per million tokens.", "price = { input = 2.5, output = 10.0 }"),
    key("providers[].models[].price.input", "number", "", "Tokens of the prompt that no cache knew.", "input = 2.5"),
    key("providers[].models[].price.output", "number", "", "Tokens of the answer, reasoning included.", "output = 10.0"),
    key("providers[].models[].price.cache_read", "number", "", "Tokens read from the prompt cache.", "cache_read = 0.25"),
    key("providers[].models[].price.cache_write", "number", "", "Tokens written to the prompt cache (for 5 minutes where there are several lives).", "cache_write = 3.125"),
    key("providers[].models[].price.cache_write_1h", "number", "", "Tokens written to the prompt cache for an hour.", "cache_write_1h = 5.0"),
    key("model_aliases", "array of tables", "", "Names of your own for models; an alias goes before every other name.", "[[model_aliases]]"),
    key("model_aliases[].name", "text", "", "What clients ask for; unique, 1 to 256 characters.", "name = \"chat\""),
    key("model_aliases[].lossy", "warn or reject", "the top level's", "As `lossy`, for this alias.", "lossy = \"reject\""),
    key("model_aliases[].order", "array of criteria", "that of `routing`", "As `routing.order`, for this alias.", "order = [\"priority\", \"latency\"]"),
    key("model_aliases[].targets", "array of tables", "", "Who may serve it: in order, or by weight.", "[[model_aliases.targets]]"),
    key("model_aliases[].targets[].profile", "profile name", "", "The profile in which it holds; without one, in every profile that has no targets of its own here.", "profile = \"local\""),
    key("model_aliases[].targets[].provider", "provider name", "", "Who serves it; without one, `model` names another alias.", "provider = \"ollama\""),
    key("model_aliases[].targets[].model", "text", "", "The id that the provider uses, or another alias.", "model = \"qwen2.5:14b\""),
    key("model_aliases[].targets[].weight", "whole number", "", "Its share of the traffic, from 1 to 1000000; once one target of a profile has a weight, traffic is split among all, and those without count as 1.", "weight = 1"),
    key("routing", "table", "", "How an endpoint is chosen among those that fit, and when a failing one is left alone.", "[routing]"),
    key("routing.order", "array of criteria", "[\"affinity\", \"priority\", \"price\", \"latency\"]", "What decides, the weightiest first: any of affinity, priority, price, latency, round_robin, weighted, quota.", "order = [\"affinity\", \"priority\", \"price\", \"latency\"]"),
    key("routing.attempts", "whole number", "3", "Calls in all for one request, from 1 to 16, where fewer endpoints could serve it; every one that fits is tried once anyway.", "attempts = 3"),
    key("routing.max_wait", "duration", "\"20s\"", "The longest wait for a provider's Retry-After when nobody else can serve.", "max_wait = \"20s\""),
    key("routing.retry_percent", "whole number", "20", "Repeated calls to a provider in percent of its traffic.", "retry_percent = 20"),
    key("routing.session_ttl", "duration", "\"1h\"", "How long the endpoint of a conversation is remembered.", "session_ttl = \"1h\""),
    key("routing.probe", "boolean", "true", "Ask a provider whose connection failed for its model list until it answers again; never a paid call.", "probe = true"),
    key("routing.probe_interval", "duration", "\"5s\"", "The pause between two such questions.", "probe_interval = \"5s\""),
    key("routing.breaker", "table", "", "After how many failures in a row an endpoint is left alone, and for how long.", "breaker = { failures = 3, recovery = \"1m\", connection_failures = 1, connection_recovery = \"2m\", credential_recovery = \"5m\" }"),
    key("routing.breaker.failures", "whole number", "3", "Failures in a row of one model.", "failures = 3"),
    key("routing.breaker.recovery", "duration", "\"1m\"", "How long that model is left alone.", "recovery = \"1m\""),
    key("routing.breaker.connection_failures", "whole number", "1", "Failed connections in a row.", "connection_failures = 1"),
    key("routing.breaker.connection_recovery", "duration", "\"2m\"", "How long the whole endpoint is left alone.", "connection_recovery = \"2m\""),
    key("routing.breaker.credential_recovery", "duration", "\"5m\"", "How long a key that was refused is left alone.", "credential_recovery = \"5m\""),
    key("limits", "table", "", "How much is taken on at once; the rest is refused with a clear answer.", "[limits]"),
    key("limits.concurrent", "whole number", "10000", "Requests in flight.", "concurrent = 10000"),
    key("limits.concurrent_streams", "whole number", "6000", "Streams in flight.", "concurrent_streams = 6000"),
    key("limits.concurrent_per_provider", "whole number", "1000", "Requests in flight to one provider.", "concurrent_per_provider = 1000"),
    key("limits.request_body", "size", "\"32MiB\"", "Largest request body.", "request_body = \"32MiB\""),
    key("shutdown", "table", "", "How torod ends.", "[shutdown]"),
    key("shutdown.grace", "duration", "\"30s\"", "How long requests in flight may still run after the signal to stop.", "grace = \"30s\""),
    key("log", "table", "", "What is written to the log.", "[log]"),
    key("log.level", "error, warn, info, debug or trace", "\"info\"", "The least important level that is written.", "level = \"info\""),
    key("log.format", "auto, human or json", "\"auto\"", "How a line looks; `auto` is `human` on a terminal and `json` elsewhere.", "format = \"auto\""),
    key("log.requests", "boolean", "true", "One line for every request.", "requests = true"),
    key("usage", "table", "", "How usage is kept.", "[usage]"),
    key("usage.retention_days", "whole number", "0", "Days after which usage rows are removed; 0 keeps them for good.", "retention_days = 0"),
    key("usage.queue", "whole number", "65536", "Records that may wait for the database; inference never waits for it.", "queue = 65536"),
    key("responses", "table", "", "Answers that later requests continue (`previous_response_id`), kept for any provider.", "[responses]"),
    key("responses.retention_days", "whole number", "30", "Days for which an answer is kept; 0 keeps none.", "retention_days = 30"),
    key("responses.size", "size", "\"1GiB\"", "The most that is kept; the oldest answers go first.", "size = \"1GiB\""),
    key("prices", "table", "", "What is reckoned where nobody knows a price.", "[prices]"),
    key("prices.unknown", "table", "{ input = 15.0, output = 75.0 }", "What a model costs whose price nobody knows, in US dollars per million tokens: budgets count it so, reports say it apart.", "unknown = { input = 15.0, output = 75.0 }"),
    key("prices.unknown.input", "number", "15.0", "Tokens of the prompt that no cache knew.", "input = 15.0"),
    key("prices.unknown.output", "number", "75.0", "Tokens of the answer, reasoning included.", "output = 75.0"),
    key("prices.unknown.cache_read", "number", "as `input`", "Tokens read from the prompt cache.", "cache_read = 1.5"),
    key("prices.unknown.cache_write", "number", "as `input`", "Tokens written to the prompt cache.", "cache_write = 18.75"),
    key("prices.unknown.cache_write_1h", "number", "by rule", "Tokens written to the prompt cache for an hour.", "cache_write_1h = 30.0"),
    key("server", "table", "", "Who may speak for others.", "[server]"),
    key("server.trusted_proxies", "array of networks", "[]", "Reverse proxies whose Forwarded and X-Forwarded-* headers are believed, for addresses and for https; everybody else's are not.", "trusted_proxies = []"),
    key("admin", "table", "", "By which names the admin pages are reached, and how long a login lasts.", "[admin]"),
    key("admin.hosts", "array of texts", "[]", "Names by which browsers reach the admin pages, besides those of this machine and the listening address.", "hosts = []"),
    key("admin.public_url", "URL", "\"\"", "Where browsers find this gateway when a proxy stands before it, such as https://gateway.example.com; its host counts as one of `hosts`.", "public_url = \"\""),
    key("admin.session_idle", "duration", "\"12h\"", "After how long without a request a login ends.", "session_idle = \"12h\""),
    key("admin.session_lifetime", "duration", "\"7d\"", "After how long a login ends whatever happens.", "session_lifetime = \"7d\""),
];
