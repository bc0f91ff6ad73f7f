use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(insert_only)]
    email: String,
    name: String,
}

fn main() {}
