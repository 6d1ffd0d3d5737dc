#!/usr/bin/env python3
"""Measures buildspec-run as its user meets it, as whole processes, against plain shells that do the same work.

usage: tests/bench/bench.py [--program build/release/bin/buildspec-run] [--runs N] [--corpus DIR] [--actionlint PROGRAM] [NAME …]

Each comparison runs the two commands in turn (A B A B …) after one warm-up of each and prints the median of each and of
the pairwise differences or ratios, so that a machine whose speed drifts does not decide. The limits are those the project
sets itself; they are printed, never asserted: a benchmark is no test. The baselines lie beside this file (*.sh).
"""

import argparse
import os
import pathlib
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


class Measured:
    def __init__(self, seconds, peak_kib):
        self.seconds, self.peak_kib = seconds, peak_kib


def run_once(argv, cwd, env):
    begun = time.perf_counter()
    child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    text = child.stderr.read()
    child.stderr.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{argv}: exit {child.returncode}\n{text.decode(errors='replace')}")
    return Measured(seconds, usage.ru_maxrss)


def compare(ours, baseline, cwd, env, runs):
    """Medians of both, of the pairwise difference and ratio, and the peak memory of ours."""
    run_once(ours, cwd, env), run_once(baseline, cwd, env)
    pairs = [(run_once(ours, cwd, env), run_once(baseline, cwd, env)) for _ in range(runs)]
    return {
        "ours": statistics.median(a.seconds for a, _ in pairs),
        "baseline": statistics.median(b.seconds for _, b in pairs),
        "difference": statistics.median(a.seconds - b.seconds for a, b in pairs),
        "ratio": statistics.median(a.seconds / b.seconds for a, b in pairs),
        "peak_mib": max(a.peak_kib for a, _ in pairs) / 1024,
    }


def ms(seconds):
    return f"{seconds * 1000:.2f} ms"


class Bench:
    def __init__(self, options):
        self.options = options
        self.program = str(pathlib.Path(options.program).resolve())
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="buildspec-run-bench-"))
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.directory / "home"), "LC_ALL": "C.UTF-8",
                    "TMPDIR": str(self.directory)}
        (self.directory / "home").mkdir()
        self.rows = []

    def row(self, what, ours, baseline, limit):
        self.rows.append((what, ours, baseline, limit))
        print(f"| {what} | {ours} | {baseline} | {limit} |", flush=True)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def one_true(self, where="plain"):
        self.write("true/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - \"true\"\n")
        got = compare([self.program, "-C", "true", "--format", "plain"], ["bash", "-c", "true"], self.directory, self.env,
                      max(self.options.runs, 21))
        self.row("a build of one `true`", ms(got["ours"]), f"`bash -c true` {ms(got['baseline'])}",
                 f"difference {ms(got['difference'])} (at most 10 ms)")

    def one_true_in_repository(self):
        repository = self.directory / "repository"
        self.write("repository/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - \"true\"\n")
        git = ["git", "-c", "user.name=b", "-c", "user.email=b@b", "-c", "init.defaultBranch=main"]
        for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
            subprocess.run(git + argv, cwd=repository, env=self.env, check=True)
        got = compare([self.program, "-C", "repository", "--format", "plain"], ["bash", "-c", "true"], self.directory,
                      self.env, max(self.options.runs, 21))
        self.row("the same in a git repository", ms(got["ours"]), f"`bash -c true` {ms(got['baseline'])}",
                 f"difference {ms(got['difference'])}")

    def commands(self, count):
        """`count` commands; the baseline runs the same wrapped scripts, written beforehand, one shell each."""
        name = f"commands-{count}"
        text = "version: 0.2\nphases:\n  build:\n    commands:\n" + "".join(
            f"      - N={i}; test $N = {i}\n" for i in range(count))
        self.write(f"{name}/buildspec.yml", text)
        scripts = self.directory / name / "scripts"
        subprocess.run(["sh", str(HERE / "write_scripts.sh"), str(scripts), str(count)], check=True)
        return compare([self.program, "-C", name, "--format", "plain"], ["sh", str(HERE / "run_scripts.sh"), str(scripts)],
                       self.directory, self.env, self.options.runs if count <= 1000 else 3)

    def thousand_commands(self):
        got = self.commands(1000)
        self.row("1,000 commands", ms(got["ours"]), f"`run_scripts.sh` {ms(got['baseline'])}",
                 f"{got['difference']:.3f} ms a command more (at most 1 ms)")

    def linear(self):
        each = []
        for count in (10, 100, 1000, 10000):
            got = self.commands(count)
            each.append((count, got["ours"] / count * 1000))
        self.row("10, 100, 1,000, 10,000 commands", ", ".join(f"{per:.2f}" for _, per in each) + " ms each", "",
                 "linear: the last two alike")

    def two_hundred_run_steps(self):
        count = 200
        self.write("steps/buildspec.yml", "version: 0.2\nphases:\n  build:\n    steps:\n" + "".join(
            f"      - run: N={i}; test $N = {i}\n" for i in range(count)))
        for i in range(count):
            self.write(f"steps/scripts/{i:05d}.sh", f"N={i}; test $N = {i}\n")
        got = compare([self.program, "-C", "steps", "--format", "plain"],
                      ["sh", str(HERE / "run_steps.sh"), str(self.directory / "steps/scripts")], self.directory, self.env,
                      self.options.runs)
        self.row(f"{count} `run` steps", ms(got["ours"]), f"`run_steps.sh` {ms(got['baseline'])}",
                 f"{got['difference'] / count * 1000:.3f} ms a step more (at most 1 ms; act 3.9, wrkflw 2.2)")

    def javascript_action(self):
        """Warm: node and all files are in memory; the difference to a build of one `run` step is the action's own."""
        main = self.write("javascript/action/main.js", "console.log('done');\n")
        self.write("javascript/action/action.yml", "runs: {using: node20, main: main.js}\n")
        self.write("javascript/buildspec.yml", "version: 0.2\nphases:\n  build:\n    steps:\n      - uses: ./action\n")
        got = compare([self.program, "-C", "javascript", "--format", "plain"], ["node", str(main)], self.directory, self.env,
                      max(self.options.runs, 11))
        self.row("a build of one JavaScript action", ms(got["ours"]), f"`node main.js` {ms(got['baseline'])}",
                 f"difference {ms(got['difference'])}")
        self.write("one-step/buildspec.yml", "version: 0.2\nphases:\n  build:\n    steps:\n      - run: \"true\"\n")
        step = compare([self.program, "-C", "one-step", "--format", "plain"], ["bash", "-e", "-c", "true"], self.directory,
                       self.env, max(self.options.runs, 11))
        self.row("of that, what a build of one `run` step takes", ms(step["ours"]), f"`bash -e -c true` {ms(step['baseline'])}",
                 f"so the action starts {ms(got['difference'] - step['difference'])} later than by hand (at most 5 ms)")

    def thirty_cached_actions(self):
        """Fetched and locked beforehand; the baseline is ourselves with steps that run the same."""
        count, script = 30, '"true"'
        step = f"{{run: {script}, shell: 'bash -e {{0}}'}}"
        git = ["git", "-c", "user.name=b", "-c", "user.email=b@b", "-c", "init.defaultBranch=main"]
        for i in range(count):
            repository = self.write(f"origin/acme/a{i}/action.yml",
                                    f"runs: {{using: composite, steps: [{step}]}}\n").parent
            for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"], ["tag", "v1"]):
                subprocess.run(git + argv, cwd=repository, env=self.env, check=True)
        head = "version: 0.2\nphases:\n  build:\n    steps:\n"
        self.write("actions/buildspec.yml", head + "".join(f"      - uses: acme/a{i}@v1\n" for i in range(count)))
        self.write("no-actions/buildspec.yml", head + f"      - {step}\n" * count)
        origin = ["--actions-url-template", str(self.directory / "origin/{owner}/{repo}")]
        subprocess.run([self.program, "actions", "lock", "-C", "actions"] + origin, cwd=self.directory, env=self.env,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        got = compare([self.program, "-C", "actions", "--locked", "--offline", "--format", "plain"] + origin,
                      [self.program, "-C", "no-actions", "--format", "plain"], self.directory, self.env,
                      max(self.options.runs, 11))
        self.row(f"{count} cached, locked actions", ms(got["ours"]), f"{count} `run` steps that do the same {ms(got['baseline'])}",
                 f"{ms(got['difference'])} more (at most 20 ms)")

    def step_log(self):
        """100 MB of a step's output, looked through for workflow commands, the log kept."""
        script = self.write("step-log/make.sh", (HERE / "make_lines.sh").read_text().rstrip() + " | head -c 100000000\n")
        self.write("step-log/buildspec.yml", "version: 0.2\nphases:\n  build:\n    steps:\n      - run: sh ./make.sh\n")
        log = self.directory / "tee.log"
        got = compare([self.program, "-C", "step-log", "--format", "pretty", "--keep-runs", "1"],
                      ["sh", str(HERE / "tee.sh"), str(script), str(log)], self.directory, self.env, self.options.runs)
        self.row("a step that prints 100 MB of lines, log kept", f"{0.1 / got['ours']:.2f} GB/s",
                 f"`cmd \\| tee log >/dev/null` {0.1 / got['baseline']:.2f} GB/s",
                 f"{1 / got['ratio']:.2f} of its speed; peak {got['peak_mib']:.0f} MiB")
        log.unlink()

    def expressions(self):
        program = pathlib.Path(self.program).parent.parent / "tests/bench/expression_bench"
        if not program.exists():
            print(f"left out: expressions ({program} is not built)")
            return
        text = subprocess.run([program, str(self.options.runs)], check=True, capture_output=True, text=True).stdout
        for line in text.splitlines():
            what, numbers = line[:44].strip(), line[44:].split()
            of = "one" if what.startswith("an expression") else "100,000"
            self.row(f"{of}: {what}", f"{numbers[0]} ms", "", f"{numbers[2]} µs each")

    def normal_file(self):
        normal = self.write("normal/buildspec.yml", NORMAL)
        for command in ("validate", "plan"):
            got = compare([self.program, command, str(normal)], ["true"], self.directory, self.env,
                          max(self.options.runs, 21))
            self.row(f"`{command}` of a normal file ({normal.stat().st_size} bytes)", ms(got["ours"]),
                     f"`true` {ms(got['baseline'])}", "at most 4 ms (actionlint: 3 ms)")
        if self.options.actionlint:
            workflow = self.write("normal/.github/workflows/w.yml", WORKFLOW)
            # Alone: it would start shellcheck and pyflakes where it finds them, and we start nothing.
            got = compare([self.options.actionlint, "-shellcheck=", "-pyflakes=", str(workflow)], ["true"],
                          self.directory / "normal", self.env, max(self.options.runs, 21))
            self.row("actionlint of a workflow of that size", ms(got["ours"]), f"`true` {ms(got['baseline'])}", "for comparison")

    def corpus(self):
        if not self.options.corpus:
            print("left out: corpus (--corpus DIR names none)")
            return
        files = sorted(str(p.resolve()) for p in pathlib.Path(self.options.corpus).glob("*.yml"))
        total = sum(os.path.getsize(f) for f in files)
        times = 20
        argv = [self.program, "validate", "--format", "plain"] + files * times
        best = []
        for _ in range(self.options.runs):
            begun = time.perf_counter()
            subprocess.run(argv, cwd=self.directory, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            best.append(time.perf_counter() - begun)
        self.row(f"the collected buildspecs through `validate` in one process ({times} times {total >> 10} KiB)",
                 f"{total * times / statistics.median(best) / 1e6:.1f} MB/s", "", "at least 8 MB/s (actionlint)")

    def output(self):
        """1 GiB of output through 100 secrets, the log kept. Peak memory is that of the runner itself."""
        for what, maker in (("lines", "make_lines.sh"), ("one line", "make_one_line.sh")):
            name = "output-" + what.replace(" ", "-")
            script = self.write(f"{name}/make.sh", (HERE / maker).read_text())
            self.write(f"{name}/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - sh ./make.sh\n")
            secrets = self.write(f"{name}/secrets.env", "".join(f"SECRET_{i}=s3cret-value-number-{i:04d}-{i * 7919:08x}\n" for i in range(100)))
            log = self.directory / "tee.log"
            got = compare([self.program, "-C", name, "--secrets-file", str(secrets), "--format", "pretty", "--keep-runs", "1"],
                          ["sh", str(HERE / "tee.sh"), str(script), str(log)], self.directory, self.env, 3)
            self.row(f"1 GiB of output, {what}, through 100 secrets, log kept", f"{1.0737 / got['ours']:.2f} GB/s",
                     f"`cmd \\| tee log >/dev/null` {1.0737 / got['baseline']:.2f} GB/s",
                     f"{1 / got['ratio']:.2f} of its speed (at least 0.5); peak {got['peak_mib']:.0f} MiB (at most 64)")
            log.unlink()

    def show(self):
        """A kept log of 100 MB, told again to the plain view, against cat of the log."""
        self.write("show/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - seq 1000000000 1009999999 | head -c 100000000\n")
        run_once([self.program, "-C", "show", "--format", "plain"], self.directory, self.env)
        log = max((self.directory / "home/.local/state/buildspec-run/runs").glob("*/log"), key=lambda path: path.stat().st_size)
        got = compare([self.program, "show", "--format", "plain"], ["cat", str(log)], self.directory, self.env,
                      max(self.options.runs, 11))
        self.row("`show` of a log of 100 MB, plain", f"{log.stat().st_size / got['ours'] / 1e6:.0f} MB/s",
                 f"`cat log` {log.stat().st_size / got['baseline'] / 1e6:.0f} MB/s",
                 f"at least 200 MB/s; peak {got['peak_mib']:.0f} MiB")
        page = compare([self.program, "show", "--format", "html"], ["cat", str(log)], self.directory, self.env, self.options.runs)
        self.row("the same as a page", ms(page["ours"]), "", f"peak {page['peak_mib']:.0f} MiB")

    def keeping_state(self):
        """200 commands that change a variable each, with and without the state behind each, and with nothing kept at all."""
        self.commands(200)
        asked = [self.program, "-C", "commands-200", "--format", "plain"]
        runs = max(self.options.runs, 31)
        got = compare(asked, asked + ["--no-keep-state"], self.directory, self.env, runs)
        self.row("200 commands, the state behind each kept", ms(got["ours"]), f"`--no-keep-state` {ms(got['baseline'])}",
                 f"{(got['ratio'] - 1) * 100:.1f} % more (at most 5 %)")
        got = compare(asked, asked + ["--no-keep"], self.directory, self.env, runs)
        self.row("the same, log, events and states kept", ms(got["ours"]), f"`--no-keep` {ms(got['baseline'])}",
                 f"{(got['ratio'] - 1) * 100:.1f} % more (at most 5 %)")

    def workspace_copy(self, count=100_000):
        """A run of one `true` in a copy that is kept (removing is nobody's part here) against what else makes a second tree.
        All of git's objects are in one pack, so that cp has not as many files again to copy. Where: TMPDIR."""
        repository = self.directory / "tree"
        rng = random.Random(5)
        text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz     \n", k=1 << 16))
        for i in range(count // 100):
            directory = repository / f"module{i // 40:02d}" / f"part{i % 40:02d}"
            directory.mkdir(parents=True)
            for j in range(100):
                begin, length = rng.randrange(1 << 15), min(int(rng.lognormvariate(7, 1.2)), 1 << 15)
                (directory / f"file{j:02d}.c").write_text(text[begin:begin + length])
        (repository / "buildspec.yml").write_text("version: 0.2\nphases: {build: {commands: ['true']}}\n")
        git = ["git", "-c", "user.name=b", "-c", "user.email=b@b", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]
        for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"], ["repack", "-adq"], ["prune-packed"]):
            subprocess.run(git + argv, cwd=repository, env=self.env, check=True)
        copies = self.directory / "home/.local/state/buildspec-run/workspaces"
        ways = {
            "ours": ([self.program, "--workspace", "copy", "--keep-workspace", "--format", "plain", "--no-keep"], copies),
            "cp": (["cp", "--reflink=auto", "-a", ".", "../by-cp"], self.directory / "by-cp"),
            "worktree": (["git", "worktree", "add", "-q", "--detach", "../by-git"], self.directory / "by-git"),
        }
        seconds = {name: [] for name in ways}
        for turn in range(max(self.options.runs, 5) + 1):
            for name, (argv, made) in ways.items():
                took = run_once(argv, repository, self.env).seconds
                if turn > 0:  # the first is to warm up
                    seconds[name].append(took)
                shutil.rmtree(made)
                subprocess.run(["git", "worktree", "prune"], cwd=repository, env=self.env, check=True)
                os.sync()  # what one has left to be written is not the next one's
        ratio = statistics.median(a / min(b, c) for a, b, c in zip(*seconds.values()))
        ours, cp, worktree = (statistics.median(each) for each in seconds.values())
        self.row(f"a copy of {count:,} files", ms(ours),
                 f"`cp --reflink=auto -a` {ms(cp)}, `git worktree add` {ms(worktree)}",
                 f"{ratio:.2f} of the faster (at most 1.2)")

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


NORMAL = """version: 0.2
env:
  variables:
    STAGE: beta
    REGISTRY: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
  exported-variables: [IMAGE_TAG]
phases:
  install:
    runtime-versions:
      nodejs: 22
    commands:
      - npm ci
  pre_build:
    commands:
      - aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY"
      - IMAGE_TAG=${CODEBUILD_RESOLVED_SOURCE_VERSION:0:8}
  build:
    on-failure: ABORT
    commands:
      - npm test
      - docker build -t "$REGISTRY/shop:$IMAGE_TAG" .
    finally:
      - npm run report
  post_build:
    commands:
      - |
        if [ "$CODEBUILD_BUILD_SUCCEEDING" = 1 ]; then
          docker push "$REGISTRY/shop:$IMAGE_TAG"
        fi
      - printf '{"tag":"%s"}' "$IMAGE_TAG" > image.json
reports:
  unit:
    files: ['reports/*.xml']
artifacts:
  files: [image.json, 'templates/**/*']
cache:
  paths: ['node_modules/**/*']
"""

WORKFLOW = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n" + "".join(
    f"      - name: step {i}\n        run: echo {i}\n" for i in range(24))


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.processor())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent.parent / "build/release/bin/buildspec-run"))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--corpus")
    parser.add_argument("--actionlint")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    everything = ["one_true", "one_true_in_repository", "thousand_commands", "linear",
                  "two_hundred_run_steps", "javascript_action", "thirty_cached_actions", "step_log", "expressions", "normal_file", "corpus", "output", "show", "keeping_state",
                  "workspace_copy"]
    for name in options.names:
        if name not in everything:
            parser.error(f"no benchmark {name}; there are {', '.join(everything)}")
    bench = Bench(options)
    print(machine())
    print("\n| what | buildspec-run | baseline | result |\n| --- | --- | --- | --- |")
    try:
        for name in options.names or everything:
            getattr(bench, name)()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
