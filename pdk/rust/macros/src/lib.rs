//! The attributes of `agentmesh-pdk`: they leave the function as it is and add the export that the host calls.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// Makes a function a policy: the module exports `evaluate`, which calls it.
///
/// The function takes the request and, if it wants them, its settings, `fn decide(request: Request, settings: &Mine)`,
/// where `Mine` is read by serde. It answers with `Findings`, one `Finding`, an `Option` or `Vec` of them, or a `Result`
/// whose error denies.
#[proc_macro_attribute]
pub fn policy(args: TokenStream, item: TokenStream) -> TokenStream {
    export("policy", args, item, |f| {
        Ok(Export { name: "evaluate".to_owned(), rust: "evaluate".to_owned(), body: typed(f, "evaluate") })
    })
}

/// Makes a function a reward: the module exports `score`, which calls it.
///
/// The function takes a `ScoreRequest` and, if it wants them, its settings. It answers with a `Score`, or a `Result`.
#[proc_macro_attribute]
pub fn reward(args: TokenStream, item: TokenStream) -> TokenStream {
    export("reward", args, item, |f| match f.name.as_str() {
        "score" => Err("makes the export score: give the function another name"),
        _ => Ok(Export { name: "score".to_owned(), rust: "score".to_owned(), body: typed(f, "score") }),
    })
}

/// Makes a function one of the three that a compliance plugin exports, by its name: `catalog`, `check` or `classify`.
/// Natively the export is called `export_catalog` and so on.
///
/// The function takes a `Value` and answers with a `Result` of one.
#[proc_macro_attribute]
pub fn compliance(args: TokenStream, item: TokenStream) -> TokenStream {
    export("compliance", args, item, |f| match f.name.as_str() {
        name @ ("catalog" | "check" | "classify") => {
            let body = format!("::agentmesh_pdk::guest::reply({name})");
            Ok(Export { name: name.to_owned(), rust: format!("export_{name}"), body })
        }
        _ => Err("stands before functions named catalog, check and classify"),
    })
}

/// What the attributes need to know of a function.
struct Function {
    name: String,
    settings: Option<String>, // the type behind the second parameter's reference
}

/// What an attribute adds: an export of a module, its name in Rust, and what it does.
struct Export {
    name: String,
    rust: String,
    body: String,
}

fn typed(f: &Function, call: &str) -> String {
    let name = &f.name;
    match &f.settings {
        None => format!("::agentmesh_pdk::guest::{call}({name})"),
        Some(s) => format!(
            "static KEPT: ::agentmesh_pdk::guest::Kept<{s}> = ::agentmesh_pdk::guest::Kept::new(); \
             ::agentmesh_pdk::guest::{call}_with(&KEPT, {name})"
        ),
    }
}

fn export(
    attribute: &str,
    args: TokenStream,
    item: TokenStream,
    of: impl Fn(&Function) -> Result<Export, &'static str>,
) -> TokenStream {
    let export = match args.is_empty() {
        true => parse(item.clone()).and_then(|f| of(&f)),
        false => Err("takes nothing in brackets"),
    };
    let Export { name, rust, body } = match export {
        Ok(e) => e,
        Err(why) => return refuse(&format!("#[{attribute}] {why}")),
    };
    let code = format!(
        "#[doc(hidden)] #[cfg_attr(target_arch = \"wasm32\", unsafe(export_name = {name:?}))] \
         pub extern \"C\" fn {rust}() -> i32 {{ {body} }}"
    );
    match code.parse::<TokenStream>() {
        Ok(code) => item.into_iter().chain(code).collect(),
        Err(e) => refuse(&format!("#[{attribute}] cannot make the export: {e}")),
    }
}

fn refuse(why: &str) -> TokenStream {
    format!("::std::compile_error!({why:?});").parse().expect("a call of a macro is one")
}

/// Finds the function's name and parameters. What else is wrong with it the compiler says better.
fn parse(item: TokenStream) -> Result<Function, &'static str> {
    let mut tokens = item.into_iter();
    let is_fn = |t: &TokenTree| matches!(t, TokenTree::Ident(i) if i.to_string() == "fn");
    tokens.find(is_fn).ok_or("stands before a function")?;
    let name = tokens.next().ok_or("stands before a function with a name")?.to_string();
    match tokens.next() {
        Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis => {
            Ok(Function { name, settings: second_type(g.stream())? })
        }
        _ => Err("stands before a function without type parameters"),
    }
}

/// The type that the second parameter refers to, if there is a second one.
fn second_type(params: TokenStream) -> Result<Option<String>, &'static str> {
    let mut depth = 0;
    let mut tokens = params.into_iter();
    let comma = tokens.find(|t| match t {
        TokenTree::Punct(p) => {
            match p.as_char() {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            p.as_char() == ',' && depth == 0
        }
        _ => false,
    });
    let rest: Vec<TokenTree> = tokens.collect();
    if comma.is_none() || rest.is_empty() {
        return Ok(None);
    }
    let is = |t: &TokenTree, c: char| matches!(t, TokenTree::Punct(p) if p.as_char() == c);
    let colon = rest.iter().position(|t| is(t, ':')).ok_or("wants a type for the second parameter")?;
    match &rest[colon + 1..] {
        [first, kind @ ..] if is(first, '&') => {
            let kind = kind.iter().filter(|t| !is(t, ','));
            Ok(Some(kind.map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        }
        _ => Err("takes settings by reference: settings: &Settings"),
    }
}
