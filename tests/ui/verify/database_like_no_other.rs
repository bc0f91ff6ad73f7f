use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify = "oracle")]
struct User {
    email: String,
}

fn main() {}
