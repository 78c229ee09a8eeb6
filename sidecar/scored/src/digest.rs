//! What ids are made of.

/// FNV-1a with 64 bits over the parts, each behind its length, and a finisher that spreads it over all digits.
pub fn digest(parts: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut write = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in parts {
        write(&(part.len() as u64).to_be_bytes());
        write(part);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// Of the alert group that an execution belongs to: workload, parent, name and user.
pub fn group(workload: &str, parent: &str, name: &str, uid: u32) -> u64 {
    digest(&[workload.as_bytes(), parent.as_bytes(), name.as_bytes(), &uid.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_what_they_were() {
        // People have them in tickets, and the history of decisions has them too.
        assert_eq!(format!("{:016x}", group("web", "nginx", "sh", 33)), "fd8771b2a495d21e");
        assert_ne!(group("a", "bc", "", 0), group("ab", "c", "", 0));
    }
}
