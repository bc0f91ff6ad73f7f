//! Soup of random bytes, for as long as `UPSERT_FUZZ_SECONDS` says.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::{Choices, Databases, Outcome, structure, try_out};

/// The macro does not panic, and what it accepts can be prepared. A failure shows the struct; `UPSERT_FUZZ_SEED` finds it again.
#[test]
fn what_is_accepted_can_be_prepared() {
    let number = |variable: &str| env::var(variable).ok()?.parse::<u64>().ok();
    let seconds = number("UPSERT_FUZZ_SECONDS").unwrap_or(2);
    let seed = number("UPSERT_FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let mut databases = Databases::open().expect("databases");
    if !databases.has_postgres() {
        eprintln!("left out: PostgreSQL (set UPSERT_POSTGRES_URL)");
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut tried, mut accepted) = (0, 0);
    let mut seed = seed;
    while Instant::now() < end {
        let bytes = random_bytes(seed);
        let source = structure(&mut Choices::new(&bytes));
        tried += 1;
        match try_out(&source, &mut databases) {
            Ok(Outcome::Accepted) => accepted += 1,
            Ok(Outcome::Refused | Outcome::NoStruct) => {}
            Err(error) => panic!("{error}\n\n{source}\nUPSERT_FUZZ_SEED={seed}"),
        }
        seed = seed.wrapping_add(1);
    }
    println!("{tried} structs, of which {accepted} were accepted");
    // Soup that nothing accepts tests nothing.
    let enough = tried < 500 || accepted * 50 > tried;
    assert!(enough, "only {accepted} of {tried} structs are accepted");
}

/// Xorshift, started apart for each seed.
fn random_bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()
    });
    words.take(100).flatten().collect()
}
