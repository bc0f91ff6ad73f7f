use upsert::{Patch, Upsert};

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(coalesce)]
    nick: Patch<Option<String>>,
}

fn main() {}
