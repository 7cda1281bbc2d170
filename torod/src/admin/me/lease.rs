//! `POST /admin/api/me/lease`: whoever holds a token with a lease says that it is still needed. Nothing is written.

use axum::{Extension, Json};
use tokenrouter_shared::token::LeaseView;

use crate::access::Operator;
use crate::admin::answer::Failure;

/// Begins the term of the caller's own lease anew.
pub async fn renew(Extension(operator): Extension<Operator>) -> Result<Json<LeaseView>, Failure> {
    let lease = match &operator {
        Operator::Token(token) => token.own_lease(),
        Operator::LocalOwner => None,
    };
    let Some(lease) = lease else {
        let advice = "Only a token that was made with `lease_s` has one; those below it end with it.";
        return Err(Failure::new(http::StatusCode::BAD_REQUEST, "no_lease", "This token has no lease.", advice));
    };
    lease.renew().map(Json).ok_or_else(|| {
        let advice = "The run that it was made for is over, or lost touch with the gateway: start a new one.";
        let said = "This token has ended, because nobody renewed its lease.";
        Failure::new(http::StatusCode::UNAUTHORIZED, "lease_ended", said, advice)
    })
}
