// Transcripts: what a user types and sees, one file each in tests/e2e/transcripts.
//
//   # why this is tested
//   $ buildspec-run validate --color=never
//   (what stdout shows)
//   [stderr]
//   (what stderr shows)
//   [exit 2]                      (absent: 0)
//   -- buildspec.yml --
//   (the file's text)
//
// Several `$` lines run one after the other in the same directory. What varies stands as <tmp>, <time>,
// <uuid>, <run>. A line `%contains TEXT` in a block asks only that a line of the output contains TEXT, in
// that order; a block of such lines may be shorter than the output.
#include <gtest/gtest.h>
#include <re2/re2.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

namespace fs = std::filesystem;

struct Typed {
  std::string command;
  std::string out, err;
  int exit = 0;
};

struct Transcript {
  std::string comment;
  std::vector<Typed> typed;
  std::vector<std::pair<std::string, std::string>> files;
};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

Transcript parse_transcript(const std::string& text) {
  Transcript transcript;
  std::string* into = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("-- ") && line.ends_with(" --") && line.size() > 6) {
      transcript.files.emplace_back(line.substr(3, line.size() - 6), "");
      into = &transcript.files.back().second;
    } else if (!transcript.files.empty()) {
      *into += line + "\n";
    } else if (line.starts_with("# ") && transcript.typed.empty()) {
      transcript.comment += line + "\n";
    } else if (line.starts_with("$ ")) {
      transcript.typed.push_back({line.substr(2), "", "", 0});
      into = &transcript.typed.back().out;
    } else if (line == "[stderr]" && !transcript.typed.empty()) {
      into = &transcript.typed.back().err;
    } else if (line.starts_with("[exit ") && !transcript.typed.empty()) {
      transcript.typed.back().exit = std::stoi(line.substr(6));
    } else if (into != nullptr) {
      *into += line + "\n";
    }
  }
  return transcript;
}

std::string print(const Transcript& transcript) {
  std::string text = transcript.comment;
  for (const Typed& typed : transcript.typed) {
    text += "$ " + typed.command + "\n" + typed.out;
    if (!typed.err.empty()) text += "[stderr]\n" + typed.err;
    if (typed.exit != 0) text += "[exit " + std::to_string(typed.exit) + "]\n";
  }
  for (const auto& [name, content] : transcript.files) text += "-- " + name + " --\n" + content;
  return text;
}

std::string normalized(std::string text, const std::string& directory) {
  for (std::size_t at = 0; (at = text.find(directory, at)) != std::string::npos;)
    text.replace(at, directory.size(), "<tmp>");
  RE2::GlobalReplace(&text, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>");
  RE2::GlobalReplace(&text,
                     R"(\[Container\] [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} )",
                     "[Container] T ");
  RE2::GlobalReplace(&text, R"(took [0-9]+\.[0-9]{6} seconds)", "took <time> seconds");
  RE2::GlobalReplace(&text, "[0-9]{8}T[0-9]{6}Z-[0-9a-f]+", "<run>");
  RE2::GlobalReplace(&text, R"(\b[0-9]+(\.[0-9]+)? ?(ms|µs|s)\b)", "<time>");
  RE2::GlobalReplace(&text, R"(\b[0-9]+m ?<time>)", "<time>");
  if (!text.empty() && !text.ends_with('\n')) text += "\n";
  return text;
}

// The wanted text with each `%contains` line replaced by the line it accepts.
std::string resolved(const std::string& want, const std::string& got) {
  if (want.find("%contains ") == std::string::npos) return want;
  std::istringstream wants(want), gots(got);
  std::string line, have;
  while (std::getline(wants, line)) {
    if (!line.starts_with("%contains ")) return want;  // mixed: compared as it is, and so reported
    const std::string part = line.substr(10);
    bool seen = false;
    while (!seen && std::getline(gots, have)) seen = have.find(part) != std::string::npos;
    if (!seen) return want;
  }
  return got;
}

class TranscriptTest : public testing::TestWithParam<std::string> {};

// How to reach the engine: the caller's, as it is.
std::string engine_variables() {
  std::string text;
  for (const char* name : {"DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONTEXT", "DOCKER_CONFIG"})
    if (const char* value = std::getenv(name)) text += " " + std::string(name) + "='" + value + "'";
  return text;
}

TEST_P(TranscriptTest, PrintsWhatItSays) {
  const fs::path file = fs::path(TEST_SOURCE_DIR "/e2e/transcripts") / (GetParam() + ".txt");
  const Transcript want = parse_transcript(read_text(file));
  ASSERT_FALSE(want.typed.empty()) << file;
  std::string directory = (fs::temp_directory_path() / "buildspec-run e2e XXXXXX").string();
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  directory = fs::canonical(directory).string();
  const fs::path work = fs::path(directory) / "work";
  fs::create_directories(fs::path(directory) / "home");
  fs::create_directories(work);
  for (const auto& [name, content] : want.files) {
    write_text(work / name, content);
    if (content.starts_with("#!")) fs::permissions(work / name, fs::perms::owner_exec, fs::perm_options::add);
  }
  Transcript got = want;
  for (Typed& typed : got.typed) {
    const fs::path script = fs::path(directory) / "typed.sh", out = fs::path(directory) / "out",
                   err = fs::path(directory) / "err";
    write_text(script, "cd '" + work.string() + "' || exit 99\n" + typed.command + "\n");
    const std::string run = "env -i PATH='" PROJECT_BINARY_DIR "/bin:/usr/local/bin:/usr/bin:/bin' HOME='" +
                            directory + "/home' TMPDIR='" + directory +
                            "' LC_ALL=C.UTF-8 USER=tester SAMPLES='" PROJECT_SOURCE_DIR "/samples'" +
                            engine_variables() + " timeout 100 bash '" + script.string() + "' >'" +
                            out.string() + "' 2>'" + err.string() + "' </dev/null";
    const int status = std::system(run.c_str());
    typed.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 256;
    typed.out = normalized(read_text(out), directory);
    typed.err = normalized(read_text(err), directory);
  }
  std::error_code ignored;
  fs::remove_all(directory, ignored);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    write_text(file, print(got));
    return;
  }
  for (std::size_t i = 0; i < want.typed.size(); ++i) {
    SCOPED_TRACE("$ " + want.typed[i].command);
    EXPECT_EQ(got.typed[i].out, resolved(want.typed[i].out, got.typed[i].out));
    EXPECT_EQ(got.typed[i].err, resolved(want.typed[i].err, got.typed[i].err));
    EXPECT_EQ(got.typed[i].exit, want.typed[i].exit);
  }
}

// "# needs: node npm": without them the transcript is left out, which tests/CMakeLists.txt says by name. "docker" is an
// engine that tests/support/engine.sh has started or found.
bool has_what_it_needs(const std::string& text) {
  std::string programs;
  if (!RE2::PartialMatch(text, "(?m)^# needs: (.*)$", &programs)) return true;
  std::istringstream names(programs);
  for (std::string name; names >> name;)
    if (name == "docker" ? std::getenv("BUILDSPEC_RUN_TEST_IMAGE") == nullptr
                         : std::system(("command -v " + name + " >/dev/null").c_str()) != 0)
      return false;
  return true;
}

std::vector<std::string> transcripts() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(TEST_SOURCE_DIR "/e2e/transcripts"))
    if (entry.path().extension() == ".txt" && has_what_it_needs(read_text(entry.path())))
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (c == '-' || c == '.') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, TranscriptTest, testing::ValuesIn(transcripts()), name_of);

}  // namespace
