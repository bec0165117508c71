//! Decimal digits, eight at a time.

/// Reads the digits at the start of `buf`: their value and how many there are. With more than 18 the value means nothing.
#[inline]
pub(super) fn digits(buf: &[u8]) -> (u64, usize) {
    let mut value = 0_u64;
    let mut len = 0;
    while let Some(chunk) = buf.get(len..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        if !all_digits(word) {
            break;
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

/// Whether every byte of `word` is a digit.
#[inline]
fn all_digits(word: u64) -> bool {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0;
    let above_nine = word.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0;
    high == 0x3030_3030_3030_3030 && above_nine == 0x3030_3030_3030_3030
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
        ] {
            assert_eq!(digits(text.as_bytes()), (value, len), "{text}");
        }
    }
}
