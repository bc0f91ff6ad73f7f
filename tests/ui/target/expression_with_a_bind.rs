use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "coalesce(email, ?)")]
struct User {
    email: String,
    name: String,
}

fn main() {}
