use upsert::{Patch, Upsert};

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(insert = "none")]
    nick: Patch<String>,
}

fn main() {}
