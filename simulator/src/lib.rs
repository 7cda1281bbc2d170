//! A simulated LLM provider on a real TCP port: scripted answers, faults, and a record of what it received.
//!
//! It speaks OpenAI Chat Completions, legacy completions, embeddings, models and Responses, and Anthropic Messages.
//! The model name chooses what happens ([`SCRIPTS`]); options follow after `+`, as in
//! `ok+chunks=400+interval_ms=5+first_ms=20+piece=97`. A prefix such as `openai/` in front of the name is ignored.
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
mod control;
mod count;
mod image;
mod openai;
mod problem;
mod record;
mod reply;
mod responses;
mod routes;
mod schema;
mod script;
mod server;
mod settings;
mod sse;
mod state;
mod tools;

pub use record::{Call, Ended};
pub use script::SCRIPTS;
pub use server::Simulator;
pub use settings::Settings;
pub use state::Stats;
