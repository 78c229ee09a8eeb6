//! From words to a tree, by recursive descent: `or` binds weaker than `and`, `and` weaker than `not`.

use super::lex::Lexer;
use super::{Compare, Expr, Right, SyntaxError, Word};
use crate::text::Text;

/// How deep Falco's own parser goes before it gives up.
const MAX_DEPTH: usize = 100;

/// Transformers that leave a value what it is.
const HARMLESS: [&str; 2] = ["tolower", "toupper"];

/// Parses a condition. One that begins with `and` or `or` is what is appended to another.
pub(crate) fn parse(text: &Text) -> Result<Expr, SyntaxError> {
    let mut lexer = Lexer::new(text);
    let expr = any(&mut lexer, 0)?;
    if lexer.at_end() { Ok(expr) } else { lexer.fail("nothing belongs here: 'and' or 'or' may be missing") }
}

fn any(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expr, SyntaxError> {
    joined(lexer, depth, "or", all, Expr::Any)
}

fn all(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expr, SyntaxError> {
    joined(lexer, depth, "and", not, Expr::All)
}

type Parse = fn(&mut Lexer<'_>, usize) -> Result<Expr, SyntaxError>;

fn joined(
    lexer: &mut Lexer<'_>,
    depth: usize,
    keyword: &str,
    part: Parse,
    join: fn(Vec<Expr>) -> Expr,
) -> Result<Expr, SyntaxError> {
    let mut parts = vec![part(lexer, depth)?];
    while lexer.keyword(keyword).is_some() {
        parts.push(part(lexer, depth)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
}

fn not(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expr, SyntaxError> {
    if depth >= MAX_DEPTH {
        return lexer.fail("nested deeper than Falco reads");
    }
    if let Some(word) = lexer.keyword("not") {
        return Ok(Expr::Not(word.at, Box::new(not(lexer, depth + 1)?)));
    }
    if lexer.symbol('(') {
        let inner = any(lexer, depth + 1)?;
        return if lexer.symbol(')') {
            Ok(inner)
        } else {
            lexer.fail("an opened parenthesis is never closed")
        };
    }
    if depth == 0 && lexer.is_at_start() && lexer.continues() {
        return Ok(Expr::Base);
    }
    let Some(name) = lexer.name() else {
        return lexer.fail("a field or a macro is missing");
    };
    let (field, transformed) = match transformer(lexer, &name)? {
        Some(inner) => inner,
        None if name.text.contains('.') => {
            lexer.argument()?;
            (name, false)
        }
        None => return Ok(Expr::Macro(name)),
    };
    compare(lexer, field, transformed)
}

/// The field within `name(...)`, and whether its value is another one for it.
fn transformer(lexer: &mut Lexer<'_>, name: &Word) -> Result<Option<(Word, bool)>, SyntaxError> {
    if name.text.contains('.') || !lexer.symbol('(') {
        return Ok(None);
    }
    let mut transformed = !HARMLESS.contains(&name.text.as_str()) && name.text != "val";
    let mut opened = 1;
    let field = loop {
        let Some(inner) = lexer.name() else { return lexer.fail("a field is missing") };
        if inner.text.contains('.') || !lexer.symbol('(') {
            break inner;
        }
        transformed |= !HARMLESS.contains(&inner.text.as_str());
        opened += 1;
    };
    lexer.argument()?;
    for _ in 0..opened {
        if !lexer.symbol(')') {
            return lexer.fail("an opened parenthesis is never closed");
        }
    }
    Ok(Some((field, transformed)))
}

fn compare(lexer: &mut Lexer<'_>, field: Word, transformed: bool) -> Result<Expr, SyntaxError> {
    let Some(operator) = lexer.operator() else {
        return lexer.fail("an operator is missing");
    };
    let right = match operator.text.as_str() {
        "exists" => Right::Nothing,
        "in" | "intersects" | "pmatch" if lexer.symbol('(') => Right::Values(values(lexer)?),
        _ => value(lexer)?,
    };
    Ok(Expr::Compare(Compare { field, transformed, operator, right }))
}

fn values(lexer: &mut Lexer<'_>) -> Result<Vec<Word>, SyntaxError> {
    let mut values = Vec::new();
    while let Some(value) = lexer.value()? {
        values.push(value);
        if !lexer.symbol(',') {
            break;
        }
    }
    if lexer.symbol(')') { Ok(values) } else { lexer.fail("an opened parenthesis is never closed") }
}

fn value(lexer: &mut Lexer<'_>) -> Result<Right, SyntaxError> {
    let Some(value) = lexer.value()? else {
        return lexer.fail("a value is missing");
    };
    if !value.quoted
        && let Some((field, _)) = transformer(lexer, &value)?
    {
        return Ok(Right::Field(field));
    }
    Ok(Right::Value(value))
}
