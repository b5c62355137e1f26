// Lists in pages, watches with bookmarks, versions that are too old, and each habit of the double that these rest on.
#include "connectors/kubernetes/listing.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

#include "connectors/kubernetes/double_fixture_test.h"

namespace bourse::kubernetes {
namespace {

using nlohmann::json;

class ListingTest : public DoubleTest {
 protected:
  void SetUp() override {
    client_ = std::move(*ApiClient::open(open_access({.address = server_.address()}).value(), {}, clock_));
    client_->begin(minutes(5));
  }
  void add(const std::string& name) {
    const auto made = cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}}}});
    ASSERT_EQ(made.status, 201);
  }
  Listing listing(Listing::Limits limits = {}) {
    return {"/api/v1/namespaces/market/secrets",
            {.there = [this](const json& o) { there_.insert(o["metadata"]["name"].get<std::string>()); },
             .removed = [this](const json& o) { there_.erase(o["metadata"]["name"].get<std::string>()); },
             .anew = [this] { there_.clear(); },
             .whole = [] {}}, limits};
  }
  void until(Listing& all, const std::function<bool()>& good) {
    for (int i = 0; i < 500 && !good(); ++i) {
      ASSERT_TRUE(all.refresh(*client_, clock_));
      ::poll(nullptr, 0, 10);
    }
    EXPECT_TRUE(good());
  }
  Answer get(const std::string& target) { return client_->call(Method::get, target); }

  std::unique_ptr<ApiClient> client_;
  std::set<std::string> there_;
};

TEST_F(ListingTest, ReadsAllPages) {
  for (int i = 0; i < 7; ++i) add("s-" + std::to_string(i));
  cluster_.with([&] { cluster_.habits.page = 3; });
  std::vector<std::string> names;
  const auto version = list_all(*client_, "/api/v1/namespaces/market/secrets", 100, [&](const json& o) { names.push_back(o["metadata"]["name"]); });
  ASSERT_TRUE(version) << version.error().message();
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 7U);
  EXPECT_EQ(list_all(*client_, "/api/v1/namespaces/market/secrets", 6, [](const json&) {}).error().code, ErrorCode::unavailable) << "a bound";
}

TEST_F(ListingTest, FollowsByAWatch) {
  add("a");
  Listing all = listing();
  ASSERT_TRUE(all.refresh(*client_, clock_));
  EXPECT_EQ(there_, std::set<std::string>{"a"});
  add("b");
  until(all, [&] { return there_.contains("b"); });
  cluster_.remove("secrets", "market", "a", {});
  until(all, [&] { return !there_.contains("a"); });
  EXPECT_EQ(all.lists(), 1) << "nothing was asked for twice";
}

TEST_F(ListingTest, AWatchThatTheServerEndsGoesOn) {
  Listing all = listing({.longest_watch = seconds(1)});
  ASSERT_TRUE(all.refresh(*client_, clock_));
  until(all, [&] { return all.watches() >= 2; });
  add("later");
  until(all, [&] { return there_.contains("later"); });
  EXPECT_EQ(all.lists(), 1);
}

TEST_F(ListingTest, ABookmarkKeepsTheVersionYoung) {
  // The server forgets its history. Only a bookmark can have told a quiet watch a version that is still good.
  Listing all = listing({.longest_watch = seconds(1)});
  ASSERT_TRUE(all.refresh(*client_, clock_));
  until(all, [&] { return server_.watches() >= 1; });  // a watch that came after it would find its version forgotten
  cluster_.compact();
  until(all, [&] { return all.watches() >= 2; });
  ASSERT_TRUE(all.refresh(*client_, clock_));
  EXPECT_EQ(all.lists(), 1);
}

TEST_F(ListingTest, AVersionThatIsTooOldIsListedAgain) {
  cluster_.with([&] { cluster_.habits.bookmarks = false; });
  Listing all = listing({.longest_watch = seconds(1)});
  ASSERT_TRUE(all.refresh(*client_, clock_));
  cluster_.compact();
  until(all, [&] { return all.lists() >= 2; });
  add("later");
  until(all, [&] { return there_.contains("later"); });
}

TEST_F(ListingTest, AWatchThatBreaksOffIsListedAgain) {
  Listing all = listing();
  ASSERT_TRUE(all.refresh(*client_, clock_));
  add("unseen");
  server_.cut();
  until(all, [&] { return there_.contains("unseen"); });
}

TEST_F(ListingTest, WithoutAWatchItLists) {
  cluster_.with([&] { cluster_.habits.forbidden.insert("watch secrets"); });
  Listing all = listing();
  ASSERT_TRUE(all.refresh(*client_, clock_));
  add("b");
  ASSERT_TRUE(all.refresh(*client_, clock_));
  EXPECT_TRUE(there_.contains("b"));
  EXPECT_EQ(all.lists(), 2);
}

TEST_F(ListingTest, SilenceIsNotBelieved) {
  Listing all = listing({.silence = milliseconds(-1)});
  ASSERT_TRUE(all.refresh(*client_, clock_));
  ASSERT_TRUE(all.refresh(*client_, clock_));
  EXPECT_GE(all.lists(), 2);
}

// The double's own habits.
TEST_F(ListingTest, TheDoubleAnswersAsTheApiDoes) {
  EXPECT_EQ(reason_of(get("/api/v1/namespaces/market/pods/none").body), "NotFound");
  EXPECT_EQ(get("/api/v1/somethings").status, 404);
  add("a");
  EXPECT_EQ(cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "a"}}}}).body["reason"], "AlreadyExists");
  EXPECT_EQ(cluster_.create("secrets", "market", {{"apiVersion", "v2"}, {"kind", "Secret"}, {"metadata", {{"name", "b"}}}}).status, 400);
  EXPECT_EQ(cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "B_"}}}}).status, 422);
  EXPECT_EQ(cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "c"}}}, {"surprise", 1}}).status, 422) << "stricter than the real one";
  EXPECT_EQ(cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "d"}}}, {"data", {{"x", std::string(2 << 20, 'A')}}}}).status, 422);
  EXPECT_EQ(client_->call(Method::post, "/api/v1/namespaces/market/secrets", "{").status, 400);
  EXPECT_EQ(client_->call(Method::remove, "/api/v1/namespaces/market/secrets/a", R"({"preconditions":{"uid":"another"}})").status, 409);
  cluster_.with([&] { cluster_.habits.forbidden.insert("get secrets"), cluster_.habits.token = "secret"; });
  EXPECT_EQ(get("/api/v1/namespaces/market/secrets/a").status, 401);
  cluster_.with([&] { cluster_.habits.token.clear(); });
  EXPECT_EQ(reason_of(get("/api/v1/namespaces/market/secrets/a").body), "Forbidden");
}

TEST_F(ListingTest, TheDoubleRefusesOldVersionsAndTokens) {
  for (const char* name : {"a", "b", "c"}) add(name);
  const Answer first = get("/api/v1/namespaces/market/secrets?limit=2");
  const std::string token = json::parse(first.body)["metadata"]["continue"];
  cluster_.compact();
  EXPECT_EQ(get("/api/v1/namespaces/market/secrets?limit=2&continue=" + percent_encoded(token)).status, 410);
  Answer refused;
  const auto watch = client_->watch("/api/v1/namespaces/market/secrets?watch=true&resourceVersion=1&timeoutSeconds=5", refused);
  ASSERT_TRUE(watch);
  std::optional<std::string> line;
  for (int i = 0; i < 300 && !(line = watch->next()); ++i) ::poll(nullptr, 0, 10);
  ASSERT_TRUE(line);
  EXPECT_EQ(json::parse(*line)["object"]["code"], 410);
}

TEST_F(ListingTest, TheDoublesJobsAreFixedButForTheirDeadline) {
  open();
  const std::string id = submit();
  const auto change = [&](const json& spec) { return cluster_.merge("jobs", "market", id, {{"spec", spec}}, false).status; };
  EXPECT_EQ(change({{"completions", 2}}), 422);
  EXPECT_EQ(change({{"activeDeadlineSeconds", -1}}), 422);
  EXPECT_EQ(change({{"activeDeadlineSeconds", 5}}), 200);
  cluster_.remove("jobs", "market", id, {});
  EXPECT_EQ(cluster_.all("secrets").size(), 1U) << "without a policy what it owned stays";
}

}  // namespace
}  // namespace bourse::kubernetes
