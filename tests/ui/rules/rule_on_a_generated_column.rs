use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(generated, accumulate)]
    version: i64,
}

fn main() {}
