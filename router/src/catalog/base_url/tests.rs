//! What is a base URL, what is none, and that every URL made of one has exactly the version that it should.

use proptest::prelude::*;

use super::*;

fn joined(base: &str, protocol: Protocol, tail: &str) -> String {
    BaseUrl::parse(base).unwrap().join(protocol, tail)
}

#[test]
fn works_with_and_without_version() {
    for (base, protocol, tail, expected) in [
        ("https://api.openai.com", Protocol::OpenAi, "/chat/completions", "https://api.openai.com/v1/chat/completions"),
        (
            "https://api.openai.com/v1",
            Protocol::OpenAi,
            "/chat/completions",
            "https://api.openai.com/v1/chat/completions",
        ),
        ("https://api.openai.com/v1/", Protocol::OpenAi, "/v1/models", "https://api.openai.com/v1/models"),
        (
            "https://API.z.ai/api/paas/v4",
            Protocol::OpenAi,
            "chat/completions",
            "https://api.z.ai/api/paas/v4/chat/completions",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            Protocol::OpenAi,
            "/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (
            "https://generativelanguage.googleapis.com",
            Protocol::Gemini,
            "/models/g:generateContent?alt=sse",
            "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent?alt=sse",
        ),
        ("https://api.cohere.com", Protocol::Cohere, "/chat", "https://api.cohere.com/v2/chat"),
        ("http://127.0.0.1:11434", Protocol::OpenAi, "/models", "http://127.0.0.1:11434/v1/models"),
        ("http://[::1]:8080//a/", Protocol::Anthropic, "/messages", "http://[::1]:8080/a/v1/messages"),
        ("https://h:443", Protocol::OpenAi, "", "https://h/v1"),
        ("https://h/vault", Protocol::OpenAi, "/v1?x=1", "https://h/vault/v1?x=1"),
    ] {
        assert_eq!(joined(base, protocol, tail), expected, "{base} + {tail}");
    }
}

#[test]
fn refuses_what_is_no_base_url() {
    for (text, error) in [
        ("", BaseUrlError::Scheme),
        ("api.openai.com", BaseUrlError::Scheme),
        ("ftp://h", BaseUrlError::Scheme),
        ("file:///etc/passwd", BaseUrlError::Scheme),
        ("https://", BaseUrlError::Host),
        ("https://a..b", BaseUrlError::Host),
        ("https://{resource}.example.com", BaseUrlError::Host),
        ("https://h h", BaseUrlError::Host),
        ("https://[::1", BaseUrlError::Host),
        ("https://[::1]x", BaseUrlError::Host),
        ("https://user:secret@h/v1", BaseUrlError::UserInfo),
        ("https://h/v1?key=1", BaseUrlError::Query),
        ("https://h?key=1", BaseUrlError::Query),
        ("https://h/#a", BaseUrlError::Fragment),
        ("https://h:0", BaseUrlError::Port),
        ("https://h:65536", BaseUrlError::Port),
        ("https://h:", BaseUrlError::Port),
        ("https://h:+80", BaseUrlError::Port),
        ("https://h/a b", BaseUrlError::Path),
        ("https://h/../x", BaseUrlError::Path),
        ("https://h/%2E%2e/x", BaseUrlError::Path),
        ("https://h/{account}", BaseUrlError::Path),
        ("https://h/a\r\nx: y", BaseUrlError::Path),
    ] {
        assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
    }
    assert_eq!(BaseUrl::parse(&format!("https://h/{}", "a".repeat(2048))), Err(BaseUrlError::TooLong));
}

#[test]
fn knows_this_machine() {
    for (text, expected) in [
        ("http://localhost:1", true),
        ("http://127.8.9.1", true),
        ("http://[::1]", true),
        ("http://localhost.example.com", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(BaseUrl::parse(text).unwrap().is_loopback(), expected, "{text}");
    }
}

fn versions(url: &str) -> usize {
    url.split('?').next().unwrap_or("").split('/').filter(|s| is_version(s)).count()
}

proptest! {
    #[test]
    fn always_exactly_one_version(
        parts in prop::collection::vec("[a-z]{1,6}", 0..3),
        version in prop::option::of(prop::sample::select(vec!["v1", "v2", "v3", "v4", "v1beta", "v1alpha", "v1beta1"])),
        at in 0_usize..4,
        slash in any::<bool>(),
        protocol in prop::sample::select(Protocol::ALL.to_vec()),
        lead in prop::sample::select(vec!["", "/", "/v1/", "v2/", "/v1beta/"]),
        tail in prop::sample::select(vec!["chat/completions", "messages", "models?limit=1000", "models/a:generateContent"]),
    ) {
        let mut parts = parts;
        if let Some(version) = version {
            parts.insert(at.min(parts.len()), version.to_owned());
        }
        prop_assume!(parts.iter().filter(|p| is_version(p)).count() <= 1);
        let base = format!("https://h.example/{}{}", parts.join("/"), if slash { "/" } else { "" });
        let url = BaseUrl::parse(&base).unwrap().join(protocol, &format!("{lead}{tail}"));
        prop_assert_eq!(versions(&url), 1, "{}", url);
        prop_assert!(url.ends_with(tail));
        prop_assert!(!url.trim_start_matches("https://").contains("//"));
    }

    #[test]
    fn never_panics_and_reads_back_what_it_wrote(text in ".{0,60}", rest in "[ -~]{0,30}") {
        let _ = BaseUrl::parse(&text);
        if let Ok(base) = BaseUrl::parse(&format!("https://{rest}")) {
            prop_assert_eq!(BaseUrl::parse(&base.to_string()), Ok(base));
        }
    }
}
