//! `#[upsert(…)]` and `#[sqlx(…)]` on a field.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token, Type};

use super::{Word, container, once, words};
use crate::diagnostics::{Faults, did_you_mean};

/// The words that stand on a field.
pub(super) const WORDS: [&str; 14] = [
    "conflict",
    "accumulate",
    "coalesce",
    "greatest",
    "least",
    "insert_only",
    "generated",
    "now",
    "update",
    "insert",
    "param",
    "rename",
    "skip",
    "json",
];

/// What stands on a field.
pub(crate) struct Field<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub conflict: Option<Span>,
    pub generated: Option<Span>,
    pub rules: Vec<Rule>,
    pub insert: Option<Expr>,
    pub param: Option<Span>,
    pub rename: Option<LitStr>,
    pub skip: Option<Span>,
    pub json: Option<Span>,
}

/// What an update does with a column, and where it says so.
#[derive(Clone)]
pub(crate) enum Rule {
    Word(RuleWord, Span),
    /// `update = EXPR` on the field.
    Update(Box<Expr>, Span),
    /// `set(column = EXPR)` on the struct.
    Set(Box<Expr>, Span),
}

/// The rules that are one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleWord {
    Accumulate,
    Coalesce,
    Greatest,
    Least,
    InsertOnly,
    Now,
}

impl RuleWord {
    const ALL: [Self; 6] = [
        Self::Accumulate,
        Self::Coalesce,
        Self::Greatest,
        Self::Least,
        Self::InsertOnly,
        Self::Now,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accumulate => "accumulate",
            Self::Coalesce => "coalesce",
            Self::Greatest => "greatest",
            Self::Least => "least",
            Self::InsertOnly => "insert_only",
            Self::Now => "now",
        }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.name() == name)
    }
}

impl Rule {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Word(word, _) => word.name(),
            Self::Update(..) => "update",
            Self::Set(..) => "set",
        }
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Word(_, span) | Self::Update(_, span) | Self::Set(_, span) => *span,
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn read(field: &'a syn::Field, faults: &mut Faults) -> Self {
        let mut read = Self {
            ident: field
                .ident
                .as_ref()
                .unwrap_or_else(|| unreachable!("only structs with named fields are read")),
            ty: &field.ty,
            conflict: None,
            generated: None,
            rules: Vec::new(),
            insert: None,
            param: None,
            rename: None,
            skip: None,
            json: None,
        };
        let mut sqlx_rename = None;
        for attribute in &field.attrs {
            if attribute.path().is_ident("upsert") {
                words(attribute, faults, |word, input, _| read.word(word, input));
            } else if attribute.path().is_ident("sqlx") {
                words(attribute, faults, |word, input, _| {
                    read.sqlx_word(word, input, &mut sqlx_rename)
                });
            }
        }
        read.rename = read.rename.or(sqlx_rename);
        read
    }

    fn word(&mut self, word: &Word, input: ParseStream) -> syn::Result<()> {
        match word.name.as_str() {
            "rename" => once(&mut self.rename, word, column_name(word, input)?)?,
            "update" => {
                let expr = expression(word, input, "update = old.count + new.count")?;
                self.rules.push(Rule::Update(Box::new(expr), word.span));
            }
            "insert" => {
                let expr = expression(word, input, "insert = lower(new.email)")?;
                once(&mut self.insert, word, expr)?;
            }
            "param" => alone(&mut self.param, word, input)?,
            "conflict" => alone(&mut self.conflict, word, input)?,
            "generated" => alone(&mut self.generated, word, input)?,
            "skip" => alone(&mut self.skip, word, input)?,
            "json" => alone(&mut self.json, word, input)?,
            name => {
                let Some(rule) = RuleWord::find(name) else {
                    return Err(word.unknown(&WORDS, &container::WORDS, "struct"));
                };
                word.alone("field", input)?;
                self.rules.push(Rule::Word(rule, word.span));
            }
        }
        Ok(())
    }

    /// sqlx's words for a field of a struct that derives `FromRow`, so that such a struct says them once.
    fn sqlx_word(
        &mut self,
        word: &Word,
        input: ParseStream,
        rename: &mut Option<LitStr>,
    ) -> syn::Result<()> {
        let refused = |reason: &str| Err(syn::Error::new(word.span, reason));
        match word.name.as_str() {
            "rename" => {
                *rename = Some(column_name(word, input)?);
                Ok(())
            }
            "skip" => {
                self.skip = Some(word.span);
                Ok(())
            }
            "json" => {
                self.json = Some(word.span);
                // `json(nullable)` says for `FromRow` what an `Option` says here.
                if input.peek(syn::token::Paren) {
                    input.parse::<proc_macro2::TokenTree>()?;
                }
                Ok(())
            }
            "flatten" => refused(
                "`flatten` spreads a struct over columns, which an upsert cannot list; give this struct a field for each column",
            ),
            "try_from" => refused(
                "`try_from` converts only what is read, and an upsert writes the field too; give the field a type that derives `sqlx::Type`",
            ),
            "default" => refused(
                "`default` is for columns that may be missing, and an upsert always writes and lists its columns; for a field without a column use `#[upsert(skip)]`",
            ),
            name => {
                let advice = did_you_mean(name, ["rename", "skip", "json"]);
                refused(&format!(
                    "`{name}` is not a word that sqlx knows on a field{advice}"
                ))
            }
        }
    }
}

fn alone(slot: &mut Option<Span>, word: &Word, input: ParseStream) -> syn::Result<()> {
    word.alone("field", input)?;
    once(slot, word, word.span)
}

/// Parses `= "e_mail"`.
fn column_name(word: &Word, input: ParseStream) -> syn::Result<LitStr> {
    let literal = word.text(input, r#"rename = "e_mail""#)?;
    let name = literal.value();
    if name.is_empty() || name.contains('\0') {
        let message = "a column has a name, without NUL characters in it: `rename = \"e_mail\"`";
        return Err(syn::Error::new(literal.span(), message));
    }
    Ok(literal)
}

/// Parses `= EXPR`.
fn expression(word: &Word, input: ParseStream, example: &str) -> syn::Result<Expr> {
    if !input.peek(Token![=]) {
        let message = format!("`{}` takes an expression: `{example}`", word.name);
        return Err(syn::Error::new(word.span, message));
    }
    input.parse::<Token![=]>()?;
    let expr = input.parse()?;
    refuse_quotes(&expr, |text| format!("{} = {text}", word.name))?;
    Ok(expr)
}

/// An expression in quotes would be a text, and be written into the column as it stands.
pub(super) fn refuse_quotes(
    expr: &Expr,
    without_quotes: impl FnOnce(&str) -> String,
) -> syn::Result<()> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(literal),
        ..
    }) = expr
    else {
        return Ok(());
    };
    let text = literal.value();
    let is_expression = syn::parse_str::<Expr>(&text).is_ok();
    if !is_expression || (!text.contains("old.") && !text.contains("new.")) {
        return Ok(());
    }
    let message = format!(
        "an expression stands without quotes: `{}`",
        without_quotes(&text)
    );
    Err(syn::Error::new(literal.span(), message))
}
