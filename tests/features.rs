//! What a crate meets that depends on this one with few features, or under another name.
//!
//! Each case is a crate of its own, written into the target folder and checked there: the cases of `tests/ui` have every
//! feature on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// A crate that depends on this one and, as users do for their pools, on sqlx.
struct Downstream<'a> {
    name: &'a str,
    /// The line of `Cargo.toml` that brings this library, with `{path}` for where it is.
    dependency: &'a str,
    code: &'a str,
}

impl Downstream<'_> {
    fn check(&self) -> Output {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features");
        let krate = self.write(&folder);
        // One folder for all cases, so that sqlx is checked once.
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["check", "--offline", "--quiet", "--color=never"])
            .arg("--target-dir")
            .arg(folder.join("target"))
            .current_dir(krate)
            .output()
            .expect("cargo starts")
    }

    fn write(&self, folder: &Path) -> PathBuf {
        let Self {
            name,
            dependency,
            code,
        } = self;
        let library = Path::new(env!("CARGO_MANIFEST_DIR"));
        let krate = folder.join(name);
        fs::create_dir_all(krate.join("src")).expect("the folder of the crate");
        // In the path of a string of TOML, a backslash would be an escape.
        let dependency =
            dependency.replace("{path}", &library.display().to_string().replace('\\', "/"));
        let manifest = format!(
            r#"[package]
name = "{name}"
edition = "2024"
publish = false

[dependencies]
{dependency}
sqlx = {{ version = "0.9", default-features = false, features = ["postgres"] }}

[workspace]
"#
        );
        fs::write(krate.join("Cargo.toml"), manifest).expect("Cargo.toml of the crate");
        fs::write(krate.join("src/lib.rs"), code).expect("src/lib.rs of the crate");
        // The versions that are here already.
        let _ = fs::copy(library.join("Cargo.lock"), krate.join("Cargo.lock"));
        krate
    }

    /// The messages of a crate that must not compile.
    fn errors(&self) -> String {
        let output = self.check();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success(),
            "this must not compile:\n{}",
            self.code
        );
        errors
    }
}

#[track_caller]
fn assert_one_error(errors: &str, said: &[&str]) {
    let count = errors
        .lines()
        .filter(|line| line.starts_with("error["))
        .count();
    assert_eq!(count, 1, "one mistake is one message:\n{errors}");
    for words in said {
        assert!(errors.contains(words), "`{words}` is not said:\n{errors}");
    }
}

#[test]
fn a_missing_feature_of_a_database_is_named() {
    let krate = Downstream {
        name: "no-database",
        dependency: r#"upsert = { path = "{path}" }"#,
        code: r#"
use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
pub struct User {
    pub email: String,
    pub visits: i64,
}

pub async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}
"#,
    };
    assert_one_error(
        &krate.errors(),
        &[
            "error[E0277]: `Postgres` is not a database that `upsert` writes SQL for",
            "user.upsert(pool).await",
            "turn on the feature of your database in `upsert`: `postgres`,",
        ],
    );
}

#[test]
fn a_missing_feature_json_is_named() {
    let krate = Downstream {
        name: "no-json",
        dependency: r#"upsert = { path = "{path}", features = ["postgres"] }"#,
        code: r#"
use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
pub struct User {
    pub email: String,
    #[upsert(json)]
    pub tags: Vec<String>,
}

pub async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}
"#,
    };
    assert_one_error(
        &krate.errors(),
        &[
            "error[E0277]: a field marked `json` needs the feature `json` of `upsert`",
            "a field of type `Vec<String>` is marked `json`",
            "upsert = { …, features = [\"json\"] }",
        ],
    );
}

/// The other half of hygiene: a library under another name in `Cargo.toml`, in a crate that has its public items documented
/// and its lints denied.
#[test]
fn the_library_may_have_another_name_and_the_crate_strict_lints() {
    let krate = Downstream {
        name: "renamed",
        dependency: r#"rows = { package = "upsert", path = "{path}", features = ["postgres"] }"#,
        code: r#"
//! A crate that knows the library as `rows`, and has no `sqlx::FromRow` or `upsert` in sight.
#![no_std]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]

extern crate alloc;

use alloc::string::String;
use rows::Upsert;

/// A person.
#[derive(Debug, Upsert)]
#[upsert(crate = rows, conflict = "email", accumulate = "visits")]
pub struct User {
    /// Decides whether the row is there.
    pub email: String,
    /// How often they came.
    pub visits: Option<i64>,
}

/// Saves a person.
///
/// # Errors
///
/// What the database says.
pub async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, rows::Error> {
    user.upsert(pool).await
}
"#,
    };
    let output = krate.check();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
}
