use upsert::{Patch, Upsert};

type Maybe<T> = Patch<Option<T>>;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: Maybe<String>,
    age: Option<Patch<i32>>,
}

fn main() {}
