use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login")]
#[upsert(name = "rename")]
struct User {
    #[upsert(generated)]
    email: String,
    name: String,
}

fn main() {}
