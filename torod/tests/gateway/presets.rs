//! Presets at work: those that serve without a key, and those that the operator describes.

use std::fmt::Write as _;

use tokenrouter::catalog::Preset;
use tokenrouter_simulator::{Settings, Simulator};

use crate::support::{TestDaemon, port_zero, until};

async fn provider(models: &[&str]) -> Simulator {
    let models = models.iter().map(|model| (*model).to_owned()).collect();
    Simulator::start(port_zero(), Settings { models, ..Settings::default() }).await.unwrap()
}

/// A configuration in which no known provider serves without a key: nothing leaves this machine.
fn without_ours() -> String {
    let mut text = String::new();
    for preset in Preset::all().filter(|preset| preset.public) {
        writeln!(text, "[presets.{}]\nprotocols = {{ openai = \"http://127.0.0.1:9/v1\" }}", preset.id).unwrap();
    }
    assert!(!text.is_empty());
    text
}

async fn models(daemon: &TestDaemon) -> String {
    daemon.get("/v1/models").await.text()
}

#[tokio::test]
async fn row_65_what_serves_without_a_key_is_used_when_the_file_says_so() {
    let open = provider(&["good-free", "paid"]).await;
    let text = |flag| {
        format!(
            "auto_enable_public_free_models = {flag}\n[presets.open]\nprotocols = {{ openai = \"{}/v1\" }}\npublic = true\n\
             free_models = [\"*-free\"]\n{}",
            open.url(),
            without_ours()
        )
    };
    let off = TestDaemon::with(&text(false), "").await;
    let listed = models(&off).await;
    assert!(!listed.contains("good-free") && listed.contains("\"data\""), "{listed}");
    assert_eq!(off.chat("open/good-free", "").await.status, 404);
    assert!(open.calls().is_empty(), "nobody was asked");
    off.stop().await;

    let on = TestDaemon::with(&text(true), "").await;
    until("the models that cost nothing are listed", || async { models(&on).await.contains("good-free") }).await;
    assert!(!models(&on).await.contains("paid"), "what needs a key is not offered");
    open.clear();
    assert_eq!(on.chat("open/good-free", "").await.status, 200);
    let calls = open.calls();
    let carries_a_key =
        |name: &str| ["authorization", "x-api-key", "api-key"].contains(&name.to_ascii_lowercase().as_str());
    assert!(calls.len() == 1 && !calls[0].headers.iter().any(|(name, _)| carries_a_key(name)), "{calls:?}");
    on.stop().await;
    open.stop().await;
}

#[tokio::test]
async fn row_135_a_preset_of_the_operator_says_where_how_and_which() {
    let other = provider(&["asked"]).await;
    let url = other.url();
    let text = format!(
        "[presets.groq]\nprotocols = {{ openai = {{ url = \"{url}/v1\", auth = \"api-key\" }} }}\nmodels_url = \"none\"\nmodels = [\"ok\"]\n\
         [presets.elsewhere]\nprotocols = {{ openai = \"{url}/here/v1\" }}\nmodels_url = \"{url}/v1/models\"\n"
    );
    let two = "[[providers]]\nname = \"quiet\"\nprovider_type = \"groq\"\napi_key = \"sk-quiet-0123456789\"\n\
               [[providers]]\nname = \"moved\"\nprovider_type = \"elsewhere\"\n";
    let daemon = TestDaemon::with(&text, two).await;
    let listed = models(&daemon).await;
    assert!(listed.contains("quiet") && listed.contains("asked"), "{listed}");
    assert_eq!(daemon.chat("quiet/ok", "").await.status, 200);
    let calls = other.calls();
    let call = calls.iter().find(|call| !call.body.is_empty()).unwrap();
    let value = |wanted: &str| call.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!((value("api-key"), value("authorization")), (Some("sk-quiet-0123456789"), None));
    // One list was asked for, and not that of the provider that has none.
    assert_eq!(calls.iter().filter(|call| call.body.is_empty()).count(), 1, "{calls:?}");
    daemon.stop().await;
    other.stop().await;
}
