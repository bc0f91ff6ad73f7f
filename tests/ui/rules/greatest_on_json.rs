use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", greatest = "tags")]
struct User {
    email: String,
    #[upsert(json)]
    tags: Vec<String>,
}

fn main() {}
