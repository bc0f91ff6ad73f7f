use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", conflict_where = "deleted_at IS NULL")]
struct User {
    email: Option<String>,
    #[upsert(insert_only)]
    deleted_at: Option<i64>,
}

fn main() {}
