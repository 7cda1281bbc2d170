//! Google's usage object: the prompt includes what was cached, the candidates exclude the thoughts.

use memchr::memmem;

use super::lenient::Lenient;
use super::parts;
use crate::count::{Counts, Media, Report, ServiceTier};
use crate::walk;

/// Reads it; none if it holds no number. It comes with every event of a stream, so what was not text is looked for only
/// where there is some.
pub(in crate::count) fn read(json: &[u8]) -> Option<Report> {
    let (mut prompt, mut candidates, mut thoughts, mut tools, mut cached) = <(Lenient, Lenient, _, _, _)>::default();
    let [mut of_prompt, mut of_candidates, mut of_tools, mut of_cached]: [Modalities; 4] = Default::default();
    let mut tier = ServiceTier::default();
    for (name, value) in walk::top(json) {
        match name {
            b"promptTokenCount" => prompt = Lenient::of(value),
            b"candidatesTokenCount" | b"responseTokenCount" => candidates = Lenient::of(value),
            b"thoughtsTokenCount" => thoughts = Lenient::of(value),
            b"toolUsePromptTokenCount" => tools = Lenient::of(value),
            b"cachedContentTokenCount" => cached = Lenient::of(value),
            b"promptTokensDetails" => of_prompt = Modalities::of(value),
            b"candidatesTokensDetails" | b"responseTokensDetails" => of_candidates = Modalities::of(value),
            b"toolUsePromptTokensDetails" => of_tools = Modalities::of(value),
            b"cacheTokensDetails" => of_cached = Modalities::of(value),
            b"serviceTier" | b"trafficType" => tier = tier.max(super::tier(value)),
            _ => {}
        }
    }
    if prompt.0.is_none() && candidates.0.is_none() {
        return None;
    }
    let number = |count: Lenient| count.0.unwrap_or(0);
    let input = number(prompt).saturating_add(number(tools));
    let cache_read = number(cached).min(input);
    let reasoning = number(thoughts);
    let counts = Counts {
        input_uncached: input - cache_read,
        cache_read,
        output: number(candidates).saturating_add(reasoning),
        reasoning,
        ..Counts::default()
    };
    let audio = parts(of_prompt.audio.saturating_add(of_tools.audio), of_cached.audio, &counts);
    let image = parts(of_prompt.image.saturating_add(of_tools.image), of_cached.image, &counts);
    let media = Media {
        audio_in: audio.0,
        audio_cached: audio.1,
        audio_out: of_candidates.audio,
        image_in: image.0,
        image_cached: image.1,
        image_out: of_candidates.image,
        ..Media::default()
    };
    Some(Report { media: media.within(&counts), tier, ..Report::of(counts) })
}

/// Tokens by what they stood for; film and documents are paid for as text.
#[derive(Clone, Copy, Debug, Default)]
struct Modalities {
    audio: u64,
    image: u64,
}

impl Modalities {
    fn of(json: &[u8]) -> Self {
        let mut sums = Self::default();
        if memmem::find(json, b"AUDIO").is_none() && memmem::find(json, b"IMAGE").is_none() {
            return sums;
        }
        for element in walk::elements(json) {
            let (mut modality, mut tokens) = (&b""[..], 0);
            for (name, value) in walk::top(element) {
                match name {
                    b"modality" => modality = value,
                    b"tokenCount" => tokens = Lenient::of(value).0.unwrap_or(0),
                    _ => {}
                }
            }
            match modality {
                b"\"AUDIO\"" => sums.audio = sums.audio.saturating_add(tokens),
                b"\"IMAGE\"" => sums.image = sums.image.saturating_add(tokens),
                _ => {}
            }
        }
        sums
    }
}

/// How often the answer or event `json` says that the web was searched: by the prompt before Gemini 3, by the query from
/// then on.
pub(in crate::count) fn searches(json: &[u8]) -> u64 {
    if memmem::find(json, b"\"webSearchQueries\"").is_none() {
        return 0;
    }
    let (mut queries, mut by_prompt) = (0_u64, false);
    for (name, value) in walk::top(json) {
        match name {
            b"modelVersion" => by_prompt = value.starts_with(b"\"gemini-2") || value.starts_with(b"\"gemini-1"),
            b"candidates" => {
                let grounding =
                    walk::elements(value).filter_map(|candidate| walk::last(candidate, "groundingMetadata"));
                let asked = grounding.filter_map(|data| walk::last(data, "webSearchQueries"));
                queries = asked.map(|queries| walk::elements(queries).count() as u64).sum();
            }
            _ => {}
        }
    }
    if by_prompt { queries.min(1) } else { queries }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_images_and_tiers() {
        let json = br#"{"promptTokenCount":1000,"candidatesTokenCount":1300,"cachedContentTokenCount":400,"totalTokenCount":2350,
            "thoughtsTokenCount":50,"trafficType":"ON_DEMAND_FLEX",
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":300},{"modality":"AUDIO","tokenCount":500},{"modality":"IMAGE","tokenCount":200}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":400}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290},{"tokenCount":7}]}"#;
        let report = read(json).unwrap();
        let Report { counts, media, tier, .. } = report;
        assert_eq!((counts.input_uncached, counts.cache_read, counts.output, counts.reasoning), (600, 400, 1350, 50));
        assert_eq!((media.audio_in, media.audio_cached, media.image_in, media.image_out), (100, 400, 200, 1290));
        assert_eq!((tier, counts.total()), (ServiceTier::Flex, 2350));
        assert!(
            read(br#"{"promptTokenCount":3,"promptTokensDetails":[{"modality":"TEXT","tokenCount":3}]}"#)
                .unwrap()
                .is_plain()
        );
        assert_eq!(read(br#"{"promptTokenCount":1,"serviceTier":"priority"}"#).unwrap().tier, ServiceTier::Priority);
    }

    #[test]
    fn searches_are_counted_as_they_are_paid() {
        let answer = |model: &str| {
            format!(
                r#"{{"candidates":[{{"groundingMetadata":{{"webSearchQueries":["a","b, c"],"x":1}}}}],"modelVersion":"{model}"}}"#
            )
        };
        assert_eq!(searches(answer("gemini-2.5-pro").as_bytes()), 1);
        assert_eq!(searches(answer("gemini-3-pro").as_bytes()), 2);
        assert_eq!(searches(br#"{"candidates":[{"content":"say \"webSearchQueries\""}]}"#), 0);
    }
}
