//! Archives, also such as no honest program writes.

use std::io::Write as _;

/// An entry of an archive to build, also one that no honest program would write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    File(&'static str, &'static str),
    Program(&'static str, &'static str),
    Directory(&'static str),
    Symlink(&'static str, &'static str),
    HardLink(&'static str, &'static str),
    Special(&'static str, tar::EntryType),
}

/// A tar of `items`, whose names are taken as they are.
pub(crate) fn tar(items: &[Item]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for item in items {
        use tar::EntryType::{Directory, Link, Regular, Symlink};
        let (kind, name, link, content, mode) = match *item {
            Item::File(name, content) => (Regular, name, "", content, 0o644),
            Item::Program(name, content) => (Regular, name, "", content, 0o4755),
            Item::Directory(name) => (Directory, name, "", "", 0o555),
            Item::Symlink(name, link) => (Symlink, name, link, "", 0o777),
            Item::HardLink(name, link) => (Link, name, link, "", 0o644),
            Item::Special(name, kind) => (kind, name, "", "", 0o644),
        };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn tar_gz(items: &[Item]) -> Vec<u8> {
    gzip(&tar(items))
}
