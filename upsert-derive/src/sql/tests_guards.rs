//! Snapshots of what decides whether a conflicting row is written: conditions, `skip_unchanged`, soft deletes; and of named
//! upserts, each with its own.

use super::tests::check;

/// MySQL assigns from left to right, so the column that the condition reads comes last.
#[test]
fn a_condition() {
    check(
        "update_where",
        r#"
#[upsert(conflict = "id", update_where(new.version >= old.version), accumulate = "count")]
struct Document {
    id: i64,
    version: i64,
    text: String,
    count: i64,
}
"#,
    );
}

#[test]
fn only_the_newer_row() {
    check(
        "newer",
        r#"
#[upsert(conflict = "id", newer = "seen_at", update_where(!old.locked))]
struct Device {
    id: i64,
    seen_at: DateTime<Utc>,
    name: String,
    #[upsert(insert_only)]
    locked: bool,
}
"#,
    );
}

#[test]
fn nothing_is_written_without_a_change() {
    check(
        "skip_unchanged",
        r#"
#[upsert(conflict = "id", skip_unchanged, coalesce = "nick", accumulate = "count")]
struct User {
    id: i64,
    name: String,
    nick: Option<String>,
    count: i64,
    #[upsert(json)]
    tags: Vec<String>,
}
"#,
    );
}

/// Clocks do not count as a change, and stand still without one.
#[test]
fn nothing_is_written_without_a_change_but_for_clocks() {
    check(
        "skip_unchanged_with_clocks",
        r#"
#[upsert(conflict = "id", skip_unchanged)]
struct User {
    id: i64,
    name: String,
    weight: f64,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
    #[upsert(update = now())]
    changed_at: DateTime<Utc>,
    #[upsert(now, insert_only)]
    created_at: DateTime<Utc>,
}
"#,
    );
}

#[test]
fn a_condition_and_a_change() {
    check(
        "update_where_and_skip_unchanged",
        r#"
#[upsert(conflict = "id", update_where(new.version >= old.version), skip_unchanged)]
struct Document {
    id: i64,
    version: i64,
    text: String,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}
"#,
    );
}

/// On MySQL it cannot be left to the end which of the columns is assigned: the condition is asked once, before all of them.
#[test]
fn a_condition_on_columns_that_are_assigned() {
    check(
        "update_where_on_two_columns",
        r#"
#[upsert(conflict = "id", update_where(new.major > old.major || new.minor > old.minor))]
struct Document {
    id: i64,
    major: i64,
    minor: i64,
}
"#,
    );
}

#[test]
fn a_deleted_row_is_revived() {
    check(
        "soft_delete_revive",
        r#"
#[upsert(conflict = "email", soft_delete = "deleted_at", on_deleted = "revive")]
struct User {
    email: String,
    name: String,
    deleted_at: Option<DateTime<Utc>>,
}
"#,
    );
}

#[test]
fn a_deleted_row_is_kept() {
    check(
        "soft_delete_keep",
        r#"
#[upsert(conflict = "email", soft_delete = "deleted_at", on_deleted = "keep")]
struct User {
    email: String,
    name: String,
    deleted_at: Option<DateTime<Utc>>,
}
"#,
    );
}

#[test]
fn a_deleted_row_is_an_error() {
    check(
        "soft_delete_error",
        r#"
#[upsert(conflict = "email", soft_delete = "deleted_at", on_deleted = "error", update_where(new.version > old.version))]
struct User {
    email: String,
    version: i64,
    deleted_at: Option<DateTime<Utc>>,
}
"#,
    );
}

#[test]
fn upserts_with_names() {
    check(
        "named",
        r#"
#[upsert(conflict = "email")]
#[upsert(name = "record_login", set(logins = old.logins + 1), insert_only = "name", returning = "logins")]
#[upsert(name = "rename", conflict = "id", insert_only = "email, logins")]
struct User {
    id: i64,
    email: String,
    name: String,
    logins: i64,
}
"#,
    );
}
