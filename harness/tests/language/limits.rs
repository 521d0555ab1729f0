//! Files that no person writes: none may end the command by a signal, hold it up or take much memory.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    process::{Command, Output},
};

use rstest::rstest;
use tempfile::TempDir;

/// As much address space as the command may take, in KiB. A debug build's own code is a good part of it.
const MEMORY: u64 = 400 << 10;

/// Seconds of processor time after which the command is taken not to end.
const ENDLESS: u64 = 60;

fn check(folder: &TempDir) -> (i32, String) {
    let script = format!("ulimit -v {MEMORY} && ulimit -t {ENDLESS} && exec \"$0\" check \"$1\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_meshproof")]).arg(folder.path()).env_remove("RUST_LOG");
    let Output { status, stderr, .. } = command.output().expect("there is a shell");
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert!(stderr.len() < 64 << 10, "it said {} bytes", stderr.len());
    assert!(!stderr.contains("panicked"), "{stderr}");
    (status.code().unwrap_or_else(|| panic!("ended by {status}: {stderr}")), stderr)
}

fn folder(content: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("scenario.yaml"), content).expect("a file");
    folder
}

fn scenario(steps: &str) -> String {
    format!(
        "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: shop}}\ncases:\n  - name: one\n{steps}"
    )
}

const PODS: &str = "    expect:\n      - pods: {selector: app=shop, count: 1}\n";

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[rstest]
#[case::binary(&[0x7f, b'E', b'L', b'F', 0xff, 0x00, 0x1b, 0xfe], "not UTF-8")]
#[case::not_utf_8(b"name: caf\xe9\n", "byte 9 is not UTF-8")]
#[case::zeros(&[0; 4096], "not valid YAML")]
#[case::a_zero_in_a_text(b"name: \"a\0b\"\n", "not valid YAML")]
#[case::lists_in_lists("[".repeat(10_000), "nested too deeply")]
#[case::lists_in_lists_closed(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), "nested too deeply")]
#[case::items_in_items("- ".repeat(10_000), "nested too deeply")]
#[case::maps_in_maps("{a: ".repeat(10_000), "nested too deeply")]
#[case::keys_in_keys("? ".repeat(10_000), "nested too deeply")]
#[case::tags("!a ".repeat(100_000), "not valid YAML")]
#[case::alias_bomb(bomb(), "too much in one file")]
#[case::an_alias_of_itself(b"a: &a [*a]\n", "not valid YAML")]
#[case::anchors(lines(200_000, |n| format!("- &a{n} x\n")), "too many anchors")]
#[case::many_values("- x\n".repeat(500_000), "too much in one file")]
#[case::many_documents("---\nx\n".repeat(500_000), "too much in one file")]
#[case::many_keys(lines(90_000, |n| format!("k{n}: x\n")), "missing field")]
#[case::many_mistakes(
    scenario(&format!("    expect:\n{}", "      - pods: {selectr: app=shop}\n".repeat(5_000))),
    "more"
)]
#[case::a_long_line(format!("kind: {}\n", "x".repeat(3 << 20)), "missing field")]
#[case::a_long_name(scenario(PODS).replace("one", &"x".repeat(3 << 20)), "is not a name")]
#[case::brackets_in_cel(
    scenario(&format!("    expect:\n      - object: {{of: {{kind: Pod}}, cel: ['{}']}}\n", "(".repeat(100_000))),
    "CEL"
)]
#[case::signs_in_cel(
    scenario(&format!("    expect:\n      - object: {{of: {{kind: Pod}}, cel: ['{}object.a']}}\n", "!".repeat(8_000))),
    "CEL"
)]
#[case::brackets_in_a_regular_expression(
    scenario(&format!("    do:\n      - http: {{url: x}}\n    expect:\n      - http: {{body: {{matches: '{}'}}}}\n", "(".repeat(100_000))),
    "regular expression"
)]
#[case::a_vast_regular_expression(
    scenario(
        "    do:\n      - http: {url: x}\n    expect:\n      - http: {body: {matches: '((a{1000}){1000}){1000}'}}\n"
    ),
    "regular expression"
)]
#[case::brackets_in_an_expression(
    scenario(&format!("    do:\n      - http: {{url: '{{{{ {} }}}}'}}\n", "(".repeat(100_000))),
    "not an expression"
)]
fn it_is_refused(#[case] content: impl AsRef<[u8]>, #[case] expected: &str) {
    let (code, stderr) = check(&folder(content));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn what_a_terminal_obeys_is_not_repeated() {
    let (code, stderr) = check(&folder("kind: \"\\e[31mred\"\n# \u{1b}[2J\nother: \u{7f}\n"));
    assert_eq!(code, 2, "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn a_file_of_100_mib_is_refused_unread() {
    let folder = folder(scenario(PODS));
    File::create(folder.path().join("large.yaml")).and_then(|file| file.set_len(100 << 20)).expect("a sparse file");
    let (code, stderr) = check(&folder);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("large.yaml is 100 MiB large; a scenario file may have 4 MiB"), "{stderr}");
}

#[test]
fn a_large_file_of_another_kind_is_read_piece_by_piece() {
    let folder = folder(scenario(PODS));
    File::create(folder.path().join("data.bin")).and_then(|file| file.set_len(50 << 20)).expect("a sparse file");
    let (code, stderr) = check(&folder);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn links_in_a_circle_are_followed_once() {
    let folder = folder(scenario(PODS));
    for name in ["again", "once-more"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        symlink("..", folder.path().join(name).join("up")).expect("a link");
    }
    let (code, stderr) = check(&folder);
    assert_eq!(code, 0, "{stderr}");
}

#[rstest]
#[case::to_nothing("nowhere")]
#[case::to_itself("link.yaml")]
fn a_link_that_leads_nowhere_is_told(#[case] target: &str) {
    let folder = folder(scenario(PODS));
    symlink(target, folder.path().join("link.yaml")).expect("a link");
    let (code, stderr) = check(&folder);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("failed to open") && stderr.contains("link.yaml"), "{stderr}");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let folder = folder(scenario(PODS));
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().expect("mkfifo");
    assert!(made.success());
    let (code, stderr) = check(&folder);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(scenario(PODS));
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("permissions");
    if fs::read_dir(&closed).is_ok() {
        // The superuser reads everything.
        return;
    }
    let (code, stderr) = check(&folder);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("failed to read") && stderr.contains("closed"), "{stderr}");
}

#[test]
fn ten_thousand_cases_in_a_row_are_planned() {
    let cases = |n: usize| match n {
        0 => format!("  - name: case-0\n{PODS}"),
        n => format!("  - name: case-{n}\n    needs: [case-{}]\n{PODS}", n - 1),
    };
    let head = scenario("").replace("  - name: one\n", "");
    let (code, stderr) = check(&folder(head + &(0..10_000).map(cases).collect::<String>()));
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_matrix_that_nobody_could_run_is_refused() {
    let axes = lines(10, |n| format!("  a{n}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"));
    let variables = lines(10, |n| format!("  a{n}: {{type: integer, default: 1}}\n"));
    let suite = format!(
        "apiVersion: meshproof.dev/v1alpha1\nkind: Suite\nmetadata: {{name: shop}}\nvariables:\n{variables}matrix:\n{axes}---\n"
    );
    let (code, stderr) = check(&folder(suite + &scenario(PODS)));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("more than 10000 cells"), "{stderr}");
}
