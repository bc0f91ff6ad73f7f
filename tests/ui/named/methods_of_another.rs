use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "hit")]
#[upsert(name = "hit_all")]
struct User {
    email: String,
    name: String,
}

fn main() {}
