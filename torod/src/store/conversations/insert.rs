//! Keeps exchanges: the conversation that each belongs to, its pieces, and its words for the index.

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::super::StoreError;
use super::group::{self, Chain, Signs};
use super::pack::pack;
use super::pieces::{self, Piece};

/// One request with its answer, ready to be kept: nothing secret is left in it.
#[derive(Clone, Debug, Default)]
pub struct NewExchange {
    /// The exchange's id.
    pub id: i64,
    /// What its conversation is found by.
    pub signs: Signs,
    /// The token's public id.
    pub token: Option<String>,
    /// The name that it has.
    pub token_name: String,
    /// The program that asked.
    pub agent: Option<String>,
    /// The session that its session was begun by.
    pub parent_session: Option<String>,
    /// What a conversation that begins with it is called.
    pub title: String,
    /// The client's own id of the request.
    pub given_id: Option<String>,
    /// What an agent made it for by itself.
    pub internal: Option<&'static str>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: i64,
    /// Until the first byte of the answer, in microseconds.
    pub first_byte_us: i64,
    /// Which surface the client used.
    pub surface: &'static str,
    /// What the client speaks.
    pub client_protocol: &'static str,
    /// What the provider speaks.
    pub upstream_protocol: &'static str,
    /// What Gemini's clients say in the path.
    pub path: String,
    /// The model as asked for.
    pub model_asked: String,
    /// The model as its provider knows it.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// The status that the client got.
    pub status: u16,
    /// How it ended.
    pub outcome: &'static str,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// How many calls it took.
    pub attempts: u32,
    /// LLM tokens: uncached, read, written, output, reasoning.
    pub counts: [i64; 5],
    /// Whether these are an estimate.
    pub estimated: bool,
    /// What it cost, in nano-dollars.
    pub cost_nanos: i64,
    /// The error that the client was told.
    pub error: Option<String>,
    /// Messages in the request.
    pub messages: u32,
    /// Of the request's messages.
    pub chain: Option<Chain>,
    /// The same with the answer, where it came to its end.
    pub answer_chain: Option<Chain>,
    /// By which later requests name the answer.
    pub answer_id: Option<String>,
    /// The request.
    pub request: Vec<Piece>,
    /// The answer.
    pub answer: Vec<Piece>,
    /// Whether a part of the answer is missing already.
    pub answer_is_cut: bool,
    /// What people read of it: what is new from a message on, each with the number of its message.
    pub asked_words: Vec<(u32, String)>,
    /// The same of the answer.
    pub answer_words: String,
}

/// Keeps `all` in one transaction. Of each side of an exchange at most `most` new bytes.
pub fn insert(connection: &mut Connection, all: &[NewExchange], most: usize) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    for exchange in all {
        keep(&transaction, exchange, most)?;
    }
    transaction.commit()?;
    Ok(())
}

fn keep(connection: &Connection, new: &NewExchange, most: usize) -> Result<(), StoreError> {
    let is_there = connection
        .prepare_cached("SELECT 1 FROM exchange WHERE id = ?1")?
        .query_row([new.id], |_| Ok(()))
        .optional()?;
    if is_there.is_some() {
        return Ok(());
    }
    let mut place = group::place(connection, &new.signs)?;
    place.new_from = place.new_from.min(new.messages);
    let conversation = match place.conversation {
        Some(conversation) => conversation,
        None => begin(connection, new)?,
    };
    let request = pieces::store(connection, conversation, &new.request, most)?;
    let answer = pieces::store(connection, conversation, &new.answer, most)?;
    let words = words(new, place.new_from);
    let packed = pack(words.as_bytes());
    let cut = i64::from(request.is_cut) | i64::from(answer.is_cut || new.answer_is_cut) << 1;
    let [input_uncached, cache_read, cache_write, output, reasoning] = new.counts;
    connection
        .prepare_cached(
            "INSERT INTO exchange (id, conversation_id, parent_id, given_id, internal, started_ms, total_us, first_byte_us,
                surface, client_protocol, upstream_protocol, path, model_asked, model, provider, status, outcome, stream,
                attempts, input_uncached, cache_read, cache_write, output, reasoning, estimated, cost_nanos, error, cut,
                messages, new_from, chain, answer_chain, answer_id, request, answer, words)
             VALUES (:id, :conversation, :parent, :given_id, :internal, :started_ms, :total_us, :first_byte_us,
                :surface, :client_protocol, :upstream_protocol, :path, :model_asked, :model, :provider, :status, :outcome,
                :stream, :attempts, :input_uncached, :cache_read, :cache_write, :output, :reasoning, :estimated,
                :cost_nanos, :error, :cut, :messages, :new_from, :chain, :answer_chain, :answer_id, :request, :answer,
                :words)",
        )?
        .execute(named_params! {
            ":id": new.id,
            ":conversation": conversation,
            ":parent": place.parent,
            ":given_id": new.given_id,
            ":internal": new.internal,
            ":started_ms": new.started_ms,
            ":total_us": new.total_us,
            ":first_byte_us": new.first_byte_us,
            ":surface": new.surface,
            ":client_protocol": new.client_protocol,
            ":upstream_protocol": new.upstream_protocol,
            ":path": new.path,
            ":model_asked": new.model_asked,
            ":model": new.model,
            ":provider": new.provider,
            ":status": new.status,
            ":outcome": new.outcome,
            ":stream": new.stream,
            ":attempts": new.attempts,
            ":input_uncached": input_uncached,
            ":cache_read": cache_read,
            ":cache_write": cache_write,
            ":output": output,
            ":reasoning": reasoning,
            ":estimated": new.estimated,
            ":cost_nanos": new.cost_nanos,
            ":error": new.error,
            ":cut": cut,
            ":messages": new.messages,
            ":new_from": place.new_from,
            ":chain": new.chain,
            ":answer_chain": new.answer_chain,
            ":answer_id": new.answer_id,
            ":request": request.recipe,
            ":answer": answer.recipe,
            ":words": packed,
        })?;
    if !words.is_empty() {
        connection.prepare_cached("INSERT INTO said (rowid, words) VALUES (?1, ?2)")?.execute((new.id, &words))?;
    }
    let added = request.added + answer.added + packed.len() as u64;
    connection
        .prepare_cached(
            "UPDATE conversation SET exchanges = exchanges + 1, internal = internal + ?2, last_ms = max(last_ms, ?3),
                input = input + ?4, output = output + ?5, cost_nanos = cost_nanos + ?6, bytes = bytes + ?7,
                title = CASE WHEN title = '' THEN ?8 ELSE title END
             WHERE id = ?1",
        )?
        .execute((
            conversation,
            new.internal.is_some(),
            new.started_ms,
            input_uncached.saturating_add(cache_read).saturating_add(cache_write),
            output,
            new.cost_nanos,
            i64::try_from(added).unwrap_or(i64::MAX),
            if new.internal.is_some() { "" } else { &new.title },
        ))?;
    connection.prepare_cached("UPDATE kept SET exchanges = exchanges + 1")?.execute([])?;
    Ok(())
}

fn begin(connection: &Connection, new: &NewExchange) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO conversation (token_id, token, token_name, agent, session, parent_session, started_ms, last_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )?
        .execute((
            new.signs.token_id,
            &new.token,
            &new.token_name,
            &new.agent,
            &new.signs.session,
            &new.parent_session,
            new.started_ms,
        ))?;
    Ok(connection.last_insert_rowid())
}

/// What is new of what people read; nothing of what an agent asks by itself.
fn words(new: &NewExchange, new_from: u32) -> String {
    if new.internal.is_some() {
        return String::new();
    }
    let asked = new.asked_words.iter().filter(|(at, _)| *at >= new_from).map(|(_, text)| text.as_str());
    let all: Vec<&str> = asked.chain([new.answer_words.as_str()]).filter(|text| !text.is_empty()).collect();
    all.join("\n\n")
}
