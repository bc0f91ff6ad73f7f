use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(conflict)]
    email: String,
    name: String,
}

fn main() {}
