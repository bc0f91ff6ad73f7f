use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "emial", tabel = "people", coalesce = "name")]
struct User {
    #[upsert(generatd)]
    id: i64,
    email: String,
    #[upsert(coalesce)]
    name: String,
    #[upsert(now)]
    note: String,
}

fn main() {}
