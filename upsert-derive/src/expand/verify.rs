//! `verify`: a function that nobody calls, in which sqlx's checked macros look at the statements, and each field is compared
//! with its column.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Type};

use super::named;
use crate::model::{Bind, Field, Model};
use crate::parse::{Database, Verify};
use crate::sql::{self, Texts, Verified};
use crate::types::{self, Kind};

/// Everything stands under the span of the word's value, so that every message does.
pub(super) fn checks(model: &Model, texts: &Texts) -> TokenStream {
    let Some(verify) = model.verify else {
        return TokenStream::new();
    };
    let span = verify.span;
    let columns: Vec<_> = model
        .columns
        .iter()
        .map(|column| Known::of(column.ty, column.json, verify.database))
        .collect();
    let is_known: Vec<_> = columns.iter().map(Option::is_some).collect();
    let Verified { upsert, select } = sql::verified(model, texts, verify.database, &is_known);
    let (upsert, upsert_binds) = (upsert.0, binds(model, verify, upsert.1));
    let (select, select_binds) = (select.0, vec![quote_spanned!(span=> true as _); select.1]);
    let database = database(verify);
    let marker = named::marker_path(model.name);
    let struct_name = &model.derive.ident;
    let names = (0..columns.len()).map(|column| name(model, column));
    let compatible = columns.iter().enumerate();
    let compatible = compatible.map(|(column, known)| compatible_types(model, column, known, span));
    let compared = columns.iter().enumerate();
    let compared = compared.map(|(column, known)| compare(model, column, known, span));
    let checks = quote_spanned! {span=>
        /// A type for each column, for its name to be in the compiler's messages.
        #[allow(dead_code, non_camel_case_types)]
        mod __columns {
            #(pub(super) struct #names;)*
        }
        #(#compatible)*
        #[allow(dead_code, unused_imports)]
        fn __verify(__row: &#struct_name) {
            // sqlx's macros take these names for granted.
            use ::sqlx;
            use ::std::prelude::rust_2024::*;
            __upsert::works_on::<#database, #struct_name, #marker>();
            __upsert::is_checked_on::<#database, _>(::sqlx::query!(#upsert, #(#upsert_binds),*));
            __upsert::is_checked_on::<#database, _>(
                ::sqlx::query!(#select, #(#select_binds),*).map(|__record| {
                    #(#compared)*
                }),
            );
        }
    };
    match model.name {
        None => checks,
        // The upserts of a struct share a block, and these names are each upsert's own.
        Some(_) => quote_spanned!(span=> const _: () = { #checks };),
    }
}

fn name<'a>(model: &Model<'a>, column: usize) -> &'a Ident {
    model.fields[model.columns[column].field].ident
}

/// Says of the types that sqlx's macros may give the column which of them the field can be read from.
fn compatible_types(
    model: &Model,
    column: usize,
    known: &Option<Known>,
    span: Span,
) -> TokenStream {
    let Some(Known { takes, also }) = known else {
        return TokenStream::new();
    };
    let name = name(model, column);
    quote_spanned!(span=> #(impl __upsert::Fits<#takes, __columns::#name> for #also {})*)
}

/// Compares a column, as a field of sqlx's record, with the struct's field.
fn compare(model: &Model, column: usize, known: &Option<Known>, span: Span) -> TokenStream {
    let name = name(model, column);
    let fits = known.as_ref().map(|Known { takes, .. }| {
        let value = raw(&sql::value_name(model, column), span);
        quote_spanned!(span=> __upsert::fits::<#takes, __columns::#name, _>(__record.#value);)
    });
    let is_not_null = (!may_be_null(model, column)).then(|| {
        let null = raw(&sql::null_name(model, column), span);
        quote_spanned!(span=> __upsert::is_not_null::<__columns::#name, _>(__record.#null);)
    });
    quote!(#fits #is_not_null)
}

fn database(verify: Verify) -> TokenStream {
    match verify.database {
        Database::Postgres => quote_spanned!(verify.span=> ::sqlx::Postgres),
        Database::Sqlite => quote_spanned!(verify.span=> ::sqlx::Sqlite),
        Database::MySql => quote_spanned!(verify.span=> ::sqlx::MySql),
    }
}

/// The binds of the upsert. Those of columns say nothing: PostgreSQL, which alone knows a bind's type, gives it that of the
/// column, and the columns are compared by themselves.
fn binds(model: &Model, verify: Verify, count: usize) -> Vec<TokenStream> {
    let span = verify.span;
    let bind = |place: usize| match model.binds.get(place) {
        Some(Bind::Value(field)) if is_param(&model.fields[*field], verify.database) => {
            let field = model.fields[*field].ident;
            quote_spanned!(span=> __row.#field)
        }
        _ => quote_spanned!(span=> true as _),
    };
    (0..count).map(bind).collect()
}

/// Whether a field is bound for expressions alone, with a type that PostgreSQL never turns into another by itself, as it does
/// with numbers and times.
fn is_param(field: &Field, database: Database) -> bool {
    let is_plain = matches!(types::kind(field.ty), Kind::Text | Kind::Bool | Kind::Bytes);
    let is_known = Known::of(field.ty, field.json, database).is_some();
    database == Database::Postgres && field.column.is_none() && !field.json && is_plain && is_known
}

/// Whether a column may be NULL. On SQLite PRIMARY KEY does not say NOT NULL, and a row with a NULL in its key is never one that
/// comes back.
fn may_be_null(model: &Model, column: usize) -> bool {
    let ty = model.columns[column].ty;
    let is_key = model.target.occurrences().contains(&column);
    let on_sqlite = model
        .verify
        .is_some_and(|verify| verify.database == Database::Sqlite);
    types::option_inner(types::patch_inner(ty).unwrap_or(ty)).is_some() || is_key && on_sqlite
}

/// The name of a field of sqlx's record, which writes all of them as raw identifiers.
fn raw(name: &str, span: Span) -> Ident {
    let mut ident: Ident =
        syn::parse_str(&format!("r#{name}")).unwrap_or_else(|_| Ident::new("column", span));
    ident.set_span(span);
    ident
}

/// A type whose columns sqlx's macros know.
struct Known {
    /// What is read from a column.
    takes: TokenStream,
    /// What else than this the macros may make of a column that it can be read from. They know one type for each column,
    /// while at run time several are compatible.
    also: Vec<TokenStream>,
}

impl Known {
    /// The type of a field, or of what its `Option` holds, by its name, as everywhere in the derive.
    fn of(ty: &Type, json: bool, database: Database) -> Option<Self> {
        let ty = types::patch_inner(ty).unwrap_or(ty);
        let ty = types::option_inner(ty).unwrap_or(ty);
        let (takes, also): (TokenStream, &[&str]) = if json {
            (quote!(__upsert::Document), documents(database)?)
        } else {
            match types::kind(ty) {
                Kind::Text => (quote!(::std::string::String), &[]),
                Kind::Bytes if is_bytes(ty) => (quote!(::std::vec::Vec<u8>), bytes(database)),
                Kind::Bytes if is_array(ty, database) => (quote!(#ty), &[]),
                Kind::Integer | Kind::Float | Kind::Bool => {
                    (quote!(#ty), numbers(&types::last_name(ty)?, database)?)
                }
                Kind::Time(_) => (quote!(#ty), times(ty, database)?),
                Kind::Decimal if database != Database::Sqlite => (quote!(#ty), &[]),
                Kind::Unknown if types::last_name(ty)? == "Uuid" => (quote!(#ty), uuids(database)?),
                _ => return None,
            }
        };
        let own = types::last_name(ty);
        let others = also.iter().filter(|other| own.as_deref() != Some(**other));
        let also = others.map(|other| other.parse()).collect::<Result<_, _>>();
        Some(Self {
            takes,
            also: also.ok()?,
        })
    }
}

const TEXT: &str = "::std::string::String";
const BYTES: &str = "::std::vec::Vec<u8>";
const JSON: &str = "::sqlx::types::JsonValue";
const NAIVE: &str = "::sqlx::types::chrono::NaiveDateTime";
const UTC: &str = "::sqlx::types::chrono::DateTime<::sqlx::types::chrono::Utc>";
const PRIMITIVE: &str = "::sqlx::types::time::PrimitiveDateTime";
const OFFSET: &str = "::sqlx::types::time::OffsetDateTime";

fn numbers(name: &str, database: Database) -> Option<&'static [&'static str]> {
    use Database::{MySql, Postgres, Sqlite};
    Some(match (name, database) {
        ("u8" | "u16" | "u32" | "u64", Postgres) => return None,
        (_, Postgres) => &[],
        ("f32" | "f64", Sqlite) => &["f64"],
        (_, Sqlite) => &["bool", "i32", "i64"],
        ("f32" | "f64", MySql) => &["f32", "f64"],
        ("u8" | "u16" | "u32" | "u64", MySql) => &["u8", "u16", "u32", "u64"],
        ("bool", MySql) => &["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"],
        (_, MySql) => &["i8", "i16", "i32", "i64"],
    })
}

fn times(ty: &Type, database: Database) -> Option<&'static [&'static str]> {
    use Database::{MySql, Postgres, Sqlite};
    // The macros give UTC alone.
    let has_zone = types::has_no_order_on_sqlite(ty);
    Some(match (&*types::last_name(ty)?, database) {
        ("DateTime", Postgres) if has_zone => &[UTC],
        ("DateTime", Sqlite) => &[NAIVE, TEXT, "i32", "i64", "f64"],
        ("DateTime", MySql) if has_zone => &[UTC, NAIVE],
        ("DateTime", MySql) => &[NAIVE],
        ("NaiveDateTime", Sqlite) => &[TEXT, "i32", "i64", "f64"],
        ("NaiveDateTime", MySql) => &[UTC],
        ("OffsetDateTime", Sqlite) => &[PRIMITIVE, TEXT, "i32", "i64"],
        ("OffsetDateTime", MySql) => &[PRIMITIVE],
        ("PrimitiveDateTime", Sqlite) => &[OFFSET, TEXT, "i32", "i64"],
        ("PrimitiveDateTime", MySql) => &[OFFSET],
        ("NaiveDate" | "NaiveTime", Sqlite) => &[TEXT],
        // Of the `time` crate, or of anybody.
        ("Date" | "Time", _) => return None,
        _ => &[],
    })
}

/// On SQLite the column may be declared as JSON, which is no type there, and none to sqlx's macros.
fn documents(database: Database) -> Option<&'static [&'static str]> {
    match database {
        Database::Postgres => Some(&[JSON]),
        Database::Sqlite => None,
        Database::MySql => Some(&[JSON, TEXT, BYTES]),
    }
}

fn bytes(database: Database) -> &'static [&'static str] {
    match database {
        Database::Postgres => &[],
        Database::Sqlite | Database::MySql => &[TEXT],
    }
}

/// On SQLite the same as with documents.
fn uuids(database: Database) -> Option<&'static [&'static str]> {
    match database {
        Database::Postgres => Some(&[]),
        Database::Sqlite => None,
        Database::MySql => Some(&[TEXT, BYTES]),
    }
}

/// `Vec<u8>`
fn is_bytes(ty: &Type) -> bool {
    element(ty).is_some_and(|element| element == "u8")
}

/// An array of PostgreSQL, of what its macros know.
fn is_array(ty: &Type, database: Database) -> bool {
    let inner = types::argument_of("Vec", ty);
    let known = inner.is_some_and(|inner| Known::of(inner, false, database).is_some());
    database == Database::Postgres
        && known
        && element(ty).is_some_and(|element| element != "Option")
}

/// The name of the elements of a `Vec`.
fn element(ty: &Type) -> Option<String> {
    types::last_name(types::argument_of("Vec", ty)?)
}
