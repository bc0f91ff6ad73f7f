//! From `syn::Expr` to the tree: every mistake at its own token.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{BinOp, Block, Lit, LitStr, Member, Stmt, UnOp};

use super::{CastTo, Comparison, Expr, Function, Kinds, Operator, Side, raw};
use crate::diagnostics::{Faults, did_you_mean};
use crate::types::{Clock, Kind};

/// A column, or a field that is only bound, as expressions see it.
pub(crate) struct ScopeColumn {
    /// The column's name and the field's.
    pub names: [String; 2],
    pub kind: Kind,
    /// The column's index; none for a field marked `param`.
    pub column: Option<usize>,
    pub field: usize,
    /// Whether the database makes the value.
    pub generated: bool,
    /// Whether the value is bound as it is, rather than computed by `insert = …` or `now`.
    pub plain: bool,
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In SET or WHERE: there is a stored row, and the proposed one as the database sees it.
    Update,
    /// In the VALUES list: there are only bound values.
    Insert,
}

/// What an expression may speak of.
pub(crate) struct Scope<'a> {
    pub columns: &'a [ScopeColumn],
    /// The form of `now()`: that of the column the expression is for.
    pub clock: Option<Clock>,
    pub place: Place,
}

impl Kinds for Scope<'_> {
    fn of_column(&self, column: usize) -> Kind {
        let found = self
            .columns
            .iter()
            .find(|other| other.column == Some(column));
        found.map_or(Kind::Unknown, |column| column.kind)
    }

    fn of_field(&self, field: usize) -> Kind {
        let found = self.columns.iter().find(|other| other.field == field);
        found.map_or(Kind::Unknown, |column| column.kind)
    }
}

/// Reads an expression. Every mistake goes to `faults`, at its own token; `None` when there was one.
pub(crate) fn read(expr: &syn::Expr, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    match expr {
        syn::Expr::Paren(inner) => read(&inner.expr, scope, faults),
        syn::Expr::Group(inner) => read(&inner.expr, scope, faults),
        syn::Expr::Lit(literal) => read_literal(&literal.lit, faults),
        syn::Expr::Field(field) => read_column(field, scope, faults),
        syn::Expr::Unary(unary) => read_unary(unary, scope, faults),
        syn::Expr::Binary(binary) => read_binary(binary, scope, faults),
        syn::Expr::If(branch) => read_if(branch, scope, faults),
        syn::Expr::Call(call) => read_call(call, scope, faults),
        syn::Expr::Path(path) if path.path.is_ident("null") => Some(Expr::Null),
        syn::Expr::Path(path) if path.path.is_ident("None") => {
            faults.over(expr, "NULL is written `null`");
            None
        }
        syn::Expr::Path(path) => {
            let name = path.path.get_ident().map(ToString::to_string);
            let name = name.filter(|name| position(scope, name).is_some());
            let advice = match name {
                Some(name) => format!(": write `old.{name}` for the stored row's value or `new.{name}` for the proposed one's"),
                None => "; constants and enums of Rust's are not known here: write the literal that is stored, or bind it as a `param`".to_owned(),
            };
            faults.over(expr, format!("a name alone means nothing here{advice}"));
            None
        }
        syn::Expr::Assign(assign) => {
            faults.over(assign.eq_token, "two values are compared with `==`");
            None
        }
        syn::Expr::Cast(cast) => {
            faults.over(cast.as_token, "a cast is written `cast(…, \"integer\")`; there are `\"text\"`, `\"integer\"` and `\"float\"`");
            None
        }
        syn::Expr::Match(branches) => {
            faults.over(
                branches.match_token,
                "branches are written `if … { } else if … { } else { }`",
            );
            None
        }
        _ => {
            faults.over(
                expr,
                "SQL cannot say this; an expression is made of `old.column`, `new.column`, literals, `null`, operators, `if … { } else { }` and functions such as `now()` and `coalesce(…)`",
            );
            None
        }
    }
}

/// Reads an expression that is true or false.
pub(crate) fn read_condition(expr: &syn::Expr, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let condition = read(expr, scope, faults)?;
    if matches!(condition.kind(scope), Kind::Bool | Kind::Unknown) {
        return Some(condition);
    }
    faults.over(
        expr,
        "this is neither true nor false; compare it with something: `new.version > old.version`",
    );
    None
}

fn read_literal(literal: &Lit, faults: &mut Faults) -> Option<Expr> {
    match literal {
        Lit::Int(integer) => match integer.base10_parse::<u64>() {
            Ok(value) if value <= i64::MAX as u64 => Some(Expr::Integer(value)),
            _ => {
                faults.at(
                    integer.span(),
                    "an integer of SQL has 64 bits: at most 9223372036854775807",
                );
                None
            }
        },
        Lit::Float(float) => Some(Expr::Float(float.base10_digits().to_owned())),
        Lit::Bool(boolean) => Some(Expr::Bool(boolean.value)),
        Lit::Str(text) if text.value().contains('\0') => {
            faults.at(text.span(), "a text in SQL cannot hold a NUL character");
            None
        }
        Lit::Str(text) => Some(Expr::Text(text.value())),
        other => {
            faults.over(
                other,
                "SQL has no literal for this; use a number, a text in quotes, `true` or `false`",
            );
            None
        }
    }
}

fn position(scope: &Scope, name: &str) -> Option<usize> {
    let named = |which: usize| {
        scope
            .columns
            .iter()
            .position(|column| column.names[which] == name)
    };
    named(0).or_else(|| named(1))
}

fn read_column(field: &syn::ExprField, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let side = match &*field.base {
        syn::Expr::Path(path) if path.path.is_ident("old") => Side::Old,
        syn::Expr::Path(path) if path.path.is_ident("new") => Side::New,
        base => {
            faults.over(
                base,
                "a column is read from `old` (the stored row) or `new` (the proposed row)",
            );
            return None;
        }
    };
    let Member::Named(member) = &field.member else {
        faults.over(&field.member, "a column has a name, not a number");
        return None;
    };
    column(
        side,
        &member.unraw().to_string(),
        member.span(),
        scope,
        faults,
    )
}

/// The column or bound field of this name.
pub(super) fn column(
    side: Side,
    name: &str,
    span: Span,
    scope: &Scope,
    faults: &mut Faults,
) -> Option<Expr> {
    let Some(found) = position(scope, name).map(|position| &scope.columns[position]) else {
        let names = scope.columns.iter().map(|column| column.names[0].as_str());
        let advice = did_you_mean(name, names);
        faults.at(
            span,
            format!("`{name}` is not a column of this struct{advice}"),
        );
        return None;
    };
    let fault = match (side, scope.place, found.column) {
        (Side::Old, Place::Insert, _) => {
            format!(
                "`old.{name}` means nothing in an insert: there is no stored row yet; `new.{name}` is the proposed one's"
            )
        }
        (Side::Old, Place::Update, None) => format!(
            "`{name}` is a `param` and no column, so the stored row has none; read it as `new.{name}`"
        ),
        (Side::New, _, _) if found.generated => format!(
            "`{name}` is generated by the database, so the proposed row has no value for it; `old.{name}` is the stored one"
        ),
        (Side::New, Place::Insert, _) if !found.plain => format!(
            "`{name}` is itself computed for the insert; use the fields that it is computed from"
        ),
        (Side::New, Place::Insert, _) | (Side::New, Place::Update, None) => {
            return Some(Expr::Bound(found.field));
        }
        (_, Place::Update, Some(column)) => return Some(Expr::Column(side, column)),
    };
    faults.at(span, fault);
    None
}

fn read_unary(unary: &syn::ExprUnary, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    match unary.op {
        UnOp::Neg(_) => {
            let inner = read(&unary.expr, scope, faults)?;
            if inner == Expr::Null {
                faults.over(&unary.expr, NULL_IN_A_COMPUTATION);
                return None;
            }
            if !inner.kind(scope).is_number() {
                faults.over(&unary.expr, "only a number can be negated");
                return None;
            }
            Some(Expr::Negate(Box::new(inner)))
        }
        UnOp::Not(_) => {
            let inner = read_condition(&unary.expr, scope, faults)?;
            Some(Expr::Not(Box::new(inner)))
        }
        _ => {
            faults.over(unary, "SQL has no references; write the column itself");
            None
        }
    }
}

fn read_binary(binary: &syn::ExprBinary, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let comparison = match binary.op {
        BinOp::Eq(_) => Comparison::Equal,
        BinOp::Ne(_) => Comparison::NotEqual,
        BinOp::Lt(_) => Comparison::Less,
        BinOp::Le(_) => Comparison::LessOrEqual,
        BinOp::Gt(_) => Comparison::Greater,
        BinOp::Ge(_) => Comparison::GreaterOrEqual,
        BinOp::And(_) | BinOp::Or(_) => return read_logic(binary, scope, faults),
        _ => return read_arithmetic(binary, scope, faults),
    };
    read_comparison(comparison, binary, scope, faults)
}

fn read_logic(binary: &syn::ExprBinary, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let left = read_condition(&binary.left, scope, faults);
    let right = read_condition(&binary.right, scope, faults);
    let (left, right) = (Box::new(left?), Box::new(right?));
    Some(match binary.op {
        BinOp::And(_) => Expr::And(left, right),
        _ => Expr::Or(left, right),
    })
}

const NULL_IN_A_COMPUTATION: &str =
    "whatever is computed with NULL is NULL; write `null` for the whole, or `coalesce(…, 0)`";

/// Reads values that are compared or put together. A `now()` among them takes the form of the others: where times are stored
/// as text, only texts of one form compare.
fn read_alike(values: &[&syn::Expr], scope: &Scope, faults: &mut Faults) -> Option<Vec<Expr>> {
    if !values.iter().any(|value| mentions_now(value)) {
        let values: Vec<_> = values
            .iter()
            .map(|value| read(value, scope, faults))
            .collect();
        return values.into_iter().collect();
    }
    let others = values.iter().filter(|value| !mentions_now(value));
    let kinds: Vec<Kind> = others
        .filter_map(|value| read(value, scope, &mut Faults::default()))
        .filter(|value| *value != Expr::Null)
        .map(|value| value.kind(scope))
        .collect();
    let time = kinds.iter().find(|kind| matches!(kind, Kind::Time(_)));
    let clock = match time.or(kinds.first()) {
        Some(kind) => kind.clock(),
        None => scope.clock,
    };
    let with_clock = Scope { clock, ..*scope };
    let values: Vec<_> = values
        .iter()
        .map(|value| {
            let scope = if mentions_now(value) {
                &with_clock
            } else {
                scope
            };
            read(value, scope, faults)
        })
        .collect();
    values.into_iter().collect()
}

/// Whether the clock is read somewhere in it.
fn mentions_now(expr: &syn::Expr) -> bool {
    struct Calls(bool);

    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
            let is_now = matches!(&*call.func, syn::Expr::Path(path) if path.path.is_ident("now"));
            self.0 |= is_now;
            syn::visit::visit_expr_call(self, call);
        }
    }

    let mut calls = Calls(false);
    calls.visit_expr(expr);
    calls.0
}

fn read_comparison(
    comparison: Comparison,
    binary: &syn::ExprBinary,
    scope: &Scope,
    faults: &mut Faults,
) -> Option<Expr> {
    let sides = read_alike(&[&binary.left, &binary.right], scope, faults);
    let [left, right] = <[Expr; 2]>::try_from(sides?).ok()?;
    if left == Expr::Null || right == Expr::Null {
        faults.over(binary, "nothing compares with NULL; write `is_null(x)`, or `distinct(a, b)` for values that may both be NULL");
        return None;
    }
    let (one, two) = (left.kind(scope), right.kind(scope));
    if !alike(one, two) {
        faults.over(
            binary,
            format!("the left side is {one} and the right side {two}; databases differ in how they would compare them"),
        );
        return None;
    }
    Some(Expr::Compare(comparison, Box::new(left), Box::new(right)))
}

/// Whether two kinds can stand in one place: equal, both numbers, or not known to be otherwise.
pub(crate) fn alike(one: Kind, two: Kind) -> bool {
    match (one, two) {
        (Kind::Unknown, _) | (_, Kind::Unknown) => true,
        _ => one == two || (one.is_number() && two.is_number()),
    }
}

fn read_arithmetic(binary: &syn::ExprBinary, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let sides = read_alike(&[&binary.left, &binary.right], scope, faults);
    let [left, right] = <[Expr; 2]>::try_from(sides?).ok()?;
    let operator = match binary.op {
        BinOp::Add(_) => Operator::Add,
        BinOp::Sub(_) => Operator::Subtract,
        BinOp::Mul(_) => Operator::Multiply,
        BinOp::Div(_) => Operator::Divide,
        BinOp::Rem(_) => Operator::Remainder,
        _ => {
            faults.over(
                binary.op,
                "this operator has no meaning here; use `+ - * / %`, comparisons, `&&` or `||`",
            );
            return None;
        }
    };
    for (operand, tokens) in [(&left, &binary.left), (&right, &binary.right)] {
        let kind = operand.kind(scope);
        if *operand == Expr::Null {
            faults.over(tokens, NULL_IN_A_COMPUTATION);
            return None;
        }
        if kind == Kind::Text && operator == Operator::Add {
            faults.over(tokens, "texts are not added; write `concat(a, b)`");
            return None;
        }
        if !kind.is_number() {
            faults.over(
                tokens,
                "this is not a number, and only numbers can be computed with",
            );
            return None;
        }
        if operator == Operator::Remainder && !matches!(kind, Kind::Integer | Kind::Unknown) {
            faults.over(tokens, "`%` is for integers; databases differ on the rest");
            return None;
        }
    }
    let unknown = [&left, &right]
        .iter()
        .any(|side| side.kind(scope) == Kind::Unknown);
    if matches!(operator, Operator::Divide | Operator::Remainder) && unknown {
        faults.at(
            binary.op.span(),
            "the derive cannot see whether this divides integers, and databases differ there; give the fields a type it knows (`i64`, `f64`, `Decimal`), or write `cast(…, \"integer\")`",
        );
        return None;
    }
    Some(Expr::Binary(operator, Box::new(left), Box::new(right)))
}

fn read_if(branch: &syn::ExprIf, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    if let syn::Expr::Let(binding) = &*branch.cond {
        faults.over(binding.let_token, "a column that may be NULL is used as it is; ask with `is_null(…)`, or write `coalesce(…, …)`");
        return None;
    }
    let condition = read_condition(&branch.cond, scope, faults);
    let Some((_, otherwise)) = &branch.else_branch else {
        faults.over(
            branch.if_token,
            "an `if` needs an `else`: every row gets a value",
        );
        return None;
    };
    let then = value_of(&branch.then_branch, faults);
    let last = match &**otherwise {
        syn::Expr::Block(block) => value_of(&block.block, faults),
        other => Some(other),
    };
    let branches = read_alike(&[then?, last?], scope, faults);
    let [then, last] = <[Expr; 2]>::try_from(branches?).ok()?;
    if then == Expr::Null && last == Expr::Null {
        faults.over(branch, "both branches are NULL; write `null` for the whole");
        return None;
    }
    let (one, two) = (then.kind(scope), last.kind(scope));
    if !alike(one, two) {
        let message =
            format!("the branches must give values of one kind; the first gives {one}, this {two}");
        faults.over(otherwise, message);
        return None;
    }
    Some(Expr::If(Box::new([condition?, then, last])))
}

fn value_of<'a>(block: &'a Block, faults: &mut Faults) -> Option<&'a syn::Expr> {
    match &block.stmts[..] {
        [Stmt::Expr(expr, None)] => Some(expr),
        _ => {
            faults.over(block, "a branch is one value, without statements");
            None
        }
    }
}

fn read_call(call: &syn::ExprCall, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let name = match &*call.func {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    let Some(name) = name else {
        faults.over(&call.func, "this cannot be called in SQL");
        return None;
    };
    match name.as_str() {
        "now" => read_now(call, scope, faults),
        "cast" => read_cast(call, scope, faults),
        "sql" => raw::read(&call.args, call, scope, faults),
        _ => match Function::find(&name) {
            Some(function) => read_function(function, call, scope, faults),
            None => {
                let names = Function::ALL.iter().map(|(name, _)| *name);
                let advice = did_you_mean(&name, names.chain(["now", "cast", "sql"]));
                faults.over(
                    &call.func,
                    format!("`{name}` is not a function that expressions have{advice}"),
                );
                None
            }
        },
    }
}

fn read_now(call: &syn::ExprCall, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    if !call.args.is_empty() {
        faults.over(&call.args, "`now()` takes nothing");
        return None;
    }
    let Some(clock) = scope.clock else {
        faults.over(
            call,
            "`now()` is a time, and what it is for, or compared with, holds none; use a date or time type, or an integer for seconds since 1970",
        );
        return None;
    };
    Some(Expr::Now(clock))
}

fn read_cast(call: &syn::ExprCall, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let wrong = |faults: &mut Faults, tokens: &dyn ToTokens| {
        faults.over(
            tokens.to_token_stream(),
            "`cast` takes a value and `\"text\"`, `\"integer\"` or `\"float\"`: `cast(new.code, \"text\")`",
        );
    };
    let [value, to] = &call.args.iter().collect::<Vec<_>>()[..] else {
        wrong(faults, call);
        return None;
    };
    let Some(target) = string(to).and_then(|to| {
        CastTo::ALL
            .into_iter()
            .find(|(name, _)| *name == to.value())
            .map(|(_, target)| target)
    }) else {
        wrong(faults, to);
        return None;
    };
    let inner = read(value, scope, faults)?;
    let kind = inner.kind(scope);
    let possible = match target {
        CastTo::Text => matches!(kind, Kind::Text | Kind::Unknown) || kind.is_number(),
        CastTo::Integer | CastTo::Float => kind.is_number(),
    };
    if !possible {
        faults.over(value, "databases differ in what this cast gives; write it for each with `sql(postgres = \"…\", …)`");
        return None;
    }
    Some(Expr::Cast(Box::new(inner), target))
}

fn string(expr: &syn::Expr) -> Option<&LitStr> {
    match expr {
        syn::Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn read_function(
    function: Function,
    call: &syn::ExprCall,
    scope: &Scope,
    faults: &mut Faults,
) -> Option<Expr> {
    let (fewest, most, example) = function.arity();
    if !(fewest..=most).contains(&call.args.len()) {
        let name = call.func.to_token_stream();
        let many = if most == usize::MAX { "at least " } else { "" };
        let values = if fewest == 1 {
            "one value"
        } else {
            "two values"
        };
        faults.over(call, format!("`{name}` takes {many}{values}: `{example}`"));
        return None;
    }
    let arguments: Vec<_> = call.args.iter().collect();
    let values = read_alike(&arguments, scope, faults)?;
    if function.needs_a_value(&values) {
        faults.over(call, "NULL alone is of no kind; write `null` for the whole");
        return None;
    }
    for (value, tokens) in values.iter().zip(&call.args) {
        if !function.takes().accepts(value.kind(scope)) {
            faults.over(tokens, function.takes().complaint());
            return None;
        }
        let (first, kind) = (values[0].kind(scope), value.kind(scope));
        if !alike(kind, first) {
            faults.over(
                tokens,
                format!("the values must be of one kind; the first is {first}, this {kind}"),
            );
            return None;
        }
    }
    Some(Expr::Call(function, values))
}
