use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", zzz = "name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
