//! The service, asked over HTTP, on SQLite and on PostgreSQL (`UPSERT_POSTGRES_URL`).

mod harness;

use harness::{Database, Service, fail_to_start};
use serde_json::{Value, json};
use std::fmt::Write;
use std::thread;

/// Each test on both databases.
macro_rules! on_both {
    ($($(#[$attribute:meta])* $test:ident)*) => {
        mod sqlite {
            $($(#[$attribute])* #[test] fn $test() {
                crate::harness::Database::sqlite().as_ref().map(super::$test);
            })*
        }

        mod postgres {
            $($(#[$attribute])* #[test] fn $test() {
                crate::harness::Database::postgres().as_ref().map(super::$test);
            })*
        }
    };
}

on_both! {
    a_user_is_created_and_updated
    stock_adds_up
    a_tag_counts_all_that_come_at_once
    errors_say_what_is_wrong
    a_busy_database_is_worth_another_try
    an_import_is_stored_and_can_be_sent_again
    an_import_names_the_row_that_the_database_refuses
    an_import_names_the_row_that_cannot_be_read
    a_missing_index_stops_the_start
    #[cfg(unix)] a_running_import_ends_before_the_service_does
}

fn ada() -> Value {
    json!({"email": "ada@example.com", "handle": "countess", "name": "Ada", "age": 36})
}

fn a_user_is_created_and_updated(database: &Database) {
    let service = Service::start(database);
    let created = service.put("/users", &ada()).expect(201);
    let without_age =
        json!({"email": "ada@example.com", "handle": "countess", "name": "Ada Łovelace"});
    let updated = service.put("/users", &without_age).expect(200);
    assert_eq!(updated["name"], "Ada Łovelace");
    assert_eq!(updated["age"], 36);
    assert_eq!(updated["id"], created["id"]);
    assert_eq!(updated["created_at"], created["created_at"]);
    assert!(updated["updated_at"].is_string());

    // It outlives the service, whose next start finds the tables there.
    drop(service);
    let service = Service::start(database);
    let again = service.put("/users", &ada()).expect(200);
    assert_eq!(again["id"], created["id"]);
}

fn stock_adds_up(database: &Database) {
    let service = Service::start(database);
    let delivery = |quantity: i64| {
        let body = json!({"sku": "apple", "name": "Apple", "quantity": quantity});
        service.post("/products/stock", &body)
    };
    assert_eq!(delivery(50).expect(200)["stock"], 50);
    assert_eq!(
        delivery(25).expect(200),
        json!({"sku": "apple", "name": "Apple", "stock": 75})
    );
    delivery(-1).expect_error(422, "CheckViolation", "`products`");
    delivery(i64::MAX).expect_error(422, "OutOfRange", "`products`");
    assert_eq!(delivery(0).expect(200)["stock"], 75);
}

fn a_tag_counts_all_that_come_at_once(database: &Database) {
    let service = Service::start(database);
    let count = || service.post("/tags/r%C3%BCst", &Value::Null).expect(200);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..25 {
                    count();
                }
            });
        }
    });
    assert_eq!(count(), json!({"name": "rüst", "count": 16 * 25 + 1}));
}

fn errors_say_what_is_wrong(database: &Database) {
    let service = Service::start(database);
    service.put("/users", &ada()).expect(201);

    let eve = json!({"email": "eve@example.com", "handle": "countess", "name": "Eve"});
    let taken = service.put("/users", &eve);
    let taken = taken.expect_error(409, "UniqueViolation", "`users`");
    assert_eq!(taken.get("row"), None);

    let nobody = json!({"email": "nobody", "handle": "nobody", "name": "Nobody"});
    let refused = service.put("/users", &nobody);
    refused.expect_error(422, "CheckViolation", "`users`");

    let nameless = json!({"email": "eve@example.com", "handle": "eve"});
    let refused = service.put("/users", &nameless);
    refused.expect_error(422, "Body", "missing field `name`");

    let text = |content_type, body: &str| {
        service.post_bytes("/products/stock", content_type, body.as_bytes())
    };
    text("application/json", "{").expect_error(400, "Body", "EOF");
    text("text/plain", "{}").expect_error(415, "Body", "application/json");
    assert_eq!(service.post("/nothing", &Value::Null).status, 404);
    assert_eq!(service.post("/users", &ada()).status, 405);

    if database.is_postgres() {
        // A text with a NUL in it is data that this database does not take.
        let nul = service.post("/tags/a%00b", &Value::Null);
        nul.expect_error(422, "Database", "0x00");
    }
    let broken = database.run("DROP TABLE tags");
    let answer = service.post("/tags/rust", &Value::Null);
    answer.expect_error(500, "Database", "its log says why");
    service.wait_for_line("ERROR");
    drop(broken);
}

fn a_busy_database_is_worth_another_try(database: &Database) {
    let service = Service::start(database);
    let lock = database.run(if database.is_postgres() {
        "BEGIN; LOCK TABLE tags"
    } else {
        "BEGIN IMMEDIATE"
    });
    let busy = service.post("/tags/rust", &Value::Null);
    assert_eq!(busy.retry_after.as_deref(), Some("1"));
    busy.expect_error(503, "LockTimeout", "try again");
    drop(lock);
    service.post("/tags/rust", &Value::Null).expect(200);
}

const NAMES: &str = "email,handle,name,age\r\n";

/// So many users as CSV.
fn users(numbers: std::ops::Range<usize>) -> String {
    numbers.fold(String::new(), |mut csv, n| {
        let name = format!("\"User\r\nNo. {n}, \"\"Ü\"\"\"");
        write!(csv, "{n}@example.com,{n},{name},{}\r\n", n % 100).expect("text");
        csv
    })
}

fn import(service: &Service, csv: &str) -> harness::Answer {
    service.post_bytes("/import", "text/csv", csv.as_bytes())
}

/// Whether the user is there; it is then, if it was not.
fn is_stored(service: &Service, n: usize) -> bool {
    let user = json!({"email": format!("{n}@example.com"), "handle": n.to_string(), "name": "?"});
    match service.put("/users", &user).status {
        200 => true,
        201 => false,
        other => panic!("{other}"),
    }
}

fn an_import_is_stored_and_can_be_sent_again(database: &Database) {
    let service = Service::start(database);
    let csv = NAMES.to_owned() + &users(0..5_000);
    assert_eq!(import(&service, &csv).expect(200), json!({"rows": 5_000}));
    assert_eq!(import(&service, &csv).expect(200), json!({"rows": 5_000}));
    assert_eq!(import(&service, NAMES).expect(200), json!({"rows": 0}));
    assert_eq!(import(&service, "").expect(200), json!({"rows": 0}));

    let columns = "age,name,handle,email\n,\"a \"\"b\"\"\",4999,4999@example.com";
    assert_eq!(import(&service, columns).expect(200), json!({"rows": 1}));
    let user = json!({"email": "4999@example.com", "handle": "4999", "name": "?"});
    let user = service.put("/users", &user).expect(200);
    assert_eq!(user["age"], 99);
}

fn an_import_names_the_row_that_the_database_refuses(database: &Database) {
    let service = Service::start(database);
    let csv = NAMES.to_owned()
        + &users(0..3_500)
        + "3500@example.com,3500,Unborn,-1\r\n"
        + &users(3_501..5_000);
    let error = import(&service, &csv);
    let error = error.expect_error(422, "CheckViolation", "the first 3000 rows are committed");
    assert_eq!(error["row"], 3_500);
    assert_eq!(error["rows_committed"], 3_000);
    assert!(is_stored(&service, 2_999));
    assert!(!is_stored(&service, 3_000));

    // The library's span of each batch is in the log, within that of the request.
    service.wait_for_line("status=422");
    let log = service.log();
    let batches = log.lines().filter(|line| {
        let fields = ["/import", "upsert{table=\"users\"", "rows=1000", "chunks="];
        fields.iter().all(|field| line.contains(field))
    });
    assert_eq!(batches.count(), 4, "{log}");
}

fn an_import_names_the_row_that_cannot_be_read(database: &Database) {
    let service = Service::start(database);
    let csv = NAMES.to_owned() + &users(0..1_500) + "1500@example.com,1500,Ada,old\r\n";
    let error = import(&service, &csv);
    let error = error.expect_error(400, "Stream", "field 3: invalid digit");
    assert_eq!(error["row"], 1_500);
    assert_eq!(error["rows_committed"], 1_000);

    let bad = |csv: &str, words| {
        let error = import(&service, csv).expect_error(400, "Stream", words);
        assert_eq!(error["rows_committed"], 0);
    };
    bad("email,handle\n,", "missing field `name`");
    bad(
        "email,handle,name\na@b,c",
        "the row has 2 fields, and the first line 3",
    );
    bad(
        "email,handle,name\na@b,c,d,e",
        "the row has 4 fields, and the first line 3",
    );
    bad("email,handle,name,size\na@b,c,d,e", "unknown field `size`");
    bad(
        &format!("{NAMES}\"{}", "a".repeat(100_000)),
        "the row is too long",
    );
    bad(&",".repeat(100), "the row is too long");
    // Latin-1, and a letter whose halves stand in two fields.
    for row in [b"a@b,c,\xdc,1".as_slice(), b"a@b,c\xc3,\x9c,1"] {
        let csv = [NAMES.as_bytes(), row].concat();
        let error = service.post_bytes("/import", "text/csv", &csv);
        error.expect_error(400, "Stream", "utf-8");
    }
}

fn a_missing_index_stops_the_start(database: &Database) {
    drop(Service::start(database));
    let _ = database.run("DROP INDEX users_email; ALTER TABLE tags RENAME COLUMN count TO uses");
    let words = fail_to_start(database);
    for line in [
        "the schema is not what the structs need:",
        "error: `users`: no unique index stands behind the conflict target (`email`)",
        "  run: CREATE UNIQUE INDEX \"users_email_upsert\" ON \"users\" (\"email\")",
        "error: `tags`, column `count`: the table has no such column",
    ] {
        assert!(words.contains(line), "no `{line}` in:\n{words}");
    }
}

#[cfg(unix)]
fn a_running_import_ends_before_the_service_does(database: &Database) {
    use nix::sys::signal::Signal;
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::Duration;

    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut service = Service::start(database);
        let (body, mut csv) = std::io::pipe().expect("a pipe");
        let answer = service.post_slowly("/import", body);
        let half = NAMES.to_owned() + &users(0..1_001);
        csv.write_all(half.as_bytes()).expect("the service reads");
        service.wait_for_line("rows=1000");

        service.signal(signal);
        while TcpStream::connect(&service.address).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        let rest = users(1_001..2_000);
        csv.write_all(rest.as_bytes()).expect("the service reads");
        drop(csv);
        let answer = answer.join().expect("an answer");
        assert_eq!(answer.expect(200), json!({"rows": 2_000}));
        assert!(service.wait().success());
        service.wait_for_line("stopped");
    }
}
