//! From paths to documents with positions. Touches files, nothing else.

use std::{
    collections::HashSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use meshproof_reports::FileDigest;
use sha2::{Digest, Sha256};

use crate::{
    diagnostic::{Diagnostic, Source, Span, all_warnings, closest},
    language::{API_VERSION, Document, Scenario, Suite, check_shape, document_schema, prune},
    yaml::{self, Node, Value, decode},
};

/// The name of the file that makes a folder a suite.
pub const SUITE_FILE: &str = "suite.yaml";

/// A suite as it is written.
#[derive(Debug)]
pub struct Loaded {
    /// The folder of the suite, or the path that was given where there is none.
    pub root: PathBuf,
    pub suite: Option<(Suite, Span)>,
    /// In the order of their files' paths, and of the documents in a file.
    pub scenarios: Vec<(Scenario, Span)>,
    /// `sha256:…` over the names and bytes of all files beneath the root.
    pub digest: String,
    /// The files that it is over, sorted by path.
    pub files: Vec<FileDigest>,
    pub unread: Unread,
    /// Whether there is a suite that could not be read: then nothing is known of its variables.
    pub suite_unread: bool,
    /// Where only some of the suite's files were asked for: these.
    pub only: Vec<PathBuf>,
}

/// What could not be read, or not whole, so that nobody is told that it is not there.
#[derive(Debug, Default)]
pub struct Unread {
    /// The names of scenarios and cases: `scenario`, `scenario/case`.
    pub names: Vec<String>,
    /// Whether there are files of which not even this is known.
    pub opaque: bool,
}

impl Unread {
    pub fn is_nothing(&self) -> bool {
        self.names.is_empty() && !self.opaque
    }
}

/// Finds the suites that `paths` are, hold or belong to, and reads them. Everything that is wrong comes back at once.
pub fn load(paths: &[PathBuf]) -> (Vec<Loaded>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut roots: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for path in paths {
        match roots_of(path, &mut diagnostics) {
            Ok(found) => {
                for (root, only) in found {
                    match roots.iter_mut().find(|known| known.0 == root) {
                        // The whole suite is more than some of its files.
                        Some(known) if only.is_none() || known.1.is_empty() => known.1.clear(),
                        Some(known) => known.1.extend(only),
                        None => roots.push((root, only.into_iter().collect())),
                    }
                }
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    let suites = roots.iter().map(|root| root.0.clone()).collect::<Vec<_>>();
    let loaded = roots.into_iter().map(|(root, only)| load_root(root, only, &suites, &mut diagnostics)).collect();
    (loaded, diagnostics)
}

/// The suites of a path: those beneath it, or the one that it lies in, or itself.
fn roots_of(path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Result<Vec<(PathBuf, Option<PathBuf>)>, Diagnostic> {
    let metadata = fs::metadata(path).map_err(|error| failed("open", path, &error))?;
    if metadata.is_dir() {
        let mut found = Vec::new();
        find_suites(path, &mut found, &mut HashSet::new(), diagnostics);
        if !found.is_empty() {
            return Ok(found.into_iter().map(|root| (root, None)).collect());
        }
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors().skip(1) {
        if ancestor.join(SUITE_FILE).is_file() {
            // The path is shown as it was given, with as many steps up as are needed.
            let steps = absolute.strip_prefix(ancestor).map_or(0, |rest| rest.components().count());
            let mut root = path.to_owned();
            for _ in 0..steps {
                root = match root.parent() {
                    Some(parent) if parent != Path::new("") => parent.to_owned(),
                    _ => ancestor.to_owned(),
                };
            }
            return Ok(vec![(root, Some(path.to_owned()))]);
        }
    }
    Ok(vec![(path.to_owned(), None)])
}

fn find_suites(
    folder: &Path,
    found: &mut Vec<PathBuf>,
    seen: &mut HashSet<PathBuf>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !is_new(folder, seen) {
        return;
    }
    if folder.join(SUITE_FILE).is_file() {
        found.push(folder.to_owned());
        return;
    }
    for entry in entries(folder, diagnostics) {
        if entry.is_dir() {
            find_suites(&entry, found, seen, diagnostics);
        }
    }
}

fn load_root(root: PathBuf, only: Vec<PathBuf>, suites: &[PathBuf], diagnostics: &mut Vec<Diagnostic>) -> Loaded {
    let mut files = Vec::new();
    collect(&root, suites, &mut files, &mut HashSet::new(), diagnostics);
    let mut hash = Sha256::new();
    let mut digests = Vec::new();
    let mut found = Found::default();
    for path in files {
        let inside = path.strip_prefix(&root).unwrap_or(&path);
        let name = inside.to_string_lossy().into_owned();
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(&name);
        let mut own = Sha256::new();
        let read = if is_yaml(&path) && !is_manifest(inside) {
            read(&path, &mut hash).map(|bytes| {
                own.update(&bytes);
                found.read(path, bytes, diagnostics);
            })
        } else {
            digest(&path, &mut hash, &mut own)
        };
        match read {
            Ok(()) => digests.push(FileDigest { path: name, digest: spelled(own) }),
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                found.opaque = true;
            }
        }
    }
    if found.scenarios.is_empty() && all_warnings(diagnostics) {
        diagnostics.push(
            Diagnostic::error(format!("no scenarios in {}", root.display()))
                .help("name a file or a folder with documents of `kind: Scenario`"),
        );
    }
    digests.sort_by(|a, b| a.path.cmp(&b.path));
    let (digest, files) = (spelled(hash), digests);
    let Found { suite, scenarios, unread, opaque, suite_unread } = found;
    let suite_unread = suite_unread || opaque && suite.is_none();
    Loaded { root, suite, scenarios, digest, files, unread: Unread { names: unread, opaque }, suite_unread, only }
}

fn spelled(hash: Sha256) -> String {
    hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// What the files hold so far.
#[derive(Default)]
struct Found {
    suite: Option<(Suite, Span)>,
    scenarios: Vec<(Scenario, Span)>,
    unread: Vec<String>,
    opaque: bool,
    suite_unread: bool,
}

impl Found {
    /// Reads the documents of one file.
    fn read(&mut self, path: PathBuf, bytes: Vec<u8>, diagnostics: &mut Vec<Diagnostic>) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
                diagnostics.push(
                    Diagnostic::error(format!("{}:{line}: not text: byte {at} is not UTF-8", path.display()))
                        .help("save the file as UTF-8"),
                );
                self.opaque = true;
                return;
            }
        };
        let source = Arc::new(Source { path, text });
        let (nodes, problems) = yaml::parse(&source);
        let broken = !problems.is_empty();
        diagnostics.extend(problems);
        self.opaque |= broken && nodes.is_empty();
        if nodes.is_empty() && !broken {
            diagnostics.push(
                Diagnostic::error("the file holds no document")
                    .at(&Span::start_of(&source))
                    .help("give it a document of `kind: Scenario`, or remove it"),
            );
        }
        for node in &nodes {
            self.document(node, diagnostics);
        }
    }

    fn document(&mut self, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
        match document(node, diagnostics) {
            Some((Document::Scenario(scenario), whole)) => {
                if !whole {
                    self.unread.extend(names(node));
                }
                self.scenarios.push((*scenario, node.span.clone()));
            }
            Some((Document::Suite(suite), _)) => match &self.suite {
                None => self.suite = Some((*suite, node.span.clone())),
                Some((_, first)) => diagnostics.push(
                    Diagnostic::error("a second suite in the same folder")
                        .at(&node.span)
                        .help(format!("the first is at {first:?}; give each a folder of its own")),
                ),
            },
            None => {
                self.suite_unread |= node.get("kind").and_then(Node::as_str) == Some("Suite");
                self.unread.extend(names(node));
            }
        }
    }
}

/// Every file beneath, sorted, hidden ones and other suites left out.
fn collect(
    path: &Path,
    suites: &[PathBuf],
    files: &mut Vec<PathBuf>,
    seen: &mut HashSet<PathBuf>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => files.push(path.to_owned()),
        Ok(metadata) if metadata.is_dir() => {
            if !is_new(path, seen) {
                return;
            }
            for entry in entries(path, diagnostics) {
                if !suites.contains(&entry) {
                    collect(&entry, suites, files, seen, diagnostics);
                }
            }
        }
        // Reading a pipe or a socket would wait for whoever writes it.
        Ok(_) => {}
        Err(error) => diagnostics.push(failed("open", path, &error)),
    }
}

/// Whether the folder is met for the first time; links may lead to it again.
fn is_new(folder: &Path, seen: &mut HashSet<PathBuf>) -> bool {
    seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()))
}

fn entries(folder: &Path, diagnostics: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.unwrap_or_else(|error| {
        diagnostics.push(failed("read", folder, &error));
        Vec::new()
    });
    let visible = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
    let mut entries: Vec<PathBuf> = read.into_iter().map(|entry| entry.path()).filter(visible).collect();
    entries.sort();
    entries
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("failed to {what} {}: {error}", path.display()))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Manifests that scenarios apply lie in folders called `manifests`.
fn is_manifest(inside: &Path) -> bool {
    inside.components().any(|component| component.as_os_str() == "manifests")
}

/// The bytes of a file of the language.
fn read(path: &Path, hash: &mut Sha256) -> Result<Vec<u8>, Diagnostic> {
    let size = fs::metadata(path).map_err(|error| failed("read", path, &error))?.len();
    if size > yaml::MAX_BYTES {
        let (size, most) = (size.div_ceil(1 << 20), yaml::MAX_BYTES >> 20);
        let title = format!("{} is {size} MiB large; a scenario file may have {most} MiB", path.display());
        return Err(Diagnostic::error(title).help("split it; manifests belong in a folder called `manifests`"));
    }
    let bytes = fs::read(path).map_err(|error| failed("read", path, &error))?;
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(&bytes);
    Ok(bytes)
}

/// Takes a file into the digest, piece by piece: it may be of any size.
fn digest(path: &Path, hash: &mut Sha256, own: &mut Sha256) -> Result<(), Diagnostic> {
    let failed = |error: std::io::Error| failed("read", path, &error);
    let mut file = fs::File::open(path).map_err(failed)?;
    hash.update(file.metadata().map_err(failed)?.len().to_be_bytes());
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => return Ok(()),
            length => {
                hash.update(&piece[..length]);
                own.update(&piece[..length]);
            }
        }
    }
}

/// The names that a document would have given, as far as they can be seen.
fn names(node: &Node) -> Vec<String> {
    let Some(scenario) = node.get("metadata").and_then(|metadata| metadata.get("name")?.as_str()) else {
        return Vec::new();
    };
    let cases = match node.get("cases").map(|cases| &cases.value) {
        Some(Value::List(cases)) => cases.as_slice(),
        _ => &[],
    };
    let named = cases.iter().filter_map(|case| Some(format!("{scenario}/{}", case.get("name")?.as_str()?)));
    std::iter::once(scenario.to_owned()).chain(named).collect()
}

/// The document, and whether it is whole: with mistakes in some parts, the others are read all the same.
fn document(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Document, bool)> {
    let wrong = |title: String| Diagnostic::error(title).at(&node.span);
    if !matches!(node.value, Value::Map(_)) {
        let title = format!("a document must be a map, not {}", node.kind());
        diagnostics.push(wrong(title).help("begin it with `apiVersion`, `kind` and `metadata`"));
        return None;
    }
    let Some(version) = node.get("apiVersion") else {
        diagnostics
            .push(wrong("missing field `apiVersion`".to_owned()).help(format!("write `apiVersion: {API_VERSION}`")));
        return None;
    };
    if version.as_str() != Some(API_VERSION) {
        let text = version.as_str().unwrap_or(version.kind());
        let diagnostic = Diagnostic::error(format!("unknown API version `{text}`")).at(&version.span);
        let ours = text.starts_with("meshproof.dev/");
        let manifests = if ours { "" } else { "; manifests belong in a folder called `manifests`" };
        diagnostics.push(diagnostic.help(format!("write `apiVersion: {API_VERSION}`{manifests}")));
        return None;
    }
    let kinds = ["Suite", "Scenario"];
    let kind = node.get("kind");
    let Some(schema) = kind.and_then(Node::as_str).and_then(document_schema) else {
        let help = "write `kind: Scenario` or `kind: Suite`";
        let diagnostic = match kind {
            Some(kind) => {
                let word = kind.as_str().unwrap_or(kind.kind());
                let diagnostic = Diagnostic::error(format!("unknown kind `{word}`")).at(&kind.span);
                match closest(word, &kinds) {
                    Some(_) => diagnostic.did_you_mean(word, kinds),
                    None => diagnostic.help(help),
                }
            }
            None => wrong("missing field `kind`".to_owned()).help(help),
        };
        diagnostics.push(diagnostic);
        return None;
    };
    let problems = check_shape(node, schema);
    let whole = problems.is_empty();
    diagnostics.extend(problems);
    if kind.and_then(Node::as_str) == Some("Suite") {
        // What is left of a suite would lack variables that others refer to.
        let suite = whole.then(|| decode(node).map(|suite| Document::Suite(Box::new(suite))))?;
        return suite.map_err(|error| diagnostics.push(error.into())).ok().map(|suite| (suite, true));
    }
    if whole {
        let scenario = decode(node).map_err(|error| diagnostics.push(error.into())).ok()?;
        return Some((Document::Scenario(Box::new(scenario)), true));
    }
    // Its mistakes are told; a second one in what is left is found when the first is mended.
    let scenario = decode(&prune(node, schema)?).ok()?;
    Some((Document::Scenario(Box::new(scenario)), false))
}

/// A suite, and what is wrong with it, of one file with `text`.
#[cfg(test)]
pub fn of_text(text: &str) -> (Loaded, Vec<Diagnostic>) {
    let (mut found, mut diagnostics) = (Found::default(), Vec::new());
    found.read("a.yaml".into(), text.as_bytes().to_vec(), &mut diagnostics);
    let Found { suite, scenarios, unread, opaque, suite_unread } = found;
    let unread = Unread { names: unread, opaque };
    (
        Loaded {
            root: "a.yaml".into(),
            suite,
            scenarios,
            digest: String::new(),
            files: Vec::new(),
            unread,
            suite_unread,
            only: Vec::new(),
        },
        diagnostics,
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    const SUITE: &str = "apiVersion: meshproof.dev/v1alpha1\nkind: Suite\nmetadata: {name: shop}\n";

    fn scenario(name: &str) -> String {
        format!(
            "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: {name}}}\ncases:\n  - name: one\n    expect:\n      - pods: {{selector: app=shop, count: 1}}\n"
        )
    }

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn one(path: &Path) -> Loaded {
        let (mut loaded, diagnostics) = load(&[path.to_owned()]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(loaded.len(), 1);
        loaded.pop().unwrap()
    }

    fn names(loaded: &Loaded) -> Vec<&str> {
        loaded.scenarios.iter().map(|(scenario, _)| scenario.metadata.name.as_str()).collect()
    }

    #[test]
    fn scenarios_come_in_the_order_of_their_paths() {
        let (a, b, c) = (scenario("a"), scenario("b"), scenario("c"));
        let folder = folder(&[("suite.yaml", SUITE), ("2.yaml", &c), ("1/z.yml", &b), ("1.yaml", &a)]);
        assert_eq!(names(&one(folder.path())), ["b", "a", "c"]);
    }

    #[rstest]
    #[case("manifests/a.yaml")]
    #[case("parts/manifests/a.yaml")]
    #[case(".hidden.yaml")]
    #[case(".hidden/a.yaml")]
    #[case("notes.txt")]
    fn what_is_no_scenario_file_is_not_read_as_one(#[case] name: &str) {
        let folder = folder(&[("a.yaml", &scenario("a")), (name, "{ not YAML")]);
        assert_eq!(names(&one(folder.path())), ["a"]);
    }

    #[test]
    fn a_file_of_a_suite_brings_the_suite_and_is_the_only_one_chosen() {
        let folder = folder(&[("suite.yaml", SUITE), ("a.yaml", &scenario("a")), ("b/b.yaml", &scenario("b"))]);
        let path = folder.path().join("b/b.yaml");
        let loaded = one(&path);
        assert_eq!((loaded.root.as_path(), loaded.only.as_slice()), (folder.path(), [path].as_slice()));
        assert_eq!(names(&loaded), ["a", "b"]);
    }

    #[rstest]
    #[case(&["suite", "suite/a.yaml"])]
    #[case(&["suite/a.yaml", "suite"])]
    fn a_whole_suite_beside_one_of_its_files_is_the_whole_suite(#[case] paths: &[&str]) {
        let folder = folder(&[("suite/suite.yaml", SUITE), ("suite/a.yaml", &scenario("a"))]);
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let (loaded, _) = load(&paths);
        assert_eq!(loaded.iter().map(|suite| suite.only.len()).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn each_folder_with_a_suite_is_one_of_its_own() {
        let (a, b) = (scenario("a"), scenario("b"));
        let folder = folder(&[("1/suite.yaml", SUITE), ("1/a.yaml", &a), ("2/suite.yaml", SUITE), ("2/b.yaml", &b)]);
        let (loaded, diagnostics) = load(&[folder.path().to_owned()]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(loaded.iter().map(names).collect::<Vec<_>>(), [["a"], ["b"]]);
    }

    #[rstest]
    #[case::content("a.yaml", "a.yaml", "b")]
    #[case::name("a.yaml", "b.yaml", "a")]
    #[case::a_manifest("manifests/a.yaml", "manifests/a.yaml", "b")]
    fn the_digest_changes_with_names_and_contents(#[case] name: &str, #[case] other: &str, #[case] content: &str) {
        let fixed = ("scenario.yaml", scenario("fixed"));
        let digest =
            |name: &str, content: &str| one(folder(&[(fixed.0, &fixed.1), (name, &scenario(content))]).path()).digest;
        let first = digest(name, "a");
        assert_eq!(first, digest(name, "a"));
        assert_ne!(first, digest(other, content));
    }

    #[rstest]
    #[case::an_unknown_need_beside_a_shape(
        "  - name: one\n    needs: [nothing]\n    expect:\n      - pods: {selectr: a=b}\n",
        &["one"], true
    )]
    #[case::a_case_without_a_name("  - title: a\n    expect: []\n  - name: two\n    expect: []\n", &["two"], true)]
    #[case::a_case_whose_steps_are_no_list("  - name: one\n    do: pull\n  - name: two\n", &["two"], true)]
    #[case::nothing_wrong("  - name: one\n  - name: two\n", &["one", "two"], false)]
    fn cases_without_mistakes_are_read_beside_those_with(
        #[case] cases: &str,
        #[case] expected: &[&str],
        #[case] broken: bool,
    ) {
        let text = scenario("a").split("  - name").next().unwrap().to_owned() + cases;
        let (loaded, diagnostics) = of_text(&text);
        let names: Vec<&str> = loaded.scenarios[0].0.cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(
            (names.as_slice(), diagnostics.is_empty(), loaded.unread.is_nothing()),
            (expected, !broken, !broken)
        );
    }
}
