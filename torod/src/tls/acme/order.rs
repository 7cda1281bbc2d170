//! One order: the account, the proof that the names are ours, and the certificate.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokenrouter::call::{Client, Timeouts};

use super::super::challenge::Challenges;
use super::super::error::TlsError;
use super::super::{files, selfsigned};
use super::call::Caller;
use super::{ACCOUNT, Acme};
use crate::config::AcmeChallenge;

/// How long a CA may take to look at what proves that a name is ours, and to sign.
const POLL: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));
/// What a CA's errors begin with.
const ERRORS: &str = "urn:ietf:params:acme:error:";
/// How long to wait for a CA that has had too much and does not say for how long.
const LIMITED_MS: i64 = 60 * 60 * 1_000;

/// Takes the challenges away again, however the order ends.
struct Proof<'a>(&'a Challenges);

impl Drop for Proof<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Orders a certificate: the chain in PEM, then its key.
pub(super) async fn order(acme: &Acme, failures: u32) -> Result<String, TlsError> {
    let wait_ms = Arc::<AtomicI64>::default();
    let fail = |error: Error| explain(acme, error, wait_ms.load(Ordering::Relaxed));
    let identifiers: Vec<Identifier> = acme.names.iter().cloned().map(Identifier::Dns).collect();
    let wanted = NewOrder::new(&identifiers);
    let account = account(acme, &wait_ms).await?;
    let mut order = match account.new_order(&wanted).await {
        // Whoever set up a CA anew knows nobody any more.
        Err(Error::Api(problem)) if is(&problem, "accountDoesNotExist") => {
            let path = acme.folder.join(ACCOUNT);
            fs::remove_file(&path).map_err(|e| TlsError::Unwritable(path, e))?;
            self::account(acme, &wait_ms).await?.new_order(&wanted).await.map_err(fail)?
        }
        other => other.map_err(fail)?,
    };
    let _proof = Proof(&acme.challenges);
    prove(acme, &mut order, kind(acme, failures)).await.map_err(|unproven| match unproven {
        Unproven::Acme(error) => fail(error),
        Unproven::Here(why) => TlsError::Unmade(why),
    })?;
    match order.poll_ready(&POLL).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(TlsError::Acme(refused(&mut order, None).await)),
        // A CA that is busy says nothing of the names.
        Err(Error::Api(problem)) if !is(&problem, "rateLimited") && !is(&problem, "serverInternal") => {
            return Err(TlsError::Acme(refused(&mut order, Some(&problem)).await));
        }
        Err(error) => return Err(fail(error)),
    }
    let unmade = |e: rcgen::Error| TlsError::Unmade(e.to_string());
    let mut params = CertificateParams::new(acme.names.clone()).map_err(unmade)?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().map_err(unmade)?;
    let request = params.serialize_request(&key).map_err(unmade)?;
    order.finalize_csr(request.der()).await.map_err(fail)?;
    let mut chain = order.poll_certificate(&POLL).await.map_err(fail)?;
    if !chain.ends_with('\n') {
        chain.push('\n');
    }
    Ok(chain + &key.serialize_pem())
}

/// Which challenge is taken on.
fn kind(acme: &Acme, failures: u32) -> ChallengeType {
    match acme.challenge {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        // One of the ports may not be reached from outside: in turn.
        AcmeChallenge::Auto if acme.challenges.is_asked_by_http() && failures % 2 == 1 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 | AcmeChallenge::Auto => ChallengeType::TlsAlpn01,
    }
}

/// The account at the CA, made at the first order.
async fn account(acme: &Acme, wait_ms: &Arc<AtomicI64>) -> Result<Account, TlsError> {
    let fail = |error: Error| explain(acme, error, wait_ms.load(Ordering::Relaxed));
    let timeouts = Timeouts {
        connect: Duration::from_secs(10),
        first_byte: Duration::from_secs(30),
        idle: Duration::from_secs(30),
    };
    let mut client = Client::guarded(timeouts, 1, acme.guard.clone());
    if let Some(root) = &acme.root {
        let pem = files::bytes(root)?;
        client = client.trusting(&pem).map_err(|e| TlsError::Garbled(root.clone(), e.to_string()))?;
    }
    let caller = Caller { client: Arc::new(client), wait_ms: Arc::clone(wait_ms) };
    let builder = Account::builder_with_http(Box::new(caller));
    let path = acme.folder.join(ACCOUNT);
    match fs::read(&path) {
        Ok(bytes) => {
            let credentials =
                serde_json::from_slice(&bytes).map_err(|e| TlsError::Garbled(path.clone(), e.to_string()))?;
            builder.from_credentials(credentials).await.map_err(fail)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
            let contact: Vec<&str> = contact.as_deref().into_iter().collect();
            let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
            let made = builder.create(&wanted, acme.directory.clone(), None).await;
            let (account, credentials) = made.map_err(fail)?;
            let bytes = serde_json::to_vec(&credentials).map_err(|e| TlsError::Unmade(e.to_string()))?;
            selfsigned::keep(&path, &bytes)?;
            Ok(account)
        }
        Err(e) => Err(TlsError::Unreadable(path, e)),
    }
}

enum Unproven {
    Acme(Error),
    Here(String),
}

/// Puts up what proves that the names are ours, and has the CA look.
async fn prove(acme: &Acme, order: &mut Order, kind: ChallengeType) -> Result<(), Unproven> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(Unproven::Acme)?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let host = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(kind.clone()) else {
            return Err(Unproven::Here(format!("the CA does not offer the challenge {kind:?} for {host}")));
        };
        let answer = challenge.key_authorization();
        match kind {
            ChallengeType::Http01 => {
                acme.challenges.put_text(challenge.token.clone(), answer.as_str().to_owned());
            }
            _ => acme.challenges.put_certificate(&host, answer.digest().as_ref()).map_err(Unproven::Here)?,
        }
        challenge.set_ready().await.map_err(Unproven::Acme)?;
    }
    Ok(())
}

/// Why the CA believes that a name is not ours, in its own words.
async fn refused(order: &mut Order, problem: Option<&Problem>) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() || authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let host = authorization.identifier().to_string();
        for error in authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref()) {
            said.push(format!("{host}: {}", words(error)));
        }
    }
    if said.is_empty() {
        said.extend(problem.map(words));
    }
    let why = if said.is_empty() { "it does not say why".to_owned() } else { said.join("; ") };
    format!(
        "the CA could not see that the names are ours ({why}). Look that they lead to this machine, and that port 80 or 443 \
         of it is reached from outside"
    )
}

fn is(problem: &Problem, kind: &str) -> bool {
    problem.r#type.as_deref().and_then(|full| full.strip_prefix(ERRORS)) == Some(kind)
}

/// What a CA said, without what would disturb a terminal or a log.
fn words(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix(ERRORS).unwrap_or(kind);
    let said = problem.detail.as_deref().unwrap_or_default();
    let inner = problem.subproblems.iter().filter_map(|inner| inner.detail.as_deref());
    let all = std::iter::once(said).chain(inner).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    let text = if all.is_empty() { kind.to_owned() } else { format!("{all} [{kind}]") };
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}

fn explain(acme: &Acme, error: Error, wait_ms: i64) -> TlsError {
    match error {
        Error::Api(problem) if is(&problem, "rateLimited") => {
            TlsError::Limited { said: words(&problem), wait_ms: if wait_ms > 0 { wait_ms } else { LIMITED_MS } }
        }
        Error::Api(problem) => TlsError::Acme(format!("the CA refused: {}", words(&problem))),
        Error::Json(_) => {
            TlsError::Acme(format!("what answers at {} is no ACME server, or is out of order", acme.directory))
        }
        Error::Timeout(_) => TlsError::Acme("the CA took too long to decide".to_owned()),
        other => {
            let why: String = other.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
            TlsError::Acme(format!("the CA at {} cannot be asked: {why}", acme.directory))
        }
    }
}
