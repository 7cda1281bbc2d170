//! Signs messages as the Standard Webhooks specification has it, so that receivers know who sent them, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How secrets begin that the specification's libraries make.
const PREFIX: &str = "whsec_";

/// The value of `webhook-signature` for a message; none where the secret is empty.
pub(super) fn sign(secret: &str, message_id: &str, at_s: i64, body: &str) -> Option<String> {
    let key = key(secret);
    if key.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{message_id}.{at_s}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// What is behind the prefix is base64; anything else is the key itself.
fn key(secret: &str) -> Zeroizing<Vec<u8>> {
    let decoded = secret.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
    Zeroizing::new(decoded.unwrap_or_else(|| secret.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_so() {
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(
            sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, at, body).as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        let plain = sign("a plain secret", id, at, body);
        assert!(plain.is_some() && plain != sign("another", id, at, body));
        assert_eq!(sign("", id, at, body), None);
        assert_eq!(sign("whsec_", id, at, body), None);
    }
}
