//! Generated code lives anywhere: next to names that shadow the prelude, inside `macro_rules!`, behind a re-export, on
//! generic and borrowed structs, with columns called like keywords. Where running says more than compiling, it runs, on
//! `SQLite` in memory.

#![deny(
    warnings,
    clippy::all,
    clippy::pedantic,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    keyword_idents,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    non_ascii_idents,
    rust_2018_idioms,
    rust_2024_compatibility,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    variant_size_differences
)]

use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use upsert::{Action, Upsert, Upserted};

/// A database in memory, with one connection, since every connection would have a memory of its own.
async fn database(schema: &'static str) -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    sqlx::query(schema).execute(&pool).await.unwrap();
    pool
}

/// No name of the prelude may be needed.
#[no_implicit_prelude]
mod no_prelude {
    #[derive(::std::fmt::Debug, ::std::clone::Clone, ::upsert::Upsert)]
    #[upsert(conflict = "email", accumulate = "stock", coalesce = "age")]
    pub(crate) struct User {
        #[upsert(generated)]
        pub(crate) id: i64,
        pub(crate) email: ::std::string::String,
        pub(crate) age: ::core::option::Option<i32>,
        pub(crate) stock: i64,
        #[upsert(json)]
        pub(crate) tags: ::std::vec::Vec<::std::string::String>,
        #[upsert(json)]
        pub(crate) note: ::std::option::Option<::std::string::String>,
        #[upsert(skip)]
        pub(crate) cache: ::std::option::Option<u8>,
        #[upsert(insert_only, now)]
        pub(crate) created_at: ::chrono::DateTime<::chrono::Utc>,
    }

    #[derive(::upsert::Upsert)]
    #[upsert(conflict = "email", returning = "id", table = "users")]
    pub(crate) struct NewUser<'a> {
        #[upsert(generated)]
        pub(crate) id: i64,
        pub(crate) email: &'a str,
    }
}

#[tokio::test]
async fn no_name_of_the_prelude_is_needed() {
    let pool = database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INTEGER, stock INTEGER NOT NULL,
         tags TEXT NOT NULL, note TEXT, created_at TEXT NOT NULL)",
    )
    .await;
    let mut user = no_prelude::User {
        id: 0,
        email: "ada@example.com".to_owned(),
        age: Some(36),
        stock: 2,
        tags: vec!["first".to_owned()],
        note: None,
        cache: Some(7),
        created_at: chrono::Utc::now(),
    };
    user.upsert(&pool).await.unwrap();
    user.age = None;
    user.note = Some("second".to_owned());
    let row = user.upsert(&pool).await.unwrap();
    assert_eq!(
        (row.id, row.age, row.stock, row.cache),
        (1, Some(36), 4, None)
    );
    assert_eq!((row.tags, row.note), (user.tags, user.note));
    assert!(row.created_at.timestamp() > 0);
    // A NOT NULL column is missing here, and the error says so in words of the library.
    let short = no_prelude::NewUser {
        id: user.id,
        email: "bob@example.com",
    };
    let error = short.upsert(&pool).await.unwrap_err();
    assert_eq!(error.kind(), upsert::ErrorKind::NotNullViolation);
}

/// Names of the prelude, of the standard library and of this library may mean something else.
#[allow(dead_code, non_camel_case_types)]
mod shadowed {
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Vec;
    pub(crate) struct String;
    pub(crate) struct Box;
    pub(crate) struct Model;
    pub(crate) struct Texts;
    pub(crate) struct Main;
    pub(crate) struct str;
    pub(crate) struct bool;
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Sized {}
    pub(crate) trait Default {}
    pub(crate) trait From {}
    pub(crate) trait Into {}
    pub(crate) trait Iterator {}
    pub(crate) trait Dialect {}
    pub(crate) trait UpsertModel {}
    mod core {}
    mod std {}
    mod sqlx {}
    mod upsert {}

    /// Methods that everything has, and that generated code must not pick up.
    pub(crate) trait Everywhere {
        fn add(&self) {}
        fn bind(&self) {}
        fn get(&self) {}
        fn as_ref(&self) {}
    }
    impl<T: ?::core::marker::Sized> Everywhere for T {}

    #[allow(unused_macros)]
    macro_rules! unreachable {
        () => {
            compile_error!("a macro of the user's")
        };
    }

    #[derive(::upsert::Upsert)]
    #[upsert(conflict = "key", table = "results")]
    pub(crate) struct Result {
        pub(crate) key: ::std::string::String,
        #[upsert(accumulate)]
        pub(crate) total: ::std::option::Option<i64>,
        #[upsert(json)]
        pub(crate) tags: ::std::option::Option<::std::vec::Vec<i64>>,
        #[upsert(skip)]
        pub(crate) skipped: u8,
    }
}

#[tokio::test]
async fn names_of_the_prelude_may_mean_something_else() {
    let pool =
        database("CREATE TABLE results (key TEXT PRIMARY KEY, total INTEGER, tags TEXT)").await;
    let result = shadowed::Result {
        key: "a".to_owned(),
        total: Some(3),
        tags: None,
        skipped: 1,
    };
    result.upsert(&pool).await.unwrap();
    let row = result.upsert(&pool).await.unwrap();
    assert_eq!((row.total, row.tags, row.skipped), (Some(6), None, 0));
}

/// A struct that a macro writes, with types, names and expressions passed in.
macro_rules! counter {
    ($(#[$attribute:meta])* $name:ident, $table:literal, $key:ident: $key_type:ty, {
        $($(#[$field_attribute:meta])* $field:ident: $ty:ty = $rule:expr),* $(,)?
    }) => {
        $(#[$attribute])*
        #[derive(Debug, Upsert)]
        #[upsert(table = $table)]
        struct $name {
            #[upsert(conflict)]
            $key: $key_type,
            $($(#[$field_attribute])* #[upsert(update = $rule)] $field: $ty,)*
        }
    };
}

counter! {
    /// Counts what happens on a page.
    PageHits, "page_hits", page: String, {
        /// How often the page was seen.
        hits: i64 = old.hits + new.hits,
        last_visitor: Option<String> = coalesce(new.last_visitor, old.last_visitor),
        weight: Option<f64> = (old.weight + 1.0) * 2.0,
    }
}

/// Only the types come from outside, so that the derive must see through the groups they come in.
macro_rules! with_types {
    ($optional:ty, $number:ty) => {
        #[derive(Debug, Upsert)]
        #[upsert(conflict = "name", coalesce = "note", accumulate = "amount")]
        struct Typed {
            name: String,
            note: $optional,
            amount: $number,
            #[upsert(json)]
            tags: $optional,
        }
    };
}

with_types!(Option<String>, i32);

#[tokio::test]
async fn a_macro_may_write_the_struct() {
    let pool = database(
        "CREATE TABLE page_hits (page TEXT PRIMARY KEY, hits INTEGER NOT NULL, last_visitor TEXT, weight REAL)",
    )
    .await;
    let mut hits = PageHits {
        page: "/".to_owned(),
        hits: 1,
        last_visitor: Some("ada".to_owned()),
        weight: Some(0.5),
    };
    hits.upsert(&pool).await.unwrap();
    hits.last_visitor = None;
    let row = hits.upsert(&pool).await.unwrap();
    assert_eq!(
        (row.hits, row.last_visitor.as_deref(), row.weight),
        (2, Some("ada"), Some(3.0))
    );
    assert_eq!(row.page, "/");

    let pool = database(
        "CREATE TABLE typeds (name TEXT PRIMARY KEY, note TEXT, amount INTEGER NOT NULL, tags TEXT)",
    )
    .await;
    let mut typed = Typed {
        name: "a".to_owned(),
        note: Some("kept".to_owned()),
        amount: 20,
        tags: Some("json".to_owned()),
    };
    typed.upsert(&pool).await.unwrap();
    (typed.note, typed.tags) = (None, None);
    let row = typed.upsert(&pool).await.unwrap();
    assert_eq!(
        (row.name.as_str(), row.note.as_deref(), row.amount, row.tags),
        ("a", Some("kept"), 40, None)
    );
}

/// A framework that re-exports the library under a name of its own.
mod framework {
    pub(crate) mod database {
        pub(crate) use ::upsert as upserts;
    }
}

mod re_exported {
    use super::framework::database::upserts::Upsert;

    #[derive(Debug, sqlx::FromRow, Upsert)]
    #[upsert(conflict = "name", crate = crate::framework::database::upserts)]
    pub(crate) struct Tag {
        pub(crate) name: String,
    }

    #[derive(Debug, Upsert)]
    #[upsert(conflict = "name", table = "tags", crate = super::framework::database::upserts, returning = Tag)]
    pub(crate) struct NewTag<'a> {
        pub(crate) name: &'a str,
    }
}

#[tokio::test]
async fn the_library_may_live_elsewhere() {
    let pool = database("CREATE TABLE tags (name TEXT PRIMARY KEY)").await;
    let tag = re_exported::Tag {
        name: "rust".to_owned(),
    };
    assert!(tag.insert_if_absent(&pool).await.unwrap());
    assert_eq!(tag.upsert(&pool).await.unwrap().name, "rust");
    let tag = re_exported::NewTag { name: "sql" };
    assert_eq!(tag.upsert(&pool).await.unwrap().name, "sql");
}

/// Columns, tables and fields are called as they like.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "order", conflict = "select, quo\"te", accumulate = "excluded")]
struct Result {
    select: i64,
    #[upsert(rename = "quo\"te")]
    quote: String,
    order: String,
    #[upsert(coalesce)]
    group: Option<String>,
    excluded: i64,
    #[upsert(update = old.old + new.new)]
    old: i64,
    #[upsert(update = old.new * 10 + new.old)]
    new: i64,
    self_: bool,
    r#type: String,
    r#match: i32,
    #[upsert(rename = "back`tick")]
    backtick: i32,
    #[upsert(rename = "semi;colon -- ")]
    comment: i32,
    #[upsert(rename = "Größe")]
    size: i32,
    rowid_: i32,
    arguments: i32,
    row: i32,
}

#[tokio::test]
async fn columns_may_be_called_like_keywords() {
    let pool = database(
        r#"CREATE TABLE "order" ("select" INTEGER, "quo""te" TEXT, "order" TEXT, "group" TEXT, "excluded" INTEGER,
        "old" INTEGER, "new" INTEGER, "self_" BOOLEAN, "type" TEXT, "match" INTEGER, "back`tick" INTEGER,
        "semi;colon -- " INTEGER, "Größe" INTEGER, "rowid_" INTEGER, "arguments" INTEGER, "row" INTEGER,
        PRIMARY KEY ("select", "quo""te"))"#,
    )
    .await;
    let first = Result {
        select: 1,
        quote: "q".to_owned(),
        order: "o".to_owned(),
        group: Some("g".to_owned()),
        excluded: 5,
        old: 1,
        new: 2,
        self_: true,
        r#type: "t".to_owned(),
        r#match: 3,
        backtick: 4,
        comment: 6,
        size: 7,
        rowid_: 8,
        arguments: 9,
        row: 10,
    };
    assert_eq!(first.upsert(&pool).await.unwrap(), first);
    let second = Result {
        group: None,
        self_: false,
        r#type: "u".to_owned(),
        size: 70,
        ..first.clone()
    };
    let Upserted { row, action } = second.upsert(&pool).with_action().await.unwrap();
    assert_eq!(action, Action::Updated);
    let expected = Result {
        group: first.group,
        excluded: 10,
        old: 3,
        new: 21,
        ..second.clone()
    };
    assert_eq!(row, expected);
    assert!(!second.insert_if_absent(&pool).await.unwrap());
    assert_eq!(second.get_or_insert(&pool).await.unwrap().row, expected);
}

/// A table called `excluded` is not taken for the proposed row.
#[derive(Debug, PartialEq, Upsert)]
#[upsert(table = "excluded", conflict = "id", accumulate = "count")]
struct Excluded {
    id: i64,
    count: i64,
}

#[tokio::test]
async fn a_table_may_be_called_excluded() {
    let pool =
        database("CREATE TABLE excluded (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)").await;
    Excluded { id: 1, count: 5 }.upsert(&pool).await.unwrap();
    let row = Excluded { id: 1, count: 2 }.upsert(&pool).await.unwrap();
    assert_eq!(row, Excluded { id: 1, count: 7 });
}

/// A struct that is generic over a type, with a bound of its own and a default.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "tagged", conflict = "name", accumulate = "amount")]
struct Tagged<T, N = i64>
where
    T: Clone,
{
    name: String,
    tag: T,
    amount: N,
    #[upsert(coalesce)]
    last: Option<T>,
}

/// What a generic caller writes, over the type and over the database.
async fn tag<DB, T>(
    tagged: &Tagged<T>,
    pool: &sqlx::Pool<DB>,
) -> std::result::Result<Tagged<T>, upsert::Error>
where
    DB: upsert::Dialect,
    T: Clone + Send,
    Tagged<T>: upsert::UpsertModel<DB> + upsert::UpsertSpec<Output = Tagged<T>>,
{
    tagged.upsert(pool).await
}

#[tokio::test]
async fn a_struct_may_be_generic() {
    let pool = database(
        "CREATE TABLE tagged (name TEXT PRIMARY KEY, tag NOT NULL, amount INTEGER NOT NULL, last)",
    )
    .await;
    let text = Tagged {
        name: "text".to_owned(),
        tag: "a".to_owned(),
        amount: 1,
        last: Some("z".to_owned()),
    };
    assert_eq!(tag(&text, &pool).await.unwrap(), text);
    let number = Tagged {
        name: "number".to_owned(),
        tag: 1_i64,
        amount: 2_i32,
        last: None,
    };
    number.upsert(&pool).await.unwrap();
    assert_eq!(number.upsert(&pool).await.unwrap().amount, 4);
}

/// A text of at most `N` bytes.
#[derive(Debug, Clone, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
struct Short<const N: usize>(String);

/// A struct that is generic over a constant, and over one with a default.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "codes", conflict = "code")]
struct Code<const N: usize, const M: usize = 8> {
    code: Short<N>,
    name: Short<M>,
}

/// What a trait knows, used in a field's type.
trait Shop: Clone + std::fmt::Debug + PartialEq {
    type Price;
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Kiosk;

impl Shop for Kiosk {
    type Price = i64;
}

/// A struct whose field types come from a trait, with a `where` clause about them.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "goods", conflict = "name", accumulate = "price")]
struct Goods<S: Shop>
where
    S::Price: Clone + std::fmt::Debug + PartialEq,
{
    name: String,
    price: S::Price,
}

#[tokio::test]
async fn a_struct_may_be_generic_over_constants_and_traits() {
    let pool = database("CREATE TABLE codes (code TEXT PRIMARY KEY, name TEXT NOT NULL)").await;
    let code: Code<3> = Code {
        code: Short("abc".to_owned()),
        name: Short("a b c".to_owned()),
    };
    assert_eq!(code.upsert(&pool).await.unwrap(), code);

    let pool = database("CREATE TABLE goods (name TEXT PRIMARY KEY, price INTEGER NOT NULL)").await;
    let goods: Goods<Kiosk> = Goods {
        name: "tea".to_owned(),
        price: 3,
    };
    goods.upsert(&pool).await.unwrap();
    assert_eq!(goods.upsert(&pool).await.unwrap().price, 6);
}

mod borrowed {
    use std::borrow::Cow;
    use upsert::Upsert;

    /// The owned row, and what the borrowed ones give back.
    #[derive(
        Debug,
        Clone,
        PartialEq,
        Default,
        serde::Serialize,
        serde::Deserialize,
        sqlx::FromRow,
        Upsert,
    )]
    #[serde(rename_all = "camelCase", default)]
    #[sqlx(rename_all = "camelCase")]
    #[upsert(conflict = "mailAddress", coalesce = "nick")]
    pub(crate) struct User {
        /// Made by the database.
        #[upsert(generated)]
        #[sqlx(rename = "user_id")]
        pub(crate) id: i64,
        #[doc = "Decides whether the row is there."]
        pub(crate) mail_address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(crate) nick: Option<String>,
        #[sqlx(json)]
        pub(crate) tags: Vec<String>,
        #[sqlx(skip)]
        #[allow(dead_code)]
        pub(crate) cached: Option<u64>,
    }

    /// A column comes back.
    #[derive(Debug, Clone, Copy, Upsert)]
    #[upsert(
        table = "users",
        conflict = "mailAddress",
        rename_all = "camelCase",
        returning = "user_id"
    )]
    pub(crate) struct NewUser<'a> {
        #[upsert(generated, rename = "user_id")]
        pub(crate) id: i64,
        pub(crate) mail_address: &'a str,
        pub(crate) nick: Option<&'a str>,
        pub(crate) tags: &'static str,
    }

    /// A type of one's own comes back, and a lifetime has a bound.
    #[derive(Debug, Clone, Upsert)]
    #[upsert(table = "users", conflict = "mailAddress", returning(User: "user_id, mailAddress, nick, tags"))]
    pub(crate) struct Rename<'a, 'b: 'a> {
        #[upsert(generated, rename = "user_id")]
        pub(crate) id: i64,
        #[upsert(rename = "mailAddress")]
        pub(crate) mail: Cow<'a, str>,
        pub(crate) nick: Option<&'b str>,
        pub(crate) tags: Cow<'static, str>,
    }

    /// A borrowed struct with a type of one's choice.
    #[derive(Debug, Clone, Copy, Upsert)]
    #[upsert(
        table = "users",
        conflict = "mailAddress",
        returning = "mailAddress, tags"
    )]
    #[allow(clippy::struct_field_names)]
    pub(crate) struct Tags<'a, T: Clone> {
        #[upsert(rename = "mailAddress")]
        pub(crate) mail: T,
        #[upsert(insert_only)]
        pub(crate) nick: &'a T,
        pub(crate) tags: T,
    }
}

#[tokio::test]
async fn a_struct_may_borrow() {
    let pool = database(
        r#"CREATE TABLE users ("user_id" INTEGER PRIMARY KEY, "mailAddress" TEXT NOT NULL UNIQUE, "nick" TEXT,
        "tags" TEXT NOT NULL)"#,
    )
    .await;
    let mail = "ada@example.com".to_owned();
    let new = borrowed::NewUser {
        id: 0,
        mail_address: &mail,
        nick: Some("Ada"),
        tags: "[]",
    };
    assert_eq!(new.upsert(&pool).await.unwrap(), 1);

    let rename = borrowed::Rename {
        id: 0,
        mail: mail.as_str().into(),
        nick: Some("Countess"),
        tags: r#"["new"]"#.into(),
    };
    let user = rename.upsert(&pool).await.unwrap();
    assert_eq!((user.id, user.nick.as_deref()), (1, Some("Countess")));

    let tags = borrowed::Tags {
        mail: "ada@example.com".to_owned(),
        nick: &"Lady".to_owned(),
        tags: r#"["again"]"#.to_owned(),
    };
    let (mail, tags) = tags.upsert(&pool).await.unwrap();
    assert_eq!(
        (mail, tags),
        (user.mail_address.clone(), r#"["again"]"#.to_owned())
    );
    rename.upsert(&pool).await.unwrap();

    let again = borrowed::User {
        nick: None,
        ..user.clone()
    };
    assert_eq!(again.upsert(&pool).await.unwrap(), user);
    assert_eq!(
        serde_json::to_string(&user).unwrap(),
        r#"{"id":1,"mailAddress":"ada@example.com","nick":"Countess","tags":["new"],"cached":null}"#
    );
}

#[tokio::test]
async fn a_struct_may_live_in_a_function() {
    type Name = String;

    #[derive(Debug, Upsert)]
    #[upsert(conflict = "name")]
    struct Local {
        name: Name,
    }

    let pool = database("CREATE TABLE locals (name TEXT PRIMARY KEY)").await;
    let local = Local {
        name: "here".to_owned(),
    };
    assert_eq!(local.upsert(&pool).await.unwrap().name, "here");
}
