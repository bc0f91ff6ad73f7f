use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify = "sqlite")]
struct User<T> {
    email: T,
}

fn main() {}
