use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "updated_at")]
struct User {
    email: String,
    #[upsert(now)]
    updated_at: i64,
}

fn main() {}
