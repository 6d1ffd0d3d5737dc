// Fetching, by libgit2: http, https, ssh, git, file. Before 1.7 libgit2 waits for a server for ever, and never asks whether
// it may stop; so its sockets are made here, and a thread beside each operation closes them when it is stopped, or when
// nothing has come for too long.

#include <fcntl.h>
#include <git2.h>
#include <git2/sys/stream.h>
#if __has_include(<git2/sys/errors.h>)  // where newer versions have git_error_set_str
#include <git2/sys/errors.h>
#endif
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "runner/base/handle.h"
#include "runner/sys/git_module.h"
#include "runner/sys/git_start.h"

// What libgit2 allocates in the scope of one of these is none of LeakSanitizer's business: 1.5 forgets, for each setting of
// git that a pattern does not match, what PCRE2 matched it with. (Its frames cannot be named in a suppression: without
// frame pointers the stack ends in PCRE2, which is used elsewhere.)
#ifdef BUILDSPEC_RUN_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
using LeaksOfLibgit2 = __lsan::ScopedDisabler;
#else
struct LeaksOfLibgit2 {};
#endif

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;
using Repository = Handle<git_repository, git_repository_free>;
using Remote = Handle<git_remote, git_remote_free>;
using Object = Handle<git_object, git_object_free>;
using Commit = Handle<git_commit, git_commit_free>;
using Tree = Handle<git_tree, git_tree_free>;
using Blob = Handle<git_blob, git_blob_free>;

/// One `list` or `fetch`, watched by a thread of its own.
class Operation {
 public:
  explicit Operation(const BuildspecRunGitRemote& remote) : remote_(remote) {
    current() = this;
    watcher_ = std::jthread([this](const std::stop_token& over) { watch(over); });
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() {
    watcher_.request_stop();
    current() = nullptr;
  }

  /// The operation of this thread: libgit2 does not hand ours to those who make sockets.
  static Operation*& current() {
    static thread_local Operation* operation = nullptr;
    return operation;
  }

  const BuildspecRunGitRemote& remote() const { return remote_; }
  void moved() { moved_at_ = Clock::now().time_since_epoch().count(); }
  bool stopped() const { return end_ != BUILDSPEC_RUN_GIT_DONE; }
  /// Why it was stopped; DONE when it was not.
  BuildspecRunGitEnd end() const { return end_; }

  void opened(int socket) {
    const std::lock_guard guard(mutex_);
    socket_ = socket;
    if (stopped()) ::shutdown(socket, SHUT_RDWR);
  }
  void close(int socket) {
    const std::lock_guard guard(mutex_);
    if (socket_ == socket) socket_ = -1;
    ::close(socket);
  }

  // What the callbacks of libgit2 need to remember.
  int passwords_asked = 0, keys_asked = 0;
  bool refused = false;  // there is no such host, or nobody listens there

 private:
  void watch(const std::stop_token& over) {
    std::mutex unused;
    std::unique_lock lock(unused);
    std::condition_variable_any tick;
    while (!over.stop_requested()) {
      tick.wait_for(lock, over, std::chrono::milliseconds(100), [] { return false; });
      if (over.stop_requested()) return;
      const auto still = Clock::now() - Clock::time_point(Clock::duration(moved_at_.load()));
      if (remote_.is_stopped(remote_.context) != 0)
        end(BUILDSPEC_RUN_GIT_STOPPED);
      else if (still > std::chrono::milliseconds(remote_.stall_timeout_ms))
        end(BUILDSPEC_RUN_GIT_TIMED_OUT);
    }
  }
  void end(BuildspecRunGitEnd why) {
    const std::lock_guard guard(mutex_);
    if (stopped()) return;
    end_ = why;
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  }

  const BuildspecRunGitRemote& remote_;
  std::atomic<Clock::rep> moved_at_ = Clock::now().time_since_epoch().count();
  std::atomic<BuildspecRunGitEnd> end_ = BUILDSPEC_RUN_GIT_DONE;
  std::mutex mutex_;
  int socket_ = -1;
  std::jthread watcher_;
};

// --- sockets ---------------------------------------------------------------------------------------------------------

/// As libgit2's own git_socket_stream begins: its ssh transport takes the descriptor from there.
struct Socket {
  git_stream parent;
  char* host;
  char* port;
  int descriptor;
  Operation* operation;
};

Socket& socket_of(git_stream* stream) { return *reinterpret_cast<Socket*>(stream); }

int net_error(const std::string& message) {
  git_error_set_str(GIT_ERROR_NET, message.c_str());
  return -1;
}

/// Waits until a connection is made or refused. Returns errno, 0 for made.
int finish_connecting(int descriptor, const Operation* operation, std::int64_t timeout_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (operation != nullptr && operation->stopped()) return ECANCELED;
    if (Clock::now() > deadline) return ETIMEDOUT;
    pollfd ready{descriptor, POLLOUT, 0};
    const int count = ::poll(&ready, 1, 100);
    if (count < 0 && errno != EINTR) return errno;
    if (count <= 0) continue;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

int connect_socket(git_stream* stream) {
  Socket& self = socket_of(stream);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(self.host, self.port, &hints, &found)) {
    // Without a name server that answers, the next one may.
    if (self.operation != nullptr)
      self.operation->refused = failed != EAI_AGAIN && failed != EAI_SYSTEM && failed != EAI_MEMORY;
    return net_error(std::string("resolve ") + self.host + ": " + ::gai_strerror(failed));
  }
  const Handle<addrinfo, ::freeaddrinfo> addresses(found);
  const std::int64_t timeout_ms =
      self.operation == nullptr ? 30'000 : self.operation->remote().connect_timeout_ms;
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int descriptor = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                    address->ai_protocol);
    if (descriptor < 0) {
      error = errno;
      continue;
    }
    error = ::connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = finish_connecting(descriptor, self.operation, timeout_ms);
    if (error == 0) {
      ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
      self.descriptor = descriptor;
      if (self.operation != nullptr) {
        self.operation->opened(descriptor);
        self.operation->moved();
      }
      return 0;
    }
    ::close(descriptor);
  }
  if (self.operation != nullptr) self.operation->refused = error == ECONNREFUSED;
  return net_error(std::string("connect to ") + self.host + ": " + std::strerror(error));
}

ssize_t read_socket(git_stream* stream, void* bytes, size_t size) {
  Socket& self = socket_of(stream);
  for (;;) {
    const ssize_t got = ::recv(self.descriptor, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return net_error(std::string("read from ") + self.host + ": " + std::strerror(errno));
    if (self.operation != nullptr) self.operation->moved();
    return got;
  }
}

ssize_t write_socket(git_stream* stream, const char* bytes, size_t size, int) {
  Socket& self = socket_of(stream);
  for (;;) {
    const ssize_t written = ::send(self.descriptor, bytes, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return net_error(std::string("write to ") + self.host + ": " + std::strerror(errno));
    if (self.operation != nullptr) self.operation->moved();
    return written;
  }
}

int close_socket(git_stream* stream) {
  Socket& self = socket_of(stream);
  if (self.descriptor < 0) return 0;
  if (self.operation != nullptr)
    self.operation->close(self.descriptor);
  else
    ::close(self.descriptor);
  self.descriptor = -1;
  return 0;
}

void free_socket(git_stream* stream) {
  Socket& self = socket_of(stream);
  close_socket(stream);
  std::free(self.host);
  std::free(self.port);
  delete &self;
}

int make_socket(git_stream** out, const char* host, const char* port) {
  auto* made = new Socket{};
  made->parent.version = GIT_STREAM_VERSION;
  made->parent.connect = connect_socket;
  made->parent.read = read_socket;
  made->parent.write = write_socket;
  made->parent.close = close_socket;
  made->parent.free = free_socket;
  made->host = ::strdup(host);
  made->port = ::strdup(port);
  made->descriptor = -1;
  made->operation = Operation::current();
  *out = &made->parent;
  return 0;
}

// --- callbacks -------------------------------------------------------------------------------------------------------

int give_credential(git_credential** out, const char*, const char* user_of_url, unsigned int allowed,
                    void* payload) {
  Operation& operation = *static_cast<Operation*>(payload);
  const BuildspecRunGitRemote& remote = operation.remote();
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && *remote.password != '\0' &&
      operation.passwords_asked++ == 0)
    return git_credential_userpass_plaintext_new(out, remote.user, remote.password);
  const char* user = user_of_url != nullptr ? user_of_url : "git";
  if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) return git_credential_username_new(out, user);
  if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0) {
    for (;;) {
      const int asked = operation.keys_asked++;
      if (asked == 0) {
        // Where there is none, libgit2 would give up rather than ask for another key.
        if (remote.ssh_agent != 0 && git_credential_ssh_key_from_agent(out, user) == 0) return 0;
        continue;
      }
      constexpr const char* kKeys[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
      if (asked > 3) break;
      const std::string key = std::string(remote.home) + "/.ssh/" + kKeys[asked - 1];
      if (::access(key.c_str(), R_OK) == 0)
        return git_credential_ssh_key_new(out, user, (key + ".pub").c_str(), key.c_str(), "");
    }
  }
  git_error_set_str(GIT_ERROR_NET, "the server asks who we are, and takes no answer we have");
  return GIT_EAUTH;
}

int on_transfer(const git_indexer_progress* progress, void* payload) {
  Operation& operation = *static_cast<Operation*>(payload);
  operation.moved();
  const BuildspecRunGitRemote& remote = operation.remote();
  remote.on_progress(remote.context, progress->received_objects, progress->total_objects,
                     progress->received_bytes);
  return operation.stopped() ? -1 : 0;
}

int on_sideband(const char*, int, void* payload) {
  Operation& operation = *static_cast<Operation*>(payload);
  operation.moved();
  return operation.stopped() ? -1 : 0;
}

git_remote_callbacks callbacks_of(Operation& operation) {
  git_remote_callbacks callbacks = GIT_REMOTE_CALLBACKS_INIT;
  callbacks.credentials = give_credential;
  callbacks.transfer_progress = on_transfer;
  callbacks.sideband_progress = on_sideband;
  callbacks.payload = &operation;
  return callbacks;
}

git_proxy_options proxy_of(const BuildspecRunGitRemote& remote) {
  git_proxy_options proxy = GIT_PROXY_OPTIONS_INIT;
  proxy.type = *remote.proxy == '\0' ? GIT_PROXY_NONE : GIT_PROXY_SPECIFIED;
  proxy.url = *remote.proxy == '\0' ? nullptr : remote.proxy;
  return proxy;
}

// --- the functions of the table --------------------------------------------------------------------------------------

BuildspecRunGitEnd failed(const std::string& why, char* error, size_t size, BuildspecRunGitEnd end) {
  std::snprintf(error, size, "%s", why.c_str());
  return end;
}

/// Everything that must be there before libgit2 may talk to `remote`. Empty, or what was in the way.
std::string prepare(const BuildspecRunGitRemote& remote) {
  if (!start_libgit2()) return "start libgit2: " + last_git_error();
  static const int registered = [] {
    git_stream_registration sockets{};
    sockets.version = GIT_STREAM_VERSION;
    sockets.init = make_socket;
    return git_stream_register(GIT_STREAM_STANDARD, &sockets);
  }();
  if (registered < 0) return "start libgit2: " + last_git_error();
  const std::string_view url = remote.url;
  if (url.starts_with("https://")) return prepare_https(remote.ca_file, remote.ca_directory);
  const bool has_scheme = url.find("://") != std::string_view::npos;
  const bool is_ssh = url.starts_with("ssh://") || url.starts_with("git+ssh://") ||
                      url.starts_with("ssh+git://") ||
                      (!has_scheme && url.substr(0, url.find('/')).find(':') != std::string_view::npos);
  return is_ssh ? prepare_ssh(remote.home) : std::string();
}

/// Why the last call of libgit2 within `operation` failed.
BuildspecRunGitEnd why_failed(int code, const Operation& operation, char* error, size_t size) {
  if (operation.end() == BUILDSPEC_RUN_GIT_TIMED_OUT)
    return failed("nothing has come for too long", error, size, operation.end());
  if (operation.stopped()) return failed("stopped", error, size, operation.end());
  const std::string why = last_git_error();
  // What a server answers libgit2 has no codes for.
  constexpr std::string_view kStatus = "unexpected http status code: ";
  const std::size_t at = why.find(kStatus);
  const int status = at == std::string::npos ? 0 : std::atoi(why.c_str() + at + kStatus.size());
  if (code == GIT_ENOTFOUND || status == 404 || status == 410)
    return failed(why, error, size, BUILDSPEC_RUN_GIT_NOT_FOUND);
  const bool refused = operation.refused || code == GIT_EAUTH || code == GIT_ECERTIFICATE ||
                       code == GIT_EINVALIDSPEC ||
                       (status >= 400 && status < 500 && status != 408 && status != 429);
  return failed(why, error, size, refused ? BUILDSPEC_RUN_GIT_REFUSED : BUILDSPEC_RUN_GIT_FAILED);
}

BuildspecRunGitEnd list(const BuildspecRunGitRemote* from, void (*say)(void*, const char*, const char*),
                        void* context, char* error, size_t size) {
  git_remote* raw = nullptr;
  {
    [[maybe_unused]] const LeaksOfLibgit2 forgotten;
    if (const std::string why = prepare(*from); !why.empty())
      return failed(why, error, size, BUILDSPEC_RUN_GIT_FAILED);
    if (const int code = git_remote_create_detached(&raw, from->url); code < 0)
      return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  }
  Operation operation(*from);
  const Remote remote(raw);
  const git_remote_callbacks callbacks = callbacks_of(operation);
  const git_proxy_options proxy = proxy_of(*from);
  const git_remote_head** heads = nullptr;
  size_t count = 0;
  int code = 0;
  {
    [[maybe_unused]] const LeaksOfLibgit2 forgotten;
    code = git_remote_connect(remote.get(), GIT_DIRECTION_FETCH, &callbacks, &proxy, nullptr);
    if (code == 0) code = git_remote_ls(&heads, &count, remote.get());
  }
  if (code < 0) return why_failed(code, operation, error, size);
  for (size_t i = 0; i < count; ++i) {
    char id[GIT_OID_HEXSZ + 1];
    say(context, heads[i]->name, git_oid_tostr(id, sizeof id, &heads[i]->oid));
  }
  git_remote_disconnect(remote.get());
  return BUILDSPEC_RUN_GIT_DONE;
}

/// A new repository in the empty `directory`, and where it is fetched from: without a name, so that no credentials of its URL
/// are written down. Empty, or what was in the way.
std::string begin_repository(const BuildspecRunGitRemote& from, const char* directory, bool is_bare,
                             Repository& repository, Remote& remote) {
  if (std::string why = prepare(from); !why.empty()) return why;
  git_repository* raw_repository = nullptr;
  if (git_repository_init(&raw_repository, directory, is_bare ? 1 : 0) < 0) return last_git_error();
  repository.reset(raw_repository);
  git_remote* raw = nullptr;
  if (git_remote_create_anonymous(&raw, raw_repository, from.url) < 0) return last_git_error();
  remote.reset(raw);
  return {};
}

/// For what the refspecs name alone.
git_fetch_options fetch_options(Operation& operation) {
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.callbacks = callbacks_of(operation);
  options.proxy_opts = proxy_of(operation.remote());
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.update_fetchhead = 0;
  return options;
}

BuildspecRunGitEnd fetch(const BuildspecRunGitRemote* from, const char* source, const char* directory,
                         char* error, size_t size) {
  [[maybe_unused]] const LeaksOfLibgit2 forgotten;
  Operation operation(*from);  // outlives the remote, whose socket it knows
  Repository repository;
  Remote remote;
  if (const std::string why = begin_repository(*from, directory, true, repository, remote); !why.empty())
    return failed(why, error, size, BUILDSPEC_RUN_GIT_FAILED);
  git_fetch_options options = fetch_options(operation);
  const bool is_pattern = std::string_view(source).find('*') != std::string_view::npos;
#if LIBGIT2_VER_MAJOR > 1 || LIBGIT2_VER_MINOR >= 7
  // Not from a file system: libgit2's own transport for it cannot. Nor everything: what is looked for may lie behind.
  const std::string_view url = from->url;
  if (url.find("://") != std::string_view::npos && !url.starts_with("file:") && !is_pattern)
    options.depth = 1;
#endif
  // A pattern, "refs/*", keeps its names.
  const std::string target = is_pattern ? source : "refs/heads/fetched";
  std::string refspec = std::string("+") + source + ":" + target;
  char* one = refspec.data();
  const git_strarray refspecs{&one, 1};
  if (const int code = git_remote_fetch(remote.get(), &refspecs, &options, nullptr); code < 0)
    return why_failed(code, operation, error, size);
  return BUILDSPEC_RUN_GIT_DONE;
}

/// Whether git would leave `path` out of an archive of `commit`.
bool is_left_out(git_repository* repository, const git_oid& commit, const std::string& path) {
  git_attr_options options = GIT_ATTR_OPTIONS_INIT;
  options.flags = GIT_ATTR_CHECK_NO_SYSTEM | GIT_ATTR_CHECK_INCLUDE_COMMIT;
  options.attr_commit_id = commit;
  const char* value = nullptr;
  if (git_attr_get_ext(&value, repository, &options, path.c_str(), "export-ignore") < 0) return false;
  return git_attr_value(value) == GIT_ATTR_VALUE_TRUE;
}

/// What `export_tree` carries down.
struct Export {
  git_repository* repository;
  git_oid commit;
  const BuildspecRunGitTree& to;
  bool has_attributes = false;  // a .gitattributes is in one of the trees
};

constexpr int kDepth = 200;

/// 0; -1: libgit2 has said why; 1: the receiver could not.
int export_tree_at(Export& run, const git_tree* tree, const std::string& above, int depth) {
  if (depth > kDepth) return net_error("the tree is more than 200 directories deep");
  const size_t count = git_tree_entrycount(tree);
  if (git_tree_entry_byname(tree, ".gitattributes") != nullptr) run.has_attributes = true;
  for (size_t i = 0; i < count; ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
    const std::string path = above + git_tree_entry_name(entry);
    if (run.has_attributes && is_left_out(run.repository, run.commit, path)) continue;
    const git_filemode_t mode = git_tree_entry_filemode(entry);
    if (mode == GIT_FILEMODE_TREE) {
      git_tree* raw = nullptr;
      if (git_tree_lookup(&raw, run.repository, git_tree_entry_id(entry)) < 0) return -1;
      const Tree below(raw);
      if (const int code = export_tree_at(run, below.get(), path + "/", depth + 1)) return code;
      continue;
    }
    if (mode == GIT_FILEMODE_COMMIT) {  // a submodule: an empty directory, as in an archive
      if (run.to.on_directory(run.to.context, path.c_str()) == 0) return 1;
      continue;
    }
    git_blob* raw = nullptr;
    if (git_blob_lookup(&raw, run.repository, git_tree_entry_id(entry)) < 0) return -1;
    const Blob blob(raw);
    const void* bytes = git_blob_rawcontent(blob.get());
    const auto size = static_cast<size_t>(git_blob_rawsize(blob.get()));
    const int taken =
        mode == GIT_FILEMODE_LINK
            ? run.to.on_link(run.to.context, path.c_str(), static_cast<const char*>(bytes), size)
            : run.to.on_file(run.to.context, path.c_str(), mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 1 : 0,
                             bytes, size);
    if (taken == 0) return 1;
  }
  return 0;
}

BuildspecRunGitEnd export_tree(const char* directory, const char* commit, const BuildspecRunGitTree* to,
                               char* error, size_t size) {
  if (!start_libgit2())
    return failed("start libgit2: " + last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  git_repository* raw_repository = nullptr;
  if (git_repository_open_ext(&raw_repository, directory, GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr) < 0)
    return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  const Repository repository(raw_repository);
  git_oid id;
  git_commit* raw_commit = nullptr;
  if (git_oid_fromstr(&id, commit) < 0 || git_commit_lookup(&raw_commit, repository.get(), &id) < 0)
    return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_NOT_FOUND);
  const Commit found(raw_commit);
  git_tree* raw_tree = nullptr;
  if (git_commit_tree(&raw_tree, found.get()) < 0)
    return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  const Tree tree(raw_tree);
  Export run{repository.get(), id, *to};
  if (const int code = export_tree_at(run, tree.get(), "", 0))
    return failed(code < 0 ? last_git_error() : "", error, size, BUILDSPEC_RUN_GIT_FAILED);
  return BUILDSPEC_RUN_GIT_DONE;
}

/// The name of the branch that the remote has checked out, "main"; empty when it says none.
std::string default_branch(git_remote* remote) {
  git_buf name = GIT_BUF_INIT_CONST(nullptr, 0);
  if (git_remote_default_branch(&name, remote) < 0) return {};
  const std::string_view whole(name.ptr, name.size);
  constexpr std::string_view kHeads = "refs/heads/";
  std::string branch(whole.starts_with(kHeads) ? whole.substr(kHeads.size()) : std::string_view());
  git_buf_dispose(&name);
  return branch;
}

/// What `version` names; nullptr: nothing. `branch` becomes its name when it is a branch of the remote.
Object find_version(git_repository* repository, const std::string& version, std::string& branch) {
  git_object* raw = nullptr;
  if (git_revparse_single(&raw, repository, ("refs/remotes/origin/" + version).c_str()) == 0) {
    branch = version;
    return Object(raw);
  }
  if (git_revparse_single(&raw, repository, ("refs/tags/" + version).c_str()) == 0) return Object(raw);
  const bool is_id =
      version.size() >= 7 && version.find_first_not_of("0123456789abcdefABCDEF") == version.npos;
  if (is_id && git_revparse_single(&raw, repository, version.c_str()) == 0) return Object(raw);
  return Object();
}

BuildspecRunGitEnd clone(const BuildspecRunGitRemote* from, const char* shown_url, const char* version,
                         const char* directory, char commit[41], char* error, size_t size) {
  [[maybe_unused]] const LeaksOfLibgit2 forgotten;
  Operation operation(*from);  // outlives the remote, whose socket it knows
  Repository repository;
  Remote remote;
  if (const std::string why = begin_repository(*from, directory, false, repository, remote); !why.empty())
    return failed(why, error, size, BUILDSPEC_RUN_GIT_FAILED);
  git_remote* raw = nullptr;
  if (git_remote_create(&raw, repository.get(), "origin", shown_url) < 0)
    return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  git_remote_free(raw);
  const git_fetch_options options = fetch_options(operation);
  char heads[] = "+refs/heads/*:refs/remotes/origin/*", tags[] = "+refs/tags/*:refs/tags/*";
  char* both[] = {heads, tags};
  const git_strarray refspecs{both, 2};
  if (const int code = git_remote_fetch(remote.get(), &refspecs, &options, nullptr); code < 0)
    return why_failed(code, operation, error, size);
  std::string branch, wanted = version;
  if (wanted.empty()) wanted = default_branch(remote.get());
  const Object found = wanted.empty() ? Object() : find_version(repository.get(), wanted, branch);
  git_object* raw_commit = nullptr;
  if (found == nullptr || git_object_peel(&raw_commit, found.get(), GIT_OBJECT_COMMIT) < 0)
    return failed(wanted.empty() ? "it has no default branch" : "it has no version " + wanted, error, size,
                  BUILDSPEC_RUN_GIT_NOT_FOUND);
  const Object checked_out(raw_commit);
  git_checkout_options checkout = GIT_CHECKOUT_OPTIONS_INIT;
  checkout.checkout_strategy = GIT_CHECKOUT_FORCE;
  int code = git_checkout_tree(repository.get(), checked_out.get(), &checkout);
  if (code == 0 && !branch.empty()) {
    git_reference* made = nullptr;
    const std::string name = "refs/heads/" + branch;
    code = git_reference_create(&made, repository.get(), name.c_str(), git_object_id(checked_out.get()), 1,
                                nullptr);
    git_reference_free(made);
    if (code == 0) code = git_repository_set_head(repository.get(), name.c_str());
  } else if (code == 0) {
    code = git_repository_set_head_detached(repository.get(), git_object_id(checked_out.get()));
  }
  if (code < 0) return failed(last_git_error(), error, size, BUILDSPEC_RUN_GIT_FAILED);
  git_oid_tostr(commit, GIT_OID_HEXSZ + 1, git_object_id(checked_out.get()));
  return BUILDSPEC_RUN_GIT_DONE;
}

}  // namespace
}  // namespace buildspec_run

extern "C" __attribute__((visibility("default"))) const BuildspecRunGitFetch buildspec_run_git_fetch_4;
const BuildspecRunGitFetch buildspec_run_git_fetch_4 = {buildspec_run::list, buildspec_run::fetch,
                                                        buildspec_run::export_tree, buildspec_run::clone};
