use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(generated, insert = 1)]
    id: i64,
    email: String,
}

fn main() {}
