//! The elements of a JUnit report, and no other than Jenkins' schema allows.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

/// One `testsuite`. All texts are free already of what XML 1.0 forbids.
pub(super) struct TestSuite {
    pub name: String,
    /// RFC 3339.
    pub timestamp: Option<String>,
    pub time_ms: u64,
    pub properties: Vec<(String, String)>,
    pub cases: Vec<TestCase>,
}

/// One `testcase`.
pub(super) struct TestCase {
    pub name: String,
    pub class: String,
    pub time_ms: Option<u64>,
    pub result: Option<TestResult>,
    pub output: String,
}

/// What stands in a `testcase` that is not simply passed.
pub(super) struct TestResult {
    pub kind: Kind,
    pub word: &'static str,
    pub message: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Failure,
    Error,
    Skipped,
}

impl TestSuite {
    fn count(&self, kind: Kind) -> usize {
        self.cases.iter().filter(|case| case.result.as_ref().is_some_and(|result| result.kind == kind)).count()
    }
}

/// The whole document.
pub(super) fn document(name: &str, time_ms: u64, suites: &[TestSuite]) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut writer, name, time_ms, suites).expect("memory takes whatever is written");
    let mut text = String::from_utf8(writer.into_inner()).expect("what was written was text");
    text.push('\n');
    text
}

type Sink = Writer<Vec<u8>>;

fn write(writer: &mut Sink, name: &str, time_ms: u64, suites: &[TestSuite]) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let sum = |of: &dyn Fn(&TestSuite) -> usize| suites.iter().map(of).sum::<usize>().to_string();
    writer
        .create_element("testsuites")
        .with_attribute(("name", name))
        .with_attribute(("tests", sum(&|suite| suite.cases.len()).as_str()))
        .with_attribute(("failures", sum(&|suite| suite.count(Kind::Failure)).as_str()))
        .with_attribute(("errors", sum(&|suite| suite.count(Kind::Error)).as_str()))
        .with_attribute(("time", seconds(time_ms).as_str()))
        .write_inner_content(|writer| suites.iter().try_for_each(|suite| write_suite(writer, suite)))?;
    Ok(())
}

fn write_suite(writer: &mut Sink, suite: &TestSuite) -> io::Result<()> {
    let mut element = writer
        .create_element("testsuite")
        .with_attribute(("name", suite.name.as_str()))
        .with_attribute(("tests", suite.cases.len().to_string().as_str()))
        .with_attribute(("failures", suite.count(Kind::Failure).to_string().as_str()))
        .with_attribute(("errors", suite.count(Kind::Error).to_string().as_str()))
        .with_attribute(("skipped", suite.count(Kind::Skipped).to_string().as_str()))
        .with_attribute(("time", seconds(suite.time_ms).as_str()));
    if let Some(timestamp) = &suite.timestamp {
        element = element.with_attribute(("timestamp", timestamp.as_str()));
    }
    element.write_inner_content(|writer| {
        if !suite.properties.is_empty() {
            writer.create_element("properties").write_inner_content(|writer| {
                suite.properties.iter().try_for_each(|(name, value)| {
                    let property = writer.create_element("property").with_attribute(("name", name.as_str()));
                    property.with_attribute(("value", value.as_str())).write_empty().map(drop)
                })
            })?;
        }
        suite.cases.iter().try_for_each(|case| write_case(writer, case))
    })?;
    Ok(())
}

fn write_case(writer: &mut Sink, case: &TestCase) -> io::Result<()> {
    let mut element = writer
        .create_element("testcase")
        .with_attribute(("name", case.name.as_str()))
        .with_attribute(("classname", case.class.as_str()));
    let time = case.time_ms.map(seconds);
    if let Some(time) = &time {
        element = element.with_attribute(("time", time.as_str()));
    }
    if case.result.is_none() && case.output.is_empty() {
        return element.write_empty().map(drop);
    }
    element.write_inner_content(|writer| {
        if let Some(result) = &case.result {
            let name = match result.kind {
                Kind::Failure => "failure",
                Kind::Error => "error",
                Kind::Skipped => "skipped",
            };
            let element = writer.create_element(name).with_attribute(("type", result.word));
            let element = element.with_attribute(("message", result.message.as_str()));
            match result.text.is_empty() {
                true => element.write_empty()?,
                false => element.write_text_content(BytesText::new(&result.text))?,
            };
        }
        if !case.output.is_empty() {
            writer.create_element("system-out").write_text_content(BytesText::new(&case.output))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
