//! `#[upsert(…)]` and `#[sqlx(…)]` on the struct.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Path, Token, Type, parenthesized};

use super::list::{self, Named};
use super::{Word, crate_path, field, words};
use crate::diagnostics::{Faults, did_you_mean};
use crate::names::RENAME_RULES;
use crate::parse::RuleWord;

/// The words that stand on a struct.
pub(super) const WORDS: [&str; 10] = [
    "table",
    "conflict",
    "accumulate",
    "coalesce",
    "insert_only",
    "generated",
    "now",
    "returning",
    "rename_all",
    "crate",
];

/// What stands on the struct.
#[derive(Default)]
pub(crate) struct Container {
    pub table: Option<LitStr>,
    pub conflict: Option<(Span, Vec<Named>)>,
    pub generated: Vec<Named>,
    pub rules: Vec<(RuleWord, Named)>,
    pub returning: Option<Returning>,
    pub rename_all: Option<LitStr>,
    pub krate: Option<Path>,
}

/// What is to come back.
pub(crate) enum Returning {
    /// `returning = "id, email"`
    Columns(Vec<Named>),
    /// `returning = Account` or `returning(Account: "id, email")`
    Type(Box<Type>, Option<Vec<Named>>),
}

impl Container {
    pub(super) fn read(attributes: &[Attribute], faults: &mut Faults) -> Self {
        let mut container = Self::default();
        for attribute in attributes {
            let parsed = if attribute.path().is_ident("upsert") {
                attribute.parse_args_with(|input: ParseStream| {
                    words(input, |word, input| container.word(word, input, faults))
                })
            } else if attribute.path().is_ident("sqlx") {
                attribute.parse_args_with(|input: ParseStream| {
                    words(input, |word, input| container.sqlx_word(word, input))
                })
            } else {
                Ok(())
            };
            faults.take(parsed);
        }
        container
    }

    fn word(&mut self, word: &Word, input: ParseStream, faults: &mut Faults) -> syn::Result<()> {
        match word.name.as_str() {
            "table" => once(
                &mut self.table,
                word,
                word.text(input, r#"table = "users""#)?,
            ),
            "rename_all" => once(&mut self.rename_all, word, rename_rule(word, input)?),
            "crate" => once(&mut self.krate, word, crate_path::parse(input)?),
            "returning" => once(
                &mut self.returning,
                word,
                Returning::parse(word, input, faults)?,
            ),
            "conflict" => {
                let literal = word.text(input, r#"conflict = "email""#)?;
                let columns = list::parse(&literal, faults);
                once(&mut self.conflict, word, (literal.span(), columns))
            }
            "generated" => {
                let literal = word.text(input, r#"generated = "id""#)?;
                self.generated.extend(list::parse(&literal, faults));
                Ok(())
            }
            name => {
                let Some(rule) = RuleWord::find(name) else {
                    return Err(word.unknown(&WORDS, &field::WORDS, "field it is about"));
                };
                let literal = word.text(input, &format!(r#"{name} = "column""#))?;
                let columns = list::parse(&literal, faults);
                self.rules
                    .extend(columns.into_iter().map(|column| (rule, column)));
                Ok(())
            }
        }
    }

    /// sqlx's words for a struct that derives `FromRow` or `Type`: those about names count here too, the others are passed over.
    fn sqlx_word(&mut self, word: &Word, input: ParseStream) -> syn::Result<()> {
        if word.name == "rename_all" {
            let rule = rename_rule(word, input)?;
            self.rename_all.get_or_insert(rule);
            return Ok(());
        }
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<proc_macro2::TokenTree>()?;
        }
        Ok(())
    }
}

impl Returning {
    /// Parses `= "id, email"`, `= Account` or `(Account: "id, email")`.
    fn parse(word: &Word, input: ParseStream, faults: &mut Faults) -> syn::Result<Self> {
        if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            let ty: Type = content.parse()?;
            content.parse::<Token![:]>()?;
            let literal: LitStr = content.parse()?;
            if !content.is_empty() {
                return Err(
                    content.error("one type and one list: `returning(Account: \"id, email\")`")
                );
            }
            return Ok(Self::Type(
                Box::new(ty),
                Some(list::parse(&literal, faults)),
            ));
        }
        if !input.peek(Token![=]) {
            let message = "`returning` takes columns or a type: `returning = \"id\"`, `returning = Account`, `returning(Account: \"id, email\")`";
            return Err(syn::Error::new(word.span, message));
        }
        input.parse::<Token![=]>()?;
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            if literal.value().trim() == "*" {
                let message =
                    "`*` is not listed: without `returning` all columns of the struct come back";
                return Err(syn::Error::new(literal.span(), message));
            }
            return Ok(Self::Columns(list::parse(&literal, faults)));
        }
        Ok(Self::Type(Box::new(input.parse()?), None))
    }
}

/// Keeps a value that may be given only once.
fn once<T>(slot: &mut Option<T>, word: &Word, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new(
            word.span,
            format!("`{}` is given twice; keep one", word.name),
        ));
    }
    *slot = Some(value);
    Ok(())
}

fn rename_rule(word: &Word, input: ParseStream) -> syn::Result<LitStr> {
    let rule = word.text(input, r#"rename_all = "camelCase""#)?;
    let value = rule.value();
    if RENAME_RULES.contains(&value.as_str()) {
        return Ok(rule);
    }
    let message = format!(
        "`{value}` is not a way to rename{}; use one of `{}`",
        did_you_mean(&value, RENAME_RULES),
        RENAME_RULES.join("`, `")
    );
    Err(syn::Error::new(rule.span(), message))
}
