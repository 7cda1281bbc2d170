//! The five protocols behind one name each: whatever has a reader and a writer of its own.

use super::Asked;
use super::carried::{Carried, Carrier};
use crate::chat::{
    BadRequest, Broken, Collector, Event, Impossible, Losses, Maker, Reply, Request, Response, Sequencer, Sink, Target,
    Written,
};
use crate::envelope::Sealer;
use crate::error::Problem;
use crate::protocol::Protocol;
use crate::{anthropic, cohere, gemini, openai, responses};

pub(super) fn read(asked: Asked<'_>) -> Result<Request, BadRequest> {
    let Asked { protocol, body, path } = asked;
    match protocol {
        Protocol::Gemini => gemini::request::read(body, path.model, path.stream),
        Protocol::OpenAi => openai::request::read(body),
        Protocol::Responses => responses::request::read(body),
        Protocol::Anthropic => anthropic::request::read(body),
        Protocol::Cohere => cohere::request::read(body),
    }
}

pub(super) fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    match target.protocol {
        Protocol::OpenAi => openai::request::write(request, target, losses),
        Protocol::Responses => responses::request::write(request, target, losses),
        Protocol::Anthropic => anthropic::request::write(request, target, losses),
        Protocol::Gemini => gemini::request::write(request, target, losses),
        Protocol::Cohere => cohere::request::write(request, target, losses),
    }
}

pub(super) fn read_response(protocol: Protocol, body: &[u8], maker: &Maker) -> Result<Response, BadRequest> {
    match protocol {
        Protocol::OpenAi => openai::response::read(body, maker),
        Protocol::Responses => responses::response::read(body, maker),
        Protocol::Anthropic => anthropic::response::read(body, maker),
        Protocol::Gemini => gemini::response::read(body, maker),
        Protocol::Cohere => cohere::response::read(body, maker),
    }
}

pub(super) fn write_response(from: Protocol, response: &Response, reply: &Reply) -> Vec<u8> {
    match from {
        Protocol::OpenAi => openai::response::write(response, reply),
        Protocol::Responses => responses::response::write(response, reply),
        Protocol::Anthropic => anthropic::response::write(response, reply),
        Protocol::Gemini => gemini::response::write(response, reply),
        Protocol::Cohere => cohere::response::write(response, reply),
    }
}

pub(super) fn read_error(protocol: Protocol, status: u16, body: &[u8]) -> Problem {
    match protocol {
        Protocol::Anthropic => anthropic::error::read(status, body),
        Protocol::Gemini => gemini::error::read(status, body),
        Protocol::Cohere => cohere::error::read(status, body),
        Protocol::OpenAi | Protocol::Responses => openai::error::read(status, body),
    }
}

pub(super) fn read_event_error(protocol: Protocol, data: &[u8]) -> Problem {
    match protocol {
        Protocol::OpenAi => openai::error::event(data),
        Protocol::Responses => responses::error::event(data),
        Protocol::Anthropic => anthropic::error::event(data),
        Protocol::Gemini => gemini::error::event(data),
        Protocol::Cohere => cohere::error::event(data),
    }
}

/// Where the events go.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) form: Form,
    carrier: Option<Carrier>,
}

/// The form of the answer.
#[derive(Debug)]
pub(super) enum Form {
    Stream(Writer),
    Whole(Box<Collector>),
}

impl Out {
    pub(super) fn new(form: Form, protocol: Protocol, sealer: Option<&Sealer>) -> Self {
        Self { form, carrier: Carrier::new(protocol, sealer) }
    }

    /// What keeps a waiting client patient.
    pub(super) const fn keep_alive(&self) -> &'static [u8] {
        match &self.form {
            Form::Stream(Writer::OpenAi(writer)) => writer.keep_alive(),
            Form::Stream(Writer::Responses(writer)) => writer.keep_alive(),
            Form::Stream(Writer::Anthropic(writer)) => writer.keep_alive(),
            Form::Stream(Writer::Gemini(writer)) => writer.keep_alive(),
            Form::Stream(Writer::Cohere(writer)) => writer.keep_alive(),
            Form::Whole(_) => b"",
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        match &mut self.form {
            Form::Stream(Writer::OpenAi(writer)) => writer.take(),
            Form::Stream(Writer::Anthropic(writer)) => writer.take(),
            Form::Stream(Writer::Gemini(writer)) => writer.take(),
            Form::Stream(Writer::Cohere(writer)) => writer.take(),
            Form::Stream(Writer::Responses(writer)) => writer.take(),
            Form::Whole(_) => Vec::new(),
        }
    }

    pub(super) fn take_object(&mut self) -> Option<Vec<u8>> {
        match &mut self.form {
            Form::Stream(Writer::Responses(writer)) => writer.take_object(),
            _ => None,
        }
    }

    pub(super) fn take_carried(&mut self) -> Vec<Carried> {
        self.carrier.as_mut().map(Carrier::take).unwrap_or_default()
    }
}

impl Sink for Out {
    fn event(&mut self, event: Event<'_>) {
        if let Some(carrier) = &mut self.carrier {
            carrier.event(&event);
        }
        match &mut self.form {
            Form::Stream(Writer::OpenAi(writer)) => writer.event(event),
            Form::Stream(Writer::Anthropic(writer)) => writer.event(event),
            Form::Stream(Writer::Gemini(writer)) => writer.event(event),
            Form::Stream(Writer::Cohere(writer)) => writer.event(event),
            Form::Stream(Writer::Responses(writer)) => writer.event(event),
            Form::Whole(collector) => collector.event(event),
        }
    }
}

#[derive(Debug)]
pub(super) enum Writer {
    OpenAi(Box<openai::stream::Writer>),
    Responses(Box<responses::stream::Writer>),
    Anthropic(Box<anthropic::stream::Writer>),
    Gemini(Box<gemini::stream::Writer>),
    Cohere(Box<cohere::stream::Writer>),
}

impl Writer {
    pub(super) fn new(protocol: Protocol, reply: Reply, as_list: bool) -> Self {
        match protocol {
            Protocol::Gemini if as_list => Self::Gemini(Box::new(gemini::stream::Writer::new(reply).as_list())),
            Protocol::Gemini => Self::Gemini(Box::new(gemini::stream::Writer::new(reply))),
            Protocol::Responses => Self::Responses(Box::new(responses::stream::Writer::new(reply))),
            Protocol::Anthropic => Self::Anthropic(Box::new(anthropic::stream::Writer::new(reply))),
            Protocol::Cohere => Self::Cohere(Box::new(cohere::stream::Writer::new(reply))),
            Protocol::OpenAi => Self::OpenAi(Box::new(openai::stream::Writer::new(reply))),
        }
    }
}

#[derive(Debug)]
pub(super) enum Reader {
    OpenAi(openai::stream::Reader),
    Responses(responses::stream::Reader),
    Anthropic(anthropic::stream::Reader),
    Gemini(gemini::stream::Reader),
    Cohere(cohere::stream::Reader),
}

impl Reader {
    pub(super) fn new(protocol: Protocol, maker: Maker) -> Self {
        match protocol {
            Protocol::Responses => Self::Responses(responses::stream::Reader::new(maker)),
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Reader::new(maker)),
            Protocol::Gemini => Self::Gemini(gemini::stream::Reader::new(maker)),
            Protocol::Cohere => Self::Cohere(cohere::stream::Reader::new(maker)),
            Protocol::OpenAi => Self::OpenAi(openai::stream::Reader::new(maker)),
        }
    }

    pub(super) fn frame<S: Sink>(&mut self, frame: &[u8], to: &mut Sequencer<S>) -> Result<(), Broken> {
        match self {
            Self::OpenAi(reader) => reader.frame(frame, to),
            Self::Responses(reader) => reader.frame(frame, to),
            Self::Anthropic(reader) => reader.frame(frame, to),
            Self::Gemini(reader) => reader.frame(frame, to),
            Self::Cohere(reader) => reader.frame(frame, to),
        }
    }

    pub(super) const fn is_complete(&self) -> bool {
        match self {
            Self::OpenAi(reader) => reader.is_complete(),
            Self::Responses(reader) => reader.is_complete(),
            Self::Anthropic(reader) => reader.is_complete(),
            Self::Gemini(reader) => reader.is_complete(),
            Self::Cohere(reader) => reader.is_complete(),
        }
    }

    pub(super) const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::OpenAi(reader) => reader.problem(),
            Self::Responses(reader) => reader.problem(),
            Self::Anthropic(reader) => reader.problem(),
            Self::Gemini(reader) => reader.problem(),
            Self::Cohere(reader) => reader.problem(),
        }
    }
}
