//! What the attributes call: from the host's request to the plugin's function and back.

use crate::{Answer, Error, Message, Reading, Request, Score, ScoreRequest, Value, json, memory, settings};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::sync::OnceLock;

/// Runs a call of the host and gives Extism's return code: 0, or 1 with an error set, which the host takes for a
/// failure and denies.
fn run(answer: impl FnOnce(&[u8]) -> Result<String, Error>) -> i32 {
    report_panics();
    finish(answer(&memory::input()))
}

fn finish(answer: Result<String, Error>) -> i32 {
    match answer.and_then(|out| memory::output(&out)) {
        Ok(()) => 0,
        Err(e) => {
            memory::error(&e.to_string());
            1
        }
    }
}

/// A guest that panics traps, and all that the host sees is the trap: the log says where and why.
fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| crate::error!("{panic}"))));
    }
}

/// The export `evaluate` of a policy without settings.
pub fn evaluate<A: Answer>(decide: impl Fn(Request<'_>) -> A) -> i32 {
    run(|input| answer(&decide(request(input)?).findings()?))
}

/// The export `evaluate` of a policy with settings.
pub fn evaluate_with<S: Settings, A: Answer>(kept: &'static Kept<S>, decide: impl Fn(Request<'_>, &S) -> A) -> i32 {
    run(|input| kept.with(|s| answer(&decide(request(input)?, s).findings()?)))
}

fn request(input: &[u8]) -> Result<Request<'_>, Error> {
    Request::of(json::read_bytes(input)?, Reading::Lenient)
}

fn answer<'a>(m: &impl Message<'a>) -> Result<String, Error> {
    Ok(m.to_json())
}

/// The export `score` of a reward.
pub fn score<S: Scored>(score: impl Fn(ScoreRequest<'_>) -> S) -> i32 {
    run(|input| answer(&score(score_request(input)?).score()?))
}

/// The export `score` of a reward with settings.
pub fn score_with<S: Settings, T: Scored>(kept: &'static Kept<S>, score: impl Fn(ScoreRequest<'_>, &S) -> T) -> i32 {
    run(|input| kept.with(|s| answer(&score(score_request(input)?, s).score()?)))
}

fn score_request(input: &[u8]) -> Result<ScoreRequest<'_>, Error> {
    ScoreRequest::of(json::read_bytes(input)?, Reading::Lenient)
}

/// One export of a compliance plugin.
pub fn reply<E: Display>(reply: impl Fn(Value<'_>) -> Result<Value<'static>, E>) -> i32 {
    run(|input| {
        let out = reply(json::read_bytes(input)?).map_err(|e| Error::new(e.to_string()))?;
        let mut text = String::new();
        json::append(&mut text, &out);
        Ok(text)
    })
}

/// What a reward function may return: a score, or a failure, which changes nothing.
pub trait Scored {
    /// The score, or why there is none.
    fn score(self) -> Result<Score, Error>;
}

impl Scored for Score {
    fn score(self) -> Result<Score, Error> {
        Ok(self)
    }
}

impl<E: Display> Scored for Result<Score, E> {
    fn score(self) -> Result<Score, Error> {
        self.map_err(|e| Error::new(e.to_string()))
    }
}

/// What settings may be: anything that serde reads.
pub trait Settings: DeserializeOwned + Send + Sync + 'static {}

impl<T: DeserializeOwned + Send + Sync + 'static> Settings for T {}

/// Settings as a guest keeps them: an instance has one configuration for all its life, so they are read once. Natively,
/// where one thread after the other plays a guest with settings of its own, they are read every time.
pub struct Kept<S>(OnceLock<S>);

impl<S: Settings> Kept<S> {
    /// Nothing read yet.
    pub const fn new() -> Self {
        Kept(OnceLock::new())
    }

    fn with<T>(&self, f: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        if cfg!(not(target_arch = "wasm32")) {
            return f(&settings()?);
        }
        match self.0.get() {
            Some(s) => f(s),
            None => {
                let s = settings()?;
                f(self.0.get_or_init(|| s))
            }
        }
    }
}

impl<S: Settings> Default for Kept<S> {
    fn default() -> Self {
        Kept::new()
    }
}
