// The samples that need what this machine has not: the ends in a cloud are stand-ins on loopback, all else is real.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/engine.h"
#include "tests/support/http_server.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::engine_registry;
using test::HttpServerAnswer;
using test::HttpServerRequest;
using test::put;
using test::Ran;
using Words = std::vector<std::string>;

const std::filesystem::path kSource = PROJECT_SOURCE_DIR;
const std::filesystem::path kToolkit = kSource / "build/toolkit", kAws = kSource / "build/aws";

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

class Story : public testing::Test {
 protected:
  void open(const std::string& sample) {
    std::filesystem::create_directories(directory_ / "home");
    std::filesystem::copy(kSource / "samples" / sample, directory_ / "src",
                          std::filesystem::copy_options::recursive);
  }
  Ran run(const Words& options) {
    Words argv = {PROJECT_BINARY_DIR "/bin/buildspec-run",
                  "run",
                  "-C",
                  (directory_ / "src").native(),
                  "--no-keep",
                  "--format",
                  "plain"};
    argv.insert(argv.end(), options.begin(), options.end());
    return test::run_program(argv, test::engine_environment((directory_ / "home").native()));
  }
  [[nodiscard]] std::string file(const char* name) const { return (directory_ / name).native(); }

  test::TemporaryDirectory directory_;
};

// moto as STS and ECR, a registry on loopback as ECR's own, actions with GitHub's and the cloud's own packages.
TEST_F(Story, AnImageIsReleased) {
  if (engine_registry().empty())
    GTEST_SKIP() << "no container engine with a registry; tests/support/engine.sh starts one";
  if (!std::filesystem::exists(kToolkit / ".made") || !std::filesystem::exists(kAws / ".made"))
    GTEST_SKIP() << "bootstrap.sh test --all makes the actions and installs the AWS emulator";
  open("release-image");
  test::RunningProgram aws({.argv = {(kAws / "bin/python").native(),
                                     (kSource / "tests/aws/serve.py").native(), "0", engine_registry()},
                            .env = {{"PATH", "/usr/bin:/bin"}, {"HOME", file("home")}},
                            .cwd = {},
                            .out = file("port"),
                            .err = file("aws.log"),
                            .closed = {}});
  ASSERT_TRUE(test::eventually([&] { return has(contents(file("port")), "\n"); }, std::chrono::seconds(60)))
      << contents(file("aws.log"));
  std::string port = contents(file("port"));
  port.pop_back();

  const Ran ran =
      run({"--replace",
           "aws-actions/configure-aws-credentials=" + (kToolkit / "configure-aws-credentials").native(),
           "--replace", "aws-actions/amazon-ecr-login=" + (kToolkit / "amazon-ecr-login").native(), "--env",
           "AWS_ENDPOINT_URL=http://127.0.0.1:" + port, "--env", "AWS_ACCESS_KEY_ID=of-the-caller", "--env",
           "AWS_SECRET_ACCESS_KEY=of-the-caller", "--env", "DOCKER_BUILDKIT=0", "--export-file",
           file("exported.json")});
  const std::string repository = engine_registry() + "/shop";
  test::ask_docker({"image", "rm", repository + ":1.4.0"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err << contents(file("aws.log"));
  EXPECT_TRUE(has(ran.out, "\nAuthenticated as arn:aws:sts::123456789012:assumed-role/release/release\n"))
      << ran.out;
  EXPECT_TRUE(has(ran.out, "\nLogin Succeeded\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "\nreleased " + repository + ":1.4.0\n")) << ran.out;
  const std::string logout = "Removing login credentials for " + engine_registry();
  EXPECT_LT(ran.out.find("Login Succeeded"), ran.out.find(logout)) << "the post of the login";
  const std::string exported = contents(file("exported.json"));
  EXPECT_TRUE(has(exported, "\"IMAGE_REPO\"") && has(exported, "\"" + repository + "\"")) << exported;
  EXPECT_TRUE(has(exported, "\"IMAGE_TAG\"") && has(exported, "\"1.4.0\"")) << exported;

  // It is there, for who has it not.
  EXPECT_TRUE(has(test::ask_docker({"pull", repository + ":1.4.0"}), "Status: Downloaded newer image"));
  const std::string made = test::ask_docker({"create", repository + ":1.4.0", "none"});
  EXPECT_EQ(
      test::run_program({"docker", "cp", made + ":/VERSION", file("version")}, test::engine_environment())
          .exit,
      0);
  EXPECT_EQ(contents(file("version")), "1.4.0\n");
  test::ask_docker({"rm", made});
  test::ask_docker({"image", "rm", repository + ":1.4.0"});
}

// A Docker action with liquibase's name and inputs; its database is a server on loopback that knows one password.
TEST_F(Story, ADatabaseIsUpdated) {
  if (test::engine_image().empty()) GTEST_SKIP() << "no container engine; tests/support/engine.sh starts one";
  open("database-update");
  put(directory_ / "liquibase/action.yml",
      "name: Stand-in for liquibase-github-actions/update\n"
      "inputs:\n"
      "  changelogFile: {description: The changes, required: true}\n"
      "  url: {description: The database, required: true}\n"
      "  username: {description: Who}\n"
      "  password: {description: Of whom}\n"
      "runs:\n"
      "  using: docker\n"
      "  image: Dockerfile\n"
      "  args:\n"
      "    - ${{ inputs.changelogFile }}\n"
      "    - ${{ inputs.url }}\n"
      "    - ${{ inputs.username }}\n"
      "    - ${{ inputs.password }}\n");
  put(directory_ / "liquibase/Dockerfile",
      "FROM " + test::engine_image() + "\nCOPY update.sh /\nENTRYPOINT [\"sh\", \"/update.sh\"]\n");
  put(directory_ / "liquibase/update.sh",
      "echo \"Updating $2 as $3 with $4\"\n"
      "address=${2#jdbc:postgresql:}\n"
      "wget -q -O - --header \"Authorization: Basic $(printf %s \"$3:$4\" | base64)\" --post-file \"$1\" "
      "\"http:$address\" || exit 1\n");
  const std::string password = "pa55-of-the-shop";
  test::HttpServer database([&](const HttpServerRequest& request) -> HttpServerAnswer {
    constexpr const char* kBasic = "Basic c2hvcDpwYTU1LW9mLXRoZS1zaG9w";  // shop:pa55-of-the-shop
    if (request.path != "/shop" || request.header("authorization") != kBasic)
      return {.status = 401, .body = "no\n"};
    return {.body = "Run: 2 changesets\n"};
  });
  const auto update = [&](const std::string& with) {
    put(directory_ / "secrets.json", R"({"shop/database:password": ")" + with + "\"}");
    return run({"--replace", "liquibase-github-actions/update=" + file("liquibase"), "--secrets-file",
                file("secrets.json"), "--env",
                "URL=jdbc:postgresql://127.0.0.1:" + std::to_string(database.port()) + "/shop",
                "--container-network", "host"});
  };

  Ran ran = update(password);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nRun: 2 changesets\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, " as shop with ***\n")) << ran.out;
  EXPECT_FALSE(has(ran.out + ran.err, password));
  EXPECT_FALSE(has(ran.out, "\nthe database is as it was\n"));
  ASSERT_EQ(database.requests().size(), 1u);
  EXPECT_EQ(database.requests()[0].body, contents(kSource / "samples/database-update/changelog.sql"));

  ran = update("another-password");
  EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nthe database is as it was\n")) << ran.out;
  EXPECT_FALSE(has(ran.out + ran.err, "another-password"));
}

}  // namespace
}  // namespace buildspec_run
