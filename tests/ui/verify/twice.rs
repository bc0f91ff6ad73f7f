use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify = "postgres", verify = "sqlite")]
struct User {
    email: String,
}

fn main() {}
