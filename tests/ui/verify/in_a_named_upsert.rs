use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "rename", verify = "sqlite")]
struct User {
    email: String,
    name: String,
}

fn main() {}
