// Cluster: what stands behind the double's API: objects with versions and a history for watches, a job controller, a garbage collector, a
// scheduler and a kubelet. All members but the constructor take the lock themselves; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace bourse::kubernetes::testing {

using nlohmann::json;

// An answer as HTTP gives it.
struct Response {
  int status = 200;
  json body;
  std::optional<std::string> text;  // instead of the body: logs
};
Response status_object(int code, const std::string& reason, const std::string& message);

struct Event {
  std::uint64_t version = 0;
  std::string type;  // ADDED, MODIFIED, DELETED
  json object;
};

// "pods", "default": empty namespace = all, or a resource without one.
struct Collection {
  std::string resource, name_space;
  std::map<std::string, std::string> labels;                        // label selector
  std::vector<std::pair<std::string, std::string>> fields_not;     // fieldSelector: path != value
};
bool selects(const Collection& which, const json& object);

// What runs containers. Called with the lock held; must not call back.
struct Runtime {
  struct Seen {
    bool running = true;
    int exit_code = 0;
    std::string reason;
    std::int64_t started = 0, finished = 0;  // seconds since 1970
  };
  std::function<bool(const json& pod, const json& secret)> start;  // false: it can't be started
  std::function<Seen(const std::string& uid)> look;
  std::function<void(const std::string& uid)> kill;
  std::function<std::string(const std::string& uid)> log;
};

class Cluster {
 public:
  // How the server behaves; tests change it at will, under the lock of `with`.
  struct Habits {
    int minor = 20;
    std::string token;                      // empty: asks for none
    std::set<std::string> forbidden;        // "patch jobs", "list pods", "list pods/all": 403
    std::map<std::string, int> broken;      // "create jobs": answers so once, before anything is done
    std::set<std::string> swallowed;        // "create jobs": does it and closes the connection, once
    std::size_t page = 0;                   // objects a page at most; 0 = what is asked for
    std::size_t history = 100'000;          // events that a watch can start from
    bool bookmarks = true;
    bool controller = true, kubelet = true; // whether step() runs them
  };
  explicit Cluster(std::function<std::int64_t()> now_s) : now_s_(std::move(now_s)) {}

  Habits habits;
  Runtime runtime;

  template <class Use>
  auto with(Use use) {
    const std::scoped_lock lock(mutex_);
    return use();
  }

  // The API's verbs. `name` empty where it is in the body or for a list.
  Response create(const std::string& resource, const std::string& name_space, json object);
  Response get(const std::string& resource, const std::string& name_space, const std::string& name);
  Response list(const Collection& which, std::size_t limit, const std::string& token);
  Response merge(const std::string& resource, const std::string& name_space, const std::string& name, const json& patch, bool status);
  Response remove(const std::string& resource, const std::string& name_space, const std::string& name, const json& options);
  Response log(const std::string& name_space, const std::string& pod, std::size_t limit);

  // Events after `version` that `which` selects, and the version up to which that is all; nothing: the version is too old.
  struct Since {
    std::vector<Event> events;
    std::uint64_t version = 0;
  };
  // One that is `open` already has lost nothing by a compaction.
  std::optional<Since> since(const Collection& which, std::uint64_t version, bool open);
  void wait(std::chrono::milliseconds most);  // for a change
  std::uint64_t version();
  // Forgets the history, as compaction does: older watches and continue tokens get 410.
  void compact();

  // Controllers, once. Programs call it again and again.
  void step();

  void add_node(const std::string& name, const json& allocatable, const json& labels = json::object(), const json& taints = json::array());
  // Merges into the status of a pod, as its kubelet would.
  void set_pod_status(const std::string& name_space, const std::string& name, const json& status);
  std::vector<json> all(const std::string& resource);

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  friend class Controllers;

  json* find(const std::string& resource, const Key& key);
  void put(const std::string& resource, json object, const char* type);
  void drop(const std::string& resource, const Key& key);
  void collect(const std::string& uid);  // what this uid owned
  void begin_removal(const std::string& resource, const Key& key);
  std::string stamp() const;

  std::function<std::int64_t()> now_s_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t version_ = 100, uids_ = 0, oldest_ = 100;
  std::map<std::string, std::map<Key, json>> objects_;  // by resource
  std::map<std::string, std::deque<Event>> history_;
};

// RFC 3339 of seconds since 1970.
std::string rfc3339(std::int64_t seconds);

}  // namespace bourse::kubernetes::testing
