use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(table = "people")]
    name: String,
}

fn main() {}
