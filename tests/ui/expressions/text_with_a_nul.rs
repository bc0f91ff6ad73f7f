use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = "a\0b")]
    count: String,
}

fn main() {}
