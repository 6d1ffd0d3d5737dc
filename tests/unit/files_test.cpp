#include "runner/sys/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::put;
using test::TemporaryDirectory;

/// Sets the umask, and gives the old one back.
class Umask {
 public:
  explicit Umask(mode_t mask) : old_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(old_); }

 private:
  mode_t old_;
};

mode_t mode_of(const Path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

std::size_t entries(const Path& directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

std::size_t open_descriptors() { return entries("/proc/self/fd"); }

/// What `body` returns in a child process that is not root.
template <class Body>
int as_ordinary_user(const Path& home, Body body) {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0 && ::chown(home.c_str(), kNobody, kNobody) != 0) return 98;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Files, ReadsWhatIsThere) {
  const TemporaryDirectory home;
  const std::string bytes("a\0b\r\n\xFF", 6);
  put(home / "some", bytes);
  put(home / "none", "");
  EXPECT_EQ(*read_file(home / "some"), bytes);
  EXPECT_EQ(*read_file(home / "none"), "");
  EXPECT_EQ(*read_file(home / "some", 6), bytes);
  EXPECT_EQ(read_file(home / "some", 5).error().code.value(), EFBIG);
  EXPECT_EQ(read_file(home / "no such").error().message,
            "open " + (home / "no such").native() + ": No such file or directory");
  EXPECT_EQ(read_file(home.path()).error().code.value(), EISDIR);
  const std::string big(3'000'001, 'x');
  put(home / "big", big);
  EXPECT_EQ(*read_file(home / "big"), big);
}

// What is found rather than named is opened only where it is a file: nobody may ever write into the pipe.
TEST(Files, DoesNotWaitForWhatIsNoFile) {
  const TemporaryDirectory home;
  ASSERT_EQ(::mkfifo((home / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("pipe", home / "link");
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = (home / "socket").native();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  std::copy(name.begin(), name.end(), address.sun_path);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const auto complaint = [](const Path& path, std::string_view kind) {
    return fmt::format("open {}: it is {}; a regular file is expected", path.native(), kind);
  };
  for (const auto& [path, kind] : {std::pair(home / "pipe", "a named pipe"),
                                   {home / "link", "a named pipe"},
                                   {home.path(), "a directory"},
                                   {home / "socket", "a socket"},
                                   {Path("/dev/null"), "a device"}}) {
    EXPECT_EQ(read_file(path).error().message, complaint(path, kind));
    EXPECT_EQ(InputFile::open(path).error().message, complaint(path, kind));
    EXPECT_EQ(AppendFile::open(path).error().message, complaint(path, kind));
    EXPECT_FALSE(FileLock::is_held(path));
  }
  for (const auto& [path, kind] : {std::pair(home.path(), "a directory"), {home / "socket", "a socket"}})
    EXPECT_EQ(read_named_file(path).error().message,
              fmt::format("open {}: it is {}; a file is expected", path.native(), kind));
  ::close(socket);
}

TEST(Files, ReadsPipesAndDevicesThatAreNamed) {
  EXPECT_EQ(*read_named_file("/dev/null"), "");
  EXPECT_FALSE(read_file("/proc/self/status")->empty());  // says it has 0 bytes
  EXPECT_EQ(read_named_file("/dev/zero", 100'000).error().code.value(), EFBIG);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string sent(200'000, 'p');
  std::thread writer([&] {
    for (std::size_t at = 0; at < sent.size();)
      if (const ssize_t n = ::write(ends[1], sent.data() + at, sent.size() - at); n > 0)
        at += static_cast<std::size_t>(n);
    ::close(ends[1]);
  });
  EXPECT_EQ(*read_named_file("/dev/fd/" + std::to_string(ends[0])), sent);
  writer.join();
  ::close(ends[0]);
}

TEST(Files, ReplacesAFileInOneStep) {
  const TemporaryDirectory home;
  const Umask umask(0077);
  ASSERT_TRUE(replace_file(home / "f", "one", 0644));
  EXPECT_EQ(contents(home / "f"), "one");
  EXPECT_EQ(mode_of(home / "f"), 0644u);
  const int old = ::open((home / "f").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(replace_file(home / "f", "two!", 0600));
  EXPECT_EQ(contents(home / "f"), "two!");
  EXPECT_EQ(mode_of(home / "f"), 0600u);
  char text[8];
  EXPECT_EQ(::read(old, text, sizeof text), 3);  // who had it open still sees the old text, whole
  ::close(old);
  EXPECT_EQ(entries(home.path()), 1u);
  EXPECT_EQ(replace_file(home / "no/f", "x").error().code.value(), ENOENT);
  EXPECT_FALSE(std::filesystem::exists(home / "no"));
  ASSERT_TRUE(replace_file(home / std::string(255, 'n'), "long"));  // the longest name there is
}

TEST(Files, ReplacesWhatALinkLeadsTo) {
  const TemporaryDirectory home;
  put(home / "d/real", "old");
  std::filesystem::create_symlink("d/real", home / "link");
  ASSERT_TRUE(replace_file(home / "link", "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(home / "link"));
  EXPECT_EQ(contents(home / "d/real"), "new");
  EXPECT_EQ(entries(home / "d"), 1u);
}

TEST(Files, WritesToADeviceAndLeavesItOne) {
  const TemporaryDirectory home;
  ASSERT_EQ(::mkfifo((home / "fifo").c_str(), 0600), 0);
  const int reader = ::open((home / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_TRUE(replace_file(home / "fifo", "through"));
  char text[16];
  EXPECT_EQ(::read(reader, text, sizeof text), 7);
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(home / "fifo"));
  EXPECT_EQ(replace_file("/dev/full", "x").error().message, "write /dev/full: No space left on device");
  EXPECT_EQ(replace_file(home.path(), "x").error().code.value(), EISDIR);
}

TEST(Files, AFullDiskLeavesTheOldFile) {
  const TemporaryDirectory home;
  if (::mount("none", home.path().c_str(), "tmpfs", 0, "size=64k") == 0) {
    put(home / "f", "old");
    const Result<void> written = replace_file(home / "f", std::string(100'000, 'x'));
    EXPECT_EQ(written.error().message, "write " + (home / "f").native() + ": No space left on device");
    EXPECT_EQ(contents(home / "f"), "old");
    EXPECT_EQ(write_new_file(home / "g", std::string(100'000, 'x')).error().code.value(), ENOSPC);
    EXPECT_EQ(entries(home.path()), 1u);  // nothing half
    ::umount2(home.path().c_str(), MNT_DETACH);
    return;
  }
  // Not root: a limit on the size of files fails in the same place.
  EXPECT_EQ(as_ordinary_user(home.path(),
                             [&] {
                               ::signal(SIGXFSZ, SIG_IGN);
                               const rlimit limit = {65536, 65536};
                               if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || !replace_file(home / "f", "old"))
                                 return 1;
                               const Result<void> written =
                                   replace_file(home / "f", std::string(100'000, 'x'));
                               if (written || written.error().code.value() != EFBIG) return 2;
                               return contents(home / "f") == "old" && entries(home.path()) == 1 ? 0 : 3;
                             }),
            0);
}

TEST(Files, WritesANewFileOnce) {
  const TemporaryDirectory home;
  const Umask umask(0777);
  ASSERT_TRUE(write_new_file(home / "f", "text", 0640));
  EXPECT_EQ(mode_of(home / "f"), 0640u);
  EXPECT_EQ(contents(home / "f"), "text");
  EXPECT_EQ(write_new_file(home / "f", "other").error().code.value(), EEXIST);
  EXPECT_EQ(contents(home / "f"), "text");
}

ino_t inode_of(const Path& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

TEST(Files, RewritesInPlaceWhatIsSolelyOurs) {
  const TemporaryDirectory home;
  const Path file = home / "f";
  const Umask umask(0777);
  ASSERT_TRUE(rewrite_file(file, "a longer text", 0600));
  const ino_t first = inode_of(file);
  ::chmod(file.c_str(), 0644);
  for (const std::string_view text : {"short", "", "a text that is longer than the first one"}) {
    ASSERT_TRUE(rewrite_file(file, text, 0600));
    EXPECT_EQ(contents(file), text);
    EXPECT_EQ(mode_of(file), 0600u);
    EXPECT_EQ(inode_of(file), first);
  }
}

TEST(Files, RewritesNothingThatHasAnotherNameOrOwner) {
  const TemporaryDirectory home;
  const Path file = home / "f", other = home / "other";
  put(other, "other");
  const auto writes_a_new_one = [&] {
    ASSERT_TRUE(rewrite_file(file, "text"));
    EXPECT_EQ(contents(file), "text");
    EXPECT_EQ(mode_of(file), 0600u);
    EXPECT_EQ(contents(other), "other");
    ASSERT_TRUE(remove_tree(file));
  };
  std::filesystem::create_symlink("other", file);
  writes_a_new_one();
  std::filesystem::create_hard_link(other, file);
  writes_a_new_one();
  std::filesystem::create_directories(file / "sub");
  writes_a_new_one();
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);  // nobody reads there: to open it must not wait
  writes_a_new_one();
  if (::geteuid() == 0) {
    put(file, "of somebody else");
    const int held = ::open(file.c_str(), O_RDWR | O_CLOEXEC);  // as they may, to change what we write
    ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
    ASSERT_TRUE(rewrite_file(file, "text"));
    EXPECT_EQ(::pwrite(held, "evil", 4, 0), 4);
    EXPECT_EQ(contents(file), "text");
    ::close(held);
  }
}

TEST(Files, MakesABlankFile) {
  const TemporaryDirectory home;
  const Path file = home / "f", other = home / "other";
  const auto becomes_blank = [&](std::uint64_t bytes) {
    ASSERT_TRUE(make_blank_file(file, bytes));
    EXPECT_EQ(contents(file), std::string(bytes, '\0'));
    EXPECT_EQ(mode_of(file), 0600u);
  };
  becomes_blank(2);
  const ino_t first = inode_of(file);
  becomes_blank(2);
  EXPECT_EQ(inode_of(file), first);
  becomes_blank(0);
  put(file, "written to");
  becomes_blank(2);
  ::chmod(file.c_str(), 0666);
  becomes_blank(2);
  put(other, "12");
  ASSERT_TRUE(remove_tree(file));
  std::filesystem::create_symlink("other", file);
  becomes_blank(2);
  ASSERT_TRUE(remove_tree(file));
  std::filesystem::create_hard_link(other, file);
  becomes_blank(2);
  EXPECT_EQ(contents(other), "12");
}

TEST(Files, MakesDirectoriesWhateverTheUmask) {
  const TemporaryDirectory home;
  {
    const Umask umask(0027);
    ASSERT_TRUE(make_directories(home / "a b/\xC3\xA9/c", 0755));
  }
  for (const char* made : {"a b", "a b/\xC3\xA9", "a b/\xC3\xA9/c"})
    EXPECT_EQ(mode_of(home / made), 0755u) << made;
  ASSERT_TRUE(make_directories(home / "a b", 0700));
  EXPECT_EQ(mode_of(home / "a b"), 0755u);  // there already: left alone
  ASSERT_TRUE(make_directories(home.path() / "t/u/", 0700));
  EXPECT_EQ(mode_of(home / "t/u"), 0700u);
  ASSERT_TRUE(make_directories("/", 0700));
  put(home / "file", "");
  EXPECT_EQ(make_directories(home / "file").error().code.value(), ENOTDIR);
  EXPECT_EQ(make_directories(home / "file/x").error().code.value(), ENOTDIR);
  EXPECT_EQ(make_directories("").error().code.value(), ENOENT);
  std::filesystem::create_directory_symlink("t", home / "l");
  ASSERT_TRUE(make_directories(home / "l/v"));
  EXPECT_TRUE(std::filesystem::is_directory(home / "t/v"));
}

TEST(Files, MakesTemporaryDirectories) {
  const TemporaryDirectory home;
  const Umask umask(0777);
  const Result<Path> one = make_temporary_directory(home.path(), "x-"),
                     two = make_temporary_directory(home.path(), "x-");
  ASSERT_TRUE(one && two);
  EXPECT_NE(*one, *two);
  EXPECT_EQ(mode_of(*one), 0700u);
  EXPECT_EQ(one->parent_path(), home.path());
  EXPECT_TRUE(one->filename().native().starts_with("x-"));
  EXPECT_EQ(make_temporary_directory(home / "no", "x").error().code.value(), ENOENT);
}

TEST(Files, RemovesATreeButNotWhatItsLinksLeadTo) {
  const TemporaryDirectory home;
  put(home / "outside/kept", "kept");
  put(home / "tree/a/b/c", "x");
  put(home / "tree/.hidden", "x");
  std::filesystem::create_directory_symlink(home / "outside", home / "tree/a/link");
  std::filesystem::create_symlink("nowhere", home / "tree/dangling");
  ASSERT_EQ(::mkfifo((home / "tree/fifo").c_str(), 0600), 0);
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(remove_tree(home / "tree"));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_FALSE(std::filesystem::exists(home / "tree"));
  EXPECT_EQ(contents(home / "outside/kept"), "kept");
  EXPECT_TRUE(remove_tree(home / "tree"));            // not there
  EXPECT_TRUE(remove_tree(home / "outside/kept/x"));  // nor can it be
  std::filesystem::create_directory_symlink("outside", home / "link");
  ASSERT_TRUE(remove_tree(home.path() / "link/"));  // the link, not what it leads to
  EXPECT_FALSE(std::filesystem::is_symlink(home / "link"));
  EXPECT_EQ(contents(home / "outside/kept"), "kept");
  ASSERT_TRUE(remove_tree(home / "outside/kept"));  // a file
  EXPECT_EQ(entries(home / "outside"), 0u);
}

TEST(Files, RemovesAWideTree) {
  const TemporaryDirectory home;
  for (int i = 0; i < 100; ++i)
    for (int j = 0; j < 5; ++j) put(home / "tree" / std::to_string(i) / std::to_string(j), "x");
  ASSERT_TRUE(remove_tree(home / "tree"));
  EXPECT_EQ(entries(home.path()), 0u);
}

TEST(Files, RemovesTenThousandLevels) {
  // In memory where that is possible: a disk may take a millisecond for each directory.
  const TemporaryDirectory home("buildspec-run-test-",
                                ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "");
  ASSERT_EQ(::mkdir((home / "tree").c_str(), 0700), 0);
  int here = ::open((home / "tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int level = 0; level < 10'000; ++level) {
    ASSERT_EQ(::mkdirat(here, "directory", 0700), 0);
    // Something beside the way down, so that going back up does not just find empty directories.
    if (level % 100 == 0) {
      ASSERT_EQ(::mkdirat(here, "aside", 0700), 0);
      ASSERT_EQ(::mkdirat(here, "aside/below", 0700), 0);
    }
    const int next = ::openat(here, "directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(next, 0);
    ::close(here);
    here = next;
  }
  ::close(here);
  const Result<void> removed = remove_tree(home / "tree");
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(entries(home.path()), 0u);
}

TEST(Files, RemovesWhatHasLostItsPermissions) {
  const TemporaryDirectory home;
  EXPECT_EQ(
      as_ordinary_user(home.path(),
                       [&] {
                         put(home / "tree/locked/inner/f", "x");
                         put(home / "tree/unreadable/f", "x");
                         put(home / "tree/readonly/f", "x");
                         std::filesystem::create_directories(home / "tree/empty");
                         ::chmod((home / "tree/locked/inner").c_str(), 0);
                         ::chmod((home / "tree/locked").c_str(), 0);
                         ::chmod((home / "tree/unreadable").c_str(), 0300);
                         ::chmod((home / "tree/readonly").c_str(), 0500);
                         ::chmod((home / "tree/empty").c_str(), 0);
                         ::chmod((home / "tree").c_str(), 0500);
                         if (std::filesystem::exists(home / "tree/none")) return 1;
                         return remove_tree(home / "tree") && !std::filesystem::exists(home / "tree") ? 0 : 2;
                       }),
      0);
}

TEST(Files, RemovesAsMuchAsItCanAndSaysWhatStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
  const TemporaryDirectory home;
  put(home / "elsewhere/kept", "kept");
  put(home / "tree/a/f", "x");
  put(home / "tree/z/f", "x");
  std::filesystem::create_directories(home / "tree/m/tmpfs");
  std::filesystem::create_directories(home / "tree/m/bind");
  if (::mount("none", (home / "tree/m/tmpfs").c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "may not mount";
  ASSERT_EQ(::mount((home / "elsewhere").c_str(), (home / "tree/m/bind").c_str(), nullptr, MS_BIND, nullptr),
            0);
  put(home / "tree/m/tmpfs/f", "kept");
  const Result<void> removed = remove_tree(home / "tree");
  ASSERT_FALSE(removed);
  EXPECT_TRUE(removed.error().message.ends_with(": it is a mount point")) << removed.error().message;
  EXPECT_EQ(entries(home / "tree"), 1u);
  EXPECT_EQ(contents(home / "tree/m/tmpfs/f"), "kept");
  EXPECT_EQ(contents(home / "elsewhere/kept"), "kept");
  ::umount((home / "tree/m/tmpfs").c_str());
  ::umount((home / "tree/m/bind").c_str());
  EXPECT_TRUE(remove_tree(home / "tree"));
  EXPECT_EQ(contents(home / "elsewhere/kept"), "kept");
}

TEST(Files, TwoMayRemoveTheSameTree) {
  const TemporaryDirectory home;
  for (int i = 0; i < 300; ++i) put(home / "tree" / std::to_string(i % 20) / std::to_string(i), "x");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_TRUE(remove_tree(home / "tree")); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entries(home.path()), 0u);
}

TEST(Files, FindsProgramsAsExecvpDoes) {
  const TemporaryDirectory home;
  for (const char* name : {"one/tool", "two/tool", "two/only", "plain/tool", "here"})
    put(home / name, "#!/bin/sh\n");
  for (const char* name : {"one/tool", "two/tool", "two/only", "here"}) ::chmod((home / name).c_str(), 0755);
  ::chmod((home / "plain/tool").c_str(), 0644);
  std::filesystem::create_directories(home / "dir/tool");
  const std::string base = home.path().native();
  struct Case {
    std::string program, path, want;
  };
  const Case cases[] = {
      {"tool", base + "/one:" + base + "/two", base + "/one/tool"},
      {"tool", base + "/two:" + base + "/one", base + "/two/tool"},
      {"tool", "one", base + "/one/tool"},  // relative: from cwd
      {"here", "", base + "/here"},         // an empty part is cwd
      {"here", base + "/one::" + base + "/two", base + "/here"},
      {"here", base + "/one:", base + "/here"},
      {"tool", base + "/plain:" + base + "/dir:" + base + "/two",
       base + "/two/tool"},  // neither is a program
      {"only", base + "/one:/no/such:" + base + "/two", base + "/two/only"},
      {"absent", base + "/one:" + base + "/two", ""},
      {"./tool", base + "/one", "./tool"},
      {"/no/such", base + "/one", "/no/such"},
      {"", base + "/one", ""},
  };
  for (const auto& [program, path, want] : cases)
    EXPECT_EQ(find_program(program, path, home.path()), want) << program << " in " << path;
}

TEST(Files, AppendsInParts) {
  const TemporaryDirectory home;
  const Umask umask(0777);
  {
    Result<AppendFile> file = AppendFile::open(home / "f", 0640);
    ASSERT_TRUE(file);
    EXPECT_EQ(mode_of(home / "f"), 0640u);
    ASSERT_TRUE(file->write("one "));
    std::vector<std::string_view> parts(40, "ab");  // more than one system call takes
    parts[7] = "";
    parts.back() = "";
    std::uint64_t written = 0;
    ASSERT_TRUE(file->write(parts, &written));
    EXPECT_EQ(written, 76u);
    ASSERT_TRUE(file->write(std::span<const std::string_view>()));
    ASSERT_TRUE(file->cut(8));
    ASSERT_TRUE(file->write("|"));
  }
  Result<AppendFile> again = AppendFile::open(home / "f", 0600);
  ASSERT_TRUE(again);
  AppendFile moved = std::move(*again);
  ASSERT_TRUE(moved.write("two"));
  EXPECT_EQ(contents(home / "f"), "one abab|two");
  EXPECT_EQ(mode_of(home / "f"), 0640u);
  EXPECT_EQ(AppendFile::open(home / "no/f").error().code.value(), ENOENT);
}

TEST(Files, AppendingWithoutRoomLeavesWhatWasWritten) {
  const TemporaryDirectory home;
  EXPECT_EQ(
      as_ordinary_user(home.path(),
                       [&] {
                         ::signal(SIGXFSZ, SIG_IGN);
                         const rlimit limit = {10, 10};
                         Result<AppendFile> file = AppendFile::open(home / "f");
                         if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || !file || !file->write("12345678"))
                           return 1;
                         const Result<void> written = file->write("90abc");
                         if (written || written.error().code.value() != EFBIG) return 2;
                         return contents(home / "f") == "1234567890" ? 0 : 3;
                       }),
      0);
}

TEST(Files, ALockHasOneHolder) {
  const TemporaryDirectory home;
  EXPECT_EQ(FileLock::take_existing(home / "lock").error().code.value(), ENOENT);
  {
    Result<std::optional<FileLock>> first = FileLock::take(home / "lock");
    ASSERT_TRUE(first && first->has_value());
    Result<std::optional<FileLock>> second = FileLock::take_existing(home / "lock");
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->has_value());
    const FileLock moved = std::move(**first);
    EXPECT_FALSE(FileLock::take(home / "lock")->has_value());
  }
  EXPECT_TRUE(FileLock::take(home / "lock")->has_value());
  EXPECT_EQ(mode_of(home / "lock"), 0600u);
  // A holder that is killed lets go.
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = FileLock::take(home / "lock");
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(FileLock::take(home / "lock")->has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::take(home / "lock")->has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

#ifdef F_SETLEASE
TEST(TakeOverFile, MakesAnEmptyFileOfOneThatNobodyNeeds) {
  const TemporaryDirectory directory;
  const Path from = directory / "from", to = directory / "to";
  put(from, "text");
  ::chmod(from.c_str(), 0400);
  const ino_t inode = inode_of(from);
  ASSERT_TRUE(take_over_file(from, to));
  EXPECT_EQ(inode_of(to), inode);
  EXPECT_EQ(contents(to), "");
  EXPECT_EQ(mode_of(to), 0600u);
  EXPECT_FALSE(std::filesystem::exists(from));
}

TEST(TakeOverFile, LeavesWhatSomebodyMayStillWriteTo) {
  const TemporaryDirectory directory;
  const Path from = directory / "from", to = directory / "to", other = directory / "other";
  const auto refused = [&](const char* what) {
    SCOPED_TRACE(what);
    EXPECT_FALSE(take_over_file(from, to));
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(to)));
    std::filesystem::remove_all(from);
  };
  refused("nothing");
  for (const int flags : {O_RDONLY, O_WRONLY | O_APPEND}) {
    put(from, "");
    const int descriptor = ::open(from.c_str(), flags);
    refused("open elsewhere");
    ::close(descriptor);
  }
  put(from, "");
  std::filesystem::create_hard_link(from, other);
  refused("a second name");
  put(other, "kept");
  std::filesystem::create_symlink(other, from);
  refused("a link");
  EXPECT_EQ(contents(other), "kept");
  std::filesystem::create_directory(from);
  refused("a directory");
  ASSERT_EQ(::mkfifo(from.c_str(), 0600), 0);
  refused("a pipe");
}
#endif

}  // namespace
}  // namespace buildspec_run
