//! `#[upsert(…)]` and `#[sqlx(…)]` on the struct.

use proc_macro2::{Span, TokenStream};
use syn::parse::ParseStream;
use syn::{Attribute, Ident, LitStr, Path, Token, Type, parenthesized};

use super::list::{self, Named};
use super::{Word, crate_path, field, once, words};
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
            if attribute.path().is_ident("upsert") {
                words(attribute, faults, |word, input, faults| {
                    container.word(word, input, faults)
                });
            } else if attribute.path().is_ident("sqlx") {
                words(attribute, faults, |word, input, _| {
                    container.sqlx_word(word, input)
                });
            }
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
            "crate" => once(&mut self.krate, word, crate_path::parse(word, input)?),
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
            let read = Self::parse_type_and_list(&content, faults);
            // What a mistake leaves behind would be a second one to syn.
            content.parse::<TokenStream>()?;
            return read;
        }
        if !input.peek(Token![=]) {
            let message = "`returning` takes columns or a type: `returning = \"id\"`, `returning = Account`, `returning(Account: \"id, email\")`";
            return Err(syn::Error::new(word.span, message));
        }
        input.parse::<Token![=]>()?;
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            if literal.value().trim() == "*" {
                let message = "`*` is never sent; without `returning` all columns of this struct come back, and a list names some of them: `returning = \"id, email\"`";
                return Err(syn::Error::new(literal.span(), message));
            }
            let columns = list::parse(&literal, faults);
            // sqlx stops there too, and a struct says more.
            const LONGEST: usize = 12;
            if columns.len() > LONGEST {
                let message = format!(
                    "{} columns are too many for a tuple; give them names with `returning = SomeStruct`",
                    columns.len()
                );
                return Err(syn::Error::new(literal.span(), message));
            }
            return Ok(Self::Columns(columns));
        }
        let ty = input.parse()?;
        if let Some(column) = column_without_quotes(&ty) {
            let message =
                format!("`returning` takes column names in quotes: `returning = \"{column}\"`");
            return Err(syn::Error::new_spanned(ty, message));
        }
        Ok(Self::Type(Box::new(ty), None))
    }

    fn parse_type_and_list(input: ParseStream, faults: &mut Faults) -> syn::Result<Self> {
        let ty: Type = input.parse()?;
        if input.is_empty() {
            let message = "the list of columns is missing: `returning(Account: \"id, email\")`; for all columns of this struct, write `returning = Account`";
            return Err(syn::Error::new_spanned(ty, message));
        }
        let wrong = |error: syn::Error| {
            let message =
                "`returning` takes a type, a colon and a list: `returning(Account: \"id, email\")`";
            syn::Error::new(error.span(), message)
        };
        input.parse::<Token![:]>().map_err(wrong)?;
        let literal: LitStr = input.parse().map_err(wrong)?;
        if !input.is_empty() {
            return Err(wrong(input.error("")));
        }
        let columns = list::parse(&literal, faults);
        Ok(Self::Type(Box::new(ty), Some(columns)))
    }
}

/// A type that is spelled like a column; no type that a row can be read into is.
fn column_without_quotes(ty: &Type) -> Option<&Ident> {
    let Type::Path(path) = ty else {
        return None;
    };
    let ident = path.path.get_ident()?;
    ident
        .to_string()
        .starts_with(|first: char| first.is_lowercase())
        .then_some(ident)
}

fn rename_rule(word: &Word, input: ParseStream) -> syn::Result<LitStr> {
    let rule = word.text(input, r#"rename_all = "camelCase""#)?;
    let value = rule.value();
    if RENAME_RULES.contains(&value.as_str()) {
        return Ok(rule);
    }
    let advice = did_you_mean(&value, RENAME_RULES);
    let message = format!("`{value}` is not a way to rename{advice}");
    Err(syn::Error::new(rule.span(), message))
}
