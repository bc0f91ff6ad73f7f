use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(generated = "id")]
    id: i64,
    email: String,
}

fn main() {}
