//! Asks any provider in any client's format: a request from stdin, through endpoints of any protocol, the next where
//! one fails, and the answer to stdout in the client's own format while it comes.
//!
//! The first argument is the path that the client would ask, which says its protocol; then three words for each
//! endpoint: protocol, base URL, model. The key of endpoint N is in the variable `KEY_N`.
//!
//! ```sh
//! echo '{"model":"any","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"Hello"}]}' |
//!   KEY_1=$GEMINI_API_KEY KEY_2=$OPENAI_API_KEY cargo run -p tokenrouter --example any_to_any -- /v1/messages \
//!     gemini https://generativelanguage.googleapis.com gemini-2.5-flash  openai https://api.openai.com gpt-5-mini
//! ```

use std::env::{args, var};
use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::time::SystemTime;

use tokenrouter::call::{Client, Endpoint, Pool, Timeouts};
use tokenrouter::catalog::BaseUrl;
use tokenrouter::convert::{Asked, Context};
use tokenrouter::surface::Surface;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = args().skip(1).collect();
    let (path, rest) = words.split_first().ok_or("any_to_any PATH (PROTOCOL BASE_URL MODEL)…")?;
    let mut endpoints = Vec::new();
    for ([protocol, url, model], n) in rest.as_chunks().0.iter().zip(1..) {
        let endpoint = Endpoint::new(protocol.parse()?, BaseUrl::parse(url)?, model);
        endpoints.push(match var(format!("KEY_{n}")) {
            Ok(key) => endpoint.with_key(&key)?,
            Err(_) => endpoint,
        });
    }
    let mut body = Vec::new();
    stdin().read_to_end(&mut body)?;
    let (surface, id) = Surface::at(path).ok_or("no such path")?;
    let asked = Asked::at(surface, &id, &body).ok_or("no conversations are held at this path")?;
    let now = SystemTime::UNIX_EPOCH.elapsed()?;
    let context = Context { seed: format!("{:x}", now.as_nanos()), now_s: now.as_secs(), ..Context::default() };

    let pool = Pool::new(Client::new(Timeouts::default(), 1), endpoints);
    match pool.ask(asked, context).await {
        Ok(mut answer) => {
            while let Some(piece) = answer.next().await {
                stdout().write_all(&piece?)?;
                stdout().flush()?;
            }
            writeln!(stderr(), "\nendpoint {} answered: {:?}", answer.endpoint() + 1, answer.end())?;
            Ok(())
        }
        Err(problem) => Err(problem.sentence().into()),
    }
}
