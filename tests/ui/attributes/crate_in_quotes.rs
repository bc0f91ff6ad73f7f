use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", crate = "framework::upsert")]
struct User {
    email: String,
}

fn main() {}
