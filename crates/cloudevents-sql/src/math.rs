//! Arithmetic of 32 bits (CESQL 3.4.2).

use crate::BinaryOperator;

/// Returns the result, or the reason for an error; the value is then 0.
///
/// The specification does not define results beyond 32 bits; here they are errors, as `ABS(-2147483648)` is.
pub(crate) fn calculate(operator: BinaryOperator, left: i32, right: i32) -> Result<i32, &'static str> {
    const BEYOND: &str = "the result does not fit in 32 bits";
    match operator {
        BinaryOperator::Add => left.checked_add(right).ok_or(BEYOND),
        BinaryOperator::Subtract => left.checked_sub(right).ok_or(BEYOND),
        BinaryOperator::Multiply => left.checked_mul(right).ok_or(BEYOND),
        BinaryOperator::Divide if right == 0 => Err("division by zero"),
        BinaryOperator::Divide => left.checked_div(right).ok_or(BEYOND),
        _ if right == 0 => Err("remainder of a division by zero"),
        // The remainder of MIN / -1 is 0, though the quotient does not fit.
        _ => Ok(left.checked_rem(right).unwrap_or(0)),
    }
}

pub(crate) fn negate(number: i32) -> Result<i32, &'static str> {
    number.checked_neg().ok_or("the result does not fit in 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_and_keeps_the_sign_of_the_dividend() {
        use BinaryOperator::{Add, Divide, Multiply, Remainder, Subtract};
        for (left, operator, right, expected) in [
            (5, Divide, 3, Ok(1)),
            (-5, Divide, 3, Ok(-1)),
            (5, Remainder, -3, Ok(2)),
            (-5, Remainder, 3, Ok(-2)),
            (i32::MIN, Remainder, -1, Ok(0)),
            (i32::MAX, Add, 0, Ok(i32::MAX)),
        ] {
            assert_eq!(calculate(operator, left, right), expected, "{left} {operator:?} {right}");
        }
        for (left, operator, right) in [
            (i32::MAX, Add, 1),
            (i32::MIN, Subtract, 1),
            (i32::MIN, Multiply, -1),
            (i32::MIN, Divide, -1),
            (1, Divide, 0),
            (1, Remainder, 0),
        ] {
            assert!(calculate(operator, left, right).is_err(), "{left} {operator:?} {right}");
        }
        assert!(negate(i32::MIN).is_err());
    }
}
