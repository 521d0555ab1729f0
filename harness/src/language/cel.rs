//! Expressions in CEL, bounded so that reading and evaluating them fits the stack of a worker.

use std::{collections::BTreeSet, str::FromStr, thread};

use kube::core::cel::cel::{
    ParseErrors, Program,
    common::ast::{EntryExpr, Expr, IdedExpr},
};

/// An expression in CEL, with Kubernetes' functions.
#[derive(Debug)]
pub struct Cel {
    pub text: String,
    pub program: Program,
}

/// As long may an expression be, in bytes.
const LONGEST: usize = 2 << 10;

/// So many brackets may lie in each other. The parser calls itself at each, with more than 100 KiB of stack in a debug build.
const BRACKETS: usize = 32;

/// So deep may what was read be: whoever evaluates it calls itself at each level, with 2 MiB of stack in a worker of tokio.
const DEEPEST: usize = 48;

const TOO_MUCH: &str = "the CEL expression is too long or nested too deeply; write several";

impl FromStr for Cel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST || nesting(text) > BRACKETS {
            return Err(TOO_MUCH.to_owned());
        }
        let program = compile(text)?;
        Ok(Self { text: text.to_owned(), program })
    }
}

impl Cel {
    /// The variables that it needs: names that no macro of its own binds.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        free(self.program.expression(), &mut Vec::new(), &mut found);
        found
    }
}

/// Reads it with as much stack as its parser needs.
fn compile(text: &str) -> Result<Program, String> {
    let compiled = || match Program::compile(text) {
        Ok(program) if depth(program.expression()) > DEEPEST => Err(TOO_MUCH.to_owned()),
        Ok(program) => Ok(program),
        Err(errors) => Err(problem(text, &errors)),
    };
    if nesting(text) < 4 && text.len() < 100 {
        return compiled();
    }
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(32 << 20).spawn_scoped(scope, compiled);
        let parsed = parser.ok().and_then(|parser| parser.join().ok());
        parsed.unwrap_or_else(|| Err(format!("`{text}` could not be read as a CEL expression")))
    })
}

/// How deep brackets, signs and conditions lie in each other, at most.
fn nesting(text: &str) -> usize {
    let (mut brackets, mut signs, mut conditions, mut most) = (0usize, 0usize, 0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => brackets += 1,
            b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
            b'!' | b'-' => signs += 1,
            b'?' => conditions += 1,
            b' ' => {}
            _ => signs = 0,
        }
        most = most.max(brackets + signs + conditions);
    }
    most
}

/// The first mistake. The parser lists all that could have come instead, which helps nobody.
fn problem(text: &str, errors: &ParseErrors) -> String {
    let Some(error) = errors.errors.first() else { return format!("`{text}` is not a CEL expression") };
    let problem = error.msg.trim_start_matches("Syntax error: ").split(" expecting ").next().unwrap_or_default();
    if problem.contains("<EOF>") {
        return format!("`{text}` is not a CEL expression: it ends too early");
    }
    let (line, column) = error.pos;
    let place = if line > 1 { format!("line {line}, character {column}") } else { format!("character {column}") };
    format!("`{text}` is not a CEL expression: {problem} at {place}")
}

fn depth(expression: &IdedExpr) -> usize {
    1 + parts(expression).into_iter().map(depth).max().unwrap_or(0)
}

fn free<'a>(expression: &'a IdedExpr, bound: &mut Vec<&'a str>, found: &mut BTreeSet<String>) {
    match &expression.expr {
        Expr::Ident(name) => {
            if !name.starts_with('@') && !bound.contains(&name.as_str()) {
                found.insert(name.clone());
            }
        }
        Expr::Comprehension(loops) => {
            free(&loops.iter_range, bound, found);
            let outside = bound.len();
            bound.extend([loops.iter_var.as_str(), loops.accu_var.as_str()]);
            bound.extend(loops.iter_var2.as_deref());
            for part in [&loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result] {
                free(part, bound, found);
            }
            bound.truncate(outside);
        }
        _ => parts(expression).into_iter().for_each(|part| free(part, bound, found)),
    }
}

/// The expressions that it is made of.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Vec::new(),
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).collect(),
        Expr::Comprehension(loops) => {
            vec![&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| values(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| values(&entry.expr)).collect(),
    }
}

fn values(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The largest of each form that is accepted; a test's stack is as large as that of a worker of tokio.
    #[rstest]
    #[case::brackets("(", "1", ")")]
    #[case::lists("[", "1", "]")]
    #[case::maps("{'a':", "1", "}")]
    #[case::calls("size([", "1", "])")]
    #[case::signs("!", "true", "")]
    #[case::sums("1+", "1", "")]
    #[case::comparisons("true&&", "true", "")]
    #[case::indices("", "object", "[0]")]
    #[case::fields("", "object", ".a")]
    #[case::conditions("true?1:", "1", "")]
    #[case::macros("", "[1]", ".filter(p,p>0)")]
    fn an_expression_of_any_size_is_evaluated_or_refused(#[case] open: &str, #[case] core: &str, #[case] close: &str) {
        let sizes = (1..=40).chain([60, 100, 200, 500, 1_000, 20_000]);
        let mut refused = false;
        for size in sizes {
            match format!("{}{core}{}", open.repeat(size), close.repeat(size)).parse::<Cel>() {
                Ok(expression) => {
                    expression.variables();
                    let _ = crate::expectation::evaluate(&expression, &[("object", &serde_json::json!({"a": [1]}))]);
                }
                Err(problem) => {
                    assert_eq!(problem, TOO_MUCH);
                    refused = true;
                }
            }
        }
        assert!(refused, "the largest has {} bytes", core.len() + 20_000 * (open.len() + close.len()));
    }

    #[rstest]
    #[case("object.spec.ports.all(p, p.port > 10)", "object")]
    #[case("object.a.filter(p, p.b == q).size() > 0", "object q")]
    #[case("json.items.map(i, {'name': i.name, 'of': owner})", "json owner")]
    #[case("has(object.a) ? [object.b, other] : []", "object other")]
    #[case("1 + 2", "")]
    fn the_variables_of_an_expression_are_those_that_it_does_not_bind(#[case] text: &str, #[case] expected: &str) {
        let variables: Vec<String> = text.parse::<Cel>().unwrap().variables().into_iter().collect();
        assert_eq!(variables.join(" "), expected);
    }
}
