//! Archives, honest and hostile.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use proptest::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::registry::Blame;
use crate::registry::testing::{Item, gzip, tar, tar_gz};

/// A folder to unpack into, with something beside it that must stay as it is.
struct Sandbox(TempDir);

impl Sandbox {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        Self(folder)
    }

    fn tree(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    fn unpack(&self, archive: &[u8], gzip: bool, limits: &Limits) -> Result<BTreeSet<PathBuf>, ArchiveError> {
        let path = self.0.path().join("archive");
        fs::write(&path, archive).unwrap();
        let source = if gzip { Source::tar_gz(&path) } else { Source::tar(&path) };
        unpack(&source, &self.tree(), &HashSet::new(), limits, &AtomicBool::new(false))
    }

    fn untouched(&self) -> bool {
        let mut beside: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.sort();
        beside == ["archive", "secret", "tree"] && fs::read_to_string(self.0.path().join("secret")).unwrap() == "secret"
    }
}

fn limits(entries: u64, bytes: u64, ratio: u64, free_bytes: u64) -> Limits {
    Limits { entries, bytes, ratio, free_bytes, ..Limits::default() }
}

fn refusal(items: &[Item]) -> String {
    let sandbox = Sandbox::new();
    let error = sandbox.unpack(&tar_gz(items), true, &Limits::default()).unwrap_err();
    assert!(sandbox.untouched());
    assert_eq!(error.blame(), Blame::Product, "{error}");
    error.to_string()
}

#[rstest]
#[case::climbing(&[Item::File("../x", "")], "climbs out with `..`")]
#[case::climbing_inside(&[Item::File("a/../../x", "")], "climbs out with `..`")]
#[case::absolute(&[Item::File("/tmp/x", "")], "absolute")]
#[case::directory_outside(&[Item::Directory("../x/")], "climbs out with `..`")]
#[case::the_root_as_a_file(&[Item::File(".", "")], "names the destination itself")]
#[case::link_outside(&[Item::Symlink("a", "../secret")], "target lies outside")]
#[case::link_to_a_place(&[Item::Symlink("a", "/etc/passwd")], "target is absolute")]
#[case::link_that_climbs_late(&[Item::Symlink("a/b", "c/../../d")], "climbs after it descended")]
#[case::through_a_link(
    &[Item::Directory("a"), Item::Symlink("b", "a"), Item::File("b/x", "")],
    "saw `b/x`: `b` is a symbolic link already"
)]
#[case::link_instead_of_a_directory(&[Item::Directory("a"), Item::Symlink("a", "b")], "would replace a directory")]
#[case::directory_instead_of_a_link(&[Item::Symlink("a", "b"), Item::Directory("a")], "is a symbolic link already")]
#[case::below_a_file(&[Item::File("a", ""), Item::File("a/b", "")], "`a` is a file already")]
#[case::file_instead_of_a_directory(&[Item::Directory("a"), Item::File("a", "")], "would replace a directory")]
#[case::hard_link_outside(&[Item::HardLink("a", "../secret")], "target lies outside")]
#[case::hard_link_to_a_place(&[Item::HardLink("a", "/etc/passwd")], "target lies outside")]
#[case::hard_link_to_nothing(&[Item::HardLink("a", "b")], "`b` is no file that came before it")]
#[case::hard_link_to_itself(&[Item::File("a", ""), Item::HardLink("a", "a")], "is no file that came before it")]
#[case::hard_link_to_a_link(&[Item::Symlink("a", "b"), Item::HardLink("c", "a")], "is no file that came before it")]
#[case::hard_link_through_a_link(
    &[Item::File("d/f", ""), Item::Symlink("l", "d"), Item::HardLink("c", "l/f")],
    "`l/f` is no file that came before it"
)]
#[case::character_device(&[Item::Special("a", tar::EntryType::Char)], "saw `a`: it is a device")]
#[case::block_device(&[Item::Special("a", tar::EntryType::Block)], "a device")]
#[case::pipe(&[Item::Special("a", tar::EntryType::Fifo)], "a named pipe")]
#[case::unknown(&[Item::Special("a", tar::EntryType::new(b'Z'))], "unknown type 'Z'")]
#[case::link_without_a_target(&[Item::Special("a", tar::EntryType::Symlink)], "target")]
fn an_unsafe_entry_is_an_error_that_names_it(#[case] items: &[Item], #[case] reason: &str) {
    let error = refusal(items);
    assert!(
        error.starts_with("expected an entry that stays below the destination") && error.contains(reason),
        "{error}"
    );
}

/// `a/up` names the folder `a` is in. Were `a/up/..` read as `a`, `b` would name what is beside the tree.
#[test]
fn links_do_not_escape_together() {
    let error = refusal(&[Item::Directory("a"), Item::Symlink("a/up", ".."), Item::Symlink("b", "a/up/../secret")]);
    assert!(error.contains("climbs after it descended"), "{error}");
}

#[test]
fn honest_links_are_kept() {
    let sandbox = Sandbox::new();
    let items = [
        Item::File("istio/bin/istioctl-1.24", "program"),
        Item::Symlink("istio/bin/istioctl", "istioctl-1.24"),
        Item::Symlink("istio/latest/bin", "../bin"),
        Item::HardLink("istio/copy", "istio/bin/istioctl-1.24"),
    ];
    let roots = sandbox.unpack(&tar_gz(&items), true, &Limits::default()).unwrap();
    assert_eq!(roots, BTreeSet::from([PathBuf::from("istio")]));
    for path in ["istio/bin/istioctl", "istio/latest/bin/istioctl", "istio/copy"] {
        assert_eq!(fs::read_to_string(sandbox.tree().join(path)).unwrap(), "program");
    }
}

#[test]
fn the_last_of_several_entries_wins_without_writing_through_links() {
    let sandbox = Sandbox::new();
    let items = [
        Item::File("a", "first"),
        Item::HardLink("b", "a"),
        Item::File("a", "second"),
        Item::Symlink("c", "b"),
        Item::File("c", "third"),
    ];
    sandbox.unpack(&tar_gz(&items), true, &Limits::default()).unwrap();
    let contents = ["a", "b", "c"].map(|name| fs::read_to_string(sandbox.tree().join(name)).unwrap());
    assert_eq!(contents, ["second", "first", "third"]);
}

#[test]
fn modes_lose_special_bits_and_keep_their_owner_in() {
    let sandbox = Sandbox::new();
    let items = [Item::Directory("a"), Item::Program("a/b", "")];
    sandbox.unpack(&tar_gz(&items), true, &Limits::default()).unwrap();
    let mode = |path: &str| sandbox.tree().join(path).metadata().unwrap().permissions().mode() & 0o7700;
    assert_eq!((mode("a"), mode("a/b")), (0o700, 0o700));
}

#[test]
fn a_name_longer_than_a_header_is_kept() {
    let sandbox = Sandbox::new();
    let name = format!("{}/{}", "directory".repeat(20), "file".repeat(40));
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    archive.append_data(&mut header, &name, io::empty()).unwrap();
    sandbox.unpack(&archive.into_inner().unwrap(), false, &Limits::default()).unwrap();
    assert!(sandbox.tree().join(name).exists());
}

#[test]
fn a_name_longer_than_the_file_system_allows_is_the_product_failure() {
    let sandbox = Sandbox::new();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    archive.append_data(&mut header, "a".repeat(300), io::empty()).unwrap();
    let error = sandbox.unpack(&archive.into_inner().unwrap(), false, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("longer than the file system allows"), "{error}");
}

#[test]
fn a_comment_on_the_archive_is_no_file() {
    let sandbox = Sandbox::new();
    let items = [Item::Special("pax_global_header", tar::EntryType::XGlobalHeader), Item::File("a", "")];
    sandbox.unpack(&tar_gz(&items), true, &Limits::default()).unwrap();
    assert_eq!(fs::read_dir(sandbox.tree()).unwrap().count(), 1);
}

#[test]
fn several_gzip_members_are_one_archive() {
    let sandbox = Sandbox::new();
    let archive = tar(&[Item::File("a", "content")]);
    let (first, second) = archive.split_at(700);
    sandbox.unpack(&[gzip(first), gzip(second)].concat(), true, &Limits::default()).unwrap();
    assert_eq!(fs::read_to_string(sandbox.tree().join("a")).unwrap(), "content");
}

fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut archive = tar_gz(&[Item::File("a", "some content"), Item::File("b", "more content")]);
    change(&mut archive);
    archive
}

#[rstest]
#[case::empty(Vec::new(), true, "ends early")]
#[case::not_gzip(b"plain text, not gzip".to_vec(), true, "invalid gzip header")]
#[case::not_tar(vec![b'x'; 600], false, "cannot be read")]
#[case::cut_off(damaged(|archive| archive.truncate(archive.len() / 2)), true, "")]
#[case::without_its_checksum(damaged(|archive| archive.truncate(archive.len() - 8)), true, "ends early")]
#[case::with_a_wrong_checksum(damaged(|archive| { let at = archive.len() - 8; archive[at] ^= 1; }), true, "corrupt")]
#[case::with_something_behind(damaged(|archive| archive.extend(b"garbage behind")), true, "cannot be read")]
#[case::tar_cut_off_in_a_file(tar(&[Item::File("a", "content")])[..515].to_vec(), false, "ends early")]
fn a_damaged_archive_is_broken(#[case] archive: Vec<u8>, #[case] gzip: bool, #[case] reason: &str) {
    let error = Sandbox::new().unpack(&archive, gzip, &Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::Broken { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[rstest]
#[case::entries(limits(2, 1 << 30, 100, 1 << 30), "at most 2 entries")]
#[case::bytes(limits(100, 2048, 100, 1 << 30), "at most 2048 bytes unpacked, saw more")]
#[case::ratio(limits(100, 1 << 30, 2, 0), "bytes unpacked, for an archive of this size")]
#[case::large_enough(Limits::default(), "")]
fn an_archive_has_limits(#[case] limits: Limits, #[case] reason: &str) {
    let sandbox = Sandbox::new();
    let result =
        sandbox.unpack(&tar_gz(&[Item::File("a", "x"), Item::File("b", "x"), Item::File("c", "x")]), true, &limits);
    match result {
        Ok(_) => assert!(reason.is_empty()),
        Err(error) => {
            assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
            assert!(!reason.is_empty() && error.to_string().contains(reason), "{error}");
        }
    }
}

#[test]
fn directories_that_a_long_name_brings_count_as_entries() {
    let sandbox = Sandbox::new();
    let error =
        sandbox.unpack(&tar(&[Item::File("a/b/c/d/e", "")]), false, &limits(4, 1 << 20, 100, 1 << 20)).unwrap_err();
    assert!(error.to_string().contains("at most 4 entries"), "{error}");
}

/// The claimed size counts, before a single byte of it is written: a sparse file may claim what it does not hold.
#[test]
fn a_size_that_is_only_claimed_counts() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.as_gnu_mut().unwrap().name[..1].copy_from_slice(b"a");
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(1 << 40);
    gnu.sparse[0].set_offset(1 << 40);
    gnu.sparse[0].set_length(0);
    header.set_cksum();
    let archive = [header.as_bytes().as_slice(), &[0; 1024]].concat();
    let sandbox = Sandbox::new();
    let error = sandbox.unpack(&archive, false, &Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
    assert!(!sandbox.tree().join("a").exists());
}

/// The crate keeps a name in memory, however long its header says that it is.
#[test]
fn headers_have_a_limit_of_their_own() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(2 << 20);
    header.set_cksum();
    let archive = [header.as_bytes().as_slice(), &vec![b'a'; 2 << 20]].concat();
    let error = Sandbox::new().unpack(&archive, false, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("bytes of headers"), "{error}");
}

#[test]
fn unpacking_stops_when_cancelled() {
    let sandbox = Sandbox::new();
    let path = sandbox.0.path().join("archive");
    fs::write(&path, tar_gz(&[Item::File("a", "")])).unwrap();
    let cancelled = AtomicBool::new(true);
    let result = unpack(&Source::tar_gz(&path), &sandbox.tree(), &HashSet::new(), &Limits::default(), &cancelled);
    assert!(matches!(result, Err(ArchiveError::Cancelled)));
}

#[test]
fn an_archive_that_cannot_be_read_is_the_harness_failure() {
    let sandbox = Sandbox::new();
    // A folder opens like a file, and then cannot be read.
    let result = unpack(
        &Source::tar_gz(&sandbox.tree()),
        &sandbox.tree(),
        &HashSet::new(),
        &Limits::default(),
        &AtomicBool::new(false),
    );
    assert_eq!(result.unwrap_err().blame(), Blame::Harness);
}

const NAMES: [&str; 12] =
    ["a", "b", "a/b", "a/b/c", "b/a", "../x", "a/../../x", "/tmp/meshproof-x", "a/", ".", "./b", "a/c"];
const TARGETS: [&str; 12] =
    ["a", "b", "..", "../..", "../../..", "a/..", "b/../..", "../secret", "../../secret", "/etc", "../a", "a/b/c"];

fn item() -> impl Strategy<Value = Item> {
    let name = prop::sample::select(NAMES.to_vec());
    let target = prop::sample::select([NAMES, TARGETS].concat());
    (0..4, name, target).prop_map(|(kind, name, target)| match kind {
        0 => Item::File(name, "written"),
        1 => Item::Directory(name),
        2 => Item::Symlink(name, target),
        _ => Item::HardLink(name, target),
    })
}

proptest! {
    /// Whatever has become of an archive on its way, it is unpacked or refused, within the limits, and nothing outside changes.
    #[test]
    fn a_changed_archive_is_unpacked_or_refused(
        items in prop::collection::vec(item(), 1..6),
        zipped in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let sandbox = Sandbox::new();
        let mut archive = if zipped { tar_gz(&items) } else { tar(&items) };
        for (at, byte) in changes {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        archive.truncate(cut.map_or(archive.len(), |cut| cut.index(archive.len())));
        let _ = sandbox.unpack(&archive, zipped, &limits(100, 1 << 20, 100, 1 << 20));
        prop_assert!(sandbox.untouched());
    }

    /// Whatever an archive holds, nothing outside changes, no link leads out, and no file outside is linked.
    #[test]
    fn nothing_ever_leaves_the_tree(items in prop::collection::vec(item(), 1..12)) {
        let sandbox = Sandbox::new();
        let _ = sandbox.unpack(&tar(&items), false, &Limits::default());
        prop_assert!(sandbox.untouched());
        prop_assert_eq!(sandbox.0.path().join("secret").metadata().unwrap().nlink(), 1);
        prop_assert!(!Path::new("/tmp/meshproof-x").exists());
        let tree = sandbox.tree().canonicalize().unwrap();
        let mut folders = vec![tree.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if let Ok(target) = entry.path().canonicalize() {
                    prop_assert!(target.starts_with(&tree), "{:?}", entry.path());
                }
            }
        }
    }
}
