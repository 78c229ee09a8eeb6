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
    /// Structures with a name.
    structures: HashMap<&'a [u8], u32>,
}

/// What one type says, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// Members, for structures.
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
            Self { types: section(8)?, strings: section(16)?, starts: vec![0], structures: HashMap::new() };
        let mut at = 0;
        while at < btf.types.len() {
            let (found, next) = btf.type_at(at)?;
            let id = btf.starts.len() as u32;
            if found.kind == STRUCT && found.name != 0 {
                btf.structures.entry(btf.string(found.name)?).or_insert(id);
            }
            btf.starts.push(u32::try_from(at).ok()?);
            at = next;
        }
        Some(btf)
    }

    /// The size of a structure in bytes.
    pub(super) fn size_of(&self, structure: &str) -> Option<u32> {
        Some(self.get(*self.structures.get(structure.as_bytes())?)?.size_or_type)
    }

    /// Where in a structure a member is, in bytes; `path` is names with dots between them.
    pub(super) fn offset_of(&self, structure: &str, path: &str) -> Option<u32> {
        let mut id = *self.structures.get(structure.as_bytes())?;
        let mut bits = 0;
        for name in path.split('.') {
            let (offset, member) = self.member(id, name.as_bytes(), DEPTH)?;
            bits += offset;
            id = member;
        }
        (bits % 8 == 0).then_some(bits / 8)
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
            let (offset, width) = if found.bit_fields { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
            if its_name == 0 {
                self.member(its_type, name, depth).map(|(inner, its_type)| (offset + inner, its_type))
            } else {
                let readable = width == 0 || width % 8 == 0;
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
