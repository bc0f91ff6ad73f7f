use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "id")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
}

fn main() {}
