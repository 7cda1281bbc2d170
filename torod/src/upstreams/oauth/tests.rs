//! Token servers that answer, refuse and misbehave.

use serde_json::{Value, json};

use super::device::SignInError;
use super::*;

#[path = "../../../tests/token_server/mod.rs"]
#[expect(unreachable_pub, reason = "other tests use it from outside")]
mod scripted;

use scripted::{Asked, Reply};

const NOW: i64 = 1_800_000_000_000;
const PASSWORD: &str = "hunter2:ä";

fn grant(server: &scripted::TokenServer, auth: ClientAuth) -> GrantConfig {
    GrantConfig {
        device_url: Some(server.url("/device")),
        token_url: server.url("/token"),
        client_id: "my client".to_owned(),
        client_secret: None,
        scope: Some("a b".to_owned()),
        audience: None,
        auth,
        egress: crate::config::Egress::default(),
    }
}

fn given() -> Reply {
    Reply::Json(200, json!({"access_token": "tok", "token_type": "bearer", "expires_in": 60, "refresh_token": "next"}))
}

fn refused(status: u16, code: &str) -> Reply {
    Reply::Json(status, json!({"error": code}))
}

#[tokio::test]
async fn a_client_signs_in_in_both_ways() {
    let server = scripted::TokenServer::start(|_| given()).await;
    let clock = Clock::fixed(NOW);
    for (auth, password, header, form) in [
        (ClientAuth::Basic, Some(PASSWORD), Some("Basic bXkrY2xpZW50Omh1bnRlcjIlM0ElQzMlQTQ="), &[][..]),
        (ClientAuth::Post, Some(PASSWORD), None, &[("client_id", "my client"), ("client_secret", PASSWORD)][..]),
        (ClientAuth::Basic, None, None, &[("client_id", "my client")][..]),
    ] {
        let grant = grant(&server, auth);
        let tokens = TokenServer::new(&grant, password.map(Secret::from), &clock).client_credentials().await.unwrap();
        let expected = Tokens { access: "tok".into(), expires_ms: Some(NOW + 60_000), refresh: Some("next".into()) };
        assert_eq!(tokens, expected);
        let asked = server.asked().pop().unwrap();
        assert_eq!((asked.path.as_str(), asked.authorization.as_deref()), ("/token", header));
        let usual = [("grant_type", "client_credentials"), ("scope", "a b")];
        let expected = usual.iter().chain(form).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(asked.form, expected);
    }
    let grant = grant(&server, ClientAuth::Basic);
    TokenServer::new(&grant, None, &clock).refresh(&"old".into()).await.unwrap();
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.field("grant_type"), asked.field("refresh_token")), ("refresh_token", "old"));
    assert_eq!(asked.field("scope"), "", "what was granted stays (RFC 6749 §6)");
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_no_secret_with_it() {
    let elsewhere = scripted::TokenServer::start(|_| given()).await;
    let clock = Clock::fixed(NOW);
    let told = |code: &str, description: &str| json!({"error": code, "error_description": description});
    let long = "x".repeat(300);
    for (reply, expected, is_settled) in [
        (
            Reply::Json(401, told("invalid_client", &format!("the secret {PASSWORD} is\u{1b}[31m wrong\n"))),
            "the token server says `invalid_client`: the secret [secret] is [31m wrong (status 401)".to_owned(),
            true,
        ),
        (
            Reply::Json(200, told("unauthorized_client", "")),
            "the token server says `unauthorized_client` (status 200)".to_owned(),
            false,
        ),
        (
            Reply::Json(400, told("invalid_scope", &long)),
            format!("the token server says `invalid_scope`: {}… (status 400)", "x".repeat(200)),
            true,
        ),
        (
            Reply::Json(403, json!({"error": {"code": "denied", "message": "no"}})),
            "the token server says `denied`: no (status 403)".to_owned(),
            true,
        ),
        (Reply::Json(500, json!({"x": 1})), "the token server says no, with status 500".to_owned(), false),
        (
            Reply::Json(503, told("temporarily_unavailable", "")),
            "the token server says `temporarily_unavailable` (status 503)".to_owned(),
            false,
        ),
        (Reply::Html(200), "the token server answered with status 200 and no JSON: check its URL".to_owned(), false),
        (Reply::Html(502), "the token server answered with status 502 and no JSON: check its URL".to_owned(), false),
        (
            Reply::Json(200, json!([1])),
            "the token server answered with status 200 and no JSON: check its URL".to_owned(),
            false,
        ),
        (
            Reply::Redirect(elsewhere.url("/token")),
            "the token server answered with a redirect (status 302), which is not followed: check its URL".to_owned(),
            false,
        ),
        (Reply::Endless, "the token server's answer is longer than 64 KiB".to_owned(), false),
        (
            Reply::Json(200, json!({"token_type": "bearer"})),
            "the token server's answer has no `access_token` that can be used".to_owned(),
            false,
        ),
        (
            Reply::Json(200, json!({"access_token": "a\r\nx-evil: 1"})),
            "the token server's answer has no `access_token` that can be used".to_owned(),
            false,
        ),
        (
            Reply::Json(200, json!({"access_token": "tok", "token_type": "mac"})),
            "the token server gave a token of type `mac`; only bearer tokens are understood".to_owned(),
            true,
        ),
    ] {
        let server = scripted::TokenServer::start(move |_| reply.clone()).await;
        let grant = grant(&server, ClientAuth::Post);
        let error = TokenServer::new(&grant, Some(PASSWORD.into()), &clock).client_credentials().await.unwrap_err();
        assert_eq!((error.to_string(), error.is_settled()), (expected, is_settled));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert!(elsewhere.asked().is_empty(), "a redirect carries nothing anywhere");
    for (reply, expected) in [(Reply::Hang, "did not answer within 0.05 s"), (Reply::Cut, "cannot be reached")] {
        let server = scripted::TokenServer::start(move |_| reply.clone()).await;
        let grant = grant(&server, ClientAuth::Post);
        let asking = TokenServer::new(&grant, None, &clock).within(Duration::from_millis(50));
        let error = asking.client_credentials().await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.is_settled(), "{error}");
    }
}

fn invitation() -> Value {
    json!({
        "device_code": "dev-hunter2",
        "user_code": "AB\u{1b}CD-EFGH\u{202e}",
        "verification_uri": "https://login.example.com/device",
        "verification_uri_complete": "https://login.example.com/device?user_code=ABCD-EFGH",
        "expires_in": 900,
        "interval": 5,
    })
}

/// Signs in at a server that gives an invitation and then answers by `script`, which counts from 0. What came of it, the
/// seconds that were waited, and the last question.
async fn signed_in(
    invitation: Value,
    script: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Result<Tokens, SignInError>, Vec<u64>, Asked) {
    let server = scripted::TokenServer::start(move |asked| match asked.path.as_str() {
        "/device" => Reply::Json(200, invitation.clone()),
        _ => script(asked.n - 1),
    })
    .await;
    let (clock, grant) = (Clock::fixed(NOW), grant(&server, ClientAuth::Basic));
    let asking = TokenServer::new(&grant, None, &clock).within(Duration::from_secs(2));
    let invitation = asking.invite().await.unwrap();
    assert!(!format!("{invitation:?}").contains("hunter2"));
    let mut waits = Vec::new();
    let done = asking.sign_in(&invitation, async |wait| waits.push(wait.as_secs())).await;
    (done, waits, server.asked().pop().unwrap())
}

#[tokio::test]
async fn a_person_is_waited_for_at_the_pace_of_the_server() {
    let (done, waits, asked) = signed_in(invitation(), |n| match n {
        0 => refused(400, "authorization_pending"),
        1 => refused(400, "slow_down"),
        // GitHub says so with status 200.
        2 => refused(200, "authorization_pending"),
        3 => Reply::Cut,
        _ => given(),
    })
    .await;
    assert_eq!((done.unwrap().access.expose(), waits), ("tok", vec![5, 5, 10, 10, 20]));
    assert_eq!(asked.field("grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!((asked.field("device_code"), asked.field("client_id")), ("dev-hunter2", "my client"));
}

#[tokio::test]
async fn a_sign_in_that_comes_to_nothing_ends() {
    let (done, ..) = signed_in(invitation(), |_| refused(400, "access_denied")).await;
    assert_eq!(done, Err(SignInError::Denied));
    let (done, ..) = signed_in(invitation(), |_| refused(400, "expired_token")).await;
    assert_eq!(done, Err(SignInError::Expired));
    let (done, waits, _) = signed_in(invitation(), |_| {
        Reply::Json(400, json!({"error": "invalid_grant", "error_description": "dev-hunter2"}))
    })
    .await;
    assert_eq!(done.unwrap_err().to_string(), "the token server says `invalid_grant`: [secret] (status 400)");
    assert_eq!(waits, [5]);
    // A server that says forever that it is pending is asked as long as its code is good.
    let mut short = invitation();
    short["expires_in"] = json!(12);
    let (done, waits, _) = signed_in(short, |_| refused(400, "authorization_pending")).await;
    assert_eq!((done, waits), (Err(SignInError::Expired), vec![5, 5, 5]));
}

#[tokio::test]
async fn an_invitation_is_shown_without_what_a_terminal_would_obey() {
    let server = scripted::TokenServer::start(|_| Reply::Json(200, invitation())).await;
    let (clock, grant) = (Clock::fixed(NOW), grant(&server, ClientAuth::Basic));
    let invited = TokenServer::new(&grant, None, &clock).invite().await.unwrap();
    assert_eq!((invited.url.as_str(), invited.user_code.as_str()), ("https://login.example.com/device", "AB CD-EFGH"));
    assert_eq!(server.asked()[0].field("scope"), "a b");
    for (name, value) in [
        ("verification_uri", json!("javascript:alert(1)")),
        ("verification_uri", json!("https://h/\u{1b}]0;x\u{7}")),
        ("user_code", json!("")),
        ("device_code", json!(5)),
    ] {
        let mut odd = invitation();
        odd[name] = value;
        server.does(move |_| Reply::Json(200, odd.clone()));
        let error = TokenServer::new(&grant, None, &clock).invite().await.unwrap_err();
        assert_eq!(error, OAuthError::Missing(name));
    }
}
