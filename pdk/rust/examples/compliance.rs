//! The three functions of a compliance plugin, each of which gives back what it was given.

use agentmesh_pdk::{Error, Value, compliance};

#[compliance]
fn catalog(_: Value) -> Result<Value<'static>, Error> {
    Ok(Value::List(Vec::new()))
}

#[compliance]
fn check(request: Value) -> Result<Value<'static>, Error> {
    Ok(request.into_owned())
}

#[compliance]
fn classify(request: Value) -> Result<Value<'static>, Error> {
    request.get("action").exists().then(|| request.get("action").clone().into_owned()).ok_or(Error::new("no action"))
}
