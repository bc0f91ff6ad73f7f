//! `sql("…")`: literal SQL, in which `{old.x}` and `{new.x}` stand for columns.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr as SynExpr, Lit, LitStr, Token};

use super::read::{Scope, column};
use super::{Expr, Side};
use crate::diagnostics::{At, Faults, did_you_mean};

/// The text for each dialect that has one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    pub at: At,
    pub postgres: Option<Vec<Piece>>,
    pub sqlite: Option<Vec<Piece>>,
    pub mysql: Option<Vec<Piece>>,
}

/// A part of literal SQL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// A column, or a bound field.
    Value(Expr),
}

impl Raw {
    fn values(&self) -> impl Iterator<Item = &Expr> {
        let dialects = [&self.postgres, &self.sqlite, &self.mysql];
        dialects
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|piece| match piece {
                Piece::Value(value) => Some(value),
                Piece::Text(_) => None,
            })
    }

    /// Whether a query is in it, in some dialect.
    pub(crate) fn has_query(&self) -> bool {
        let dialects = [&self.postgres, &self.sqlite, &self.mysql];
        let mut pieces = dialects.into_iter().flatten().flatten();
        pieces.any(|piece| match piece {
            Piece::Text(text) => {
                let mut words = text.split(|next: char| !next.is_alphanumeric() && next != '_');
                words.any(|word| word.eq_ignore_ascii_case("select"))
            }
            Piece::Value(_) => false,
        })
    }

    pub(super) fn columns(&self, side: Side) -> impl Iterator<Item = usize> {
        self.values().filter_map(move |value| match value {
            Expr::Column(found, column) if *found == side => Some(*column),
            _ => None,
        })
    }

    pub(super) fn bound(&self) -> impl Iterator<Item = usize> {
        self.values().filter_map(|value| match value {
            Expr::Bound(field) => Some(*field),
            _ => None,
        })
    }
}

const DIALECTS: [&str; 3] = ["postgres", "sqlite", "mysql"];

/// Reads the arguments: one text for all dialects, or `dialect = "…"` for some.
pub(super) fn read(
    arguments: &Punctuated<SynExpr, Token![,]>,
    call: &syn::ExprCall,
    scope: &Scope,
    faults: &mut Faults,
) -> Option<Expr> {
    let at = At(call.func.span());
    if let (Some(literal), 1) = (arguments.first().and_then(text), arguments.len()) {
        let pieces = pieces(literal, &DIALECTS, scope, faults)?;
        return Some(Expr::Raw(Raw {
            at,
            postgres: Some(pieces.clone()),
            sqlite: Some(pieces.clone()),
            mysql: Some(pieces),
        }));
    }
    let mut raw = Raw {
        at,
        postgres: None,
        sqlite: None,
        mysql: None,
    };
    for argument in arguments {
        let SynExpr::Assign(assign) = argument else {
            faults.over(
                argument,
                "`sql` takes one text, or one for each database: `sql(postgres = \"…\", sqlite = \"…\", mysql = \"…\")`",
            );
            return None;
        };
        let (SynExpr::Path(dialect), Some(literal)) = (&*assign.left, text(&assign.right)) else {
            faults.over(
                assign,
                "write `postgres = \"…\"`, `sqlite = \"…\"` or `mysql = \"…\"`",
            );
            return None;
        };
        let name = dialect
            .path
            .get_ident()
            .map(ToString::to_string)
            .unwrap_or_default();
        let slot = match name.as_str() {
            "postgres" => &mut raw.postgres,
            "sqlite" => &mut raw.sqlite,
            "mysql" => &mut raw.mysql,
            _ => {
                let advice = match name.as_str() {
                    "mariadb" => "; MariaDB is sent the text of `mysql`".to_owned(),
                    _ => did_you_mean(&name, DIALECTS),
                };
                faults.over(dialect, format!("`{name}` is not a dialect{advice}"));
                return None;
            }
        };
        if slot.is_some() {
            faults.over(dialect, format!("`{name}` is given twice; keep one"));
            return None;
        }
        *slot = Some(pieces(literal, &[&name], scope, faults)?);
    }
    if arguments.is_empty() {
        faults.over(
            call,
            "`sql` needs a text: `sql(\"{old.tags} || {new.tags}\")`",
        );
        return None;
    }
    Some(Expr::Raw(raw))
}

fn text(expr: &SynExpr) -> Option<&LitStr> {
    match expr {
        SynExpr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text),
            _ => None,
        },
        SynExpr::Group(group) => text(&group.expr),
        _ => None,
    }
}

/// Splits a text at its columns.
fn pieces(
    literal: &LitStr,
    dialects: &[&str],
    scope: &Scope,
    faults: &mut Faults,
) -> Option<Vec<Piece>> {
    let text = literal.value();
    let takes_a_bind = dialects.iter().any(|dialect| match *dialect {
        "postgres" => has_numbered_bind(&text),
        _ => text.contains('?'),
    });
    if takes_a_bind || text.contains('\0') {
        faults.at(
            literal.span(),
            "literal SQL takes no binds; for a run-time value mark a field `param` and write `{new.field}`",
        );
        return None;
    }
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // As in Rust's own format strings, a doubled brace is a brace.
        if rest.starts_with("{{") || rest.starts_with("}}") {
            plain.push_str(&rest[..1]);
            rest = &rest[2..];
            continue;
        }
        let Some(((side, name), end)) = braced(rest) else {
            faults.at(
                literal.span(),
                "braces hold a column: `{old.tags}` is the stored row's, `{new.tags}` the proposed one's; a brace of the text's own is doubled: `{{`, `}}`",
            );
            return None;
        };
        pieces.push(Piece::Text(std::mem::take(&mut plain)));
        pieces.push(Piece::Value(column(
            side,
            name,
            literal.span(),
            scope,
            faults,
        )?));
        rest = end;
    }
    plain.push_str(rest);
    pieces.push(Piece::Text(plain));
    Some(pieces)
}

/// The column in the braces that a text begins with, and what follows them.
fn braced(text: &str) -> Option<((Side, &str), &str)> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    // A brace within braces is one that was left open.
    let name = Some(name.trim()).filter(|name| !name.contains('{'))?;
    let (side, name) = name.split_once('.')?;
    let side = match side {
        "old" => Side::Old,
        "new" => Side::New,
        _ => return None,
    };
    Some(((side, name), rest))
}

fn has_numbered_bind(text: &str) -> bool {
    let dollars = text.match_indices('$');
    dollars
        .into_iter()
        .any(|(at, _)| text[at + 1..].starts_with(|next: char| next.is_ascii_digit()))
}
