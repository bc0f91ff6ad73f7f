use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.count + new.weight as i64)]
    count: i64,
    weight: f64,
}

fn main() {}
