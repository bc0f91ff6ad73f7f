//! Attributes to options: what the user wrote, with spans, and not yet what it means.

mod container;
mod crate_path;
mod field;
mod list;

pub(crate) use container::{Bulk, Container, Database, OnDeleted, Options, Returning, Verify};
pub(crate) use field::{Field, Rule, RuleWord};
pub(crate) use list::Named;

/// All words of the derive.
#[cfg(test)]
pub(crate) fn all_words() -> impl Iterator<Item = &'static str> {
    container::WORDS.into_iter().chain(field::WORDS)
}

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Meta, Token, parenthesized};

use crate::diagnostics::{Faults, did_you_mean};

/// Everything that the user wrote about a struct.
pub(crate) struct Input<'a> {
    pub derive: &'a DeriveInput,
    pub container: Container,
    pub fields: Vec<Field<'a>>,
}

/// Reads the struct's and its fields' attributes. Mistakes go to `faults`; `None` when there is nothing to go on with.
pub(crate) fn read<'a>(derive: &'a DeriveInput, faults: &mut Faults) -> Option<Input<'a>> {
    let container = Container::read(&derive.attrs, faults);
    let fields = match &derive.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) if !named.named.is_empty() => &named.named,
            Fields::Unnamed(_) => {
                faults.at(
                    derive.ident.span(),
                    "a tuple struct has no column names; give the fields names: `struct User { email: String }`",
                );
                return None;
            }
            Fields::Named(_) | Fields::Unit => {
                faults.at(
                    derive.ident.span(),
                    "a struct without fields has no columns; add a field for each column of the table",
                );
                return None;
            }
        },
        Data::Enum(data) => {
            faults.at(
                data.enum_token.span,
                "an enum is not a row; derive `Upsert` on a struct with a field for each column, and `sqlx::Type` on enums that are columns",
            );
            return None;
        }
        Data::Union(data) => {
            faults.at(
                data.union_token.span,
                "a union is not a row; derive `Upsert` on a struct with a field for each column",
            );
            return None;
        }
    };
    let fields = fields
        .iter()
        .map(|field| Field::read(field, faults))
        .collect();
    Some(Input {
        derive,
        container,
        fields,
    })
}

/// One word of an attribute, before its value is looked at.
struct Word {
    name: String,
    span: Span,
}

impl Word {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let ident = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "a word belongs here, such as `conflict`")
        })?;
        Ok(Self {
            name: ident.to_string(),
            span: ident.span(),
        })
    }

    /// Parses `= "text"`.
    fn text(&self, input: ParseStream, example: &str) -> syn::Result<LitStr> {
        let wrong = |span| {
            let message = format!("`{}` takes a text in quotes: `{example}`", self.name);
            syn::Error::new(span, message)
        };
        if !input.peek(Token![=]) {
            return Err(wrong(self.span));
        }
        input.parse::<Token![=]>()?;
        let literal: LitStr = input.parse().map_err(|error| wrong(error.span()))?;
        Ok(literal)
    }

    /// Parses `(…)`.
    fn parentheses<'a>(
        &self,
        input: ParseStream<'a>,
        example: &str,
    ) -> syn::Result<ParseBuffer<'a>> {
        if !input.peek(syn::token::Paren) {
            let message = format!(
                "`{}` takes its expression in parentheses: `{example}`",
                self.name
            );
            return Err(syn::Error::new(self.span, message));
        }
        let content;
        parenthesized!(content in input);
        Ok(content)
    }

    /// Makes sure that nothing follows a word that stands alone in this place.
    fn alone(&self, place: &str, input: ParseStream) -> syn::Result<()> {
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(());
        }
        Err(input.error(format!(
            "`{name}` on a {place} stands alone: `#[upsert({name})]`",
            name = self.name
        )))
    }

    /// The mistake of a word that is not known here: `here` are the words that are, `elsewhere` those of the other place.
    fn unknown(&self, here: &[&str], elsewhere: &[&str], place: &str) -> syn::Error {
        let message = if elsewhere.contains(&self.name.as_str()) {
            format!("`{}` stands on the {place}", self.name)
        } else {
            format!(
                "`{}` is not a word of `upsert`{}",
                self.name,
                did_you_mean(&self.name, here.iter().copied())
            )
        };
        syn::Error::new(self.span, message)
    }
}

/// Reads the words of an attribute, separated by commas. After a mistake, goes on behind the next comma.
fn words(
    attribute: &Attribute,
    faults: &mut Faults,
    mut word: impl FnMut(&Word, ParseStream, &mut Faults) -> syn::Result<()>,
) {
    if !matches!(attribute.meta, Meta::List(_)) {
        faults.over(
            &attribute.meta,
            "the words stand in parentheses: `#[upsert(conflict = \"email\")]`",
        );
        return;
    }
    let known = faults.len();
    let read = attribute.parse_args_with(|input: ParseStream| {
        while !input.is_empty() {
            let read = Word::parse(input).and_then(|name| {
                word(&name, input, faults)?;
                if input.is_empty() || input.peek(Token![,]) {
                    return Ok(());
                }
                Err(input.error("words are separated by commas; put one before this"))
            });
            faults.take(read);
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<TokenTree>()?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    });
    // What a mistake leaves behind in parentheses would be a second one to syn.
    if faults.len() == known {
        faults.take(read);
    }
}

/// Keeps a value that may be given only once.
fn once<T>(slot: &mut Option<T>, word: &Word, value: T) -> syn::Result<()> {
    if slot.is_some() {
        let message = format!("`{}` is given twice; keep one", word.name);
        return Err(syn::Error::new(word.span, message));
    }
    *slot = Some(value);
    Ok(())
}
