//! Reports for the person who pays: what is asked, by whom, and what is answered; over `store/figures` and `store/attempts`.
//!
//! [`asked`] settles once for all reports whose usage is seen: a keymaster's own subtree is put around every question before
//! it reaches the database, so that no filter, count or list leads beyond it. The other files are one report each.

pub mod asked;
pub mod cache;
pub mod csv;
pub mod dimensions;
pub mod errors;
pub mod export;
pub mod figures;
pub mod forecast;
pub mod movers;
pub mod names;
pub mod outlook;
pub mod own;
pub mod requests;
pub mod span;

use tokenrouter_shared::Problem;

use crate::access::issue::IssueError;
use crate::store::StoreError;

/// Groups that are looked at where the report itself chooses among them.
pub const MOST_GROUPS: usize = 20_000;
/// The most rows of an answer.
pub const MOST_ROWS: usize = 1_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The question makes no sense; what is wrong with it.
    #[error("{0}")]
    Unclear(String),
    /// There is no such request, or whoever asks may not know of it.
    #[error("there is no request `{0}`")]
    NoRequest(String),
    /// A token that is not there, or the database.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<StoreError> for ReportError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(why) => Self::Unclear(why),
            error => Self::Issue(error.into()),
        }
    }
}

impl ReportError {
    /// As whoever asked is told.
    pub fn problem(&self) -> Problem {
        let told = |code: &'static str, message: String, advice: &'static str| Problem {
            code: code.into(),
            message,
            advice: advice.into(),
            ..Problem::default()
        };
        match self {
            Self::Unclear(why) => told("bad_request", sentence(why), "The OpenAPI document lists what can be asked."),
            Self::NoRequest(_) => told(
                "request_not_found",
                sentence(&self.to_string()),
                "Ids of requests are in `x-request-id` of every answer, and in `torod usage requests`.",
            ),
            Self::Issue(error) => error.problem(),
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
