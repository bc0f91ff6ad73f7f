use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", skip_unchanged)]
struct User {
    email: String,
    #[upsert(insert_only)]
    name: String,
    #[upsert(now)]
    updated_at: i64,
}

fn main() {}
