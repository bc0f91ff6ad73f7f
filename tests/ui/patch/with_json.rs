use upsert::{Patch, Upsert};

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(json)]
    tags: Patch<Vec<String>>,
}

fn main() {}
