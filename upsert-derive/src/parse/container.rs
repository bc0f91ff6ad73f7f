//! `#[upsert(…)]` and `#[sqlx(…)]` on the struct.

use proc_macro2::{Span, TokenTree};
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, LitStr, Meta, Path, Token, Type, parenthesized};

use super::list::{self, Named};
use super::{Word, crate_path, field, once, words};
use crate::diagnostics::{Faults, did_you_mean};
use crate::names::RENAME_RULES;
use crate::parse::RuleWord;

/// The words that stand on a struct, the common ones first: a message names only so many.
pub(super) const WORDS: [&str; 24] = [
    "table",
    "conflict",
    "generated",
    "insert_only",
    "accumulate",
    "coalesce",
    "now",
    "set",
    "update_where",
    "returning",
    "name",
    "rename_all",
    "greatest",
    "least",
    "skip_unchanged",
    "newer",
    "soft_delete",
    "on_deleted",
    "conflict_where",
    "constraint",
    "nulls_not_distinct",
    "bulk",
    "verify",
    "crate",
];

/// What stands on the struct: what all its upserts share, the default upsert and the named ones.
#[derive(Default)]
pub(crate) struct Container {
    pub table: Option<LitStr>,
    pub rename_all: Option<LitStr>,
    pub krate: Option<Path>,
    pub verify: Option<Verify>,
    pub generated: Vec<Named>,
    pub main: Options,
    pub named: Vec<Options>,
}

/// The words of one upsert.
#[derive(Default)]
pub(crate) struct Options {
    pub name: Option<LitStr>,
    pub conflict: Option<Vec<Named>>,
    pub conflict_where: Option<LitStr>,
    pub constraint: Option<LitStr>,
    pub nulls_not_distinct: Option<Span>,
    pub rules: Vec<(RuleWord, Named)>,
    pub set: Vec<(Ident, Expr)>,
    pub update_where: Option<Expr>,
    pub skip_unchanged: Option<Span>,
    pub newer: Option<Named>,
    pub soft_delete: Option<Named>,
    pub on_deleted: Option<(OnDeleted, Span)>,
    pub returning: Option<Returning>,
    pub bulk: Option<(Bulk, Span)>,
}

/// How PostgreSQL takes many rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// As an array for each column.
    Unnest,
    /// In a VALUES list.
    Values,
}

/// `verify = "postgres"`: whose database looks at the statements while compiling.
#[derive(Clone, Copy)]
pub(crate) struct Verify {
    pub database: Database,
    pub span: Span,
}

/// A database as `verify` names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    Sqlite,
    MySql,
}

/// What happens when the row that absorbs is a deleted one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDeleted {
    Revive,
    Keep,
    Error,
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
                container.upsert_attribute(attribute, faults);
            } else if attribute.path().is_ident("sqlx") {
                words(attribute, faults, |word, input, _| {
                    container.sqlx_word(word, input)
                });
            }
        }
        container
    }

    /// Several attributes add up to the default upsert; each one with a name is an upsert of its own.
    fn upsert_attribute(&mut self, attribute: &Attribute, faults: &mut Faults) {
        if has_name(attribute) {
            let mut options = Options::default();
            words(attribute, faults, |word, input, faults| {
                refuse_shared(word)?;
                options.word(word, input, faults)
            });
            self.named.push(options);
        } else {
            words(attribute, faults, |word, input, faults| {
                if self.shared_word(word, input, faults)? {
                    return Ok(());
                }
                self.main.word(word, input, faults)
            });
        }
    }

    /// The words about the struct as a whole; says whether it was one.
    fn shared_word(
        &mut self,
        word: &Word,
        input: ParseStream,
        faults: &mut Faults,
    ) -> syn::Result<bool> {
        match word.name.as_str() {
            "table" => once(
                &mut self.table,
                word,
                word.text(input, r#"table = "users""#)?,
            )?,
            "rename_all" => once(&mut self.rename_all, word, rename_rule(word, input)?)?,
            "crate" => once(&mut self.krate, word, crate_path::parse(word, input)?)?,
            "verify" => once(&mut self.verify, word, Verify::parse(word, input)?)?,
            "generated" => {
                let literal = word.text(input, r#"generated = "id""#)?;
                self.generated.extend(list::parse(&literal, faults));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// sqlx's words for a struct that derives `FromRow` or `Type`: those about names count here too, the others are passed over.
    fn sqlx_word(&mut self, word: &Word, input: ParseStream) -> syn::Result<()> {
        if word.name == "rename_all" {
            let rule = rename_rule(word, input)?;
            self.rename_all.get_or_insert(rule);
            return Ok(());
        }
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<TokenTree>()?;
        }
        Ok(())
    }
}

impl Options {
    /// Whether anything is said of a conflict target.
    pub(crate) fn names_target(&self) -> bool {
        self.conflict.is_some()
            || self.conflict_where.is_some()
            || self.constraint.is_some()
            || self.nulls_not_distinct.is_some()
    }

    /// Where the first word stands that is about this upsert alone.
    pub(crate) fn first(&self) -> Option<Span> {
        let Self {
            name: _,
            conflict,
            conflict_where,
            constraint,
            nulls_not_distinct,
            rules,
            set,
            update_where,
            skip_unchanged,
            newer,
            soft_delete,
            on_deleted,
            returning,
            bulk,
        } = self;
        let named = |column: &Named| column.span;
        let words = [
            conflict.iter().flatten().next().map(named),
            conflict_where.as_ref().map(LitStr::span),
            constraint.as_ref().map(LitStr::span),
            *nulls_not_distinct,
            rules.first().map(|(_, column)| column.span),
            set.first().map(|(column, _)| column.span()),
            update_where.as_ref().map(Spanned::span),
            *skip_unchanged,
            newer.as_ref().map(named),
            soft_delete.as_ref().map(named),
            on_deleted.map(|(_, span)| span),
            returning.as_ref().and_then(|returning| match returning {
                Returning::Columns(columns) => columns.first().map(named),
                Returning::Type(ty, _) => Some(ty.span()),
            }),
            bulk.map(|(_, span)| span),
        ];
        words.into_iter().flatten().next()
    }

    fn word(&mut self, word: &Word, input: ParseStream, faults: &mut Faults) -> syn::Result<()> {
        match word.name.as_str() {
            "name" => once(
                &mut self.name,
                word,
                word.text(input, r#"name = "record_login""#)?,
            ),
            "returning" => once(
                &mut self.returning,
                word,
                Returning::parse(word, input, faults)?,
            ),
            "conflict" => {
                let literal = word.text(input, r#"conflict = "email""#)?;
                once(&mut self.conflict, word, list::parse(&literal, faults))
            }
            "conflict_where" => {
                let example = r#"conflict_where = "deleted_at IS NULL""#;
                once(&mut self.conflict_where, word, word.text(input, example)?)
            }
            "constraint" => once(
                &mut self.constraint,
                word,
                word.text(input, r#"constraint = "uq_users_email""#)?,
            ),
            "nulls_not_distinct" => {
                word.alone("struct", input)?;
                once(&mut self.nulls_not_distinct, word, word.span)
            }
            "skip_unchanged" => {
                word.alone("struct", input)?;
                once(&mut self.skip_unchanged, word, word.span)
            }
            "update_where" => {
                let content = word.parentheses(input, "update_where(new.version > old.version)")?;
                let condition = condition(word, &content)?;
                if self.update_where.replace(condition).is_some() {
                    let message = "`update_where` is given twice; join the conditions with `&&`";
                    return Err(syn::Error::new(word.span, message));
                }
                Ok(())
            }
            "set" => {
                let content = word.parentheses(input, "set(count = old.count + 1)")?;
                self.set
                    .extend(content.parse_terminated(assignment, Token![,])?);
                Ok(())
            }
            "newer" => {
                let literal = word.text(input, r#"newer = "version""#)?;
                once(&mut self.newer, word, list::one(&literal, word)?)
            }
            "soft_delete" => {
                let literal = word.text(input, r#"soft_delete = "deleted_at""#)?;
                once(&mut self.soft_delete, word, list::one(&literal, word)?)
            }
            "on_deleted" => once(&mut self.on_deleted, word, on_deleted(word, input)?),
            "bulk" => once(&mut self.bulk, word, bulk(word, input)?),
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
}

impl Verify {
    fn parse(word: &Word, input: ParseStream) -> syn::Result<Self> {
        let literal = word.text(input, r#"verify = "postgres""#)?;
        let database = match literal.value().as_str() {
            "postgres" => Database::Postgres,
            "sqlite" => Database::Sqlite,
            "mysql" => Database::MySql,
            "mariadb" => {
                let message = "MySQL and MariaDB are one dialect here: `verify = \"mysql\"`";
                return Err(syn::Error::new(literal.span(), message));
            }
            other => {
                let advice = did_you_mean(other, ["postgres", "sqlite", "mysql"]);
                let message = format!("`{other}` is not a database that `verify` knows{advice}");
                return Err(syn::Error::new(literal.span(), message));
            }
        };
        Ok(Self {
            database,
            span: literal.span(),
        })
    }
}

impl Returning {
    /// Parses `= "id, email"`, `= Account` or `(Account: "id, email")`.
    fn parse(word: &Word, input: ParseStream, faults: &mut Faults) -> syn::Result<Self> {
        if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            return Self::parse_type_and_list(&content, faults);
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

/// What is said of the struct as a whole cannot differ from upsert to upsert.
fn refuse_shared(word: &Word) -> syn::Result<()> {
    if !matches!(
        word.name.as_str(),
        "table" | "rename_all" | "crate" | "generated" | "verify"
    ) {
        return Ok(());
    }
    let message = format!(
        "`{}` is shared by all upserts of the struct; put it into an attribute without `name`",
        word.name
    );
    Err(syn::Error::new(word.span, message))
}

/// Whether `name = …` stands in an attribute, wherever.
fn has_name(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    let tokens: Vec<_> = list.tokens.clone().into_iter().collect();
    tokens.windows(2).any(|pair| match pair {
        [TokenTree::Ident(word), TokenTree::Punct(sign)] => word == "name" && sign.as_char() == '=',
        _ => false,
    })
}

/// Parses `count = old.count + 1`.
fn assignment(input: ParseStream) -> syn::Result<(Ident, Expr)> {
    let wrong = |span| {
        let message = "`set` takes columns, each with its new value: `set(count = old.count + 1, name = new.name)`";
        syn::Error::new(span, message)
    };
    let column: Ident = input.parse().map_err(|error| wrong(error.span()))?;
    if input.is_empty() {
        return Err(wrong(column.span()));
    }
    if !input.peek(Token![=]) {
        return Err(wrong(input.span()));
    }
    input.parse::<Token![=]>()?;
    let value = input.parse()?;
    field::refuse_quotes(&value, |text| format!("{column} = {text}"))?;
    Ok((column, value))
}

/// Parses `new.version > old.version`.
fn condition(word: &Word, input: ParseStream) -> syn::Result<Expr> {
    if input.is_empty() {
        let message = "the condition is missing: `update_where(new.version > old.version)`";
        return Err(syn::Error::new(word.span, message));
    }
    let condition = input.parse()?;
    field::refuse_quotes(&condition, |text| format!("update_where({text})"))?;
    if !input.is_empty() {
        return Err(input.error("there is one condition; join several with `&&`"));
    }
    Ok(condition)
}

fn on_deleted(word: &Word, input: ParseStream) -> syn::Result<(OnDeleted, Span)> {
    let literal = word.text(input, r#"on_deleted = "revive""#)?;
    let what = match literal.value().as_str() {
        "revive" => OnDeleted::Revive,
        "keep" => OnDeleted::Keep,
        "error" => OnDeleted::Error,
        other => {
            let message = format!(
                "`{other}` is nothing that can be done with a deleted row; write `revive`, `keep` or `error`"
            );
            return Err(syn::Error::new(literal.span(), message));
        }
    };
    Ok((what, literal.span()))
}

fn bulk(word: &Word, input: ParseStream) -> syn::Result<(Bulk, Span)> {
    let literal = word.text(input, r#"bulk = "values""#)?;
    let how = match literal.value().as_str() {
        "unnest" => Bulk::Unnest,
        "values" => Bulk::Values,
        other => {
            let advice = did_you_mean(other, ["unnest", "values"]);
            let message = format!(
                "`bulk` is `unnest` (an array for each column) or `values` (a VALUES list){advice}"
            );
            return Err(syn::Error::new(literal.span(), message));
        }
    };
    Ok((how, literal.span()))
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
