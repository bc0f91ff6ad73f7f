use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(json, json)]
    tags: Vec<String>,
}

fn main() {}
