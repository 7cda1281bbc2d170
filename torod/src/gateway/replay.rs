//! Requests that an operator sends once more, through the gateway as if a client had: with the rights, budgets and rates of
//! a token, and on its bill.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};
use tokenrouter::error::{Kind, Problem};
use tokenrouter_shared::money::dollars;

use super::asker::Asker;
use super::entry::{self, Call};
use super::in_path::InPath;
use super::request_id::RequestId;
use super::{quota, reject, watch};
use crate::access::rate;
use crate::app::App;
use crate::conversations::replay::{Again, DEAR, Gateway};
use crate::conversations::watch::{Opened, Watch, Watched};
use crate::problem;

/// The longest answer that is waited for, in bytes: many times what is kept of one.
const MOST_BYTES: usize = 64 << 20;
/// So long an answer may take: nobody looks at a page for longer.
const LONGEST: Duration = Duration::from_mins(10);

/// The gateway, for operators.
pub struct Replays(pub Arc<App>);

impl Gateway for Replays {
    fn ask(&self, again: Again) -> Pin<Box<dyn Future<Output = Result<Watched, Problem>> + Send>> {
        Box::pin(ask(Arc::clone(&self.0), again))
    }
}

async fn ask(app: Arc<App>, again: Again) -> Result<Watched, Problem> {
    let Again { caller, surface, path: (model, stream), body, most_nanos } = again;
    let in_flight = app.lifecycle.enter();
    let live = app.live.load();
    let now_ms = app.clock.now_ms();
    let exchange_id = app.ids.exchange(now_ms);
    let headers = HeaderMap::new();
    if app.lifecycle.is_draining() {
        return Err(problem::draining());
    }
    if app.lifecycle.in_flight() > live.limits.concurrent {
        return Err(reject::full("requests", live.limits.concurrent, "limits.concurrent"));
    }
    let places = rate::let_in(&caller, &app.pace, &live.limits, &app.clock)?;
    let opened = Opened {
        id: exchange_id.0,
        now_ms,
        token: caller.token().cloned(),
        path: (model.as_str().into(), stream, false),
        body: body.clone(),
        ..Opened::default()
    };
    let (watch, watched) = Watch::alone(Arc::clone(&app.conversations), surface, opened);
    let mut call = Call {
        request_id: RequestId::of(&headers, exchange_id.0),
        app: Arc::clone(&app),
        surface,
        purpose: None,
        now_ms,
        exchange_id,
        in_flight: Some(in_flight),
        places,
        caller,
        asker: Asker::default(),
        headers,
        in_path: InPath { model, stream, ..InPath::default() },
        body,
        read_at: None,
        trace: None,
        target: None,
        watch: Some(Arc::clone(&watch)),
    };
    if let Some(most) = most_nanos {
        let may_cost = quota::at_most(&call, &live);
        if may_cost > most {
            let said = format!("this may cost up to {}", dollars(may_cost));
            return Err(Problem::new(
                Kind::BadRequest,
                DEAR,
                said,
                "Send it with `confirm` (--yes) to have it done all the same.",
            ));
        }
    }
    drop(live);
    let whole = async move {
        let response = watch::hear(&watch, entry::run(&mut call).await);
        drop((call, watch));
        let mut body = Limited::new(response.into_body(), MOST_BYTES);
        while let Some(Ok(_)) = body.frame().await {}
        drop(body);
        watched.await
    };
    match tokio::time::timeout(LONGEST, whole).await {
        Ok(Ok(watched)) => Ok(watched),
        Ok(Err(_)) => Err(Problem::new(Kind::Internal, "replay_lost", "the answer was lost", "Try again.")),
        Err(_) => {
            let said = format!("the answer was not there after {} minutes", LONGEST.as_secs() / 60);
            let help = format!("What came of it stands among the requests, as {exchange_id}.");
            Err(Problem::new(Kind::UpstreamTimeout, "replay_too_long", said, help))
        }
    }
}
