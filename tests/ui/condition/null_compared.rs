use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(old.deleted_at == null))]
struct User {
    email: String,
    deleted_at: Option<i64>,
}

fn main() {}
