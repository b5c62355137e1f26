// A private server: starts, survives a crash with what was committed, is taken back after release, stops.
#include "cli/embedded/postgres.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

namespace bourse::embedded {
namespace {

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/bourse-pg-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string directory() const { return root_ + "/pg"; }

  static std::string run(const Postgres& server, const char* sql) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(server.conninfo().c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql), &PQclear);
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR || PQresultStatus(result.get()) == PGRES_BAD_RESPONSE)
      return PQerrorMessage(connection.get());
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }
  std::string root_;
};

TEST_F(PostgresTest, SurvivesACrashAndIsTakenBack) {
  auto first = Postgres::start(directory());
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_TRUE(first->running());
  EXPECT_EQ(run(*first, "SHOW fsync"), "on");
  EXPECT_EQ(run(*first, "SHOW listen_addresses"), "");
  EXPECT_EQ(run(*first, "CREATE TABLE kept AS SELECT 42 AS n"), "");
  first->kill();
  EXPECT_FALSE(first->running());

  auto second = Postgres::start(directory());
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(run(*second, "SELECT n FROM kept"), "42");
  const pid_t pid = second->pid();
  second->release();

  auto third = Postgres::start(directory());
  ASSERT_TRUE(third) << third.error().message();
  EXPECT_EQ(third->pid(), pid);
  EXPECT_TRUE(third->stop());
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(PostgresTest, RefusesAPathTooLongForASocket) {
  const auto server = Postgres::start("/tmp/" + std::string(120, 'x'));
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace bourse::embedded
