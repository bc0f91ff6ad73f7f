use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = cast(now(), "text"))]
    log: String,
}

fn main() {}
