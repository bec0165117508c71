//! Decimal digits, eight at a time.

/// Reads the digits at the start of `buf`: their value and how many there are. With more than 18 the value means nothing.
#[inline]
pub(super) fn digits(buf: &[u8]) -> (u64, usize) {
    let mut value = 0_u64;
    let mut len = 0;
    while let Some(chunk) = buf.get(len..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let count = leading_digits(word);
        if count < 8 {
            // What is shifted in counts as leading zeros.
            let shifted = word.checked_shl(64 - 8 * count as u32).unwrap_or(0);
            let value = value.wrapping_mul(POWERS[count]).wrapping_add(eight(shifted));
            return (value, len + count);
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(eight(word));
        len += 8;
    }
    while let Some(digit) = buf.get(len).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        len += 1;
    }
    (value, len)
}

const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// How many of the bytes of `word`, from the lowest, are digits.
#[inline]
fn leading_digits(word: u64) -> usize {
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte above nine gets its highest bit set; its carry only reaches bytes behind it.
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    others.trailing_zeros() as usize / 8
}

/// The value of eight digits, the first in the lowest byte: pairs, then fours, then all.
#[inline]
fn eight(word: u64) -> u64 {
    let word = word & 0x0F0F_0F0F_0F0F_0F0F;
    let word = (word.wrapping_mul(2561) >> 8) & 0x00FF_00FF_00FF_00FF;
    let word = (word.wrapping_mul(6_553_601) >> 16) & 0x0000_FFFF_0000_FFFF;
    word.wrapping_mul(42_949_672_960_001) >> 32
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn digits_are_read_whatever_follows() {
        for (text, value, len) in [
            ("", 0, 0),
            ("x", 0, 0),
            ("7", 7, 1),
            ("1234567", 1_234_567, 7),
            ("12345678", 12_345_678, 8),
            ("123456789012345678 ", 123_456_789_012_345_678, 18),
            ("1700000000\nabcdefgh", 1_700_000_000, 10),
            ("0000000:", 0, 7),
            ("1234567/9", 1_234_567, 7),
            ("/1234567", 0, 0),
            ("12\u{fff}4567", 12, 2),
            ("98765i 17", 98_765, 5),
            ("1700000000 value=1", 1_700_000_000, 10),
            ("1234567890123456789,", 1_234_567_890_123_456_789, 19),
        ] {
            assert_eq!(digits(text.as_bytes()), (value, len), "{text}");
        }
    }
}
