//! A simulated LLM provider on a real TCP port: scripted answers, faults, and a record of what it received.
//!
//! It speaks OpenAI Chat Completions, legacy completions, embeddings, models and Responses, Anthropic Messages, Google
//! Gemini and Cohere v2, and refuses what those providers would refuse ([`Settings::strict`]).
//! The model name chooses what happens ([`SCRIPTS`]); options follow after `+`, as in
//! `ok+chunks=400+interval_ms=5+first_ms=20+piece=97`. A prefix such as `openai/` in front of the name is ignored,
//! and so is a name before the script's, as in `gpt-x+tool`.
//! `ids=1` gives Gemini's calls ids, `strictsig=1` demands their signatures back, `reasoning=1` refuses `max_tokens` and
//! sampling as OpenAI's reasoning models do, and `cached=1` says that half of the prompt came from the cache.
//! A prompt with `{{call NAME}}INPUT{{end}}` in it has the scripts that call tools call that one, with that input; a
//! tool called `text` need not exist: they answer with INPUT in words.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use tokenrouter_simulator::{Settings, Simulator};
//! let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await?;
//! println!("{}/v1", simulator.url());
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod anthropic;
mod ask;
mod base64;
mod body;
mod cohere;
mod control;
mod count;
mod fault;
mod gemini;
mod image;
mod openai;
mod ports;
mod problem;
mod record;
mod reply;
mod responses;
mod routes;
mod schema;
mod script;
mod server;
mod settings;
mod shape;
mod sse;
mod state;
mod tools;
mod vector;

pub use ports::free_port;
pub use record::{Call, Ended};
pub use script::SCRIPTS;
pub use server::Simulator;
pub use settings::Settings;
pub use state::Stats;
