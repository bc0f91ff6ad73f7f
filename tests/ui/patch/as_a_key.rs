use upsert::{Patch, Upsert};

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: Patch<String>,
    name: String,
}

fn main() {}
