use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
    #[upsert(rename = "name")]
    nick: String,
}

fn main() {}
