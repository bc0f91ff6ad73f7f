//! Snapshots of conflict targets.

use super::tests::check;

#[test]
fn the_rows_of_a_partial_index() {
    check(
        "partial_target",
        r#"
#[upsert(conflict = "tenant_id, email", conflict_where = "deleted_at IS NULL")]
struct User {
    tenant_id: i64,
    email: String,
    name: String,
}
"#,
    );
}

#[test]
fn an_expression() {
    check(
        "expression_target",
        r#"
#[upsert(table = "auth.users", conflict = "lower(email)")]
struct User {
    email: String,
    name: String,
}
"#,
    );
}

#[test]
fn an_expression_beside_a_column() {
    check(
        "composite_expression_target",
        r#"
#[upsert(conflict = "tenant_id, (coalesce(first, 'first') || last)", conflict_where = "last <> ''")]
struct Person {
    tenant_id: i64,
    first: Option<String>,
    last: String,
    #[upsert(accumulate)]
    count: i64,
}
"#,
    );
}

#[test]
fn a_constraint() {
    check(
        "constraint",
        r#"
#[upsert(conflict = "tenant_id, email", constraint = "uq_users_\"email\"")]
struct User {
    tenant_id: i64,
    email: String,
    name: String,
}
"#,
    );
}

#[test]
fn keys_in_which_null_equals_null() {
    check(
        "nulls_not_distinct",
        r#"
#[upsert(conflict = "tenant_id, email", nulls_not_distinct)]
struct User {
    tenant_id: Option<i64>,
    email: String,
    name: String,
}
"#,
    );
    check(
        "nulls_not_distinct_alone",
        r#"
#[upsert(conflict = "tenant_id", nulls_not_distinct)]
struct Tenant {
    tenant_id: Option<i64>,
    name: String,
}
"#,
    );
}
