use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(skip)]
    email: String,
    name: String,
}

fn main() {}
