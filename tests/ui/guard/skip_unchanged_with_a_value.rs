use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", skip_unchanged = true)]
struct User {
    email: String,
    name: String,
}

fn main() {}
