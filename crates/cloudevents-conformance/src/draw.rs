//! The order and the numbers of requests where cases vary.

/// Numbers that a seed yields, the same ones each time (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn of(seed: u64) -> Self {
        Draw(seed)
    }

    /// The indices below `count`, in an order that is drawn.
    pub(crate) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut drawn: Vec<_> = (0..count).map(|index| (self.next(), index)).collect();
        drawn.sort_unstable();
        drawn.into_iter().map(|(_, index)| index).collect()
    }

    /// A number that a request may have: an integer that doubles hold.
    pub(crate) fn number(&mut self) -> u64 {
        self.next() >> 11
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_each_index_once_and_is_that_of_its_seed() {
        let order = |seed| Draw::of(seed).order(1000);
        let mut sorted = order(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(order(7), order(7));
        assert!(order(7) != sorted && order(7) != order(8));
    }

    #[test]
    fn numbers_are_integers_that_doubles_hold() {
        let mut draw = Draw::of(0);
        let numbers: Vec<_> = (0..1000).map(|_| draw.number()).collect();
        assert!(numbers.iter().all(|number| *number < 1 << 53));
        assert!(numbers.iter().any(|number| *number > 1 << 50));
    }
}
