//! Prices of well-known models, read by hand from the two data sets (litellm 1.109.1, genai-prices 0.2.3) on 2026-11-21,
//! with the page that they name as their source (`-`: none named). A newer catalogue with other figures needs new rows here: that is meant.

use tokenrouter::catalog::Catalogue;
use tokenrouter::count::Counts;
use tokenrouter::price::{Bill, Price, Rate, ServiceTier, Unit, When};

/// Provider, model; dollars per million for input, output, cache read, cache write, cache write for an hour (`-`: not
/// listed); the page that the data set names (`-`: none).
const FIGURES: &str = "
anthropic claude-opus-5 5 25 0.5 6.25 10 https://platform.claude.com/docs/en/about-claude/pricing
anthropic claude-opus-4-5 5 25 0.5 6.25 10 https://platform.claude.com/docs/en/about-claude/pricing
anthropic claude-sonnet-5-5 2 10 0.1 2.5 4 https://platform.claude.com/docs/en/about-claude/pricing
anthropic claude-sonnet-4-5 3 15 0.3 3.75 6 https://platform.claude.com/docs/en/about-claude/pricing
anthropic claude-haiku-4-5 1 5 0.1 1.25 2 https://platform.claude.com/docs/en/about-claude/pricing
anthropic claude-haiku-5-5 0.1 0.5 0.01 0.125 0.2 https://platform.claude.com/docs/en/models/haiku-5-5/overview
openai gpt-5 1.25 10 0.125 - - https://developers.openai.com/api/docs/pricing
openai gpt-5-mini 0.25 2 0.025 - - https://developers.openai.com/api/docs/pricing
openai gpt-5.6 4 20 0.4 5 10 -
openai gpt-4o 2.5 10 1.25 - - https://developers.openai.com/api/docs/pricing
openai gpt-4o-mini 0.15 0.6 0.075 - - https://developers.openai.com/api/docs/pricing
openai gpt-4.1 2 8 0.5 - - https://developers.openai.com/api/docs/pricing
openai o3 2 8 0.5 - - https://developers.openai.com/api/docs/pricing
openai o4-mini 1.1 4.4 0.275 - - https://developers.openai.com/api/docs/pricing
openai o1-pro 150 600 - - - https://developers.openai.com/api/docs/pricing
openai text-embedding-3-small 0.02 0 - - - https://developers.openai.com/api/docs/pricing
gemini gemini-2.5-pro 1.25 10 0.125 - - https://ai.google.dev/gemini-api/docs/pricing
gemini gemini-2.5-flash 0.3 2.5 0.03 - - https://ai.google.dev/gemini-api/docs/pricing
gemini gemini-3.1-pro-preview 2 12 0.2 - - https://ai.google.dev/gemini-api/docs/pricing
gemini gemini-flash-latest 0.75 3.75 0.075 - - https://ai.google.dev/gemini-api/docs/pricing
deepseek deepseek-v4-pro 1.32 3.96 0.044 - - https://api-docs.deepseek.com/quick_start/pricing
deepseek deepseek-chat 0.28 0.42 0.028 - - https://api-docs.deepseek.com/quick_start/pricing
mistral mistral-large-latest 0.5 1.5 0.05 - - https://docs.mistral.ai/models/mistral-large-3-25-12
mistral codestral-latest 0.3 0.9 0.03 - - https://docs.mistral.ai/models/model-cards/codestral-25-08
xai grok-4.7 2 6 0.5 - - https://api.x.ai/v1/language-models
xai grok-4.3 1.25 2.5 0.2 - - https://api.x.ai/v1/language-models
groq openai/gpt-oss-120b 0.15 0.6 0.075 - - -
groq llama-3.3-70b-versatile 0.59 0.79 - - - https://console.groq.com/docs/models
cohere command-a-03-2025 2.5 10 - - - -
together meta-llama/Llama-3.3-70B-Instruct-Turbo 1.04 1.04 - - - https://api.together.ai/v1/models
fireworks kimi-k3 3 15 0.3 - - https://api.fireworks.ai/v1/serverless/models
moonshotai kimi-k3 3 15 0.3 3 6 https://platform.kimi.ai/docs/pricing/chat-k3
zai glm-5.3 1.4 4.4 0.26 - - https://docs.z.ai/guides/overview/pricing
perplexity sonar-pro 3 15 - - - -
cerebras gpt-oss-120b 0.35 0.75 - - - https://www.cerebras.ai/blog/openai-gpt-oss-120b-runs-fastest-on-cerebras
openrouter anthropic/claude-opus-4.5 5 25 0.5 6.25 - https://openrouter.ai/models
bedrock anthropic.claude-opus-5 5 25 0.5 6.25 10 https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrockFoundationModels/current/index.json
bedrock us.anthropic.claude-opus-5 5.5 27.5 0.55 6.875 11 https://aws.amazon.com/bedrock/pricing/
google-vertex-ai claude-opus-5 5 25 0.5 6.25 10 https://cloud.google.com/gemini-enterprise-agent-platform/generative-ai/pricing
azure gpt-4o 2.5 10 1.25 - - https://azure.microsoft.com/en-us/pricing/details/cognitive-services/openai-service/
";

fn price(provider: &str, model: &str) -> &'static Price {
    Catalogue::embedded().find(provider, model).price.unwrap_or_else(|| panic!("{provider}/{model}")).price
}

fn rate(dollars: &str) -> Rate {
    Rate::parse(dollars).unwrap()
}

#[test]
fn well_known_models_cost_what_is_published() {
    let mut rows = 0;
    for line in FIGURES.lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split(' ').collect();
        let [provider, model, input, output, read, write, write_1h, _source] = columns[..] else { panic!("{line}") };
        let price = price(provider, model);
        for (unit, expected) in [
            (Unit::Input, input),
            (Unit::Output, output),
            (Unit::CacheRead, read),
            (Unit::CacheWrite5m, write),
            (Unit::CacheWrite1h, write_1h),
        ] {
            let found = price.listed(unit).map_or("-".to_owned(), |rate| rate.to_string());
            assert_eq!(found, expected, "{provider}/{model} {}", unit.as_str());
        }
        rows += 1;
    }
    assert!(rows >= 30);
}

fn cost(price: &Price, tier: ServiceTier, at_ms: u64, buckets: [u64; 6]) -> u64 {
    let [input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning] = buckets;
    let counts = Counts { input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning };
    price.cost(&Bill { tier, ..Bill::new(counts, at_ms) }).unwrap().total_nanos
}

#[test]
fn the_lengths_at_which_models_become_dearer() {
    let standard = |price, buckets| cost(price, ServiceTier::Standard, 0, buckets);
    // Model, the longest request at the usual price, dollars per million before and after.
    for (provider, model, edge, before, after) in [
        ("gemini", "gemini-2.5-pro", 200_000, 1250, 2500),
        ("openai", "gpt-5.6", 272_000, 4000, 8000),
        ("anthropic", "claude-haiku-5-5", 100_000, 100, 500),
        ("xai", "grok-4.7", 200_000, 2000, 4000),
        ("qwencloud", "qwen3-coder-plus", 32_000, 1000, 1800),
        ("qwencloud", "qwen3-coder-plus", 128_000, 1800, 3000),
        ("qwencloud", "qwen3-coder-plus", 256_000, 3000, 6000),
    ] {
        let price = price(provider, model);
        assert_eq!(standard(price, [edge, 0, 0, 0, 0, 0]), edge * before, "{model} at {edge}");
        assert_eq!(standard(price, [edge + 1, 0, 0, 0, 0, 0]), (edge + 1) * after, "{model} above {edge}");
        // The whole input decides, and output becomes dearer with it.
        let long = standard(price, [1, edge, 0, 0, 1000, 0]);
        let short = standard(price, [0, edge, 0, 0, 1000, 0]);
        assert!(long > short + after, "{model}");
    }
}

#[test]
fn tiers_of_service_cost_what_is_published() {
    let price = price("openai", "gpt-5.6");
    let one = [1_000, 0, 0, 0, 0, 0];
    for (tier, each) in [
        (ServiceTier::Standard, 4000),
        (ServiceTier::Batch, 2000),
        (ServiceTier::Flex, 2000),
        (ServiceTier::Priority, 8000),
    ] {
        assert_eq!(cost(price, tier, 0, one), 1000 * each, "{tier:?}");
        assert_eq!(cost(price, tier, 0, [272_001, 0, 0, 0, 0, 0]), 272_001 * each * 2, "{tier:?}");
    }
    let fast = When::tier(ServiceTier::Fast);
    let opus = self::price("anthropic", "claude-opus-5");
    assert_eq!(opus.listed_when(fast, Unit::Output), Some(rate("50")));
}

/// DeepSeek: 01:00–04:00 and 06:00–10:00 UTC from Monday to Friday cost twice as much as all other hours.
#[test]
fn hours_of_the_day_to_the_millisecond() {
    const HOUR: u64 = 3_600_000;
    // Friday, 2026-11-20, 00:00 UTC.
    let friday = 1_795_132_800_000;
    let price = price("deepseek", "deepseek-v4-pro");
    let input = |at_ms| cost(price, ServiceTier::Standard, at_ms, [1, 0, 0, 0, 0, 0]);
    for (hours, before, after) in [(1, 660, 1320), (4, 1320, 660), (6, 660, 1320), (10, 1320, 660)] {
        assert_eq!((input(friday + hours * HOUR - 1), input(friday + hours * HOUR)), (before, after), "{hours}:00");
        assert_eq!(input(friday + 24 * HOUR + hours * HOUR), 660, "Saturday {hours}:00");
    }
    assert_eq!(input(friday + 24 * HOUR - 1), 660);
    // Monday.
    assert_eq!((input(friday + 73 * HOUR - 1), input(friday + 73 * HOUR)), (660, 1320));
    let output = |at_ms| cost(price, ServiceTier::Standard, at_ms, [0, 0, 0, 0, 1, 1]);
    assert_eq!((output(friday), output(friday + HOUR)), (1980, 3960));
}
