use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = match new.count { 0 => old.count, _ => new.count })]
    count: i64,
}

fn main() {}
