//! Names that others chose for files of ours.

use std::path::{Component, Path, PathBuf};

/// `name` as a path that stays below where it is put, without its `.` components; empty for `.` itself.
pub(super) fn relative(name: &Path) -> Result<PathBuf, &'static str> {
    if name.as_os_str().as_encoded_bytes().contains(&0) {
        return Err("it holds a NUL");
    }
    let mut path = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("it climbs out with `..`"),
            Component::RootDir | Component::Prefix(_) => return Err("it is absolute"),
        }
    }
    Ok(path)
}

/// Whether a symbolic link in the real directory `parent`, given relative to the root, stays below the root.
///
/// A target may climb only at its start. Links whose targets climb after they descended could escape together: where
/// `a/up` names `..`, `a/up/..` is outside though it reads like `a`.
pub(super) fn link_target(parent: &Path, target: &Path) -> Result<(), &'static str> {
    let mut depth = parent.components().count();
    let mut descended = false;
    for component in target.components() {
        match component {
            Component::Normal(_) => descended = true,
            Component::CurDir => {}
            Component::ParentDir if descended => return Err("its target climbs after it descended"),
            Component::ParentDir => depth = depth.checked_sub(1).ok_or("its target lies outside")?,
            Component::RootDir | Component::Prefix(_) => return Err("its target is absolute"),
        }
    }
    if target.as_os_str().is_empty() { Err("it has no target") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("istio.tar.gz", Ok("istio.tar.gz"))]
    #[case::nested("charts/base.tgz", Ok("charts/base.tgz"))]
    #[case::dots("./charts/./base.tgz", Ok("charts/base.tgz"))]
    #[case::dot(".", Ok(""))]
    #[case::climbs("../../x", Err("it climbs out with `..`"))]
    #[case::climbs_inside("a/../../x", Err("it climbs out with `..`"))]
    #[case::absolute("/etc/passwd", Err("it is absolute"))]
    #[case::nul("a\0b", Err("it holds a NUL"))]
    fn a_name_stays_below(#[case] name: &str, #[case] expected: Result<&str, &'static str>) {
        assert_eq!(relative(Path::new(name)), expected.map(PathBuf::from));
    }

    #[rstest]
    #[case::sibling("a/b", "c", true)]
    #[case::up("a/b", "../c", true)]
    #[case::to_the_root("a/b", "../..", true)]
    #[case::outside("a/b", "../../../c", false)]
    #[case::absolute("a", "/etc/passwd", false)]
    #[case::climbs_late("a/b", "c/../../d", false)]
    #[case::empty("a", "", false)]
    fn a_link_stays_below(#[case] parent: &str, #[case] target: &str, #[case] allowed: bool) {
        assert_eq!(link_target(Path::new(parent), Path::new(target)).is_ok(), allowed);
    }
}
