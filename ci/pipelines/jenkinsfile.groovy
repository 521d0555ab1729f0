// jenkinsfile.groovy FILE: compiles a declarative Jenkinsfile with the Groovy that Jenkins has, walks it section by section as Jenkins
// does, and prints the shell scripts of each stage as JSON. What is no section or step where it stands is an error.
import groovy.json.JsonOutput

class Walker {
    // What may stand in each block. In any other stand steps.
    static final SECTIONS = [
        pipeline: ['agent', 'environment', 'options', 'parameters', 'post', 'stages', 'tools', 'triggers'],
        agent: ['docker', 'dockerfile', 'kubernetes', 'label', 'node'],
        options: ['buildDiscarder', 'disableConcurrentBuilds', 'retry', 'skipDefaultCheckout', 'timeout', 'timestamps'],
        triggers: ['cron', 'pollSCM', 'upstream'],
        stages: ['stage'],
        stage: ['agent', 'environment', 'options', 'post', 'stages', 'steps', 'tools', 'when'],
        when: ['allOf', 'anyOf', 'branch', 'environment', 'expression', 'not', 'triggeredBy'],
        post: ['aborted', 'always', 'changed', 'cleanup', 'failure', 'fixed', 'regression', 'success', 'unstable', 'unsuccessful'],
    ]
    static final STEPS = ['archiveArtifacts', 'catchError', 'echo', 'file', 'junit', 'retry', 'sh', 'timeout', 'withCredentials']
    static final NEEDED = [pipeline: ['agent', 'stages'], stages: ['stage'], stage: ['steps']]

    final Map<String, List<String>> scripts = [:]
    private String stage = 'post'

    void walk(String section, Closure block) {
        def inside = new Section(walker: this, name: section)
        block.delegate = inside
        block.resolveStrategy = Closure.DELEGATE_ONLY
        block()
        def lacking = (NEEDED[section] ?: []) - inside.seen
        if (lacking) throw new IllegalArgumentException("`$section` lacks `${lacking.join('`, `')}`")
    }

    void met(String section, String name, List words) {
        def allowed = SECTIONS[section] ?: STEPS
        if (!(name in allowed)) throw new IllegalArgumentException("`$name` cannot stand in `$section`: ${allowed.join(', ')} can")
        if (name == 'stage') stage = words[0]
        if (name == 'post') stage = 'post'
        if (name == 'sh') scripts.get(stage, []) << words[0]
        if (words && words[-1] instanceof Closure) walk(name, words[-1])
    }
}

class Section {
    Walker walker
    String name
    List<String> seen = []

    def methodMissing(String called, arguments) {
        seen << called
        walker.met(name, called, arguments as List)
        called
    }
}

def walker = new Walker()
new GroovyShell(new Binding(pipeline: { Closure block -> walker.walk('pipeline', block) })).evaluate(new File(args[0]))
if (!walker.scripts) throw new IllegalArgumentException('it has no shell script at all')
println JsonOutput.toJson(walker.scripts)
