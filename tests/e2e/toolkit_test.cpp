// JavaScript actions made with GitHub's own packages (tests/toolkit), run by real node. Where the packages are not there,
// CMake has said so.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/files.h"
#include "tests/support/run_build.h"

namespace buildspec_run {
namespace {

const std::filesystem::path kActions = PROJECT_SOURCE_DIR "/build/toolkit";

class Toolkit : public testing::Test, protected test::BuildToRun {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kActions / ".made") || !std::filesystem::exists(kActions / "cache"))
      GTEST_SKIP() << "bootstrap.sh test --all makes the actions";
    for (const char* action : {"artifact", "cache", "core", "files", "github"})
      std::filesystem::copy(kActions / action, source() / action);
  }
  /// Where `text` stands in the output; fails when it does not.
  std::size_t at(const std::string& text) {
    const std::size_t found = seen.output.find(text);
    EXPECT_NE(found, std::string::npos) << text << "\nin\n" << seen.output;
    return found;
  }
};

TEST_F(Toolkit, CoreSaysAndKeepsAllThatItCan) {
  EXPECT_EQ(run("version: 0.2\n"
                "env: {exported-variables: [GREETING, SAID, OBJECT]}\n"
                "phases:\n"
                "  build:\n"
                "    steps:\n"
                "      - uses: ./core\n"
                "        id: core\n"
                "        with: {greeting: good day, secret: s3cr3t-value}\n"
                "      - run: |\n"
                "          echo \"said $SAID_HERE; $GREETING; first of PATH: ${PATH%%:*}\"\n"
                "          echo \"SAID=$SAID_HERE\" >> $GITHUB_ENV\n"
                "          echo 'OBJECT=${{ steps.core.outputs.object }}' >> $GITHUB_ENV\n"
                "        env: {SAID_HERE: '${{ steps.core.outputs.said }}'}\n"
                "  post_build:\n"
                "    commands:\n"
                "      - 'echo \"later: $SAID\"'\n"),
            Outcome::succeeded)
      << seen.output;
  EXPECT_EQ(exported, (std::vector<std::pair<std::string, std::string>>{
                          {"GREETING", "good day\nsecond line"},
                          {"SAID", "good day"},
                          {"OBJECT", R"({"greeting":"good day","length":8})"}}));
  // In the header, and nowhere after the action has said that it is one.
  EXPECT_EQ(seen.output.find("s3cr3t-value", at("##[endgroup]")), std::string::npos) << seen.output;
  EXPECT_EQ(seen.output.find("not shown"), std::string::npos);
  EXPECT_EQ(seen.output.find("pre:"), std::string::npos) << "a local action has no pre";
  at("`pre` execution is not supported for local action from './core'");
  at("##[group]Greeting\ngood day ***\n##[endgroup]\n");
  at("##[notice]a notice\n");
  at("##[warning]100% of\ntwo lines\n");
  EXPECT_LT(at("said good day; good day\nsecond line; first of PATH: "),
            at("post: goodbye after good day, no pre\n"));
  EXPECT_LT(at("post: goodbye"), at("later: good day\n"));
}

TEST_F(Toolkit, CoreFailsItsStep) {
  EXPECT_EQ(run("version: 0.2\n"
                "phases:\n"
                "  build:\n"
                "    steps:\n"
                "      - uses: ./core\n"
                "        with: {fail: no good}\n"
                "      - run: echo not reached\n"
                "      - run: echo \"outcome ${{ steps.again.outcome }}\"\n"
                "        if: failure()\n"),
            Outcome::failed);
  at("##[error]no good\n");
  at("outcome \n");
  EXPECT_EQ(seen.output.find("\nnot reached"), std::string::npos);
}

TEST_F(Toolkit, ProgramsFilesPatternsAndTools) {
  EXPECT_EQ(
      run("version: 0.2\n"
          "phases:\n"
          "  build:\n"
          "    steps:\n"
          "      - uses: ./files\n"
          "        id: files\n"
          "      - run: |\n"
          "          echo 'printed ${{ steps.files.outputs.printed }}'\n"
          "          echo 'found ${{ steps.files.outputs.found }}'\n"
          "          echo 'tool ${{ steps.files.outputs.tool }}'\n"
          "          echo 'same hash: ${{ steps.files.outputs.hash == hashFiles('made/**/*.txt') }}'\n"),
      Outcome::succeeded)
      << seen.output;
  at("\nprinted 3:a b|WORKSPACE\n");
  at("\nfound made/deep/one.txt,made/two.txt\n");
  at("\ntool made-tool/1.2.3/");
  at("\nsame hash: true\n");
}

// actions.md 6.5: the defaults of a local run. Outside of a repository it is named after the project.
TEST_F(Toolkit, GithubSeesTheDefaultsOfALocalRun) {
  request.steps.event_json = R"({"number": 7})";
  EXPECT_EQ(run("version: 0.2\n"
                "phases:\n"
                "  build:\n"
                "    steps:\n"
                "      - uses: ./github\n"
                "        id: github\n"
                "      - run: echo 'saw ${{ steps.github.outputs.context }}'\n"),
            Outcome::succeeded)
      << seen.output;
  at("\nsaw {\"eventName\":\"push\",\"sha\":\"\",\"ref\":\"\",\"workflow\":\"buildspec.yml\"");
  at("\"job\":\"build\",\"runId\":1,\"runNumber\":1,\"apiUrl\":\"https://api.github.com\"");
  at("\"serverUrl\":\"https://"
     "github.com\",\"number\":7,\"repo\":{\"owner\":\"local\",\"repo\":\"local\"}}\n");
}

// services.md 10: what a phase uploads, a later one gets back; what stays is there when the run has ended.
TEST_F(Toolkit, ArtifactsComeBack) {
  request.steps.artifacts = (files / "kept").native();
  EXPECT_EQ(run("version: 0.2\n"
                "phases:\n"
                "  build:\n"
                "    steps:\n"
                "      - run: |\n"
                "          mkdir -p out/deep && echo hello > out/deep/a.txt && : > out/empty\n"
                "          head -c 20000000 /dev/urandom > out/big\n"
                "      - uses: ./artifact\n"
                "        id: up\n"
                "        with: {do: upload, name: dist, path: out}\n"
                "      - uses: ./artifact\n"
                "        with: {do: upload, name: passing, path: out/deep}\n"
                "      - run: echo \"upload ${{ steps.up.outputs.id }} has '$(echo ${{ "
                "steps.up.outputs.digest }} | wc -c)'\"\n"
                "      - run: echo \"token '$ACTIONS_RUNTIME_TOKEN'\"\n"
                "  post_build:\n"
                "    steps:\n"
                "      - uses: ./artifact\n"
                "        id: down\n"
                "        with: {do: download, name: dist, path: got}\n"
                "      - uses: ./artifact\n"
                "        id: gone\n"
                "        with: {do: delete, name: passing}\n"
                "      - run: diff -r out got && echo 'same of ${{ steps.down.outputs.names }}, ${{ "
                "steps.gone.outputs.names }}'\n"),
            Outcome::succeeded)
      << seen.output;
  at("\nupload 1 has '65'\n");
  at("\ntoken ''\n");  // for actions alone: actions.md 3.15
  at("\nsame of dist,passing, dist\n");
  EXPECT_TRUE(seen.has("artifacts-kept"));
  std::string kept;
  for (const auto& entry : std::filesystem::directory_iterator(files / "kept"))
    kept += entry.path().filename().native() + " ";
  EXPECT_EQ(kept, "dist.zip ");
}

// The sample, with actions of these packages in place of the published ones.
TEST_F(Toolkit, SampleCachedPrimes) {
  const std::filesystem::path sample = PROJECT_SOURCE_DIR "/samples/cached-primes";
  std::filesystem::copy(sample / "sieve.sh", source() / "sieve.sh");
  request.steps.caches = (files / "caches").native();
  request.steps.artifacts = (files / "kept").native();
  request.actions.replacements = {{"actions/cache", (kActions / "cache").native()},
                                  {"actions/upload-artifact", (kActions / "artifact").native()}};
  std::string made;
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove_all(source() / "primes");
    EXPECT_EQ(run(read_test_file(sample / "buildspec.yml")), Outcome::succeeded) << seen.output;
    for (const TaskFinished& task : seen.tasks)
      if (task.step->name == "Make the primes") made += task.step->outcome + " ";
  }
  EXPECT_EQ(made, "success skipped ");
  EXPECT_TRUE(std::filesystem::exists(files / "kept/primes.zip"));
}

// services.md 7, 9: saved after the job of one run, found by the next, under another key that begins alike, too.
TEST_F(Toolkit, CachesAreThereInTheNextRun) {
  request.steps.caches = (files / "caches").native();
  const auto with_key = [&](const std::string& key) {
    return run(
        "version: 0.2\n"
        "phases:\n"
        "  build:\n"
        "    steps:\n"
        "      - uses: ./cache\n"
        "        id: cache\n"
        "        with: {path: made, key: '" +
        key +
        "', restore-keys: Deps-}\n"
        "      - run: |\n"
        "          echo \"found '${{ steps.cache.outputs.found }}' with '$(cat made/it)'\"\n"
        "          mkdir -p made && echo " +
        key + " > made/it\n");
  };
  EXPECT_EQ(with_key("Deps-1"), Outcome::succeeded) << seen.output;
  at("\nfound '' with ''\n");
  at("\nsaved\n");
  std::filesystem::remove_all(source() / "made");
  EXPECT_EQ(with_key("Deps-1"), Outcome::succeeded) << seen.output;
  at("\nfound 'Deps-1' with 'Deps-1'\n");
  at("\nnot saved\n");
  std::filesystem::remove_all(source() / "made");
  EXPECT_EQ(with_key("Deps-2"), Outcome::succeeded) << seen.output;
  at("\nfound 'Deps-1' with 'Deps-1'\n");
  at("\nsaved\n");
}

}  // namespace
}  // namespace buildspec_run
