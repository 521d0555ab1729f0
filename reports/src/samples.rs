//! Reports for the tests of every renderer.

use indexmap::IndexMap;
use serde_json::json;

use crate::{
    diagnosis::{Diagnosis, Evidence, EvidenceKind},
    record::{
        CaseRecord, CellRecord, Cluster, Contact, FileDigest, ImageSeen, Moment, MomentKind, Place, Report, RunInfo,
        SCHEMA_VERSION, StepRecord, SuiteInfo, Summary,
        Verdict::{self, Blocked, Errored, Failed, Flaky, KnownFail, NotRun, Passed, Skipped},
    },
    repeated::repeated,
};

/// A finished run of `cases` on a real cluster.
fn report(cases: Vec<CaseRecord>) -> Report {
    let cluster = Cluster {
        provider: "kubeconfig".to_owned(),
        context: "nks-prod".to_owned(),
        server: "https://10.0.0.1:6443".to_owned(),
        kubernetes_version: "v1.28.15".to_owned(),
        simulated: false,
        versions: IndexMap::from([("istio".to_owned(), "1.22.3".to_owned())]),
        images: vec![ImageSeen {
            image: "registry.example/istio/pilot:1.22.3".to_owned(),
            digest: format!("sha256:{}", "ab".repeat(32)),
        }],
    };
    let mut report = Report {
        schema_version: SCHEMA_VERSION.to_owned(),
        run: RunInfo {
            id: "mp-7f3a".to_owned(),
            meshproof_version: "0.1.0".to_owned(),
            started_at: "2026-11-23T09:00:00Z".to_owned(),
            finished_at: Some("2026-11-23T09:12:03.5Z".to_owned()),
            duration_ms: 723_500,
            interrupted: false,
            shard: None,
            contacted: Vec::new(),
            merged_from: Vec::new(),
        },
        suite: SuiteInfo {
            name: "nks-istio".to_owned(),
            title: Some("NKS Istio guide".to_owned()),
            guide_url: None,
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            variables: IndexMap::from([
                ("istioVersion".to_owned(), json!("1.22.3")),
                ("regions".to_owned(), json!(["kr1", "jp1"])),
            ]),
            files: Vec::new(),
        },
        cluster: None,
        summary: Summary::default(),
        cells: vec![CellRecord { cluster: Some(cluster), ..CellRecord::default() }],
        cases,
        problems: Vec::new(),
        leftovers: Vec::new(),
        evidence: Vec::new(),
    };
    report.refresh();
    report
}

/// A case with nothing in it but what its verdict wants.
pub(crate) fn case(id: &str, verdict: Option<Verdict>) -> CaseRecord {
    let (scenario, title) = id.split_once('/').expect("an id is scenario/case");
    CaseRecord {
        id: id.to_owned(),
        cell: String::new(),
        scenario: scenario.to_owned(),
        title: title.replace('-', " "),
        guide: None,
        tags: Vec::new(),
        verdict,
        reason: verdict.filter(|verdict| *verdict != Passed).map(|verdict| format!("made to be {}", verdict.word())),
        started_at: verdict.map(|_| "2026-11-23T09:00:01.25Z".to_owned()),
        duration_ms: verdict.map_or(0, |_| 1_250),
        expected: None,
        seen: None,
        attempts: verdict.map_or(0, |_| 1),
        place: place(12),
        look: Vec::new(),
        steps: Vec::new(),
        runs: Vec::new(),
        timeline: Vec::new(),
        diagnosis: None,
    }
}

fn place(line: usize) -> Place {
    Place { file: "scenarios/nks-istio/bookinfo.yaml".to_owned(), line, column: 9 }
}

fn step(title: &str, verdict: Option<Verdict>, output: Option<&str>) -> StepRecord {
    StepRecord {
        title: title.to_owned(),
        place: place(14),
        verdict,
        reason: None,
        duration_ms: verdict.map_or(0, |_| 400),
        attempts: verdict.map_or(0, |_| 1),
        output: output.map(str::to_owned),
    }
}

fn moment(at_ms: u64, kind: MomentKind, text: &str, deadline_ms: Option<u64>) -> Moment {
    Moment { at_ms, kind, text: text.to_owned(), deadline_ms }
}

fn because(id: &str, verdict: Verdict, reason: &str) -> CaseRecord {
    CaseRecord { reason: Some(reason.to_owned()), ..case(id, Some(verdict)) }
}

pub(crate) fn all_green() -> Report {
    let mut report = report(vec![
        case("install/istio-installed", Some(Passed)),
        case("bookinfo/six-pods-are-2-2", Some(Passed)),
        because("bookinfo/ingress", Skipped, "the cluster has no load balancer"),
    ]);
    report.cells[0].cluster.as_mut().expect("it has one").simulated = true;
    report.refresh();
    report
}

/// Every verdict, scenarios interleaved, and a problem outside the cases.
pub(crate) fn mixed() -> Report {
    let failed = CaseRecord {
        title: "Six pods are 2/2".to_owned(),
        guide: Some("アプリケーション配布".to_owned()),
        tags: vec!["smoke".to_owned(), "network".to_owned()],
        duration_ms: 300_012,
        expected: Some(
            "6 pods matching app in (details,ratings,reviews,productpage), each Running, 2/2, no restarts".to_owned(),
        ),
        seen: Some(
            "5 pods Running 2/2\nreviews-v3-7d8f: ImagePullBackOff, 1/2\n  container istio-proxy: manifest unknown"
                .to_owned(),
        ),
        attempts: 14,
        timeline: vec![
            moment(12, MomentKind::Waits, "apply bookinfo.yaml", Some(300_012)),
            moment(431, MomentKind::Waits, "6 pods are 2/2", Some(300_431)),
            moment(440, MomentKind::Sees, "no pods", None),
            moment(9_870, MomentKind::Sees, "5 pods Running 2/2", None),
        ],
        look: vec![
            "kubectl --context nks-prod -n mp-7f3a get pods -l 'app in (details,ratings,reviews,productpage)' -o wide"
                .to_owned(),
            "kubectl --context nks-prod -n mp-7f3a describe pod reviews-v3-7d8f".to_owned(),
        ],
        steps: vec![
            step(
                "apply bookinfo.yaml",
                Some(Passed),
                Some("service/details\tcreated\r\ndeployment/details\tcreated\n"),
            ),
            step("6 pods are 2/2", Some(Failed), None),
            step("exec curl in ratings", None, None),
        ],
        ..because(
            "bookinfo/six-pods-are-2-2",
            Failed,
            "pod reviews-v3-7d8f can never become ready: the image registry.example/istio/proxyv2:1.22.3 \
             is not in the registry (manifest unknown)",
        )
    };
    let errored = CaseRecord {
        look: vec!["curl -sS http://10.0.0.5/productpage".to_owned()],
        ..because("ingress/answers", Errored, "no answer could be asked for: the connection to 10.0.0.5:80 was refused")
    };
    let mut report = report(vec![
        case("install/istio-installed", Some(Passed)),
        failed,
        errored,
        because("bookinfo/title", Blocked, "bookinfo/six-pods-are-2-2"),
        because("traffic/shift", Blocked, "bookinfo/six-pods-are-2-2"),
        because("traffic/mirror", Blocked, "bookinfo/six-pods-are-2-2"),
        because("ingress/load-balancer", Skipped, "the cluster has no load balancer"),
        because("ingress/tls", Skipped, "the cluster has no load balancer"),
        because("install/ambient", Skipped, "applies to Istio 1.24 and later, this is 1.22.3"),
        because("install/uninstall", KnownFail, "https://github.com/istio/istio/issues/1 until 2027-01-31"),
        case("install/again", Some(Passed)),
    ]);
    report.run.contacted =
        vec![Contact { address: "https://registry.example".to_owned(), requests: 12, bytes: 40_960 }];
    report.problems.push(
        "the namespace mp-7f3a is still terminating after 5m: pod reviews-v3-7d8f has the finalizer example.com/x"
            .to_owned(),
    );
    report
}

/// A case of which the cause is known, with what shows it.
pub(crate) fn diagnosed() -> Report {
    let evidence = |title: &str, kind, text: &str, truncated| Evidence {
        title: title.to_owned(),
        kind,
        text: text.to_owned(),
        truncated,
    };
    let diagnosis = Diagnosis {
        cause: "image-not-pullable".to_owned(),
        finding: "the image registry.example/details:9 of pod details-v1-abc cannot be pulled: manifest unknown"
            .to_owned(),
        commands: vec![
            "kubectl --context nks-prod -n mp-7f3a describe pod details-v1-abc".to_owned(),
            "kubectl --context nks-prod -n mp-7f3a get pods -o wide".to_owned(),
        ],
        evidence: vec![
            evidence("pods", EvidenceKind::Containers, "details-v1-abc  details  waiting: ErrImagePull", false),
            evidence(
                "details-v1-abc/istio-proxy",
                EvidenceKind::Logs,
                "authorization: Bearer [redacted:bearer-token]\n\u{1b}[31mline\u{1b}[0m <two>\n",
                true,
            ),
        ],
        not_collected: vec!["nodes: not allowed: nodes is forbidden".to_owned()],
        duration_ms: 321,
    };
    let case = CaseRecord {
        look: vec!["kubectl --context nks-prod -n mp-7f3a get pods -o wide".to_owned()],
        diagnosis: Some(diagnosis),
        ..because("bookinfo/six-pods-are-2-2", Failed, "ErrImagePull")
    };
    let mut report = report(vec![case, because("bookinfo/title", Blocked, "blocked by bookinfo/six-pods-are-2-2")]);
    report.suite.files =
        vec![FileDigest { path: "suite.yaml".to_owned(), digest: format!("sha256:{}", "cd".repeat(32)) }];
    report
}

pub(crate) fn interrupted() -> Report {
    let mut report = report(vec![
        case("install/istio-installed", Some(Passed)),
        case("bookinfo/six-pods-are-2-2", None),
        case("bookinfo/title", None),
    ]);
    report.run.interrupted = true;
    report
}

/// Three cells: one green, one with a case that both passed and failed, one that no cluster could prove.
pub(crate) fn matrix() -> Report {
    const NOT_RUN: &str = "no cluster of the run is Kubernetes 1.27; there is nks-prod (v1.28.15)";
    let cell = |kubernetes: &str, install: &str| CellRecord {
        name: format!("kubernetes={kubernetes},install={install}"),
        values: IndexMap::from([("kubernetes".to_owned(), json!(kubernetes)), ("install".to_owned(), json!(install))]),
        ..CellRecord::default()
    };
    let mut report = report(Vec::new());
    let cluster = report.cluster.take();
    report.cells = vec![
        CellRecord { cluster: cluster.clone(), ..cell("1.28", "istioctl") },
        CellRecord { cluster, ..cell("1.28", "manifest") },
        CellRecord { not_run: Some(NOT_RUN.to_owned()), ..cell("1.27", "istioctl") },
    ];
    for (n, cell) in report.cells.iter().enumerate() {
        for name in ["install/istio-installed", "bookinfo/six-pods-are-2-2"] {
            let verdict = if n == 2 { NotRun } else { Passed };
            let mut case = CaseRecord { cell: cell.name.clone(), ..case(name, Some(verdict)) };
            case.id = format!("{}:{name}", cell.name);
            case.reason = (verdict == NotRun).then(|| NOT_RUN.to_owned());
            if verdict == Passed {
                let mut again = case.clone();
                if n == 1 && name.starts_with("bookinfo") {
                    again.verdict = Some(Failed);
                    again.reason = Some("expected 6 pods within 5m, saw 5 pods Running 2/2".to_owned());
                }
                case = repeated(&case, again);
            }
            report.cases.push(case);
        }
    }
    report.refresh();
    report
}

/// 10,000 cases: a large grid of 4 cells, with a failure here and there.
pub(crate) fn many() -> Report {
    let mut report = report(Vec::new());
    let cluster = report.cluster.take();
    report.cells = ["1.25", "1.26", "1.27", "1.28"]
        .map(|version| CellRecord {
            name: format!("kubernetes={version}"),
            values: IndexMap::from([("kubernetes".to_owned(), json!(version))]),
            cluster: cluster.clone(),
            ..CellRecord::default()
        })
        .to_vec();
    for n in 0..10_000_usize {
        let cell = &report.cells[n / 2_500].name;
        let own = format!("scenario-{:02}/case-{:04}", n % 2_500 / 50, n % 2_500);
        let verdict = match n {
            n if n % 997 == 0 => Failed,
            n if n % 313 == 0 => Skipped,
            _ => Passed,
        };
        let mut case = CaseRecord { cell: cell.clone(), ..case(&own, Some(verdict)) };
        case.id = format!("{cell}:{own}");
        case.guide = Some(format!("Heading {}", n % 40));
        case.duration_ms = u64::try_from(n % 1_777).unwrap_or_default();
        case.expected = Some(format!("{} pods matching app=a, each Running, 2/2, no restarts", n % 7));
        case.seen = Some(format!("{} pods Running 2/2", n % 6));
        case.steps = vec![
            step("apply a.yaml", Some(Passed), Some("deployment.apps/a created")),
            step("pods are 2/2", Some(verdict), None),
        ];
        report.cases.push(case);
    }
    report.refresh();
    report
}

/// Ended before a cluster or a case was there.
pub(crate) fn empty() -> Report {
    let mut report = report(Vec::new());
    report.cells.clear();
    report.cluster = None;
    report.run.finished_at = None;
    report.run.duration_ms = 0;
    report
}

/// Quotes, markup, Japanese, Korean, escapes, control characters, and lines too long for any terminal.
pub(crate) fn hostile() -> Report {
    let japanese = CaseRecord {
        title: "ブックインフォの「製品ページ」が <title> & \"Simple Bookstore App\" を返す".to_owned(),
        guide: Some("アプリケーション配布 ]]> & '確認'".to_owned()),
        reason: Some(
            "製品ページのタイトルが期待と異なります。サイドカーが注入されていないため、ゲートウェイは503を返しました。\
             設定を確認してください。"
                .to_owned(),
        ),
        expected: Some("제품 페이지가 200 상태 코드로 응답하고 제목은 Simple Bookstore App 이어야 하며 사이드카가 주입되어 있어야 합니다".to_owned()),
        seen: Some(format!(
            "\u{1b}[31m503\u{1b}[0m\tService Unavailable\u{0}\r\n\u{1b}]0;pwned\u{7}\u{202e}txt\u{8}\u{ffff} {}",
            "x".repeat(200)
        )),
        look: vec!["kubectl get pods\u{1b}[2K -o jsonpath='{.items[*].metadata.name}' # 全部".to_owned()],
        steps: vec![step(
            "curl \"製品\" <page>",
            Some(Failed),
            Some("\u{1b}[2J\u{1b}[1;1H<html>]]></html>\u{c}\u{1b}]8;;http://evil\nnext line\u{9b}31m"),
        )],
        ..case("製品/ページ-「応答」", Some(Failed))
    };
    let mut report = report(vec![
        japanese,
        because("製品/'quoted'\u{1b}[2J", Errored, "a \"quoted\" <reason> & more\nover two lines\u{7}"),
        because("한국어/준비됨", Blocked, "製品/ページ-「応答」\u{1b}[0m"),
        because("한국어/건너뜀", Skipped, "이 클러스터에는 로드 밸런서가 없습니다"),
    ]);
    report.suite.variables.insert("이름 \"<&>\"".to_owned(), json!("값\u{1b}[31m\u{0}"));
    report.problems.push(
        "名前空間 mp-7f3a を\u{1b}[31m削除できませんでした\u{1b}[0m: finalizer が残っており、\
         ほかのコントローラーの応答を待っています"
            .to_owned(),
    );
    report
}

/// A report of one scenario that has a case for each of `verdicts`.
pub(crate) fn of_verdicts(verdicts: &[Option<Verdict>]) -> Report {
    let cases = verdicts.iter().enumerate().map(|(n, verdict)| case(&format!("any/case-{n}"), *verdict));
    report(cases.collect())
}

/// Every set of outcomes, with and without a problem and an interruption. How a run is judged depends on which outcomes
/// there are, never on how many or in what order; each outcome still has a number of its own, so that no two counts can
/// be mistaken for one another.
pub(crate) fn every_combination() -> impl Iterator<Item = Report> {
    let outcomes = [
        Some(Passed),
        Some(Failed),
        Some(Errored),
        Some(Blocked),
        Some(Skipped),
        Some(KnownFail),
        Some(Flaky),
        Some(NotRun),
        None,
    ];
    (0..1_u32 << 11).map(move |bits| {
        let has = |bit: usize| bits & (1 << bit) != 0;
        let chosen = outcomes.iter().enumerate().filter(|(n, _)| has(*n));
        let verdicts: Vec<_> = chosen.flat_map(|(n, outcome)| std::iter::repeat_n(*outcome, n + 1)).collect();
        let mut report = of_verdicts(&verdicts);
        report.run.interrupted = has(9);
        report.problems.extend(has(10).then(|| "teardown left something".to_owned()));
        report
    })
}
