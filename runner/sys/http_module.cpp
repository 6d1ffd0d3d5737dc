// HTTP by libcurl. A shared module of its own, as libcurl brings thirty libraries with it.

#include "runner/sys/http_module.h"

#include <curl/curl.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "runner/base/handle.h"

namespace {

using buildspec_run::Handle;
using Easy = Handle<CURL, curl_easy_cleanup>;
using Multi = Handle<CURLM, curl_multi_cleanup>;
using Headers = Handle<curl_slist, curl_slist_free_all>;

/// One transfer at a time; its connections stay open from one to the next.
struct Client {
  Multi multi;
  Easy easy;  // after multi, so that it goes first
};

bool start() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

void free_client(void* client) { delete static_cast<Client*>(client); }

void* make() {
  if (!start()) return nullptr;
  auto client = std::make_unique<Client>();
  client->multi.reset(curl_multi_init());
  client->easy.reset(curl_easy_init());
  if (!client->multi || !client->easy) return nullptr;
  return client.release();
}

const BuildspecRunHttpGet& request_of(void* context) {
  return *static_cast<const BuildspecRunHttpGet*>(context);
}

size_t on_header(char* line, size_t, size_t length, void* context) {
  request_of(context).on_header(request_of(context).context, line, length);
  return length;
}

size_t on_body(char* bytes, size_t, size_t length, void* context) {
  if (request_of(context).on_body(request_of(context).context, bytes, length) == 0)
    return CURL_WRITEFUNC_ERROR;
  return length;
}

const char* or_default(const char* text) { return *text == '\0' ? nullptr : text; }

/// Whether the transfer has ended, and how.
CURLcode perform(Client& client, const BuildspecRunHttpGet& get, bool& stopped) {
  for (;;) {
    int running = 0;
    if (curl_multi_perform(client.multi.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
    if (running == 0) {
      int left = 0;
      const CURLMsg* message = curl_multi_info_read(client.multi.get(), &left);
      return message != nullptr && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
    }
    if (get.is_stopped(get.context) != 0) {
      stopped = true;
      return CURLE_ABORTED_BY_CALLBACK;
    }
    curl_multi_poll(client.multi.get(), nullptr, 0, 100, nullptr);
  }
}

BuildspecRunHttpEnd get_url(void* state, const BuildspecRunHttpGet* get, BuildspecRunHttpAnswer* answer) {
  Client& client = *static_cast<Client*>(state);
  CURL* easy = client.easy.get();
  *answer = {};
  curl_slist* list = nullptr;
  for (size_t i = 0; i < get->header_count; ++i)
    if (curl_slist* longer = curl_slist_append(list, get->headers[i])) list = longer;
  const Headers headers(list);
  char error[CURL_ERROR_SIZE] = "";

  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, get->user_agent);
  curl_easy_setopt(easy, CURLOPT_PROXY, get->proxy);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, get->no_proxy);
  if (or_default(get->ca_file) != nullptr) curl_easy_setopt(easy, CURLOPT_CAINFO, get->ca_file);
  if (or_default(get->ca_directory) != nullptr) curl_easy_setopt(easy, CURLOPT_CAPATH, get->ca_directory);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(get->connect_timeout_ms));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(get->timeout_ms));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, get);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, get->url);

  bool stopped = false;
  if (code == CURLE_OK) {
    if (curl_multi_add_handle(client.multi.get(), easy) != CURLM_OK)
      code = CURLE_FAILED_INIT;
    else
      code = perform(client, *get, stopped);
    curl_multi_remove_handle(client.multi.get(), easy);
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer->status = static_cast<int>(status);
  const char* redirect = nullptr;
  curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
  if (redirect != nullptr && std::strlen(redirect) < sizeof answer->redirect)
    std::strcpy(answer->redirect, redirect);
  if (code == CURLE_OK) return BUILDSPEC_RUN_HTTP_DONE;
  std::snprintf(answer->error, sizeof answer->error, "%s",
                error[0] != '\0' ? error : curl_easy_strerror(code));
  if (stopped || code == CURLE_WRITE_ERROR) return BUILDSPEC_RUN_HTTP_STOPPED;
  return code == CURLE_OPERATION_TIMEDOUT ? BUILDSPEC_RUN_HTTP_TIMED_OUT : BUILDSPEC_RUN_HTTP_FAILED;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const BuildspecRunHttp buildspec_run_http_1;
const BuildspecRunHttp buildspec_run_http_1 = {make, get_url, free_client};
