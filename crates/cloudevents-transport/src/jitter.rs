//! Random numbers for waits.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, RandomState};

/// A number from 0 up to 1. With a seed, it is the same for the same value.
///
/// Not a secret: things that failed together only have to come back at different times.
pub(crate) fn random(seed: Option<u64>, of: impl Hash) -> f64 {
    let hash = match seed {
        Some(seed) => BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, of)),
        None => RandomState::new().hash_one(of),
    };
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let numbers = |seed| (0..100).map(|of| random(seed, of)).collect::<Vec<_>>();
        assert_eq!(numbers(Some(1)), numbers(Some(1)));
        for others in [numbers(Some(2)), numbers(None)] {
            assert_ne!(numbers(Some(1)), others);
            assert!(others.iter().all(|number| (0.0..1.0).contains(number)), "{others:?}");
            assert!(others.iter().any(|number| *number < 0.2) && others.iter().any(|number| *number > 0.8));
        }
        assert_ne!(numbers(None), numbers(None));
    }
}
