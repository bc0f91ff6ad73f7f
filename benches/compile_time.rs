//! What 100 structs of 8 fields cost `cargo check`, with the derive and by hand: `cargo bench --bench compile_time`.
//!
//! Writes crates with the same structs, builds what they depend on, then checks each crate by itself, again and again in turn.
//! What is told is the time that cargo and the compiler are at work (user CPU time), which other programs on the machine disturb
//! less than the time on the clock.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use upsert::Upsert;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const STRUCTS: usize = 100;
const ROUNDS: usize = 31;

/// The struct that is written a hundred times, here to say the SQL for the side that is written by hand.
#[allow(dead_code)]
#[derive(Upsert)]
#[upsert(table = "TABLE", conflict = "email", generated = "id")]
#[upsert(accumulate = "stock", coalesce = "age", insert_only = "created_at")]
struct Example {
    id: i64,
    email: String,
    name: String,
    age: Option<i32>,
    stock: i64,
    active: bool,
    score: f64,
    created_at: DateTime<Utc>,
}

const FIELDS: &str = "
    pub id: i64,
    pub email: String,
    pub name: String,
    pub age: Option<i32>,
    pub stock: i64,
    pub active: bool,
    pub score: f64,
    pub created_at: DateTime<Utc>,
";

/// A crate to be checked, and what it says about each struct.
struct Variant {
    name: &'static str,
    imports: &'static str,
    write: fn(number: usize) -> String,
}

const PLAIN: usize = 0;
const BY_HAND: usize = 2;
/// The struct with its method, and with a function around that, too.
const DERIVED: [usize; 2] = [3, 4];

/// By hand, the mapping and then the upsert as a function; derived, the upsert is a method, and then has a caller.
const VARIANTS: [Variant; 5] = [
    Variant {
        name: "plain",
        imports: "",
        write: plain,
    },
    Variant {
        name: "from_row",
        imports: "use sqlx::FromRow;",
        write: from_row,
    },
    Variant {
        name: "from_row_upsert_by_hand",
        imports: "use sqlx::{FromRow, PgPool};",
        write: by_hand,
    },
    Variant {
        name: "derive",
        imports: "use upsert::Upsert;",
        write: derived,
    },
    Variant {
        name: "derive_upsert",
        imports: "use sqlx::PgPool; use upsert::Upsert;",
        write: derived_and_called,
    },
];

fn plain(number: usize) -> String {
    format!("pub struct Item{number} {{{FIELDS}}}\n")
}

fn from_row(number: usize) -> String {
    format!("#[derive(FromRow)]\n{}", plain(number))
}

fn by_hand(number: usize) -> String {
    let sql = Example::sql::<sqlx::Postgres>();
    let sql = sql.get("upsert_returning").unwrap_or_default();
    let sql = sql.replace("TABLE", &format!("item{number}s"));
    format!(
        "{}
pub async fn upsert_item{number}(pool: &PgPool, item: &Item{number}) -> sqlx::Result<Item{number}> {{
    sqlx::query_as({sql:?})
        .bind(&item.email)
        .bind(&item.name)
        .bind(item.age)
        .bind(item.stock)
        .bind(item.active)
        .bind(item.score)
        .bind(item.created_at)
        .fetch_one(pool)
        .await
}}
",
        from_row(number)
    )
}

fn derived(number: usize) -> String {
    format!(
        "#[derive(Upsert)]
#[upsert(conflict = \"email\", generated = \"id\")]
#[upsert(accumulate = \"stock\", coalesce = \"age\", insert_only = \"created_at\")]
{}",
        plain(number)
    )
}

fn derived_and_called(number: usize) -> String {
    format!(
        "{}
pub async fn upsert_item{number}(pool: &PgPool, item: &Item{number}) -> Result<Item{number}, upsert::Error> {{
    item.upsert(pool).await
}}
",
        derived(number)
    )
}

fn main() -> Result<()> {
    // `cargo test --all-targets` comes by too, and there is nothing to test here.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let workspace = Workspace::write()?;
    for variant in &VARIANTS {
        workspace.check(variant)?;
    }
    let mut times = VARIANTS.map(|_| Vec::new());
    let mut idle = Vec::new();
    for round in 0..ROUNDS {
        for place in 0..VARIANTS.len() {
            let place = (place + round) % VARIANTS.len();
            let variant = &VARIANTS[place];
            workspace.touch(variant)?;
            times[place].push(workspace.check(variant)?);
            idle.push(workspace.check(variant)?);
        }
    }
    report(&times, idle);
    Ok(())
}

fn report(times: &[Vec<Duration>], idle: Vec<Duration>) {
    let plain = median(milliseconds(&times[PLAIN]));
    println!(
        "cargo check of {STRUCTS} structs of 8 fields, PostgreSQL: user CPU time, median of {ROUNDS} and the middle half"
    );
    println!(
        "{:<28} {:>8} {:>16} {:>22}",
        "", "ms", "", "over plain, a struct"
    );
    for (variant, times) in VARIANTS.iter().zip(times) {
        let [low, time, high] = quartiles(milliseconds(times));
        let over = (time - plain) / STRUCTS as f64;
        let spread = format!("{low:.0} to {high:.0}");
        println!("{:<28} {time:>8.0} {spread:>16} {over:>22.2}", variant.name);
    }
    let idle = median(milliseconds(&idle));
    println!("{:<28} {idle:>8.0}", "cargo with nothing to do");
    let by_hand = VARIANTS[BY_HAND].name;
    for derived in DERIVED {
        let ratios = times[derived].iter().zip(&times[BY_HAND]);
        let ratios = ratios.map(|(derived, by_hand)| derived.div_duration_f64(*by_hand));
        let [low, ratio, high] = quartiles(ratios.collect());
        let derived = VARIANTS[derived].name;
        println!("{derived} / {by_hand}: {ratio:.3} ({low:.3} to {high:.3})");
    }
}

fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}

fn median(numbers: Vec<f64>) -> f64 {
    quartiles(numbers)[1]
}

fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[numbers.len() * quarter / 4])
}

/// The generated crates, all with the same dependencies, from the lock file of this workspace.
struct Workspace {
    root: PathBuf,
}

impl Workspace {
    fn write() -> Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time");
        let upsert = Path::new(env!("CARGO_MANIFEST_DIR"));
        let members = VARIANTS.map(|variant| variant.name);
        fs::create_dir_all(&root)?;
        fs::write(
            root.join("Cargo.toml"),
            format!("[workspace]\nmembers = {members:?}\nresolver = \"3\"\n"),
        )?;
        fs::copy(upsert.join("Cargo.lock"), root.join("Cargo.lock"))?;
        for variant in &VARIANTS {
            let source = root.join(variant.name).join("src");
            fs::create_dir_all(&source)?;
            fs::write(
                source.with_file_name("Cargo.toml"),
                manifest(variant.name, upsert),
            )?;
            fs::write(source.join("lib.rs"), library(variant))?;
        }
        Ok(Self { root })
    }

    fn touch(&self, variant: &Variant) -> Result<()> {
        let library = self.root.join(variant.name).join("src/lib.rs");
        Ok(File::options()
            .write(true)
            .open(library)?
            .set_modified(SystemTime::now())?)
    }

    /// Not incremental: the whole crate is looked at each time.
    fn check(&self, variant: &Variant) -> Result<Duration> {
        let start = children()?;
        let output = Command::new(env!("CARGO"))
            .args([
                "check",
                "--offline",
                "--target-dir",
                "target",
                "--package",
                variant.name,
            ])
            .current_dir(&self.root)
            .env("CARGO_INCREMENTAL", "0")
            .output()?;
        let time = children()?.saturating_sub(start);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(time)
    }
}

/// The user CPU time of all programs that were started and have ended, and of those that they started.
#[cfg(unix)]
fn children() -> Result<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};

    let time = getrusage(UsageWho::RUSAGE_CHILDREN)?.user_time();
    Ok(Duration::from_secs(time.tv_sec().try_into()?)
        + Duration::from_micros(time.tv_usec().try_into()?))
}

#[cfg(not(unix))]
fn children() -> Result<Duration> {
    Err("the user CPU time of other programs is counted on Unix alone".into())
}

fn manifest(name: &str, upsert: &Path) -> String {
    format!(
        "[package]
name = {name:?}
version = \"0.0.0\"
edition = \"2024\"

[dependencies]
chrono = {{ version = \"0.4\", default-features = false }}
sqlx = {{ version = \"0.9\", default-features = false, features = [\"chrono\", \"derive\", \"postgres\", \"runtime-tokio\"] }}
upsert = {{ path = {upsert:?}, features = [\"postgres\"] }}
"
    )
}

fn library(variant: &Variant) -> String {
    let items: String = (0..STRUCTS).map(variant.write).collect();
    format!(
        "use chrono::{{DateTime, Utc}};\n{}\n\n{items}",
        variant.imports
    )
}
