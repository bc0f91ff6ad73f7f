use upsert::Upsert;

#[derive(Upsert)]
#[upsert(tabel = "people", conflict = 5, rename_all = "kebab_case")]
struct User {
    email: String,
}

fn main() {}
