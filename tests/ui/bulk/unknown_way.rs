use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", bulk = "vlaues")]
struct User {
    email: String,
    name: String,
}

fn main() {}
