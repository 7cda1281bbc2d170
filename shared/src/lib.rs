//! The words that the daemon and its clients both say. Types and their text forms only: no I/O, no clock.

pub mod alert;
pub mod attempt;
pub mod audit;
pub mod budget;
pub mod budget_text;
pub mod change;
pub mod conversation;
pub mod figures;
pub mod gateway;
pub mod ids;
pub mod label;
pub mod limits;
pub mod live;
pub mod log;
pub mod lossy;
pub mod model;
pub mod money;
pub mod page;
pub mod problem;
pub mod provider;
pub mod quota;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod reprice;
pub mod role;
pub mod route;
pub mod routing;
pub mod run;
pub mod secret;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod token;
pub mod usage;
pub mod usage_of;
pub mod window;

pub use ids::{AttemptId, ExchangeId};
pub use label::Labels;
pub use limits::{Budget, BudgetUnit, Limits, ModelRights, Window};
pub use lossy::Lossy;
pub use page::Page;
pub use problem::Problem;

pub use role::Role;
pub use secret::Secret;
