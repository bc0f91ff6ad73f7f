use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "create_index")]
struct User {
    email: String,
    name: String,
}

fn main() {}
