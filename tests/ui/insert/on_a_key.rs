use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(insert = lower(new.email))]
    email: String,
    name: String,
}

fn main() {}
