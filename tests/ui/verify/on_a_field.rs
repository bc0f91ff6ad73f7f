use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(verify = "sqlite")]
    email: String,
}

fn main() {}
