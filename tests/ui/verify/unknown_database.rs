use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify = "postgresql")]
struct User {
    email: String,
}

fn main() {}
