use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "id", generated = "id")]
struct User {
    id: i64,
    email: String,
}

fn main() {}
