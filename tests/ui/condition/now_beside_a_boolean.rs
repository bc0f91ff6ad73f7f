use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(now() > old.active))]
struct User {
    email: String,
    active: bool,
}

fn main() {}
