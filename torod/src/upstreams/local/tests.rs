//! Where it is looked for model servers of this machine.

use super::*;

fn host(text: &str) -> Option<String> {
    ollama_host(text, 11_434).map(|addr| addr.to_string())
}

#[test]
fn ollama_is_where_its_variable_says_if_that_is_here() {
    for (text, expected) in [
        ("127.0.0.1:9999", "127.0.0.1:9999"),
        ("http://127.0.0.1:9999/", "127.0.0.1:9999"),
        ("localhost", "127.0.0.1:11434"),
        ("127.0.0.1", "127.0.0.1:11434"),
        ("http://localhost", "127.0.0.1:80"),
        (":9999", "127.0.0.1:9999"),
        ("0.0.0.0", "127.0.0.1:11434"),
        (" \"0.0.0.0:9999\" ", "127.0.0.1:9999"),
        ("[::]:9999", "[::1]:9999"),
        ("[::1]", "[::1]:11434"),
        ("::1", "[::1]:11434"),
    ] {
        assert_eq!(host(text).as_deref(), Some(expected), "{text}");
    }
    for text in
        ["gpu-box:11434", "192.168.1.7", "https://127.0.0.1:9999", "127.0.0.1:x", "127.0.0.1:0", "user@127.0.0.1"]
    {
        assert_eq!(host(text), None, "{text}");
    }
}

#[test]
fn it_is_never_looked_at_our_own_port_and_nowhere_twice() {
    let at = |own: u16, env: Env| {
        let places = places(&Presets::default(), SocketAddr::from(([127, 0, 0, 1], own)), env);
        places.iter().map(|(preset, addr)| format!("{} {addr}", preset.id)).collect::<Vec<_>>()
    };
    let all = at(1, |_| None);
    for wanted in
        ["ollama 127.0.0.1:11434", "lmstudio 127.0.0.1:1234", "llama-cpp 127.0.0.1:8080", "vllm 127.0.0.1:8000"]
    {
        assert!(all.contains(&wanted.to_owned()), "{all:?}");
    }
    assert!(!at(8080, |_| None).iter().any(|place| place.ends_with(":8080")));
    assert_eq!(at(1, |_| Some("127.0.0.1:11434".into())), all);
    let told = at(1, |name| (name == "OLLAMA_HOST").then(|| "127.0.0.1:9999".into()));
    assert_eq!(told.len(), all.len() + 1);
    assert!(told.contains(&"ollama 127.0.0.1:9999".to_owned()));
}
