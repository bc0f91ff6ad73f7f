use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", on_deleted = "revive")]
struct User {
    email: String,
    deleted_at: Option<i64>,
}

fn main() {}
