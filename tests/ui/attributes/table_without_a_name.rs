use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "")]
struct User {
    email: String,
}

fn main() {}
