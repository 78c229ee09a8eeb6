//! Where a structure's members are, from the running kernel's own type information.
//!
//! `/sys/kernel/btf/vmlinux` is a header, a section of types and a section of strings ([format][1]). Only structures
//! and what leads to their members is looked at: one pass finds where each type begins, another walks a path such as
//! `__sk_common.skc_daddr` through anonymous structures and unions, which is where most of it is.
//!
//! [1]: https://docs.kernel.org/bpf/btf.html

use std::collections::HashMap;

/// Type information, indexed.
#[derive(Debug)]
pub(super) struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins in `types`; type 0 is `void` and is not there.
    starts: Vec<u32>,
    /// Structures and enumerations with a name.
    named: HashMap<(u32, &'a [u8]), u32>,
}

/// What one type says, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// Members, for structures and enumerations.
    length: u32,
    /// Whether members' offsets carry the width of a bit field.
    bit_fields: bool,
    /// Size of a structure, or the type that this one qualifies.
    size_or_type: u32,
    /// Where the members begin.
    body: usize,
}

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const TYPE_TAG: u32 = 18;

/// How deep anonymous structures and typedefs may nest before the information is taken for broken.
const DEPTH: u32 = 16;

impl<'a> Btf<'a> {
    /// Indexes type information. `None` where the bytes are none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        const MAGIC: u16 = 0xeb9f;
        if u16::from_ne_bytes(*bytes.first_chunk()?) != MAGIC {
            return None;
        }
        let header = word(bytes, 4)? as usize;
        let section = |at: usize| {
            let (start, length) = (word(bytes, at)? as usize, word(bytes, at + 4)? as usize);
            bytes.get(header.checked_add(start)?..)?.get(..length)
        };
        let mut btf =
            Self { types: section(8)?, strings: section(16)?, starts: vec![0], named: HashMap::new() };
        let mut at = 0;
        while at < btf.types.len() {
            let (found, next) = btf.type_at(at)?;
            let id = btf.starts.len() as u32;
            if matches!(found.kind, STRUCT | ENUM) && found.name != 0 {
                btf.named.entry((found.kind, btf.string(found.name)?)).or_insert(id);
            }
            btf.starts.push(u32::try_from(at).ok()?);
            at = next;
        }
        Some(btf)
    }

    /// The size of a structure in bytes.
    pub(super) fn size_of(&self, structure: &str) -> Option<u32> {
        Some(self.get(*self.named.get(&(STRUCT, structure.as_bytes()))?)?.size_or_type)
    }

    /// Where in a structure a member is, in bytes; `path` is names with dots between them.
    pub(super) fn offset_of(&self, structure: &str, path: &str) -> Option<u32> {
        let mut id = *self.named.get(&(STRUCT, structure.as_bytes()))?;
        let mut bits = 0_u32;
        for name in path.split('.') {
            let (offset, member) = self.member(id, name.as_bytes(), DEPTH)?;
            bits = bits.checked_add(offset)?;
            id = member;
        }
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// The number that an enumeration gives a name.
    pub(super) fn value_of(&self, enumeration: &str, name: &str) -> Option<u32> {
        let found = self.get(*self.named.get(&(ENUM, enumeration.as_bytes()))?)?;
        (0..found.length as usize).find_map(|index| {
            let at = found.body + 8 * index;
            let its_name = self.string(word(self.types, at)?)?;
            if its_name == name.as_bytes() { word(self.types, at + 4) } else { None }
        })
    }

    /// A member's offset in bits and its type, looked for in anonymous members, too.
    fn member(&self, id: u32, name: &[u8], depth: u32) -> Option<(u32, u32)> {
        let depth = depth.checked_sub(1)?;
        let found = self.resolve(id)?;
        if !matches!(found.kind, STRUCT | UNION) {
            return None;
        }
        (0..found.length as usize).find_map(|index| {
            let at = found.body + 12 * index;
            let (its_name, its_type, place) =
                (word(self.types, at)?, word(self.types, at + 4)?, word(self.types, at + 8)?);
            let (offset, width) =
                if found.bit_fields { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
            if its_name == 0 {
                let (inner, its_type) = self.member(its_type, name, depth)?;
                Some((offset.checked_add(inner)?, its_type))
            } else {
                let readable = width.is_multiple_of(8);
                (readable && self.string(its_name)? == name).then_some((offset, its_type))
            }
        })
    }

    /// The structure behind typedefs and qualifiers.
    fn resolve(&self, id: u32) -> Option<Type> {
        let mut found = self.get(id)?;
        for _ in 0..DEPTH {
            if !matches!(found.kind, TYPEDEF | VOLATILE | CONST | TYPE_TAG) {
                return Some(found);
            }
            found = self.get(found.size_or_type)?;
        }
        None
    }

    fn get(&self, id: u32) -> Option<Type> {
        let start = *self.starts.get(id as usize).filter(|_| id != 0)?;
        self.type_at(start as usize).map(|(found, _)| found)
    }

    /// The type at a place, and where the next one is.
    fn type_at(&self, at: usize) -> Option<(Type, usize)> {
        let info = word(self.types, at + 4)?;
        let (kind, length) = (info >> 24 & 0x1f, info & 0xffff);
        let body = at + 12;
        let per_member = |bytes| bytes * length as usize;
        let behind = match kind {
            // Pointer, forward, typedef, volatile, const, restrict, function, float, type tag.
            2 | 7..=12 | 16 | 18 => 0,
            // Integer, variable's linkage, declaration tag.
            1 | 14 | 17 => 4,
            3 => 12,
            STRUCT | UNION | 15 | 19 => per_member(12),
            // Enumeration, function's parameters.
            6 | 13 => per_member(8),
            _ => return None,
        };
        let found = Type {
            name: word(self.types, at)?,
            kind,
            length,
            bit_fields: info >> 31 == 1,
            size_or_type: word(self.types, at + 8)?,
            body,
        };
        Some((found, body + behind))
    }

    fn string(&self, at: u32) -> Option<&'a [u8]> {
        self.strings.get(at as usize..)?.split(|&byte| byte == 0).next()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Type information under construction.
    #[derive(Default)]
    struct Builder {
        types: Vec<u32>,
        strings: Vec<u8>,
    }

    impl Builder {
        fn name(&mut self, name: &str) -> u32 {
            if self.strings.is_empty() {
                self.strings.push(0);
            }
            if name.is_empty() {
                return 0;
            }
            let at = self.strings.len() as u32;
            self.strings.extend(name.as_bytes());
            self.strings.push(0);
            at
        }

        fn plain(mut self, kind: u32, name: &str, size_or_type: u32, body: &[u32]) -> Self {
            let name = self.name(name);
            self.types.extend([name, kind << 24, size_or_type]);
            self.types.extend(body);
            self
        }

        /// A structure or union; members are name, type and place in bits.
        fn composite(mut self, kind: u32, name: &str, size: u32, members: &[(&str, u32, u32)]) -> Self {
            let bit_fields = u32::from(members.iter().any(|(_, _, place)| place >> 24 != 0)) << 31;
            let name = self.name(name);
            self.types.extend([name, bit_fields | kind << 24 | members.len() as u32, size]);
            for (name, its_type, place) in members {
                let name = self.name(name);
                self.types.extend([name, *its_type, *place]);
            }
            self
        }

        fn bytes(&self) -> Vec<u8> {
            let types: Vec<u8> = self.types.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
            bytes.extend([1, 0]);
            for word in [24, 0, types.len(), types.len(), self.strings.len()] {
                bytes.extend((word as u32).to_ne_bytes());
            }
            bytes.extend(types);
            bytes.extend(&self.strings);
            bytes
        }
    }

    /// 1 int, 2 struct inner, 3 const inner, 4 anonymous union, 5 struct outer, 6 typedef of itself.
    fn sample() -> Vec<u8> {
        Builder::default()
            .plain(1, "int", 4, &[32])
            .composite(STRUCT, "inner", 8, &[("x", 1, 0), ("y", 1, 32)])
            .plain(CONST, "", 2, &[])
            .composite(UNION, "", 8, &[("hidden", 3, 0), ("other", 1, 0)])
            .composite(STRUCT, "outer", 40, &[("first", 1, 0), ("", 4, 64), ("odd", 1, 3 << 24 | 130)])
            .plain(TYPEDEF, "circle", 6, &[])
            .composite(STRUCT, "broken", 4, &[("loop", 6, 0), ("", 7, 0)])
            .bytes()
    }

    #[test]
    fn a_path_leads_through_anonymous_members_and_qualifiers() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).expect("type information");
        assert_eq!(btf.offset_of("outer", "first"), Some(0));
        assert_eq!(btf.offset_of("outer", "hidden"), Some(8));
        assert_eq!(btf.offset_of("outer", "hidden.y"), Some(12));
        assert_eq!(btf.offset_of("outer", "other.y"), None, "an integer has no members");
        assert_eq!(btf.offset_of("outer", "odd"), None, "a bit field of three bits cannot be read");
        assert_eq!(btf.offset_of("outer", "missing"), None);
        assert_eq!(btf.offset_of("nobody", "first"), None);
        assert_eq!(btf.size_of("outer"), Some(40));
    }

    #[test]
    fn circles_end() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).expect("type information");
        assert_eq!(btf.offset_of("broken", "loop.x"), None);
        assert_eq!(btf.offset_of("broken", "nothing"), None);
    }

    proptest! {
        #[test]
        fn broken_information_is_refused_or_answers_nothing(
            cut in 0_usize..400,
            flips in proptest::collection::vec((0_usize..400, any::<u8>()), 0..8),
        ) {
            let mut bytes = sample();
            for (at, value) in flips {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            if let Some(btf) = Btf::parse(&bytes) {
                for structure in ["outer", "inner", "broken"] {
                    let _ = btf.offset_of(structure, "hidden.y");
                    let _ = btf.offset_of(structure, "loop.x");
                }
            }
        }
    }
}
